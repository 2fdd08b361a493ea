"""Zoom, rotate and pan pictures by similarity transforms, with cubic B-spline interpolation.

A camera of constant velocity moves by a one-parameter group of similarities: two frames of half the time make the
same transform as one of the whole, so the frame rate changes smoothness and nothing else. Points are complex
numbers, ``x + iy`` in frame heights from the frame's center, y down, so that a similarity is
``q = linear * p + translation``.
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

# Pole of the cubic B-spline's prefilter (Unser 1999), and how far its impulse response is summed, in px.
_SPLINE_POLE = math.sqrt(3.0) - 2.0
_PREFILTER_RADIUS = 10
_MAX_LOG_ZOOM = math.log(1.2e6)
# Scale below which a picture is shrunk by area before it is warped, so that nothing aliases.
_MIN_WARP_SCALE = 0.9


class Similarity(NamedTuple):
    """A similarity transform: a point ``p`` of the old frame lies at ``linear * p + translation`` in the new one.

    ``linear`` scales by its absolute value and rotates by its angle.
    """

    linear: complex = 1.0 + 0.0j
    translation: complex = 0.0j

    def then(self, after: Similarity) -> Similarity:
        """Return this transform followed by another."""
        return Similarity(after.linear * self.linear, after.linear * self.translation + after.translation)

    def inverse(self) -> Similarity:
        """Return the transform that undoes this one."""
        return Similarity(1.0 / self.linear, -self.translation / self.linear)

    def to_values(self) -> list[float]:
        """Return four plain numbers, which :meth:`from_values` reads back bit for bit."""
        return [self.linear.real, self.linear.imag, self.translation.real, self.translation.imag]

    @classmethod
    def from_values(cls, values: Sequence[float]) -> Similarity:
        """Return the transform of :meth:`to_values`."""
        return cls(complex(*values[:2]), complex(*values[2:]))

    @property
    def scale(self) -> float:
        """Factor by which things become larger."""
        return abs(self.linear)


@dataclass(frozen=True, slots=True)
class Velocity:
    """Velocity of the camera.

    ``zoom`` is the factor by which things grow in a second, above 0. ``rotation`` is in degrees per second,
    clockwise. ``pan`` is in frame widths and frame heights per second, to the right and down, as the camera goes (the
    picture goes the other way). ``center``, relative to the frame (0..1 from its left and its top), is the fixed
    point of zoom and rotation.
    """

    zoom: float = 1.0
    rotation: float = 0.0
    pan: tuple[float, float] = (0.0, 0.0)
    center: tuple[float, float] = (0.5, 0.5)

    def over(self, seconds: float, aspect: float) -> Similarity:
        """Return the transform after some seconds, in frames of an aspect ratio (width by height).

        Raises
        ------
        SettingsError
            For a zoom by more than about a million.
        """
        rate = complex(math.log(self.zoom), math.radians(self.rotation))
        if abs(rate.real * seconds) > _MAX_LOG_ZOOM:
            raise SettingsError(
                f"camera.zoom: a zoom of {self.zoom:g} times/s for {seconds:g} s is more than any picture shows; "
                "zoom more slowly, or give more frames a second"
            )
        linear = cmath.exp(rate * seconds)
        # The integral of exp(rate * t), by which a pan adds up under zoom and rotation.
        integral = complex(seconds) if abs(rate * seconds) < 1e-9 else (linear - 1.0) / rate  # noqa: PLR2004  its limit
        center = complex((self.center[0] - 0.5) * aspect, self.center[1] - 0.5)
        pan = complex(self.pan[0] * aspect, self.pan[1])
        return Similarity(linear, center * (1.0 - linear) - pan * integral)


def warp(
    picture: RGB, move: Similarity, size: Size | None = None, *, mirrors: int = 0, soften: float = 0.0
) -> RGB:
    """Return the picture after a transform.

    Cubic B-spline interpolation (Unser 1999) by four bilinear samples (Ruijters and Thevenaz 2012). Where things
    shrink they are averaged by area first. Beyond the borders the picture is mirrored.

    Parameters
    ----------
    picture
        ``[H, W, 3]`` float32.
    move
        Where the picture's points go.
    size
        Of the result, which shows the same field of view; None is the picture's own.
    mirrors
        Number of mirrors that meet at the center, as in a kaleidoscope; below 2 is none.
    soften
        How much of the finest detail is removed first, 0 to 1 at the Nyquist frequency, an eighth of it at half of
        that.

    Returns
    -------
    ``[h, w, 3]`` float32; interpolation may overshoot the range slightly.
    """
    # Not by OpenCV's own higher interpolation: its bicubic moves slowly moving things up to half as far again, its
    # Lanczos not at all. Its bilinear samples are exact.
    # Repeated warps lose the finest detail except where pixels fall on pixels each time; without `soften`, lines of
    # grain grow through the center of a zoom.
    source_size = Size(*picture.shape[:2])
    size = size or source_size
    scale = move.scale * size.height / source_size.height
    if scale < _MIN_WARP_SCALE:
        picture = resize(
            picture, Size(max(4, round(source_size.height * scale)), max(4, round(source_size.width * scale)))
        )
        source_size = Size(*picture.shape[:2])
    positions = _sample_positions(move, source_size, size, mirrors)
    return sample_spline(spline_coefficients(picture, soften), positions)


def sample_spline(coefficients: RGB, positions: tuple[NDArray[np.float32], ...]) -> RGB:
    """Return a cubic B-spline at positions, ``[H, W, 3]``.

    Coefficients are those of :func:`spline_coefficients`, positions those of :func:`bilinear_samples` for x, then y.
    """
    low_x, high_x, share_x, low_y, high_y, share_y = positions

    def sample(x: NDArray[np.float32], y: NDArray[np.float32]) -> RGB:
        samples = cv2.remap(coefficients, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        return np.asarray(samples, np.float32)

    upper = sample(high_x, low_y)
    upper += share_x * (sample(low_x, low_y) - upper)
    lower = sample(high_x, high_y)
    lower += share_x * (sample(low_x, high_y) - lower)
    upper -= lower
    upper *= share_y
    upper += lower
    return upper


def visible_mask(move: Similarity, size: Size, *, mirrors: int = 0) -> NDArray[np.bool_] | None:
    """Return where a moved frame shows what was inside the frame before, ``[H, W]``; None is everywhere."""
    inside = _inside(move, size, mirrors)
    return None if inside.all() else inside


@lru_cache(maxsize=2)
def _inside(move: Similarity, size: Size, mirrors: int) -> NDArray[np.bool_]:
    points = _source_points(move, size, mirrors)
    aspect = size.width / size.height
    return np.asarray((np.abs(points.real) <= aspect / 2) & (np.abs(points.imag) <= 0.5))  # noqa: PLR2004  half a frame


def _source_points(move: Similarity, size: Size, mirrors: int) -> NDArray[np.complex128]:
    """Return the point of the old frame that each pixel of the new one shows, ``[H, W]``."""
    y, x = np.mgrid[0 : size.height, 0 : size.width].astype(np.float64)
    points = ((x - (size.width - 1) / 2) + 1j * (y - (size.height - 1) / 2)) / size.height
    if mirrors >= 2:  # noqa: PLR2004  a single mirror has no other to meet
        points = _fold(points, mirrors, wide=size.width > size.height)
    inverse = move.inverse()
    return np.asarray(inverse.linear * points + inverse.translation)


def spline_coefficients(picture: RGB, soften: float) -> RGB:
    """Return the coefficients of the cubic B-spline through a picture's pixels, softened.

    The softening filter has the response ``1 - soften * sin(w / 2)**6``.
    """
    taps = np.array([_SPLINE_POLE ** abs(i) for i in range(-_PREFILTER_RADIUS, _PREFILTER_RADIUS + 1)])
    softening = -soften * np.array([-1.0, 6.0, -15.0, 20.0, -15.0, 6.0, -1.0]) / 64.0
    softening[3] += 1.0
    taps = np.convolve(taps / taps.sum(), softening)
    return np.asarray(cv2.sepFilter2D(picture, -1, taps, taps, borderType=cv2.BORDER_REFLECT_101), np.float32)


@lru_cache(maxsize=2)
def _sample_positions(
    move: Similarity, source_size: Size, size: Size, mirrors: int
) -> tuple[NDArray[np.float32], ...]:
    """Return low and high sample positions, and the weight of the low one, for x and for y."""
    points = _source_points(move, size, mirrors)
    # The height of the source, but for what rounding did to its aspect ratio.
    pixels_per_height = source_size.width * size.height / size.width
    x = points.real * pixels_per_height + (source_size.width - 1) / 2
    y = points.imag * source_size.height + (source_size.height - 1) / 2
    return (
        *bilinear_samples(_mirror(x, source_size.width)),
        *bilinear_samples(_mirror(y, source_size.height)),
    )


def _mirror(positions: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Return positions along an axis folded into a picture that is mirrored at both ends."""
    # OpenCV does the same, but mirror by mirror: what lies a million pictures away takes it minutes.
    last = length - 1.0
    if positions.min() >= -last and positions.max() <= 2.0 * last:
        return positions
    return np.asarray(last - np.abs(positions % (2.0 * last) - last)) if last else np.zeros_like(positions)


def bilinear_samples(
    positions: NDArray[np.float64],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return two positions whose bilinear samples, weighted, are the cubic B-spline's value, and the first's weight.

    Ruijters and Thevenaz 2012, "GPU prefilter for accurate cubic B-spline interpolation".
    """
    pixel = np.floor(positions)
    t = positions - pixel
    first, last = (1.0 - t) ** 3 / 6.0, t**3 / 6.0
    share = first + (4.0 - 6.0 * t**2 + 3.0 * t**3) / 6.0
    low = pixel - first / share
    high = pixel + 1.0 + last / (1.0 - share)
    return low.astype(np.float32), high.astype(np.float32), share.astype(np.float32)[..., None]


def _fold(points: NDArray[np.complex128], mirrors: int, *, wide: bool) -> NDArray[np.complex128]:
    """Return each point's mirror image in one wedge: the one along the longer side, where most is in view."""
    wedge = 2.0 * math.pi / mirrors
    start = -math.pi / 2
    if wide:
        start = 0.0 if mirrors % 2 == 0 else -wedge / 4
    angle = np.abs((np.angle(points) - start + wedge / 2) % wedge - wedge / 2) + start
    return np.asarray(np.abs(points) * np.exp(1j * angle))
