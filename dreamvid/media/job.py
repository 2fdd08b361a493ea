"""All that one output is made of, whichever writer makes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

    from dreamvid.media.atomic import Target
    from dreamvid.media.codecs import CodecChoice
    from dreamvid.media.companion import Companion
    from dreamvid.types import Notify, VideoInfo


@dataclass(frozen=True, slots=True)
class Window:
    """The part of the companion that is taken: from ``origin`` (its own clock, seconds) for ``duration``."""

    origin: Fraction
    duration: Fraction | None


@dataclass(frozen=True, slots=True)
class Job:
    """Where to, how encoded, what pictures, and what goes along.

    ``tick`` is the clock of the written file (seconds); ``metadata`` are texts of our own; ``companion`` is open and
    belongs to the writer.
    """

    target: Target
    choice: CodecChoice
    info: VideoInfo
    tick: Fraction
    metadata: Mapping[str, str]
    notify: Notify
    companion: Companion | None = None
    expected_frames: int | None = None
