"""Describe one output: where it goes, how it is encoded, and what is passed through."""

from __future__ import annotations

from dataclasses import dataclass
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
class OutputSpec:
    """One output.

    ``tick`` is the clock of the written file, ``source_tick`` that of the source's video (seconds).
    ``metadata`` are texts of our own by key; ``source_streams`` are closed by the writer.
    """

    target: AtomicOutput
    choice: CodecChoice
    info: VideoInfo
    tick: Fraction
    metadata: Mapping[str, str]
    source_streams: SourceStreams | None = None
    expected_frames: int | None = None
    source_tick: Fraction | None = None

    def counter(self) -> TickCounter:
        """Return the counter that turns frame times into ticks."""
        rate = self.info.rate
        if self.choice.container.tick is not None or self.info.variable_rate or self.source_tick is None:
            return TickCounter(self.tick)
        return TickCounter(self.tick, grid=1 / rate, slack=rounding(rate, self.source_tick))
