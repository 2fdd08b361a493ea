"""Open a video, an animation or a folder of PNGs as a source of frames, trimmed, resampled and resized."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from av.stream import Disposition

from dreamvid.errors import DamagedError, SettingsError
from dreamvid.image.resize import cover
from dreamvid.media.input.animated_webp import read_webp
from dreamvid.media.input.decoder import ErrorConcealment, read_container
from dreamvid.media.input.image_sequence import read_folder
from dreamvid.media.input.probe import probe
from dreamvid.media.input.timing import cut, resample
from dreamvid.media.limits import MAX_FRAMES, check_frames
from dreamvid.text import printable
from dreamvid.types import Frame, Size, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dreamvid.media.input.info import MediaInfo
    from dreamvid.media.input.timing import Load, TimedFrame
    from dreamvid.types import RGB, Alpha, SeekableSource

_log = logging.getLogger(__name__)

_COVER = int(Disposition.attached_pic | Disposition.timed_thumbnails)
_TAIL = 512
_TOLERATED = Fraction(3, 2)
"""Frames by which a video may be shorter than its container promises, unremarked."""


def open_source(
    path: str | Path,
    *,
    start: Fraction = Fraction(0),
    duration: Fraction | None = None,
    size: Size | None = None,
    fps: Fraction | None = None,
    keep_going: bool = False,
) -> SeekableSource:
    """Open an input; its frames are decoded one by one as they are asked for, each time from the start.

    Parameters
    ----------
    start, duration
        Seconds. The first frame is the one shown at ``start``; times are shifted to begin at 0. See
        :func:`dreamvid.media.input.timing.cut`.
    size
        Frames are resized to cover this size and cropped in the middle to exactly it.
    fps
        Resample to this even rate, to ``round(duration * fps)`` frames; for a folder of PNGs it is their rate.
    keep_going
        End at the first damage with a warning, instead of with an error.

    Raises
    ------
    ReadError
        In one line, for what is no readable video.
    SettingsError
        Where ``start`` lies behind the end.
    DamagedError
        While iterating, naming the time; not with ``keep_going``, unless nothing at all can be decoded.
    """
    media = probe(path, fps=fps)
    announced = media.video.duration
    if announced is not None and start > 0 and start >= announced:
        raise SettingsError(
            f"input.start is {float(start):g} s, but {printable(media.path)} lasts only {float(announced):g} s"
        )
    _warn_of_changes(media)
    window = _Selection(start, duration, None if media.kind == "folder" else fps)
    info = _info(media.video, window, size)
    check_frames(printable(media.path), info.frames or 0)
    return _Source(media, info, window, fps, size, keep_going)


@dataclass(frozen=True, slots=True)
class _Selection:
    """The stretch that is used, and the rate it is resampled to; None is the source's own."""

    start: Fraction
    duration: Fraction | None
    fps: Fraction | None

    @property
    def whole(self) -> bool:
        return not self.start and self.duration is None


