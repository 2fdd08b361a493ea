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

_MAX_COVERAGE = 0.7
"""Share of the picture that boxes may cover; where it is more, the whole picture costs hardly more."""


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


def boxes_around(mask: NDArray[np.bool_], *, context: int, alignment: Size) -> list[Box]:
    """Return boxes that hold all of a mask, none of which overlap, from top to bottom.

    Parameters
    ----------
    mask
        ``[H, W]``: the pixels that need gradients.
    context
        Least distance, in px, from the mask to the sides of its box, the picture's own borders aside.
    alignment
        Boxes begin and end at multiples of this, or at the picture's borders: so few sizes occur.

    Returns
    -------
    None for an empty mask; one, of the whole picture, where boxes would cover most of it.
    """
    size = Size(*mask.shape)
    kernel = np.ones((2 * context + 1, 2 * context + 1), np.uint8)
    _, _, components, _ = cv2.connectedComponentsWithStats(cv2.dilate(mask.astype(np.uint8), kernel))
    boxes = [
        _align(Box(top, left, top + height, left + width), alignment, size)
        for left, top, width, height, _ in components.tolist()[1:]  # the first is what is not in the mask
    ]
    while pair := next((pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])), None):
        boxes = [box for box in boxes if box not in pair] + [pair[0].union(pair[1])]
    if sum(box.area for box in boxes) > _MAX_COVERAGE * mask.size:
        return [Box.whole(size)]
    return sorted(boxes)


def _align(box: Box, alignment: Size, size: Size) -> Box:
    vertical, horizontal = alignment
    return Box(
        box.top // vertical * vertical,
        box.left // horizontal * horizontal,
        min(-(-box.bottom // vertical) * vertical, size.height),
        min(-(-box.right // horizontal) * horizontal, size.width),
    )
