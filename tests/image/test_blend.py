"""Blend modes: the formulas of the standard at hand-picked values, and what holds for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np
import pytest

from dreamvid.image.blend import blend
from dreamvid.types import BlendMode

if TYPE_CHECKING:
    from dreamvid.types import RGB

MODES: tuple[BlendMode, ...] = get_args(BlendMode)


def one(value: float) -> RGB:
    return np.full((2, 3, 3), value, np.float32)


@pytest.mark.parametrize(
    ("mode", "source", "dreamed", "expected"),
    [
        ("normal", 0.2, 0.7, 0.7),
        ("lighten", 0.2, 0.7, 0.7),
        ("lighten", 0.7, 0.2, 0.7),
        ("darken", 0.2, 0.7, 0.2),
        ("darken", 0.7, 0.2, 0.2),
        ("screen", 0.2, 0.7, 0.76),
        ("multiply", 0.2, 0.7, 0.14),
        ("overlay", 0.2, 0.7, 0.28),  # 2 x 0.2 x 0.7: the source is dark
        ("overlay", 0.7, 0.2, 0.52),  # screen(0.2, 0.4): the source is bright
        ("hard-light", 0.2, 0.7, 0.52),  # screen(0.2, 0.4): the dream is bright
        ("hard-light", 0.7, 0.2, 0.28),  # 2 x 0.2 x 0.7: the dream is dark
        ("hard-light", 0.3, 0.5, 0.3),
        ("soft-light", 0.6, 0.25, 0.48),  # 0.6 - 0.5 x 0.6 x 0.4
        ("soft-light", 0.64, 0.75, 0.72),  # 0.64 + 0.5 x (0.8 - 0.64)
        ("soft-light", 0.25, 0.75, 0.375),  # 0.25 + 0.5 x (0.5 - 0.25): where D's halves meet
        ("soft-light", 0.1, 1.0, 0.296),  # 0.1 + (((1.6 - 12) 0.1 + 4) 0.1 - 0.1)
        ("soft-light", 0.3, 0.5, 0.3),
        ("difference", 0.2, 0.7, 0.5),
        ("difference", 0.7, 0.2, 0.5),
    ],
)
def test_the_formulas(mode: BlendMode, source: float, dreamed: float, expected: float) -> None:
    assert np.allclose(blend(one(source), one(dreamed), mode), expected, atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_keeps_the_range_and_its_inputs(mode: BlendMode) -> None:
    source, dreamed = np.random.default_rng(0).random((2, 40, 50, 3), dtype=np.float32)
    source[:5], dreamed[:, :5], source[5:10], dreamed[:, 5:10] = 0.0, 0.0, 1.0, 1.0
    before = source.copy(), dreamed.copy()
    result = blend(source, dreamed, mode)
    assert result.dtype == np.float32
    assert result.shape == source.shape
    assert result.min() >= 0.0
    assert result.max() <= 1.0
    assert np.array_equal(source, before[0])
    assert np.array_equal(dreamed, before[1])


def test_normal_is_the_dream_itself() -> None:
    dreamed = one(0.4)
    assert blend(one(0.1), dreamed, "normal") is dreamed


def test_overlay_is_hard_light_the_other_way_round() -> None:
    source, dreamed = np.random.default_rng(1).random((2, 40, 50, 3), dtype=np.float32)
    assert np.array_equal(blend(source, dreamed, "overlay"), blend(dreamed, source, "hard-light"))
