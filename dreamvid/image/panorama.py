"""Panoramas: equirectangular pictures, whose left and right borders are one line, and whose poles are points.

Columns are longitudes, all 360 degrees of them; rows are latitudes, with the horizon in the middle. A picture too
flat to reach the poles is the part of the sphere around the horizon.

What looks at a neighborhood (flow, warps, blurs) works on a padded panorama, whose margins repeat what lies beyond
the borders; :func:`unpad` joins it again.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from dreamvid.image.masks import smoothstep
from dreamvid.image.resize import resize
from dreamvid.types import Size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.types import Mask

# Height over width from which on a panorama is the whole sphere; that of a whole one with square pixels is 1/2.
_WHOLE_SPHERE = 0.45
# Latitudes, in degrees, between which the band around the horizon gives way to the polar caps. At the middle of them
# forms are stretched by 1.2 in both.
_BAND_FULL, _BAND_END = 30.0, 45.0
# Share of a panorama's width in each margin of a padded one, and what that is of the padded one's.
_MARGIN, _MARGIN_OF_PADDED = 1 / 8, 1 / 10
# Order of the filter that keeps rows near the poles smooth.
_ROW_ORDER = 6
# Pixels that interpolation needs beyond a border.
_BORDER = 4


def pad(picture: NDArray[np.float32], margin: int | None = None) -> NDArray[np.float32]:
    """Return a panorama ``[H, W(, C)]`` with ``margin`` px, by default an eighth, of its other end at either end."""
    if margin is None:
        margin = round(_MARGIN * picture.shape[1])
    if margin == 0:
        return picture
    return np.concatenate([picture[:, -margin:], picture, picture[:, :margin]], axis=1)


def unpad(padded: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the panorama that was padded by :func:`pad` by an eighth, after whatever was done to it.

    It may have become smaller. Both copies of what lies near the borders are cross-faded there, so that its ends meet
    even where they differ.
    """
    margin = round(_MARGIN_OF_PADDED * padded.shape[1])
    if margin == 0:
        return padded
    width = padded.shape[1] - 2 * margin
    picture = padded[:, margin : margin + width].copy()
    count = min(max(1, margin // 2), width // 2)
    share = 0.5 - 0.5 * (np.arange(count, dtype=np.float32) + 0.5) / np.float32(count)
    share = share.reshape(1, count, *[1] * (padded.ndim - 2))
    left, right = picture[:, :count], picture[:, width - count :]
    left += share * (padded[:, margin + width : margin + width + count] - left)
    right += share[:, ::-1] * (padded[:, margin - count : margin] - right)
    return picture


def close(padded: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a padded panorama whose margins repeat its ends again, after whatever was done to it."""
    return pad(unpad(padded), round(_MARGIN_OF_PADDED * padded.shape[1]))


def resize_panorama(picture: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """Return a panorama ``[H, W(, C)]`` at another size, as :func:`dreamvid.image.resize.resize` does."""
    if size.width <= picture.shape[1]:
        return resize(picture, size)  # area averaging looks at no neighbors
    doubled = resize(np.concatenate([picture, picture], axis=1), Size(size.height, 2 * size.width))
    half = size.width // 2
    return np.roll(doubled[:, half : half + size.width], half, axis=1)


def smooth_poles(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a panorama ``[H, W, C]`` without what is finer on the sphere than pixels are at the horizon.

    Near the poles a row holds much finer waves than its place on the sphere is large: where detail is amplified band
    by band, they would grow into needles that point at the pole.
    """
    size = Size(*picture.shape[:2])
    if not is_whole_sphere(size):
        return picture
    response = _row_response(size)
    rows = response.shape[0]
    result = picture.copy()
    for part in (result[:rows], result[::-1][:rows]):
        part[:] = np.fft.irfft(np.fft.rfft(part, axis=1) * response, n=size.width, axis=1)
    return result


@lru_cache(maxsize=4)
def _row_response(size: Size) -> NDArray[np.float32]:
    """Return how far the waves along each row from a pole to the band are kept, ``[rows, W // 2 + 1, 1]``."""
    rows = round(size.height * (90.0 - _BAND_END) / 180.0)
    circumference = np.sin((np.arange(rows) + 0.5) * np.pi / size.height)[:, None, None]
    waves = np.arange(size.width // 2 + 1)[None, :, None] / (0.5 * size.width)
    return np.asarray(1.0 / (1.0 + (waves / circumference) ** _ROW_ORDER), np.float32)


def is_whole_sphere(size: Size) -> bool:
    """Return whether a panorama of a size reaches the poles."""
    return size.height >= _WHOLE_SPHERE * size.width


def band_rows(size: Size, context: int) -> slice:
    """Return the rows around the horizon where :func:`band_weight` is above 0, with ``context`` px on either side."""
    height = size.height
    rows = round(height * (90.0 - _BAND_END) / 180.0) - context
    return slice(max(0, rows), min(height, height - rows))


def band_weight(size: Size) -> Mask:
    """Return the weight of the band around the horizon beside the polar caps, ``[H, 1]`` in [0, 1]."""
    latitude = np.abs(
        90.0 - (np.arange(size.height, dtype=np.float32) + 0.5) * np.float32(180.0 / size.height)
    )
    return 1.0 - smoothstep(_BAND_FULL, _BAND_END, latitude)[:, None]


def pad_sphere(picture: NDArray[np.float32], margin: int) -> NDArray[np.float32]:
    """Return a panorama of the whole sphere with ``margin`` px of what lies beyond its borders and poles."""
    turned = np.roll(picture, picture.shape[1] // 2, axis=1)
    above, below = turned[margin - 1 :: -1], turned[: -margin - 1 : -1]
    return pad(np.concatenate([above, picture, below]), margin)


class PolarCap:
    """The view of a pole of a whole sphere, as seen from within: azimuthal equidistant, the front at one side.

    In the view, which is square, distances from the pole are as in the panorama. The north pole's has the front
    below, the south pole's above.

    Parameters
    ----------
    size
        Of the panorama.
    context
        Pixels that the view shows beyond what is used of it.
    least
        Least side of the view, in px.
    south
        Whether it is the south pole.
    """

    def __init__(self, size: Size, *, context: int, least: int, south: bool) -> None:
        used = round(size.height * (90.0 - _BAND_FULL) / 180.0)
        self.side = max(2 * (used + context), min(least, size.height))
        self._used = min(used + _BORDER, size.height)
        self._size = size
        self._south = south

    def project(self, panorama: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the view ``[side, side(, C)]`` of a panorama ``[H, W(, C)]``."""
        height = self._size.height
        rows = min(height, round(self.side * 0.75) + _BORDER)  # as far as its corners reach
        north = panorama[::-1][:rows] if self._south else panorama[:rows]
        beyond = np.roll(north[_BORDER - 1 :: -1], self._size.width // 2, axis=1)
        padded = pad(np.concatenate([beyond, north]), _BORDER)
        x, y = _view_positions(self._size, self.side, south=self._south)
        return _sample(padded, x, y)

    def unproject(self, view: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what a view ``[side, side(, C)]`` shows as a panorama ``[H, W(, C)]``, 0 where it is not used."""
        x, y = _panorama_positions(self._size, self.side, self._used, south=self._south)
        panorama = np.zeros((*self._size, *view.shape[2:]), np.float32)
        rows = panorama[::-1] if self._south else panorama
        rows[: self._used] = _sample(view, x, y)
        return panorama


@lru_cache(maxsize=32)
def _view_positions(size: Size, side: int, *, south: bool) -> tuple[NDArray[np.float32], ...]:
    """Return x and y in a panorama, padded by the border, of each pixel of a view; the south's is upside down."""
    down, across = np.mgrid[:side, :side] - (side - 1) / 2
    longitude = np.arctan2(across, -down if south else down) / (2.0 * np.pi) + 0.5
    x = longitude * size.width - 0.5 + _BORDER
    y = np.minimum(np.hypot(down, across) - 0.5, size.height - 1.0) + _BORDER
    return x.astype(np.float32), y.astype(np.float32)


@lru_cache(maxsize=32)
def _panorama_positions(size: Size, side: int, rows: int, *, south: bool) -> tuple[NDArray[np.float32], ...]:
    """Return x and y in a view of each pixel of the rows nearest to the pole, from there on."""
    distance = (np.arange(rows) + 0.5)[:, None]
    longitude = 2.0 * np.pi * ((np.arange(size.width) + 0.5) / size.width - 0.5)[None]
    center = (side - 1) / 2
    x = center + distance * np.sin(longitude)
    y = center + distance * np.cos(longitude) * (-1.0 if south else 1.0)
    return x.astype(np.float32), y.astype(np.float32)


def _sample(
    picture: NDArray[np.float32], x: NDArray[np.float32], y: NDArray[np.float32]
) -> NDArray[np.float32]:
    sampled = cv2.remap(picture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(sampled, np.float32)
