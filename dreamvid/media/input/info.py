"""Describe an input before it is decoded: its video, other streams, chapters and colors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from av.stream import Disposition

from dreamvid.media.color.orientation import Orientation

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction
    from pathlib import Path

    from dreamvid.types import VideoInfo

Kind = Literal["video", "folder", "animation"]
"""A container that PyAV reads; a folder of pictures; an animated WebP or AVIF, which Pillow reads."""

AUXILIARY = int(Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.dependent)
"""Dispositions of video streams that are no video."""

StreamKind = Literal["video", "audio", "data", "subtitle", "attachment", "unknown"]


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """One stream of a container.

    ``start`` and ``duration`` are seconds in the container's clock, None where unknown. ``codec`` is FFmpeg's
    name; None where nothing here decodes it. ``disposition`` is FFmpeg's bit field.
    """

    index: int
    kind: StreamKind
    codec: str | None
    start: Fraction | None
    duration: Fraction | None
    language: str | None
    disposition: int
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Chapter:
    """A named stretch of the video; seconds in the container's clock."""

    start: Fraction
    end: Fraction
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ColorTags:
    """Color description of the source, as ITU-T H.273 code points; 2 is unspecified."""

    matrix: int = 2
    full_range: bool = False
    transfer: int = 2
    primaries: int = 2


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """An input: its video stream, and what else is in the file.

    Attributes
    ----------
    start
        Seconds of the first video frame in the container's clock; frames handed on start at 0.
    stream_index
        The video stream that is read; ``streams`` lists all streams, cover art included.
    orientation
        How decoded pictures are brought upright; ``video.size`` already is.
    interlaced
        Whether frames are deinterlaced while they are read.
    announced
        Seconds of video that the container's header announces, None where it announces none; ``video.duration``
        is what is really there, where that is known.
    gap
        Where the first of a few frames is missing from an even rate (seconds from the first frame); None: nowhere.
    packets
        Number of packets, where each holds a frame that is shown; None where that is not known.
    decoder
        FFmpeg's decoder, where not its default one (VP8 and VP9 with alpha).
    """

    path: Path
    kind: Kind
    video: VideoInfo
    start: Fraction
    stream_index: int = 0
    streams: tuple[StreamInfo, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    chapters: tuple[Chapter, ...] = ()
    color: ColorTags = field(default_factory=ColorTags)
    orientation: Orientation = field(default_factory=Orientation)
    interlaced: bool = False
    announced: Fraction | None = None
    gap: Fraction | None = None
    packets: int | None = None
    decoder: str | None = None
    format_name: str = ""

    @property
    def suffix(self) -> str:
        """The file's suffix in lower case, with its dot; empty for a folder."""
        return "" if self.kind == "folder" else self.path.suffix.lower()

    @property
    def audio(self) -> tuple[StreamInfo, ...]:
        """The sound streams."""
        return self._of("audio")

    @property
    def subtitles(self) -> tuple[StreamInfo, ...]:
        """The subtitle streams."""
        return self._of("subtitle")

    @property
    def other_videos(self) -> tuple[StreamInfo, ...]:
        """The video streams that are not read, without cover art."""
        streams = (stream for stream in self._of("video") if stream.index != self.stream_index)
        return tuple(stream for stream in streams if not stream.disposition & AUXILIARY)

    def _of(self, kind: StreamKind) -> tuple[StreamInfo, ...]:
        return tuple(stream for stream in self.streams if stream.kind == kind)
