from __future__ import annotations

import numpy as np
import pytest

from dreamvid.flow.detail_statistics import hold_statistics, measure_statistics
from dreamvid.image.resize import resize
from dreamvid.types import RGB, Size


def detail(seed: int = 0, height: int = 96, width: int = 128) -> RGB:
    rng = np.random.default_rng(seed)
    fine = 0.05 * rng.standard_normal((height, width, 3))
    coarse = resize(rng.standard_normal((6, 8, 3)).astype(np.float32), Size(height, width))
    return (fine + 0.1 * coarse + [0.02, -0.01, 0.0]).astype(np.float32)


def test_what_is_at_its_level_stays_as_it_is() -> None:
    kept = hold_statistics(detail(), measure_statistics(detail()))
    assert np.allclose(kept, detail(), atol=1e-5)


def test_soft_detail_is_sharpened_back_and_loud_detail_calmed() -> None:
    level = measure_statistics(detail())
    for changed in (0.9 * detail(1), 1.2 * detail(1) + 0.03):
        held = measure_statistics(hold_statistics(changed.astype(np.float32), level))
        assert held.mean == pytest.approx(level.mean, abs=5e-4)
        assert np.allclose(held.bands, level.bands, rtol=0.2)


def test_color_is_held_apart_from_brightness() -> None:
    level = measure_statistics(detail())
    gray = detail().mean(axis=-1, keepdims=True)
    garish = gray + np.float32(1.2) * (detail() - gray)
    assert np.allclose(measure_statistics(hold_statistics(garish, level)).bands, level.bands, rtol=0.05)


def test_only_the_strength_changes_not_the_pattern() -> None:
    held = hold_statistics(detail(1) * np.float32(0.85), measure_statistics(detail()))
    assert np.corrcoef(held.ravel(), detail(1).ravel())[0, 1] > 0.98


def test_silence_is_not_blown_up() -> None:
    level = measure_statistics(detail())
    quiet = hold_statistics(np.full((96, 128, 3), 1e-6, np.float32) * detail(), level)
    assert np.abs(quiet - np.array(level.mean)).max() < 1e-4
    faint = hold_statistics(0.1 * detail(), level)
    assert np.allclose(measure_statistics(faint).bands, 0.125 * np.array(level.bands), rtol=0.1)


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (15, 15), (16, 17), (270, 480)], ids=str)
def test_any_size_will_do(size: tuple[int, int]) -> None:
    values = detail(0, *size)
    assert np.allclose(hold_statistics(values, measure_statistics(values)), values, atol=1e-5)
