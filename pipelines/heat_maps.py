"""Draw where channels fire: heat maps over pictures, with their scale, and sheets of them.

Colors are those of inferno, which is perceptually uniform: equal steps of activation are equal steps of color. The
picture beneath is gray and dark, and shows where nothing fires.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dreamvid.image.luma import luma
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dreamvid.types import RGB, FeatureAxis

_DARKEST, _LIGHTEST = 0.04, 0.5
"""Gray that black and white of the picture become where nothing fires."""

_OPAQUE_FROM = 0.35
"""Share of the scale from which on the color hides the picture, but for a rest."""
_REST = 0.15

_GAP = 6
_BACKGROUND = 0.08
_TEXT, _STRIP = (235, 235, 235), (16, 16, 16)
_LETTER_SHARE, _SMALLEST_LETTER, _LARGEST_LETTER = 1 / 22, 11, 28
_BAR_SHARE = 0.22


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Activations of one channel, or of a layer, in a picture.

    ``values`` is ``[h, w]``; ``axes`` are where they lie in the picture as the network saw it, of the size ``seen``;
    ``bottom`` and ``top`` are the activations at the ends of the scale.
    """

    name: str
    values: NDArray[np.float32]
    axes: tuple[FeatureAxis, FeatureAxis] = field(repr=False)
    seen: Size
    top: float
    bottom: float = 0.0


def draw_heat_map(picture: RGB, heat_map: HeatMap, *, note: str = "") -> RGB:
    """Return a picture ``[H, W, 3]`` of any size with a heat map over it, ``[H + strip_height(W), W, 3]``.

    Its name, a note and its scale stand in the strip below.
    """
    values = _upsample(heat_map, Size(*picture.shape[:2])) - heat_map.bottom
    share = np.clip(values / max(heat_map.top - heat_map.bottom, 1e-12), 0.0, 1.0)
    colors = _inferno()[np.round(share * 255.0).astype(np.uint8)]
    beneath = (_DARKEST + (_LIGHTEST - _DARKEST) * luma(picture))[..., None]
    opacity = (1.0 - _REST) * np.clip(share / _OPAQUE_FROM, 0.0, 1.0)[..., None]
    drawn: RGB = np.clip(beneath + opacity * (colors - beneath), 0.0, 1.0).astype(np.float32)
    ends = (f"{heat_map.bottom:.3g}", f"{heat_map.top:.3g}")
    strip = _strip(picture.shape[1], f"{heat_map.name}  {note}".rstrip(), ends)
    return np.concatenate([drawn, strip])


def strip_height(width: int) -> int:
    """Return the height of the strip below a picture of this width, in px; it is even."""
    return 2 * round(0.75 * _letter(width))


def lay_out(rows: Sequence[Sequence[RGB]]) -> RGB:
    """Return pictures of one size in rows."""
    height, width = rows[0][0].shape[:2]
    columns = max(len(row) for row in rows)
    size = (len(rows) * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP)
    sheet = np.full((*size, 3), _BACKGROUND, np.float32)
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            top, left = y * (height + _GAP), x * (width + _GAP)
            sheet[top : top + height, left : left + width] = picture
    return sheet


def _upsample(heat_map: HeatMap, size: Size) -> NDArray[np.float32]:
    """Return the values at each pixel of a picture of ``size``: each lies in the middle of its receptive field."""
    down, across = (
        (((np.arange(length) + 0.5) * seen / length - 0.5 - axis.first) / axis.step).astype(np.float32)
        for length, seen, axis in zip(size, heat_map.seen, heat_map.axes, strict=True)
    )
    columns, rows = np.meshgrid(across, down)
    values = cv2.remap(heat_map.values, columns, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(values, np.float32)


def _letter(width: int) -> int:
    """Return the size of the letters, in px."""
    return int(np.clip(width * _LETTER_SHARE, _SMALLEST_LETTER, _LARGEST_LETTER))


@lru_cache(maxsize=1)
def _inferno() -> NDArray[np.float32]:
    """Return the colors ``[256, 3]``, sRGB-encoded, [0, 1]."""
    codes = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_INFERNO)
    return np.ascontiguousarray(codes[:, 0, ::-1]).astype(np.float32) / np.float32(255.0)


@lru_cache(maxsize=256)
def _strip(width: int, name: str, ends: tuple[str, str]) -> RGB:
    """Return a strip with a name, and a scale with the texts of its ends."""
    letter = _letter(width)
    font = ImageFont.load_default(letter)
    height = strip_height(width)
    image = Image.new("RGB", (width, height), _STRIP)
    pen = ImageDraw.Draw(image)
    margin, middle = letter // 3, height // 2
    room = width - 2 * margin
    bar = round(_BAR_SHARE * width)
    right = width - margin - round(pen.textlength(ends[1], font=font))
    left = right - margin - bar
    if bar > 0 and left > 0:
        pen.text((right, middle), ends[1], _TEXT, font, anchor="lm")
        pen.text((left - margin, middle), ends[0], _TEXT, font, anchor="rm")
        ramp = _inferno()[np.linspace(0, 255, bar).round().astype(np.uint8)]
        codes = np.repeat(np.round(ramp * 255.0).astype(np.uint8)[None], max(1, letter // 2), axis=0)
        image.paste(Image.fromarray(codes), (left, middle - codes.shape[0] // 2))
        room = left - 3 * margin - round(pen.textlength(ends[0], font=font))
    pen.text((margin, middle), _shortened(pen, name, font, room), _TEXT, font, anchor="lm")
    return np.asarray(image, np.float32) / np.float32(255.0)


def _shortened(
    pen: ImageDraw.ImageDraw, text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, room: int
) -> str:
    """Return the text, cut off where it is wider than ``room`` px."""
    if pen.textlength(text, font=font) <= room:
        return text
    while text and pen.textlength(f"{text}...", font=font) > room:
        text = text[:-1]
    return f"{text}..." if text else ""
