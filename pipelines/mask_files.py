"""Masks from files: an image for all frames, or a video whose frames are taken by time."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from dreamvid.errors import ReadError
from dreamvid.image.luma import luma
from dreamvid.image.masks import stretch_levels
from dreamvid.media.input.frame_list import read_frame_list
from dreamvid.media.input.source import open_source
from dreamvid.media.still.opened import opened
from dreamvid.media.still.reader import read_still

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from dreamvid.pipelines.frame_loop import FrameTask
    from dreamvid.pipelines.masks import Shape
    from dreamvid.types import RGB, Alpha, Frame, FrameSource, Mask

_ANIMATED = {"GIF", "PNG", "WEBP"}
_SLACK = Fraction(1, 200)
"""Seconds by which a mask's frame may come late and still count: containers round times, GIF to 1/100 s."""


def open_shape(path: Path, start: Fraction, rate: Fraction | None, *, keep_going: bool) -> Shape:
    """Return a file's masks; the file is opened, and its first frame decoded, at once.

    ``start`` is where runs begin within the file, in seconds; ``rate`` is that of a folder without ``frames.json``
    (24 where it is None).

    Raises
    ------
    ReadError
        In one line, for what is missing or cannot be read.
    """
    if _is_still(path):
        still = read_still(path)
        return _Fixed(_mask(still.rgb, still.alpha if _transparent(still.alpha) else None))
    fps = rate if path.is_dir() and read_frame_list(path) is None else None
    whole = open_source(path, fps=fps, keep_going=keep_going)
    by_alpha = _transparent(next(iter(whole)).alpha)
    duration = whole.info.duration
    begin = start if duration is not None and start < duration else Fraction(0)
    source = open_source(path, start=begin, fps=fps, keep_going=keep_going)
    return _Film(source, start - begin, by_alpha=by_alpha)


@dataclass(frozen=True, slots=True)
class _Fixed:
    """The same for every frame."""

    mask: Mask

    def over(self, items: Iterable[FrameTask]) -> Iterator[tuple[FrameTask, Mask]]:
        for item in items:
            yield item, self.mask


@dataclass(frozen=True, slots=True)
class _Film:
    """A video's frames by time, decoded as time goes on; ``start`` is added to the times that are asked for."""

    source: FrameSource
    start: Fraction
    by_alpha: bool

    def over(self, items: Iterable[FrameTask]) -> Iterator[tuple[FrameTask, Mask]]:
        frames = iter(self.source)
        due: Frame | None = next(frames)
        after = next(frames, None)
        mask: Mask | None = None
        for item in items:
            while after is not None and after.pts <= item.frame.pts + self.start + _SLACK:
                due, after = after, next(frames, None)
            if due is not None:
                mask, due = _mask(due.rgb, due.alpha if self.by_alpha else None), None
            assert mask is not None
            yield item, mask


def _is_still(path: Path) -> bool:
    """Return whether a file is one picture, whatever its name says; what cannot be told is no still."""
    try:
        with opened(path) as picture:
            return picture.frames == 1 or picture.format not in _ANIMATED
    except ReadError:
        return False


def _transparent(alpha: Alpha | None) -> bool:
    return alpha is not None and bool(alpha.min() < 1.0)


def _mask(rgb: RGB, alpha: Alpha | None) -> Mask:
    return stretch_levels(luma(rgb) if alpha is None else alpha)
