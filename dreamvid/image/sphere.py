"""Move through a panorama: turn the sphere, and zoom into one direction of it, which is out of the opposite one.

Those are the Moebius transformations of the sphere, 2 x 2 complex matrices of determinant 1. Like the similarities of
flat pictures (:mod:`dreamvid.image.transform`) they form a group: a camera of constant velocity moves by a
one-parameter group of them. Nothing ever comes into view from outside, as there is no outside.

A direction is a spinor: two complex numbers, up to a common factor (Penrose and Rindler 1984, "Spinors and
Space-Time", chapter 1). Axes are right, up and front; longitude 0, the middle of the panorama, is the front.
"""

from __future__ import annotations

import cmath
import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dreamvid.image.panorama import pad_sphere
from dreamvid.image.transform import bilinear_samples, sample_spline, spline_coefficients
from dreamvid.types import Size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.image.transform import Velocity
    from dreamvid.types import RGB

# Pixels beyond the borders that the spline and its prefilter reach.
_BORDER = 16
# Below this a matrix's root is taken by its series.
_TINY = 1e-9


class SphereMotion(NamedTuple):
    """A transformation of the sphere: the matrix ``((a, b), (c, d))`` takes each point's spinor to its new one."""

    a: complex = 1.0 + 0.0j
    b: complex = 0.0j
    c: complex = 0.0j
    d: complex = 1.0 + 0.0j

    def inverse(self) -> SphereMotion:
        """Return the motion that undoes this one."""
        return SphereMotion(self.d, -self.b, -self.c, self.a)


def motion_over(velocity: Velocity, seconds: float) -> SphereMotion:
    """Return where a camera's motion takes the sphere after some seconds.

    Zoom and rotation are about the velocity's center, a place in the panorama. A pan by a frame's width is a turn by
    360 degrees, one by its height is a tilt by 180 degrees.
    """
    longitude = 2.0 * math.pi * (velocity.center[0] - 0.5)
    latitude = math.pi * (0.5 - velocity.center[1])
    axis = (
        math.cos(latitude) * math.sin(longitude),
        math.sin(latitude),
        math.cos(latitude) * math.cos(longitude),
    )
    rate = complex(-math.log(velocity.zoom), math.radians(velocity.rotation)) * seconds / 2.0
    yaw = 1j * math.pi * velocity.pan[0] * seconds
    tilt = 1j * math.pi * velocity.pan[1] * seconds / 2.0
    x, y, z = (rate * component for component in axis)
    return _exponential(x + tilt, y + yaw, z)


def warp_sphere(picture: RGB, motion: SphereMotion, *, soften: float = 0.0) -> RGB:
    """Return a panorama of the whole sphere ``[H, W, 3]`` after a motion; ``soften`` as in ``transform.warp``."""
    coefficients = spline_coefficients(pad_sphere(picture, _BORDER), soften)
    return sample_spline(coefficients, _positions(motion, Size(*picture.shape[:2])))


def _exponential(x: complex, y: complex, z: complex) -> SphereMotion:
    """Return the exponential of ``x s1 + y s2 + z s3``, s being Pauli's matrices: its square is a number."""
    root = cmath.sqrt(x * x + y * y + z * z)
    cosh = cmath.cosh(root)
    sinh = cmath.sinh(root) / root if abs(root) > _TINY else 1.0 + 0.0j
    return SphereMotion(cosh + sinh * z, sinh * (x - 1j * y), sinh * (x + 1j * y), cosh - sinh * z)


@lru_cache(maxsize=2)
def _positions(motion: SphereMotion, size: Size) -> tuple[NDArray[np.float32], ...]:
    """Return where each pixel of the moved panorama comes from, in the padded one, for :func:`sample_spline`."""
    latitude = math.pi * (0.5 - (np.arange(size.height)[:, None] + 0.5) / size.height)
    longitude = 2.0 * math.pi * ((np.arange(size.width)[None] + 0.5) / size.width - 0.5)
    x = np.cos(latitude) * np.sin(longitude)
    y = np.sin(latitude) + np.zeros_like(longitude)
    z = np.cos(latitude) * np.cos(longitude)
    in_front = z >= 0.0
    first = np.where(in_front, 1.0 + z, x - 1j * y)
    second = np.where(in_front, x + 1j * y, 1.0 - z)
    back = motion.inverse()
    first, second = back.a * first + back.b * second, back.c * first + back.d * second
    across = 2.0 * np.conj(first) * second
    front = np.abs(first) ** 2 - np.abs(second) ** 2
    length = np.abs(first) ** 2 + np.abs(second) ** 2
    column = (np.arctan2(across.real, front) / (2.0 * math.pi) + 0.5) * size.width - 0.5
    row = (0.5 - np.arcsin(np.clip(across.imag / length, -1.0, 1.0)) / math.pi) * size.height - 0.5
    return (*bilinear_samples(column + _BORDER), *bilinear_samples(row + _BORDER))
