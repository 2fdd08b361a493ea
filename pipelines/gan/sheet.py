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


def draw_sheet(pictures: NDArray[np.float32], columns: int = _COLUMNS) -> RGB:
    """Return pictures ``[N, S, S, 1 or 3]`` in [0, 1] in rows, each pixel enlarged to a square."""
    count, size, _, channels = pictures.shape
    rows = -(-count // columns)
    sheet = np.zeros((rows * columns, size, size, channels), np.float32)
    sheet[:count] = pictures
    factor = max(1, -(-_TILE // size))
    sheet = sheet.reshape(rows, columns, size, size, channels).transpose(0, 2, 1, 3, 4)
    sheet = sheet.reshape(rows * size, columns * size, channels).repeat(factor, axis=0).repeat(factor, axis=1)
    return np.broadcast_to(sheet, (*sheet.shape[:2], 3))