@dataclass(frozen=True, slots=True)
class _Source:
    """A :class:`dreamvid.types.SeekableSource`; each iteration opens the input anew.

    ``first`` is the index of the first frame that is handed on; those before it are decoded, but not converted.
    """

    media: MediaInfo
    info: VideoInfo
    window: _Selection
    folder_fps: Fraction | None
    size: Size | None
    keep_going: bool
    first: int = 0

    def from_frame(self, index: int) -> _Source:
        """Return the same source, begun later."""
        return replace(self, first=index)

    def __iter__(self) -> Iterator[Frame]:
        """Decode from the start."""
        careful = ErrorConcealment.FRAME_BY_FRAME if self.keep_going else ErrorConcealment.STRICT
        frame: Frame | None = None
        try:
            for frame in self._frames(careful):
                yield frame
        except DamagedError as error:
            if not self.keep_going:
                raise
            what = str(error).split(";", maxsplit=1)[0]
            if frame is None:
                _log.warning(f"{what}, from the first frame on; what the decoder makes of it is used")
                yield from self._frames(ErrorConcealment.CONCEAL)
            else:
                _log.warning(f"{what}; {frame.index + 1} frames before it kept")
            return
        if frame is None:
            raise SettingsError(
                f"input.start is {float(self.window.start):g} s, but {printable(self.media.path)} ends before that"
            )

    def _frames(self, concealment: ErrorConcealment) -> Iterator[Frame]:
        loaded: Load | None = None
        picture: tuple[RGB, Alpha | None] | None = None
        for index, timed in enumerate(self._timed(concealment)):
            if index >= MAX_FRAMES:
                check_frames(printable(self.media.path), index + 1)
            if index < self.first:
                continue
            if picture is None or timed.load is not loaded:
                loaded, picture = timed.load, self._fit(*timed.load())
            yield Frame(index, timed.pts, *picture, timed.duration)

    def _timed(self, concealment: ErrorConcealment) -> Iterator[TimedFrame]:
        frames = self._all(concealment)
        start, duration, fps = self.window.start, self.window.duration, self.window.fps
        if self.window.whole:
            frames = self._checked_to_end(frames)
        else:
            frames = cut(frames, start, duration, to_the_tick=fps is not None)
        return frames if fps is None else resample(frames, fps, duration)

    def _all(self, concealment: ErrorConcealment) -> Iterator[TimedFrame]:
        if self.media.kind == "folder":
            return read_folder(self.media.path, fps=self.folder_fps)
        if self.media.kind == "animation":
            return read_webp(self.media.path)
        return read_container(self.media, after=self.window.start, concealment=concealment)

    def _checked_to_end(self, frames: Iterator[TimedFrame]) -> Iterator[TimedFrame]:
        """Remark on a video that ends before its container says."""
        end, count = Fraction(0), 0
        for timed in frames:
            end, count = timed.pts + (timed.duration or 1 / self.media.video.rate), count + 1
            yield timed
        announced = self.media.announced
        if announced is not None and announced - end > _TOLERATED / self.media.video.rate:
            _log.warning(
                f"{printable(self.media.path)} ends after {float(end):.2f} s ({count} frames), "
                f"although {float(announced):.2f} s were announced"
            )
        elif self.media.packets is not None and count < self.media.packets:
            _log.warning(
                f"{printable(self.media.path)}: only {count} of {self.media.packets} frames could be decoded"
            )

    def _fit(self, rgb: RGB, alpha: Alpha | None) -> tuple[RGB, Alpha | None]:
        if not self.info.has_alpha:
            alpha = None
        elif alpha is None:
            alpha = np.ones(rgb.shape[:2], np.float32)
        target = self.size or self.media.video.size
        return cover(rgb, target), None if alpha is None else cover(alpha, target)


def _info(video: VideoInfo, window: _Selection, size: Size | None) -> VideoInfo:
    """Return what is known of the frames after all changes."""
    duration = video.duration
    if duration is not None:
        duration -= window.start
    if window.duration is not None:
        duration = window.duration if duration is None else min(duration, window.duration)
    frames = video.frames
    rate, variable = video.rate, video.variable_rate
    if window.fps is not None:
        rate, variable = window.fps, False
    if window.fps is not None or not window.whole:
        frames = None if duration is None or variable else max(1, round(duration * rate))
    if window.fps is not None and frames is not None:
        duration = frames / rate
    return replace(
        video, size=size or video.size, rate=rate, frames=frames, duration=duration, variable_rate=variable
    )


def _warn_of_changes(media: MediaInfo) -> None:
    name = printable(media.path)
    if media.video.hdr:
        _log.warning(f"{name} is HDR; it is tone-mapped to SDR (BT.709)")
    if media.interlaced:
        _log.warning(f"{name} is interlaced; it is deinterlaced")
    if media.format_name == "gif" and not _ends_properly(media.path):
        _log.warning(f"{name} has no end mark; it may be cut off")
    elif media.gap is not None:
        _log.warning(
            f"{name} lacks frames, the first at {float(media.gap):.2f} s; those before them stay longer"
        )
    others = [s for s in media.streams if s.kind == "video" and s.index != media.stream_index]
    shown_others = [s for s in others if not s.disposition & _COVER]
    if shown_others:
        _log.warning(
            f"{name} holds {len(shown_others) + 1} video streams; stream {media.stream_index} is used"
        )


def _ends_properly(gif: Path) -> bool:
    """Return whether a GIF ends with its trailer (GIF89a, 27), as nothing else tells that it is whole."""
    with gif.open("rb") as file:
        file.seek(-min(_TAIL, gif.stat().st_size), os.SEEK_END)
        return file.read().rstrip(b"\0").endswith(b";")
