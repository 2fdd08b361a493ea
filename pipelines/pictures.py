"""Read the pictures of a video, a picture or a folder one by one, to look at them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from dreamvid.errors import ReadError
from dreamvid.image.resize import resize
from dreamvid.text import printable
from dreamvid.types import Frame, Size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dreamvid.types import RGB, Alpha, FrameSource

_log = logging.getLogger(__name__)

READ_WIDTH = 640
"""Longer side, in px, at which a network sees pictures, where nothing else is asked for."""

_BACKGROUND = np.float32(0.5)
"""Gray behind transparent pixels."""

_SLACK = Fraction(1, 200)
"""Seconds by which a frame may come early: containers round times, GIF to 1/100 s."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture ``[H, W, 3]``, its file, and its time in seconds where the file is a video."""

    rgb: RGB
    file: Path
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures to iterate over, once.

    ``count`` is how many there are, about, None where it is not known; ``seconds`` is the length of a video, 0 where
    it is not known, None where there is no video.
    """

    pictures: Iterator[Picture]
    count: int | None
    seconds: float | None

    def __iter__(self) -> Iterator[Picture]:
        """Yield them."""
        return self.pictures


def open_pictures(source: Path, *, rate: int) -> Pictures:
    """Open a picture, a folder of pictures of any sizes, or a video, of which ``rate`` frames a second are read.

    What comes behind damage in a video, and what is no picture in a folder, is left out with a warning.

    Raises
    ------
    ReadError
        In one line, for what is missing or holds no picture; in part while iterating.
    """
    from dreamvid.media.input.source import open_source  # noqa: PLC0415  PyAV loads only when media is touched
    from dreamvid.media.still.reader import is_still  # noqa: PLC0415  the same

    if source.is_dir():
        files = sorted(file for file in source.iterdir() if file.is_file() and not file.name.startswith("."))
        return Pictures(_read_folder(source, files), len(files), None)
    if is_still(source):
        return Pictures(iter([read_picture(source)]), 1, None)
    video = open_source(source, keep_going=True)
    duration, kept = video.info.duration, min(video.info.rate, Fraction(rate))
    count = None if duration is None else max(1, round(duration * kept))
    return Pictures(_read_video(source, video, rate), count, float(duration or 0))


def read_picture(file: Path) -> Picture:
    """Return a picture, on gray where it is transparent.

    Raises
    ------
    ReadError
        In one line, for what is missing, broken, too large or no picture.
    """
    from dreamvid.media.still.reader import read_still  # noqa: PLC0415  imageio loads only when media is touched

    still = read_still(file)
    return Picture(on_gray(still.rgb, still.alpha), file)


def on_gray(picture: RGB, alpha: Alpha | None) -> RGB:
    """Return a picture ``[H, W, 3]`` on mid-gray, on which both light and dark are seen; ``alpha`` is straight."""
    if alpha is None:
        return picture
    return np.asarray(_BACKGROUND + alpha[..., None] * (picture - _BACKGROUND), np.float32)


def shrink(picture: RGB, longer_side: int) -> RGB:
    """Return the picture with its longer side at most so long, in px."""
    size = shrunk_size(Size(*picture.shape[:2]), longer_side)
    return picture if tuple(size) == picture.shape[:2] else np.clip(resize(picture, size), 0.0, 1.0)


def shrunk_size(size: Size, longer_side: int) -> Size:
    """Return the size with its longer side at most so long, in px."""
    factor = longer_side / max(size)
    if factor >= 1.0:
        return size
    return Size(max(1, round(size.height * factor)), max(1, round(size.width * factor)))


def _read_folder(folder: Path, files: Sequence[Path]) -> Iterator[Picture]:
    others: list[Path] = []
    for file in files:
        try:
            picture = read_picture(file)
        except ReadError:
            others.append(file)
            continue
        yield picture
    name = printable(folder)
    if len(others) == len(files):
        raise ReadError(f"{name} holds no pictures; name a folder of pictures, a picture or a video")
    if others:
        count = "1 file is" if len(others) == 1 else f"{len(others)} files are"
        _log.warning(
            "%s: %s left out, as no readable picture, such as %s", name, count, printable(others[0].name)
        )


def _read_video(file: Path, video: FrameSource, rate: int) -> Iterator[Picture]:
    last = -1
    for frame in video:
        due = int((frame.pts + _SLACK) * rate)
        if due > last:
            last = due
            yield frame_picture(frame, file)


def frame_picture(frame: Frame, file: Path) -> Picture:
    """Return a frame as a picture."""
    return Picture(on_gray(frame.rgb, frame.alpha), file, float(frame.pts))
