"""Read the picture that an atlas dreams, and encode tiles."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from dreamvid.image.resize import cover
from dreamvid.types import Size

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.types import RGB

_QUALITY = 92


def read_image(path: Path, side: int) -> RGB:
    """Return a picture whose longer side has so many px."""
    from dreamvid.media.still.reader import read_still  # noqa: PLC0415  loads imageio

    rgb = read_still(path).rgb
    height, width = rgb.shape[:2]
    scale = side / max(height, width)
    return cover(rgb, Size(max(1, round(height * scale)), max(1, round(width * scale))))


def encode_webp(rgb: RGB) -> bytes:
    """Return a picture as a WebP file."""
    codes = np.rint(np.clip(rgb, 0.0, 1.0) * 255.0).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(codes).save(buffer, "webp", quality=_QUALITY, method=4)
    return buffer.getvalue()
