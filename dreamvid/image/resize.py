"""Resize, crop and blur pictures: area averaging where they shrink, bicubic interpolation where they grow.

Unlike plain bicubic, area averaging never aliases, so no octave shows detail that its source does not have.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import cv2
import numpy as np

from dreamvid.types import Size

if TYPE_CHECKING:
    from dreamvid.types import RGB, Mask

# Least sigma of a blur, in px, that is computed on a smaller picture.
_MIN_SIGMA = 4.0


def resize(image: RGB, size: Size) -> RGB:
    """Return the picture at another size.

    Parameters
    ----------
    image
        ``[H, W]`` or ``[H, W, C]`` float32, any range, signed or not.
    size
        Target height and width in pixels, each at least 1.

    Returns
    -------
    ``[size.height, size.width(, C)]`` float32. Bicubic growth may overshoot the input's range slightly; clip
    where that matters.
    """
    height, width = image.shape[:2]
    if (height, width) == tuple(size):
        return image
    shrink_height, shrink_width = min(height, size.height), min(width, size.width)
    if (shrink_height, shrink_width) != (height, width):
        image = _cv_resize(image, shrink_width, shrink_height, cv2.INTER_AREA)
    if (shrink_height, shrink_width) != tuple(size):
        image = _cv_resize(image, size.width, size.height, cv2.INTER_CUBIC)
    return image


def _cv_resize(image: RGB, width: int, height: int, method: int) -> RGB:
    result = cv2.resize(image, (width, height), interpolation=method)
    return np.ascontiguousarray(result, dtype=np.float32).reshape(height, width, *image.shape[2:])


def blur(image: Mask, sigma: float) -> Mask:
    """Return a Gaussian blur ``[H, W]`` float32, mirrored beyond the borders; ``sigma`` is in px.

    Wide blurs are approximate, by some thousandths.
    """
    height, width = image.shape
    factor = 1
    # From 8 px on the picture is shrunk until sigma is 4 to 8 px, which costs a hundredth of the full blur.
    while sigma / factor >= 2 * _MIN_SIGMA and min(height, width) >= 4 * factor:
        factor *= 2
    small = image
    if factor > 1:
        small = _cv_resize(image, max(1, width // factor), max(1, height // factor), cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), sigma / factor, borderType=cv2.BORDER_REFLECT)
    return (
        _cv_resize(blurred, width, height, cv2.INTER_LINEAR)
        if factor > 1
        else np.asarray(blurred, np.float32)
    )


def cover(picture: RGB, size: Size) -> RGB:
    """Return a picture resized to cover a size, and cropped about its center to exactly that.

    Parameters
    ----------
    picture
        ``[H, W]`` or ``[H, W, C]`` float32 in [0, 1].
    size
        Target height and width in pixels, each at least 1.

    Returns
    -------
    ``[size.height, size.width(, C)]`` float32, clipped to [0, 1]; the picture itself where it has the size.
    """
    height, width = picture.shape[:2]
    if (height, width) == tuple(size):
        return picture
    scale = max(Fraction(size.height, height), Fraction(size.width, width))
    scaled_height, scaled_width = round(height * scale), round(width * scale)
    scaled = np.clip(resize(picture, Size(scaled_height, scaled_width)), 0.0, 1.0)
    top, left = (scaled_height - size.height) // 2, (scaled_width - size.width) // 2
    return np.ascontiguousarray(scaled[top : top + size.height, left : left + size.width])
