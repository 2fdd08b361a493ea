"""Luma of sRGB-encoded pictures by the weights of ITU-R BT.709."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.types import RGB

LUMA_WEIGHTS = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Weights of red, green and blue in luma (of encoded values) and in luminance (of linear light)."""


def luma(picture: RGB) -> NDArray[np.float32]:
    """Return the luma ``[H, W]`` of encoded values ``[H, W, 3]``; of linear light, its luminance."""
    return np.asarray(cv2.transform(picture, LUMA_WEIGHTS[None]), np.float32)
