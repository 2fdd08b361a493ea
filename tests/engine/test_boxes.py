"""The boxes of a picture that need gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dreamvid.engine.boxes import Box, boxes_around
from dreamvid.types import Size

if TYPE_CHECKING:
    from numpy.typing import NDArray

ALIGNMENT = Size(32, 32)


def spots(size: tuple[int, int], *rectangles: tuple[slice, slice]) -> NDArray[np.bool_]:
    mask = np.zeros(size, np.bool_)
    for rectangle in rectangles:
        mask[rectangle] = True
    return mask


@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 50), st.integers(0, 2**32 - 1))
def test_boxes_hold_the_whole_mask_and_its_context_and_never_overlap(
    height: int, width: int, context: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((height, width)) < rng.choice([0, 1e-4, 1e-3, 0.1])
    boxes = boxes_around(mask, context=context, alignment=ALIGNMENT)
    covered = np.zeros(mask.shape, np.int64)
    for box in boxes:
        covered[box.slices] += 1
    assert covered.max() <= 1
    for y, x in np.argwhere(mask):
        near = covered[max(0, y - context) : y + context + 1, max(0, x - context) : x + context + 1]
        assert near.all()
    assert bool(boxes) == mask.any()


def test_boxes_begin_and_end_at_multiples_or_at_the_border() -> None:
    mask = spots((300, 410), np.s_[100:120, 200:230], np.s_[290:292, 400:405])
    inner, corner = boxes_around(mask, context=20, alignment=ALIGNMENT)
    assert inner == (64, 160, 160, 256)
    assert corner == (256, 352, 300, 410)


def test_what_is_far_apart_has_boxes_of_its_own_and_what_is_near_shares_one() -> None:
    rectangles = np.s_[40:60, 40:60], np.s_[40:60, 100:120], np.s_[400:420, 500:520]
    boxes = boxes_around(spots((500, 600), *rectangles), context=16, alignment=ALIGNMENT)
    assert boxes == [(0, 0, 96, 160), (384, 480, 448, 544)]


def test_a_mask_of_most_of_the_picture_is_one_whole_box() -> None:
    size = Size(300, 400)
    assert boxes_around(spots(size, np.s_[:, :260]), context=16, alignment=ALIGNMENT) == [Box.whole(size)]
    assert boxes_around(np.ones(size, np.bool_), context=16, alignment=ALIGNMENT) == [Box.whole(size)]
