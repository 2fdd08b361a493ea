"""The preview of a training: a sheet of the pictures that the generator makes of the seeds 0, 1, 2, ..."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.types import RGB

SEEDS = range(48)
_COLUMNS = 8
_TILE = 128
"""Side of a picture on the sheet, in px, at least."""
_GAP, _GRAY = 4, 0.25


def draw_sheet(pictures: NDArray[np.float32], columns: int = _COLUMNS) -> RGB:
    """Return pictures ``[N, S, S, 1 or 3]`` in [0, 1] in rows with gray lines between, each pixel as a square."""
    count, size, _, channels = pictures.shape
    rows = -(-count // columns)
    factor = max(1, -(-_TILE // size))
    tiles = np.zeros((rows * columns, size, size, channels), np.float32)
    tiles[:count] = pictures
    tiles = tiles.repeat(factor, axis=1).repeat(factor, axis=2)
    tiles = np.pad(tiles, ((0, 0), (0, _GAP), (0, _GAP), (0, 0)), constant_values=_GRAY)
    side = size * factor + _GAP
    sheet = tiles.reshape(rows, columns, side, side, channels).transpose(0, 2, 1, 3, 4)
    sheet = sheet.reshape(rows * side, columns * side, channels)[:-_GAP, :-_GAP]
    return np.broadcast_to(sheet, (*sheet.shape[:2], 3))
