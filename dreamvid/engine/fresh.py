"""Where in a picture full dreams are wanted: the boxes around what is fresh."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.types import Mask

_CELL = 16
_LEAST = 0.02
"""Sum of fresh shares in a box, as a share of the box, that makes it worth dreaming."""
_WHOLE = 0.7
"""Share of the picture from which on it is dreamed as a whole: boxes have overlap and margins of their own."""


class Box(NamedTuple):
    """Part of a picture, in px."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def area(self) -> int:
        """Its pixels."""
        return (self.bottom - self.top) * (self.right - self.left)

    def cut(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a view of what lies inside, of ``[H, W]`` or ``[H, W, C]``."""
        return values[self.top : self.bottom, self.left : self.right]


def boxes(fresh: Mask, *, smallest: int) -> list[Box]:
    """Return boxes that cover what is fresh, with a margin, and do not overlap.

    Parameters
    ----------
    fresh
        ``[H, W]`` in [0, 1]: how fresh each pixel is.
    smallest
        Least side of a box in px, as far as the picture goes; for a network to see something.
    """
    height, width = fresh.shape
    whole = Box(0, 0, height, width)
    cells = _cells(fresh)
    if not cells.any():
        return []
    found = [_roomy(box, whole, smallest) for box in _components(cells)]
    found = [box for box in _disjoint(found) if float(box.cut(fresh).mean()) > _LEAST]
    return [whole] if sum(box.area for box in found) > _WHOLE * whole.area else found


def _cells(fresh: Mask) -> NDArray[np.bool_]:
    """Return which cells of 16 x 16 px hold something clearly fresh."""
    height, width = fresh.shape
    padded = np.pad(fresh, ((0, -height % _CELL), (0, -width % _CELL)))
    grid = padded.reshape(padded.shape[0] // _CELL, _CELL, padded.shape[1] // _CELL, _CELL)
    result: NDArray[np.bool_] = grid.mean(axis=(1, 3)) > _LEAST
    return result


def _components(cells: NDArray[np.bool_]) -> list[Box]:
    _, _, stats, _ = cv2.connectedComponentsWithStats(cells.astype(np.uint8), connectivity=8)
    return [
        Box(int(y) * _CELL, int(x) * _CELL, int(y + h) * _CELL, int(x + w) * _CELL)
        for x, y, w, h, _ in stats[1:]
    ]


def _roomy(box: Box, whole: Box, smallest: int) -> Box:
    top, bottom = _widened(box.top, box.bottom, whole.bottom, smallest)
    left, right = _widened(box.left, box.right, whole.right, smallest)
    return Box(top, left, bottom, right)


def _widened(start: int, end: int, limit: int, smallest: int) -> tuple[int, int]:
    """Add a cell on both sides, and more up to the smallest length, within 0..limit."""
    length = min(limit, max(smallest, end - start + 2 * _CELL))
    first = min(max(0, (start + end - length) // 2), limit - length)
    return first, first + length


def _disjoint(found: list[Box]) -> list[Box]:
    """Join boxes that overlap until none do."""
    done: list[Box] = []
    waiting = list(found)
    while waiting:
        box = waiting.pop()
        other = next((one for one in done if _overlap(one, box)), None)
        if other is None:
            done.append(box)
        else:
            done.remove(other)
            waiting.append(
                Box(
                    min(box.top, other.top),
                    min(box.left, other.left),
                    max(box.bottom, other.bottom),
                    max(box.right, other.right),
                )
            )
    return sorted(done)


def _overlap(one: Box, two: Box) -> bool:
    return one.top < two.bottom and two.top < one.bottom and one.left < two.right and two.left < one.right
