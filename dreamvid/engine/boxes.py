"""Find the boxes of a picture that need gradients, where the rest of it is not to change.

A box holds the pixels that change and some context, which the network sees and which does not change, so that boxes
leave no edge in the picture. Half of a tile's halo is context enough: 40 px for dreamnet, about 55 with alignment.
Cosine between the gradients inside of a box and those of the whole picture, for frames that are dreamed already
(mixed5 and mixed4; boxes of a tenth of the picture): 0.92 with 16 px of context, 0.98 with 32, 0.996 with 48, 1.000
with 80. Each gradient is divided by its mean, here that of the box: this makes steps a little shorter, by a median of
0.9 times, 0.7 to 1.2 times at the extremes.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple, Self

import cv2
import numpy as np

from dreamvid.types import Size

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FIXED_COST = 160 * 160
"""Time of a gradient that does not depend on the size of its picture, in pixels' worth: dreamnet on a CPU, 16 ms."""
_MIN_SAVING = 0.15
"""Least share of the whole picture's cost that boxes must save."""


class Box(NamedTuple):
    """A rectangle of a picture, in px; ``bottom`` and ``right`` lie one past its last row and column."""

    top: int
    left: int
    bottom: int
    right: int

    @classmethod
    def whole(cls, size: Size) -> Self:
        """Return the box of a whole picture."""
        return cls(0, 0, *size)

    @property
    def area(self) -> int:
        """Number of pixels."""
        return (self.bottom - self.top) * (self.right - self.left)

    @property
    def size(self) -> Size:
        """Height and width."""
        return Size(self.bottom - self.top, self.right - self.left)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the box in an array ``[H, W, ...]``."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def overlaps(self, other: Box) -> bool:
        """Return whether they share pixels."""
        return (
            self.top < other.bottom
            and other.top < self.bottom
            and self.left < other.right
            and other.left < self.right
        )

    def union(self, other: Box) -> Box:
        """Return the smallest box that holds both."""
        return Box(
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
        )


def boxes_around(mask: NDArray[np.bool_], *, context: int, stride: int, unit: Size) -> list[Box]:
    """Return boxes that hold all of a mask, none of which overlap, from top to bottom.

    Parameters
    ----------
    mask
        ``[H, W]``: the pixels that need gradients.
    context
        Least distance, in px, from the mask to the sides of its box, the picture's own borders aside.
    stride
        Boxes begin at multiples of this, as the network's features do.
    unit
        Heights and widths are multiples of these, but for boxes that end at the picture's borders: so few sizes
        occur.

    Returns
    -------
    None for an empty mask; one, of the whole picture, where boxes would save little.
    """
    size = Size(*mask.shape)
    kernel = np.ones((2 * context + 1, 2 * context + 1), np.uint8)
    _, _, components, _ = cv2.connectedComponentsWithStats(cv2.dilate(mask.astype(np.uint8), kernel))
    boxes = [
        _round_up(Box(top, left, top + height, left + width), stride, unit, size)
        for left, top, width, height, _ in components.tolist()[1:]  # the first is what is not in the mask
    ]
    while pair := next((pair for pair in combinations(boxes, 2) if _cost_less_together(*pair)), None):
        union = _round_up(pair[0].union(pair[1]), stride, unit, size)
        boxes = [box for box in boxes if box not in pair] + [union]
    if sum(map(_cost, boxes)) > (1.0 - _MIN_SAVING) * _cost(Box.whole(size)):
        return [Box.whole(size)]
    return sorted(boxes)


def _cost(box: Box) -> int:
    return box.area + _FIXED_COST


def _cost_less_together(box: Box, other: Box) -> bool:
    return box.overlaps(other) or _cost(box.union(other)) <= _cost(box) + _cost(other)


def _round_up(box: Box, stride: int, unit: Size, size: Size) -> Box:
    top, bottom = _round_up_side(box.top, box.bottom, stride, unit.height, size.height)
    left, right = _round_up_side(box.left, box.right, stride, unit.width, size.width)
    return Box(top, left, bottom, right)


def _round_up_side(start: int, end: int, stride: int, unit: int, length: int) -> tuple[int, int]:
    """Return where a side that holds ``start`` to ``end`` begins and ends, within 0 to ``length``."""
    start -= start % stride
    side = -(-(end - start) // unit) * unit
    if start + side < length:
        return start, start + side
    return max(0, length - side) // stride * stride, length
