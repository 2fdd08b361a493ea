"""Draw an atlas as one picture, a contact sheet: the layers from top to bottom, each tile with its name."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.pipelines.atlas.data import Atlas, Section, Tile

_MAX_PIXELS = 48_000_000
_MAX_SIDE = 32_000
_MIN_TILE = 16
_GAP = 8
_BACK, _TEXT, _MUTED = (18, 19, 22), (239, 239, 242), (169, 172, 182)
_ELLIPSIS = "…"


def draw_sheet(atlas: Atlas, columns: int) -> NDArray[np.uint8]:
    """Return the sheet ``[H, W, 3]``, with at most this many tiles in a row.

    Tiles are drawn at their size, smaller where the sheet would have more than 48 million pixels.
    """
    columns = min(columns, max(len(section.tiles) for section in atlas.sections))
    scale = 1.0
    while True:
        layout = _Layout(atlas, columns, scale)
        width, height = layout.size
        if (width * height <= _MAX_PIXELS and max(width, height) <= _MAX_SIDE) or layout.tile[0] <= _MIN_TILE:
            return layout.draw()
        scale *= 0.9


class _Layout:
    """Places everything on a sheet whose tiles are drawn at ``scale``."""

    def __init__(self, atlas: Atlas, columns: int, scale: float) -> None:
        self._atlas = atlas
        self._columns = columns
        self.tile = (max(1, round(atlas.width * scale)), max(1, round(atlas.height * scale)))
        letter = min(15, max(9, self.tile[0] // 8))
        self._small = ImageFont.load_default(letter)
        self._large = ImageFont.load_default(round(letter * 1.5))
        self._label = round(letter * 1.5)
        self._heading = round(letter * 3.2)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        rows = [-(-len(section.tiles) // self._columns) for section in self._atlas.sections]
        height = sum(self._heading + row * (self.tile[1] + self._label + _GAP) for row in rows)
        return self._columns * (self.tile[0] + _GAP) + _GAP, height + _GAP

    def draw(self) -> NDArray[np.uint8]:
        """Return the sheet ``[H, W, 3]``."""
        sheet = Image.new("RGB", self.size, _BACK)
        pen = ImageDraw.Draw(sheet)
        top = 0
        for section in self._atlas.sections:
            self._write_heading(pen, section, top)
            top += self._heading
            for index, tile in enumerate(section.tiles):
                row, column = divmod(index, self._columns)
                left = _GAP + column * (self.tile[0] + _GAP)
                self._paste(sheet, pen, tile, (left, top + row * (self.tile[1] + self._label + _GAP)))
            rows = -(-len(section.tiles) // self._columns)
            top += rows * (self.tile[1] + self._label + _GAP)
        return np.asarray(sheet)

    def _write_heading(self, pen: ImageDraw.ImageDraw, section: Section, top: int) -> None:
        base = top + self._heading - _GAP
        width = self.size[0] - 2 * _GAP
        title = _shorten(pen, section.title, self._large, width)
        pen.text((_GAP, base), title, _TEXT, self._large, anchor="ls")
        left = round(_GAP + pen.textlength(f"{title}   ", self._large))
        about = _shorten(pen, section.line, self._small, width - left)
        pen.text((left, base), about, _MUTED, self._small, anchor="ls")

    def _paste(
        self, sheet: Image.Image, pen: ImageDraw.ImageDraw, tile: Tile, place: tuple[int, int]
    ) -> None:
        with Image.open(io.BytesIO(tile.picture)) as opened:
            picture = opened.convert("RGB")
        if picture.size != self.tile:
            picture = picture.resize(self.tile, Image.Resampling.LANCZOS)
        if tile.reason:
            picture = Image.blend(picture, Image.new("RGB", self.tile, _BACK), 0.65)
        sheet.paste(picture, place)
        text = f"{tile.title}: nothing found" if tile.reason else tile.title
        text = _shorten(pen, text, self._small, self.tile[0])
        pen.text((place[0], place[1] + self.tile[1] + 3), text, _MUTED, self._small)


def _shorten(
    pen: ImageDraw.ImageDraw, text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: int
) -> str:
    """Return the text, or as much of its beginning as ``width`` px hold."""
    if pen.textlength(text, font) <= width:
        return text
    while text and pen.textlength(text + _ELLIPSIS, font) > width:
        text = text[:-1]
    return text + _ELLIPSIS if text else ""
