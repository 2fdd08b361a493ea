from __future__ import annotations

import numpy as np
import pytest

from dreamvid.engine.fresh import Box, boxes


def mask(height: int = 270, width: int = 480) -> np.ndarray:
    return np.zeros((height, width), np.float32)


def test_nothing_fresh_needs_no_box() -> None:
    assert boxes(mask(), smallest=64) == []


def test_everything_fresh_is_one_box() -> None:
    assert boxes(mask() + 1, smallest=64) == [Box(0, 0, 270, 480)]


def test_a_strip_at_the_border_costs_a_strip() -> None:
    fresh = mask()
    fresh[:, -10:] = 1
    (box,) = boxes(fresh, smallest=64)
    assert box.right == 480
    assert box.area < 0.2 * fresh.size
    assert box.cut(fresh).sum() == fresh.sum()


@pytest.mark.parametrize("seed", range(20))
def test_boxes_cover_what_is_fresh_lie_inside_and_stay_apart(seed: int) -> None:
    rng = np.random.default_rng(seed)
    fresh = mask(int(rng.integers(40, 300)), int(rng.integers(40, 500)))
    for _ in range(int(rng.integers(1, 5))):
        y, x = rng.integers(0, fresh.shape[0]), rng.integers(0, fresh.shape[1])
        fresh[y : y + rng.integers(4, 60), x : x + rng.integers(4, 60)] = 1
    found = boxes(fresh, smallest=64)
    covered = mask(*fresh.shape)
    for box in found:
        assert 0 <= box.top < box.bottom <= fresh.shape[0]
        assert 0 <= box.left < box.right <= fresh.shape[1]
        assert box.bottom - box.top >= min(64, fresh.shape[0])
        assert box.right - box.left >= min(64, fresh.shape[1])
        box.cut(covered)[...] += 1
    assert covered.max() <= 1
    assert fresh[covered == 0].sum() < 0.03 * fresh.sum() + 16 * 16


def test_specks_are_not_worth_a_dream() -> None:
    fresh = mask()
    fresh[100, 100] = 1
    assert boxes(fresh, smallest=64) == []
