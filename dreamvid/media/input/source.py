"""Open a video, an animation or a folder of pictures as a source of frames, trimmed, resampled and resized."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain, dropwhile
from typing import TYPE_CHECKING

import numpy as np

from dreamvid.errors import DamagedError, SettingsError
from dreamvid.image.resize import cover
from dreamvid.media.input.animated_avif import read_avif
from dreamvid.media.input.animated_webp import read_webp
from dreamvid.media.input.container import WITHOUT_PRESENTATION_TIMES
from dreamvid.media.input.decoder import ErrorConcealment, read_container
from dreamvid.media.input.image_sequence import read_folder, warn_of_missing_pictures
from dreamvid.media.input.probe import probe
from dreamvid.media.input.timing import cut, cut_origin, from_shown, resample
from dreamvid.media.limits import MAX_FRAMES, check_frames
from dreamvid.text import printable
from dreamvid.types import Frame, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dreamvid.media.input.info import MediaInfo
    from dreamvid.media.input.timing import Load, TimedFrame
    from dreamvid.types import RGB, Alpha, SeekableSource, Size

_log = logging.getLogger(__name__)

_GIF_TAIL_BYTES = 512
_TOLERATED_FRAMES = Fraction(3, 2)
"""Frames by which a video may be shorter than its container promises without a warning."""


def open_source(
    path: str | Path,
    *,
    start: Fraction = Fraction(0),
    duration: Fraction | None = None,
    size: Size | None = None,
    fps: Fraction | None = None,
    keep_going: bool = False,
    shown_at: Fraction | None = None,
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
        Resample to this even rate, to ``round(duration * fps)`` frames; for a folder of pictures it is their rate.
    keep_going
        End at the first damage with a warning, instead of with an error.
    shown_at
        Time of a frame (seconds, after the cut) to begin with, found by seeking where that is possible: the last one
        that begins by then. Times stay as they are, and frames are counted from it.

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
    length = media.video.duration
    if length is not None and start > 0 and start >= length:
        raise SettingsError(
            f"input.start is {float(start):g} s, but {printable(media.path)} lasts only {float(length):g} s"
        )
    _warn_of_changes(media)
    selection = _Selection(start, duration, None if media.kind == "folder" else fps)
    info = _selected_info(media.video, selection, size)
    check_frames(printable(media.path), info.frames or 0)
    return _Source(media, info, selection, fps, keep_going, shown_at=shown_at)


@dataclass(frozen=True, slots=True)
class _Selection:
    """The part that is used (seconds), and the rate it is resampled to; None is the source's own."""

    start: Fraction
    duration: Fraction | None
    fps: Fraction | None

    @property
    def is_trimmed(self) -> bool:
        return self.start != 0 or self.duration is not None


