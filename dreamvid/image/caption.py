"""Write a line of text on a picture."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dreamvid.text import printable

if TYPE_CHECKING:
    from dreamvid.types import RGB

_FONT = Path(mpl.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
_SMALLEST, _SHARE = 11, 0.042
"""Size of the letters: at least so many px, and this share of the shorter side."""
_BACKGROUND = (0, 0, 0, 150)
_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


def draw_caption(picture: RGB, text: str) -> RGB:
    """Return the picture, rounded to 8 bits, with white text on a dark field in its lower left corner.

    Text that is too wide loses its middle.
    """
    image = Image.fromarray(np.rint(np.clip(picture, 0.0, 1.0) * 255.0).astype(np.uint8))
    font = _load_font(max(_SMALLEST, round(_SHARE * min(image.size))))
    margin = max(2, round(font.size / 3))
    line = _fit(printable(text), font, image.width - 2 * margin)
    ascent, descent = font.getmetrics()
    top = image.height - ascent - descent - margin
    pen = ImageDraw.Draw(image, "RGBA")
    pen.rectangle((0, top, font.getlength(line) + 2 * margin, image.height), fill=_BACKGROUND)
    pen.text((margin, top + margin // 2), line, font=font, fill="white")
    captioned: RGB = np.asarray(image, np.float32) / np.float32(255.0)
    return captioned


@lru_cache(maxsize=8)
def _load_font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(_FONT, size)


def _fit(text: str, font: ImageFont.FreeTypeFont, width: float) -> str:
    kept, line = len(text), text
    while font.getlength(line) > width and kept > 0:
        kept -= 1
        line = f"{text[: (kept + 1) // 2]}{_ELLIPSIS}{text[len(text) - kept // 2 :]}"
    return line
