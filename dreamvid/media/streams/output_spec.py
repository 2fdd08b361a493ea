"""All that one output is made of, whichever writer makes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dreamvid.media.input.timestamps import TickCounter, rounding

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

    from dreamvid.atomic import AtomicOutput
    from dreamvid.media.output.codecs import CodecChoice
    from dreamvid.media.streams.passthrough import SourceStreams
    from dreamvid.types import VideoInfo


@dataclass(frozen=True, slots=True)
class Window:
    """The part of the companion that is taken: from ``origin`` (its own clock, seconds) for ``duration``.

    ``delays`` are those (seconds, by stream) that a copy of a sound stream announces in Matroska and WebM.
    """

    origin: Fraction
    duration: Fraction | None
    delays: Mapping[int, Fraction] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Job:
    """Where to, how encoded, what pictures, and what goes along.

    ``tick`` is the clock of the written file, ``source_tick`` that of the companion's video (seconds). ``metadata``
    are texts of our own; ``companion`` belongs to the writer.
    """

    target: AtomicOutput
    choice: CodecChoice
    info: VideoInfo
    tick: Fraction
    metadata: Mapping[str, str]
    companion: SourceStreams | None = None
    expected_frames: int | None = None
    source_tick: Fraction | None = None

    def counter(self) -> TickCounter:
        """Return what turns the frames' times into ticks."""
        rate = self.info.rate
        if self.choice.tick is not None or self.info.variable_rate or self.source_tick is None:
            return TickCounter(self.tick)
        return TickCounter(self.tick, grid=1 / rate, slack=rounding(rate, self.source_tick))
