"""Resizing: area averaging where a picture shrinks, bicubic where it grows.

The one place that resizes pixels, for engine, media and pipelines alike (OpenCV does the work). Unlike a
plain bicubic, shrinking never aliases, so no octave invents detail that its source does not have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from dreamvid.types import RGB, Size


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


def cover(image: RGB, size: Size) -> RGB:
    """Return the picture resized to cover ``size`` and cropped about its center; shapes as :func:`resize`."""
    height, width = image.shape[:2]
    factor = max(size.height / height, size.width / width)
    inner = (max(size.height, round(height * factor)), max(size.width, round(width * factor)))
    grown = resize(image, type(size)(*inner))
    top, left = (inner[0] - size.height) // 2, (inner[1] - size.width) // 2
    return np.ascontiguousarray(grown[top : top + size.height, left : left + size.width])
