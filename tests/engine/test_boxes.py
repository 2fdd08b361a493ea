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

UNIT = Size(64, 64)


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
    boxes = boxes_around(mask, context=context, stride=16, unit=UNIT)
    covered = np.zeros(mask.shape, np.int64)
    for box in boxes:
        covered[box.slices] += 1
    assert covered.max() <= 1
    for y, x in np.argwhere(mask):
        near = covered[max(0, y - context) : y + context + 1, max(0, x - context) : x + context + 1]
        assert near.all()
    assert bool(boxes) == mask.any()


def test_boxes_begin_at_strides_and_have_few_sizes() -> None:
    mask = spots((300, 410), np.s_[100:120, 200:230], np.s_[290:292, 400:405])
    inner, corner = boxes_around(mask, context=20, stride=16, unit=UNIT)
    assert inner == (80, 176, 144, 304)
    assert corner == (224, 336, 300, 410)


def test_what_moves_keeps_the_size_of_its_box() -> None:
    sizes = set()
    for place in range(100, 150):
        mask = spots((300, 410), np.s_[place : place + 60, place : place + 70])
        (box,) = boxes_around(mask, context=20, stride=16, unit=UNIT)
        sizes.add(box.size)
    assert sizes == {(128, 128)}


def test_what_is_far_apart_has_boxes_of_its_own_and_what_is_near_shares_one() -> None:
    rectangles = np.s_[40:60, 40:60], np.s_[40:60, 85:105], np.s_[400:420, 500:520]
    boxes = boxes_around(spots((500, 600), *rectangles), context=16, stride=16, unit=UNIT)
    assert boxes == [(16, 16, 80, 144), (384, 480, 448, 544)]


def test_boxes_that_save_little_are_not_worth_their_fixed_cost() -> None:
    mask = spots((90, 160), np.s_[30:60, 40:110])
    assert boxes_around(mask, context=16, stride=16, unit=UNIT) == [(0, 0, 90, 160)]
    mask = spots((90, 480), np.s_[30:60, 40:60], np.s_[30:60, 180:200])
    assert boxes_around(mask, context=16, stride=16, unit=UNIT) == [(0, 16, 90, 272)]


def test_a_mask_of_most_of_the_picture_is_one_whole_box() -> None:
    size = Size(300, 400)
    assert boxes_around(spots(size, np.s_[:, :320]), context=16, stride=16, unit=UNIT) == [Box.whole(size)]
    assert boxes_around(np.ones(size, np.bool_), context=16, stride=16, unit=UNIT) == [Box.whole(size)]