@dataclass(frozen=True, slots=True)
class _Source:
    """A :class:`dreamvid.types.SeekableSource`; each iteration opens the input anew.

    ``first`` is the index of the first frame that is yielded, and ``first_time`` its time where it is known. Then it
    is found by seeking; otherwise, or where no frame has that time, those before it are decoded, but not converted.
    """

    media: MediaInfo
    info: VideoInfo
    selection: _Selection
    folder_fps: Fraction | None
    keep_going: bool
    first: int = 0
    first_time: Fraction | None = None
    shown_at: Fraction | None = None

    def from_frame(self, index: int, time: Fraction | None = None) -> _Source:
        """Return a source of the same frames from this index on; it is found faster where its time is given."""
        return replace(self, first=index, first_time=time)

    def __iter__(self) -> Iterator[Frame]:
        """Decode from the first frame that is wanted, or from the start."""
        concealment = ErrorConcealment.FRAME_BY_FRAME if self.keep_going else ErrorConcealment.STRICT
        frame: Frame | None = None
        try:
            for frame in self._frames(concealment):
                yield frame
        except DamagedError as error:
            if not self.keep_going:
                raise
            damage = str(error).split(";", maxsplit=1)[0]
            if frame is None:
                _log.warning("%s, from the first frame on; what the decoder makes of it is used", damage)
                yield from self._frames(ErrorConcealment.CONCEAL)
            else:
                _log.warning("%s; %s frames before it kept", damage, frame.index + 1)
            return
        if frame is None:
            raise SettingsError(
                f"input.start is {float(self.selection.start):g} s, but {printable(self.media.path)} ends before that"
            )

    def _frames(self, concealment: ErrorConcealment) -> Iterator[Frame]:
        loaded: Load | None = None
        picture: tuple[RGB, Alpha | None] | None = None
        for index, timed in self._numbered_frames(concealment):
            if index >= MAX_FRAMES:
                check_frames(printable(self.media.path), index + 1)
            if index < self.first:
                continue
            if picture is None or timed.load is not loaded:  # resampling repeats frames
                loaded, picture = timed.load, self._fit(*timed.load())
            yield Frame(index, timed.pts, *picture, timed.duration)

    def _numbered_frames(self, concealment: ErrorConcealment) -> Iterator[tuple[int, TimedFrame]]:
        """Yield frames with their indices, from the first one wanted where it can be found, else from the start."""
        if self.shown_at is not None:
            yield from enumerate(self._frames_shown_at(self.shown_at, concealment))
            return
        if self.first and self.first_time is not None and self._can_seek:
            frames = self._frames_from(self.first_time, concealment)
            try:
                first = next(frames, None)
            except DamagedError:  # of frames that are not wanted, or because seeking does not work
                first = None
            if first is not None and first.pts == self.first_time:
                yield self.first, first
                yield from enumerate(frames, self.first + 1)
                return
        yield from enumerate(self._timed_frames(concealment))

    def _frames_shown_at(self, time: Fraction, concealment: ErrorConcealment) -> Iterator[TimedFrame]:
        """Yield the frame that is shown at a time, and those after it."""
        if self._can_seek and self.selection.fps is None:
            frames = self._read_near(time, concealment)
            try:
                first = next(frames, None)
            except DamagedError:
                first = None
            if first is not None and first.pts <= time:
                return from_shown(chain([first], frames), time)
        return from_shown(self._timed_frames(concealment), time)

    @property
    def _can_seek(self) -> bool:
        return self.media.kind == "video" and self.media.format_name not in WITHOUT_PRESENTATION_TIMES

    def _frames_from(self, first_time: Fraction, concealment: ErrorConcealment) -> Iterator[TimedFrame]:
        """Yield the frames from a time on, found by seeking."""
        fps = self.selection.fps
        # Where frames are resampled, a frame is the one that is shown in the middle of its interval.
        frames = self._read_near(first_time if fps is None else first_time + 1 / (2 * fps), concealment)
        if fps is not None:
            return resample(frames, fps, self.selection.duration, first=self.first)
        frames = dropwhile(lambda timed: timed.pts < first_time, frames)
        return frames if self.selection.is_trimmed else self._check_end(frames, before=self.first)

    def _read_near(self, time: Fraction, concealment: ErrorConcealment) -> Iterator[TimedFrame]:
        """Yield the frames from a few before a time on, found by seeking."""
        start, duration, fps = self.selection.start, self.selection.duration, self.selection.fps
        origin = Fraction(0)
        if start > 0:
            origin = cut_origin(read_container(self.media, after=start, concealment=concealment), start)
        frames = read_container(self.media, after=origin + time, concealment=concealment)
        if not self.selection.is_trimmed:
            return frames
        return cut(frames, start, duration, exact_end=fps is not None, origin=origin)

    def _timed_frames(self, concealment: ErrorConcealment) -> Iterator[TimedFrame]:
        start, duration, fps = self.selection.start, self.selection.duration, self.selection.fps
        if self.media.kind == "folder":
            frames = read_folder(self.media.path, fps=self.folder_fps)
        elif self.media.kind == "animation":
            read = read_avif if self.media.format_name == "avif" else read_webp
            frames = read(self.media.path)
        else:
            frames = read_container(self.media, after=start, concealment=concealment)
        if self.selection.is_trimmed:
            frames = cut(frames, start, duration, exact_end=fps is not None)
        else:
            frames = self._check_end(frames)
        return frames if fps is None else resample(frames, fps, duration)

    def _check_end(self, frames: Iterator[TimedFrame], *, before: int = 0) -> Iterator[TimedFrame]:
        """Warn of a video that ends before its container says; ``before`` counts the frames that are left out."""
        end, count = Fraction(0), before
        for timed in frames:
            end, count = timed.pts + (timed.duration or 1 / self.media.video.rate), count + 1
            yield timed
        announced = self.media.announced
        if announced is not None and announced - end > _TOLERATED_FRAMES / self.media.video.rate:
            _log.warning(
                "%s ends after %.2f s (%s frames), although %.2f s were announced",
                printable(self.media.path),
                float(end),
                count,
                float(announced),
            )
        elif self.media.packets is not None and count < self.media.packets:
            _log.warning(
                "%s: only %s of %s frames could be decoded",
                printable(self.media.path),
                count,
                self.media.packets,
            )

    def _fit(self, rgb: RGB, alpha: Alpha | None) -> tuple[RGB, Alpha | None]:
        """Crop to the output's size; alpha is None for all frames or for none."""
        if not self.info.has_alpha:
            alpha = None
        elif alpha is None:
            alpha = np.ones(rgb.shape[:2], np.float32)
        size = self.info.size
        return cover(rgb, size), None if alpha is None else cover(alpha, size)


def _selected_info(video: VideoInfo, selection: _Selection, size: Size | None) -> VideoInfo:
    """Return what is known of the frames once they are trimmed, resampled and resized."""
    duration = video.duration
    if duration is not None:
        duration -= selection.start
    if selection.duration is not None:
        duration = selection.duration if duration is None else min(duration, selection.duration)
    frames, rate, variable_rate = video.frames, video.rate, video.variable_rate
    if selection.fps is not None:
        rate, variable_rate = selection.fps, False
    if selection.fps is not None or selection.is_trimmed:
        frames = None if duration is None or variable_rate else max(1, round(duration * rate))
    if selection.fps is not None and frames is not None:
        duration = frames / rate
    return replace(
        video,
        size=size or video.size,
        rate=rate,
        frames=frames,
        duration=duration,
        variable_rate=variable_rate,
    )


def _warn_of_changes(media: MediaInfo) -> None:
    name = printable(media.path)
    if media.video.hdr:
        _log.warning("%s is HDR; it is tone-mapped to SDR (BT.709)", name)
    if media.interlaced:
        _log.warning("%s is interlaced; it is deinterlaced", name)
    if media.format_name == "gif" and not _has_gif_trailer(media.path):
        _log.warning("%s has no end mark; it may be cut off", name)
    elif media.gap is not None:
        _log.warning(
            "%s lacks frames, the first at %.2f s; those before them stay longer", name, float(media.gap)
        )
    if media.kind == "folder":
        warn_of_missing_pictures(media.path)
    if media.other_videos:
        count = len(media.other_videos) + 1
        _log.warning("%s holds %s video streams; stream %s is used", name, count, media.stream_index)


def _has_gif_trailer(path: Path) -> bool:
    """Return whether a GIF ends with its trailer (GIF89a, 27); nothing else in it says whether it is complete."""
    with path.open("rb") as file:
        file.seek(-min(_GIF_TAIL_BYTES, path.stat().st_size), os.SEEK_END)
        return file.read().rstrip(b"\0").endswith(b";")
