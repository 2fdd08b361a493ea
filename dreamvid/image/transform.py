"""The camera of a trip: how a frame moves on, exactly, and the one resampling that moves it.

A camera that keeps its velocity moves by a one-parameter group of similarities: two frames of half the time make the
same move as one of the whole, so the frame rate changes smoothness and nothing else. Points are complex numbers,
``x + iy`` in frame heights from the frame's center, y down, so that a move is ``q = turn * p + shift``.
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from dreamvid.errors import SettingsError
from dreamvid.image.resize import resize
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dreamvid.types import RGB

_POLE = math.sqrt(3.0) - 2.0
_REACH = 10
_FARTHEST = math.log(1.2e6)
_SHRINKS = 0.9
"""Scale below which a picture is shrunk by area before it is moved, so that nothing aliases."""


class Move(NamedTuple):
    """A similarity: where a point of the old frame lies in the new one, ``q = turn * p + shift``."""

    turn: complex = 1.0 + 0.0j
    shift: complex = 0.0j

    def then(self, after: Move) -> Move:
        """Return this move and then another as one."""
        return Move(after.turn * self.turn, after.turn * self.shift + after.shift)

    def back(self) -> Move:
        """Return the move that undoes this one."""
        return Move(1.0 / self.turn, -self.shift / self.turn)

    def to_values(self) -> list[float]:
        """Return four plain numbers, which :meth:`from_values` reads back bit for bit."""
        return [self.turn.real, self.turn.imag, self.shift.real, self.shift.imag]

    @classmethod
    def from_values(cls, values: Sequence[float]) -> Move:
        """Return the move of :meth:`to_values`."""
        return cls(complex(*values[:2]), complex(*values[2:]))

    @property
    def scale(self) -> float:
        """How much larger things become."""
        return abs(self.turn)


@dataclass(frozen=True, slots=True)
class Velocity:
    """How the camera moves at a moment.

    ``zoom`` is the factor by which things grow in a second, above 0; ``rotation`` is in degrees per second,
    clockwise;
    ``pan`` in frame widths and frame heights per second, to the right and down, as the camera goes (the picture goes
    the other way); ``center``, relative to the frame (0..1 from its left and its top), is what zoom and rotation are
    about.
    """

    zoom: float = 1.0
    rotation: float = 0.0
    pan: tuple[float, float] = (0.0, 0.0)
    center: tuple[float, float] = (0.5, 0.5)

    def over(self, seconds: float, aspect: float) -> Move:
        """Return the move that this velocity makes in some time, in frames of an aspect ratio (width by height).

        Raises
        ------
        SettingsError
            For a zoom by more than a million.
        """
        rate = complex(math.log(self.zoom), math.radians(self.rotation))
        if abs(rate.real * seconds) > _FARTHEST:
            raise SettingsError(
                f"camera.zoom: a zoom of {self.zoom:g} times/s for {seconds:g} s is more than any picture shows; "
                "zoom more slowly, or give more frames a second"
            )
        turn = cmath.exp(rate * seconds)
        reach = complex(seconds) if abs(rate * seconds) < 1e-9 else (turn - 1.0) / rate  # noqa: PLR2004  its limit
        center = complex((self.center[0] - 0.5) * aspect, self.center[1] - 0.5)
        pan = complex(self.pan[0] * aspect, self.pan[1])
        return Move(turn, center * (1.0 - turn) - pan * reach)


def warp(picture: RGB, move: Move, size: Size | None = None, *, mirrors: int = 0, soften: float = 0.0) -> RGB:
    """Return the picture as it looks after a move.

    Cubic B-spline interpolation (Unser 1999) by four exact bilinear look-ups (Ruijters and Thevenaz 2012): OpenCV's
    own bicubic moves slowly moving things up to half as far again, its Lanczos not at all. Where things shrink they
    are averaged by area first. Beyond the borders the picture is mirrored.

    Parameters
    ----------
    picture
        ``[H, W, 3]`` float32.
    size
        Of the result, which shows as much as the picture does; None is the picture's own.
    mirrors
        So many mirrors meet at the center, as in a kaleidoscope; below 2 is none.
    soften
        How much of the finest detail is taken away first, 0 to 1 at the Nyquist frequency, an eighth of it at half
        of that. What is moved again and again loses that detail anyway, but for where pixels fall on pixels each
        time: without this, lines of grain grow through a zoom's center.

    Returns
    -------
    ``[h, w, 3]`` float32; interpolation may overshoot the range slightly.
    """
    own = Size(*picture.shape[:2])
    size = size or own
    scale = move.scale * size.height / own.height
    if scale < _SHRINKS:
        picture = resize(picture, Size(max(4, round(own.height * scale)), max(4, round(own.width * scale))))
        own = Size(*picture.shape[:2])
    coefficients = _coefficients(picture, soften)
    low_x, high_x, share_x, low_y, high_y, share_y = _lookups(move, own, size, mirrors)

    def look(x: NDArray[np.float32], y: NDArray[np.float32]) -> RGB:
        return np.asarray(
            cv2.remap(coefficients, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101), np.float32
        )

    upper = look(high_x, low_y)
    upper += share_x * (look(low_x, low_y) - upper)
    lower = look(high_x, high_y)
    lower += share_x * (look(low_x, high_y) - lower)
    upper -= lower
    upper *= share_y
    upper += lower
    return upper


def seen(move: Move, size: Size, *, mirrors: int = 0) -> NDArray[np.bool_] | None:
    """Return where a moved frame shows what was inside the frame before, ``[H, W]``; None is everywhere."""
    inside = _inside(move, size, mirrors)
    return None if inside.all() else inside


@lru_cache(maxsize=2)
def _inside(move: Move, size: Size, mirrors: int) -> NDArray[np.bool_]:
    points = _sources(move, size, mirrors)
    aspect = size.width / size.height
    return np.asarray((np.abs(points.real) <= aspect / 2) & (np.abs(points.imag) <= 0.5))  # noqa: PLR2004  half a frame


def _sources(move: Move, size: Size, mirrors: int) -> NDArray[np.complex128]:
    """Return where each pixel of a moved frame was, as points."""
    y, x = np.mgrid[0 : size.height, 0 : size.width].astype(np.float64)
    points = ((x - (size.width - 1) / 2) + 1j * (y - (size.height - 1) / 2)) / size.height
    if mirrors >= 2:  # noqa: PLR2004  one mirror is none that meets another
        points = _folded(points, mirrors, wide=size.width > size.height)
    back = move.back()
    return np.asarray(back.turn * points + back.shift)


def _coefficients(picture: RGB, soften: float) -> RGB:
    """Return the coefficients of the cubic B-spline that runs through a picture's pixels, softened.

    The filter that softens has the response ``1 - soften * sin(w / 2)**6``.
    """
    taps = np.array([_POLE ** abs(i) for i in range(-_REACH, _REACH + 1)])
    softer = -soften * np.array([-1.0, 6.0, -15.0, 20.0, -15.0, 6.0, -1.0]) / 64.0
    softer[3] += 1.0
    taps = np.convolve(taps / taps.sum(), softer)
    return np.asarray(cv2.sepFilter2D(picture, -1, taps, taps, borderType=cv2.BORDER_REFLECT_101), np.float32)


@lru_cache(maxsize=2)
def _lookups(move: Move, own: Size, size: Size, mirrors: int) -> tuple[NDArray[np.float32], ...]:
    """Return, for each pixel of the result, where to look the picture up, and the share of each first look."""
    points = _sources(move, size, mirrors)
    across = own.width * size.height / size.width  # the height, but for what rounding made of the shape
    return (
        *_axis(_mirrored(points.real * across + (own.width - 1) / 2, own.width)),
        *_axis(_mirrored(points.imag * own.height + (own.height - 1) / 2, own.height)),
    )


def _mirrored(at: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Return places along an axis as they are within a picture that is mirrored at both ends.

    OpenCV does the same, but mirror by mirror: what is a million pictures away takes it minutes.
    """
    last = length - 1.0
    if at.min() >= -last and at.max() <= 2.0 * last:
        return at
    return np.asarray(last - np.abs(at % (2.0 * last) - last)) if last else np.zeros_like(at)


def _axis(at: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    whole = np.floor(at)
    t = at - whole
    first, last = (1.0 - t) ** 3 / 6.0, t**3 / 6.0
    share = first + (4.0 - 6.0 * t**2 + 3.0 * t**3) / 6.0
    low = whole - first / share
    high = whole + 1.0 + last / (1.0 - share)
    return low.astype(np.float32), high.astype(np.float32), share.astype(np.float32)[..., None]


def _folded(points: NDArray[np.complex128], mirrors: int, *, wide: bool) -> NDArray[np.complex128]:
    """Return where each point's image lies in one wedge: the one along the longer side, where most is in view."""
    wedge = 2.0 * math.pi / mirrors
    first = -math.pi / 2
    if wide:
        first = 0.0 if mirrors % 2 == 0 else -wedge / 4
    angle = np.abs((np.angle(points) - first + wedge / 2) % wedge - wedge / 2) + first
    return np.asarray(np.abs(points) * np.exp(1j * angle))
