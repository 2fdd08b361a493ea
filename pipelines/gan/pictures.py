"""Read the pictures that a GAN is trained on: small squares of a video's frames, a folder's pictures, or digits."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dreamvid.errors import ReadError, SettingsError
from dreamvid.image.resize import cover, resize
from dreamvid.pipelines.gan.digits import DIGITS, is_array_file, load_digits, read_array_file
from dreamvid.pipelines.pictures import frame_picture, open_pictures
from dreamvid.text import printable
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from fractions import Fraction
    from pathlib import Path

    from numpy.typing import NDArray

    from dreamvid.types import RGB

_log = logging.getLogger(__name__)

MIN_PICTURES = 16
"""A training needs so many."""
MAX_PICTURES = 10_000
"""Of a longer video or a larger folder, so many are taken at most, evenly spaced."""

_DEFAULT_SIZE, _ARRAY_SIZE, _DIGITS_SIZE = 64, 32, 16
_SEEN_SIDE = 16
"""Side, in px, at which pictures are compared."""
_NEAR = 2.5
"""RMS difference, in codes of 0 to 255, up to which pictures count as the same."""
_COUNTED = 1000
"""Different pictures up to which they are counted; more are plenty."""


@dataclass(frozen=True, slots=True)
class TrainingPictures:
    """Pictures to train on.

    Attributes
    ----------
    codes
        ``[N, S, S, C]`` uint8, C is 1 or 3.
    name
        Base name of what they are from, or ``digits``.
    different
        How many there are if near-duplicates count once; counted up to 1,000, then all.
    enlarged
        How many were smaller than S.
    """

    codes: NDArray[np.uint8]
    name: str
    different: int
    enlarged: int = 0

    @property
    def fingerprint(self) -> str:
        """BLAKE2b-128 digest of the pictures."""
        shape = repr(self.codes.shape).encode()
        return hashlib.blake2b(shape + self.codes.tobytes(), digest_size=16).hexdigest()


def read_training_pictures(
    source: Path, size: int | None, *, start: Fraction, duration: Fraction | None, keep_going: bool
) -> TrainingPictures:
    """Read the pictures of a video, a folder, an IDX or ``.npz`` file, or ``digits``.

    Frames and pictures are resized to cover a square and cropped about their centers, so that no shape is distorted.

    Parameters
    ----------
    size
        Side in px; None is 64, of an IDX or ``.npz`` file 32, of ``digits`` 16.
    start, duration
        The part of a video, in seconds.
    keep_going
        Use what comes before damage in a video.

    Raises
    ------
    DreamvidError
        In one line, for what cannot be read, or holds too few pictures.
    """
    enlarged = 0
    is_digits = str(source) == DIGITS and not source.exists()
    if is_digits or is_array_file(source):
        if start or duration is not None:
            raise SettingsError("--start and --duration are for videos")
        side = size or (_DIGITS_SIZE if is_digits else _ARRAY_SIZE)
        codes = load_digits(side) if is_digits else read_array_file(source, side)
    else:
        squares = _Squares(size or _DEFAULT_SIZE)
        codes = np.stack(
            evenly_spaced(
                map(squares.cut, _read(source, start=start, duration=duration, keep_going=keep_going)),
                MAX_PICTURES,
            )
        )
        enlarged = squares.enlarged
    pictures = TrainingPictures(codes, printable(source.name), count_different(codes), enlarged)
    _check(pictures, source)
    return pictures


def evenly_spaced(items: Iterable[NDArray[np.uint8]], most: int) -> list[NDArray[np.uint8]]:
    """Return all items, or every second, fourth, ... such that there are no more than ``most``."""
    kept: list[NDArray[np.uint8]] = []
    stride = 1
    for index, item in enumerate(items):
        if index % stride == 0:
            if len(kept) == most:
                kept = kept[::2]
                stride *= 2
                if index % stride:
                    continue
            kept.append(item)
    return kept


def count_different(codes: NDArray[np.uint8]) -> int:
    """Return how many of the pictures ``[N, S, S, C]`` differ from all that were counted before them.

    Those that differ by no more than noise at 16 px count as one. Beyond 1,000 all others are counted, too.
    """
    small = [
        resize(picture.astype(np.float32), Size(_SEEN_SIDE, _SEEN_SIDE)).reshape(-1) for picture in codes
    ]
    counted = np.empty((min(_COUNTED, len(small)), small[0].size), np.float32)
    count = 0
    for index, picture in enumerate(small):
        differences = counted[:count] - picture
        if not (np.square(differences).mean(axis=1) <= _NEAR**2).any():
            counted[count] = picture
            count += 1
            if count == len(counted):
                return count + len(small) - index - 1
    return count


class _Squares:
    """Cuts pictures to squares, and counts those that were smaller."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.enlarged = 0

    def cut(self, picture: RGB) -> NDArray[np.uint8]:
        """Return a picture as ``[S, S, 3]`` bytes."""
        self.enlarged += min(picture.shape[:2]) < self._size
        square = cover(picture, Size(self._size, self._size))
        codes: NDArray[np.uint8] = np.rint(np.clip(square, 0.0, 1.0) * 255.0).astype(np.uint8)
        return codes


def _read(source: Path, *, start: Fraction, duration: Fraction | None, keep_going: bool) -> Iterator[RGB]:
    from dreamvid.media.input.source import open_source  # noqa: PLC0415  PyAV loads only when media is touched
    from dreamvid.media.still.reader import is_still  # noqa: PLC0415  the same

    if source.is_dir() or is_still(source):
        if start or duration is not None:
            raise SettingsError("--start and --duration are for videos")
        yield from (picture.rgb for picture in open_pictures(source, rate=1))
        return
    video = open_source(source, start=start, duration=duration, keep_going=keep_going)
    for frame in video:
        rgb = frame_picture(frame, source).rgb
        if video.info.sar != 1:
            height, width = rgb.shape[:2]
            rgb = resize(rgb, Size(height, max(1, round(width * video.info.sar))))
        yield rgb


def _check(pictures: TrainingPictures, source: Path) -> None:
    name, count = printable(source), len(pictures.codes)
    if count < MIN_PICTURES:
        some = "1 picture" if count == 1 else f"{count} pictures"
        raise ReadError(f"{name} holds {some}; a GAN needs {MIN_PICTURES} at least, better some hundreds")
    if pictures.enlarged:
        _log.warning(
            "%s: %d of %d pictures are smaller than %d px and are enlarged",
            name,
            pictures.enlarged,
            count,
            pictures.codes.shape[1],
        )
