"""The transfer function of sRGB (IEC 61966-2-1), between encoded values and linear light."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from dreamvid.types import RGB


def srgb_to_linear(encoded: RGB) -> RGB:
    """Return linear light in [0, 1], of the shape of the encoded values in [0, 1]."""
    power = cv2.pow((encoded + np.float32(0.055)) / np.float32(1.055), 2.4)
    return np.where(encoded > np.float32(0.04045), power, encoded / np.float32(12.92))


def linear_to_srgb(linear: RGB) -> RGB:
    """Return encoded values in [0, 1], of the shape of the linear light."""
    power = cv2.pow(linear, 1.0 / 2.4) * np.float32(1.055) - np.float32(0.055)
    encoded = np.where(linear > np.float32(0.0031308), power, linear * np.float32(12.92))
    return np.clip(encoded, 0.0, 1.0, out=encoded)
