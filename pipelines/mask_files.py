"""Masks from files: an image for all frames, or a video whose frames are taken by time."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import cv2

from dreamvid.errors import ReadError
from dreamvid.kept_color import LUMA
from dreamvid.masking import levels
from dreamvid.media.frame_list import read_frame_list
from dreamvid.media.opened import opened
from dreamvid.media.source import open_source
from dreamvid.media.still import read_still

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dreamvid.pipelines.loop import Prepared
    from dreamvid.pipelines.masks import Shape
    from dreamvid.types import RGB, Alpha, Frame, FrameSource, Mask, Notify

_ANIMATED = {"GIF", "PNG", "WEBP"}
_SLACK = Fraction(1, 200)
"""Seconds by which a mask's frame may come late and still count: containers round times, GIF to 1/100 s."""


def open_shape(
    path: Path, start: Fraction, rate: Fraction | None, *, notify: Notify, keep_going: bool
) -> Callable[[], Shape]:
    """Return what begins a run of a file's masks; the file is opened, and its first frame decoded, at once.

    ``start`` is where the run begins within the file, in seconds; ``rate`` is that of a folder without
    ``frames.json`` (24 where it is None).

    Raises
    ------
    ReadError
        In one line, for what is missing or cannot be read.
    """
    if _is_still(path):
        still = read_still(path, notify=notify)
        by_alpha = _transparent(still.alpha)
        shape = _Fixed(_mask(still.rgb, still.alpha if by_alpha else None))
        return lambda: shape
    fps = rate if path.is_dir() and read_frame_list(path) is None else None
    whole = open_source(path, notify=lambda _: None, fps=fps, keep_going=keep_going)
    first = next(iter(whole))
    by_alpha = _transparent(first.alpha)
    if start and whole.info.duration is not None and start < whole.info.duration:
        source = open_source(path, notify=notify, start=start, fps=fps, keep_going=keep_going)
        return lambda: _Film(source, Fraction(0), by_alpha=by_alpha)
    source = open_source(path, notify=notify, fps=fps, keep_going=keep_going)
    return lambda: _Film(source, start, by_alpha=by_alpha)


class _Fixed:
    """The same for every frame."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask

    def at(self, item: Prepared) -> Mask:  # noqa: ARG002  part of the protocol
        return self._mask


class _Film:
    """A video's frames by time, decoded as time goes on; ``start`` is added to the times that are asked for."""

    def __init__(self, source: FrameSource, start: Fraction, *, by_alpha: bool) -> None:
        self._frames: Iterator[Frame] = iter(source)
        self._start, self._by_alpha = start, by_alpha
        self._shown = self._read(next(self._frames))
        self._next = next(self._frames, None)

    def at(self, item: Prepared) -> Mask:
        due = None
        while self._next is not None and self._next.pts <= item.frame.pts + self._start + _SLACK:
            due, self._next = self._next, next(self._frames, None)
        if due is not None:
            self._shown = self._read(due)
        return self._shown

    def _read(self, frame: Frame) -> Mask:
        return _mask(frame.rgb, frame.alpha if self._by_alpha else None)


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
    return levels(cv2.transform(rgb, LUMA[None]) if alpha is None else alpha)
