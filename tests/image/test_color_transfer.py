"""Colors held to a palette: by share, turned, and never no number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from dreamvid.image.color_transfer import Palette, hold_colors, palette_of

if TYPE_CHECKING:
    from dreamvid.types import RGB


def colors(mean: tuple[float, float, float], spread: float = 0.08, seed: int = 0) -> RGB:
    noise = np.random.default_rng(seed).normal(0.0, spread, (40, 60, 3))
    return np.clip(np.array(mean) + noise, 0.0, 1.0).astype(np.float32)


WARM, COOL = colors((0.65, 0.45, 0.4), 0.05), colors((0.4, 0.5, 0.6), 0.045, 1)


def test_a_palette_is_mean_and_spread_in_lab() -> None:
    palette = palette_of(np.full((8, 8, 3), 0.5, np.float32))
    assert palette.mean == pytest.approx((53.39, 0.0, 0.0), abs=0.05)
    assert palette.spread == pytest.approx((0.0, 0.0, 0.0), abs=1e-3)
    lab = cv2.cvtColor(WARM, cv2.COLOR_RGB2Lab)
    assert palette_of(WARM).mean == pytest.approx(tuple(lab.mean(axis=(0, 1))), abs=0.01)
    assert palette_of(WARM).spread == pytest.approx(tuple(lab.std(axis=(0, 1))), abs=0.01)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_colors_go_the_share_of_the_way(share: float) -> None:
    target = palette_of(COOL)
    held = palette_of(hold_colors(WARM, target, share))
    for own, goal, now in zip(palette_of(WARM).mean, target.mean, held.mean, strict=True):
        assert now == pytest.approx(own + share * (goal - own), abs=0.3)


def test_no_share_gives_the_picture_itself() -> None:
    assert hold_colors(WARM, palette_of(COOL), 0.0) is WARM


def test_a_picture_that_has_the_palette_stays_as_it_is() -> None:
    assert np.abs(hold_colors(WARM, palette_of(WARM), 1.0) - WARM).max() < 2e-3


def test_colors_that_are_held_again_and_again_arrive() -> None:
    picture, target = WARM, palette_of(COOL)
    for _ in range(40):
        picture = hold_colors(picture, target, 0.25)
    assert palette_of(picture).mean == pytest.approx(target.mean, abs=1.0)
    assert palette_of(picture).spread == pytest.approx(target.spread, rel=0.1)


@pytest.mark.parametrize("hue", [90.0, 180.0, -90.0, 360.0, 36000.0])
def test_a_turned_palette_is_turned_about_gray(hue: float) -> None:
    palette = palette_of(WARM)
    turned = palette.turned(hue)
    assert turned.mean[0] == palette.mean[0]
    assert np.hypot(*turned.mean[1:]) == pytest.approx(np.hypot(*palette.mean[1:]))
    before, after = (np.degrees(np.arctan2(p.mean[2], p.mean[1])) for p in (palette, turned))
    assert (after - before - hue + 180.0) % 360.0 == pytest.approx(180.0, abs=1e-6)


def test_saturation_and_brightness_are_multiples() -> None:
    palette = palette_of(WARM)
    changed = palette.turned(0.0, 0.5, 1.2)
    assert changed.mean == pytest.approx(
        (1.2 * palette.mean[0], 0.5 * palette.mean[1], 0.5 * palette.mean[2])
    )
    assert changed.spread == pytest.approx(
        (palette.spread[0], 0.5 * palette.spread[1], 0.5 * palette.spread[2])
    )
    gray = hold_colors(WARM, palette.turned(0.0, 0.0), 1.0)
    assert float(np.ptp(gray, axis=-1).mean()) < float(np.ptp(WARM, axis=-1).mean())


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("goal", ["flat", "colorful", "black", "extreme"])
def test_flat_and_gray_pictures_stay_numbers(value: float, goal: str) -> None:
    targets = {
        "flat": palette_of(np.full((8, 8, 3), 0.3, np.float32)),
        "colorful": palette_of(WARM),
        "black": palette_of(np.zeros((8, 8, 3), np.float32)),
        "extreme": Palette((400.0, 300.0, -300.0), (90.0, 90.0, 90.0)),
    }
    picture = np.full((20, 20, 3), value, np.float32)
    for _ in range(5):
        picture = hold_colors(picture, targets[goal], 0.7)
        assert np.isfinite(picture).all()
        assert picture.min() >= 0.0
        assert picture.max() <= 1.0
        assert picture.dtype == np.float32


def test_a_flat_picture_is_not_blown_up() -> None:
    grain = colors((0.5, 0.5, 0.5), 0.004)
    held = hold_colors(grain, palette_of(colors((0.5, 0.5, 0.5), 0.2)), 1.0)
    assert held[..., 0].std() < 1.4 * grain[..., 0].std()
