"""Color transfer: what stays of the source and of the dream, palettes that are matched, and that nothing flickers."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import cv2
import numpy as np
import pytest

from dreamvid.image.color_transfer import Palette, keep_color, match_palette, measure_palette
from dreamvid.image.luma import LUMA_WEIGHTS
from dreamvid.types import KeepColor

if TYPE_CHECKING:
    from dreamvid.types import RGB

METHODS: tuple[KeepColor, ...] = get_args(KeepColor)


def pair(seed: int = 0, *, detail: float = 0.1) -> tuple[RGB, RGB]:
    """Return a picture of soft colors and a dream of it, far enough from black and white to be in gamut."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((6, 8, 3), dtype=np.float32)
    source = 0.5 + 0.25 * (cv2.resize(coarse, (80, 60), interpolation=cv2.INTER_LINEAR) - 0.5)
    added = cv2.GaussianBlur(rng.standard_normal((60, 80, 3), dtype=np.float32), (0, 0), 2) * 7.0
    return source.astype(np.float32), np.clip(source + detail * added, 0.1, 0.9).astype(np.float32)


def lab(rgb: RGB) -> RGB:
    """Return CIE L*a*b* by OpenCV, of light that was linearized here: its own table is half a unit off."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return np.asarray(cv2.cvtColor(linear.astype(np.float32), cv2.COLOR_LRGB2Lab), np.float32)


def test_off_is_the_dream_itself() -> None:
    source, dreamed = pair()
    assert keep_color(source, dreamed, "off") is dreamed


@pytest.mark.parametrize("method", METHODS)
def test_a_dream_that_changed_nothing_changes_nothing(method: KeepColor) -> None:
    source = np.random.default_rng(0).random((60, 80, 3), dtype=np.float32)
    source[:10], source[10:20] = 0.0, 1.0
    assert np.abs(keep_color(source, source, method) - source).max() < 5e-5


@pytest.mark.parametrize("method", METHODS)
def test_every_method_keeps_the_range_and_its_inputs(method: KeepColor) -> None:
    source, dreamed = np.random.default_rng(0).random((2, 40, 50, 3), dtype=np.float32)
    source[:5], dreamed[:, :5], source[5:10], dreamed[:, 5:10] = 0.0, 0.0, 1.0, 1.0
    before = source.copy(), dreamed.copy()
    result = keep_color(source, dreamed, method)
    assert result.dtype == np.float32
    assert result.shape == source.shape
    assert np.isfinite(result).all()
    assert result.min() >= 0.0
    assert result.max() <= 1.0
    assert np.array_equal(source, before[0])
    assert np.array_equal(dreamed, before[1])


def test_luma_comes_from_the_dream_and_chroma_from_the_source() -> None:
    source, dreamed = pair()
    kept = keep_color(source, dreamed, "luma")
    assert np.allclose(kept @ LUMA_WEIGHTS, dreamed @ LUMA_WEIGHTS, atol=1e-5)
    assert np.allclose(
        kept - (kept @ LUMA_WEIGHTS)[..., None], source - (source @ LUMA_WEIGHTS)[..., None], atol=1e-5
    )


def test_lab_takes_lightness_from_the_dream_and_the_rest_from_the_source() -> None:
    source, dreamed = pair()
    kept = lab(keep_color(source, dreamed, "lab"))
    assert np.abs(kept[..., 0] - lab(dreamed)[..., 0]).max() < 0.1
    assert np.abs(kept[..., 1:] - lab(source)[..., 1:]).max() < 0.1


@pytest.mark.parametrize("method", ["luma", "lab"])
def test_what_no_screen_can_show_loses_saturation_but_no_lightness(method: KeepColor) -> None:
    source = np.zeros((1, 3, 3), np.float32) + np.array([0.1, 0.2, 0.9], np.float32)  # a deep blue
    dreamed = np.array([[[0.9] * 3, [1.0] * 3, [0.0] * 3]], np.float32)
    kept = keep_color(source, dreamed, method)
    lightness = (lambda rgb: lab(rgb)[..., 0]) if method == "lab" else (lambda rgb: rgb @ LUMA_WEIGHTS)
    assert np.allclose(lightness(kept), lightness(dreamed), atol=0.1)
    assert kept[0, 0].argmax() == 2
    assert np.allclose(kept[0, 1:], dreamed[0, 1:], atol=1e-3)  # white and black have no color


def test_histogram_gives_the_dream_the_distribution_of_the_source() -> None:
    source, dreamed = pair(detail=0.05)
    dreamed = np.clip(dreamed * 0.6 + np.array([0.3, 0.0, 0.1], np.float32), 0.0, 1.0)
    kept = keep_color(source, dreamed, "histogram")
    shares = np.linspace(0.02, 0.98, 49)
    for channel in range(3):
        wanted, got, before = (np.quantile(p[..., channel], shares) for p in (source, kept, dreamed))
        assert np.abs(got - wanted).max() < 0.02
        assert np.abs(before - wanted).max() > 0.1
    order = np.argsort(dreamed[..., 0], axis=None)
    assert (np.diff(kept[..., 0].ravel()[order]) >= 0.0).all()


def test_histogram_amplifies_no_grain() -> None:
    source, dreamed = pair()
    grain = 0.005 * np.random.default_rng(1).standard_normal(source.shape, dtype=np.float32)
    one, other = (keep_color(source, each, "histogram") for each in (dreamed, dreamed + grain))
    assert (one - other).std() < 1.2 * grain.std()


def test_histogram_is_gentle_where_the_source_has_two_colors_only() -> None:
    rng = np.random.default_rng(0)
    source = np.where(rng.random((60, 80, 1)) < 0.5, 0.2, 0.8) * np.ones(3)
    dreamed = np.clip(source + 0.2 * rng.standard_normal(source.shape), 0.0, 1.0)
    grainy = np.clip(dreamed + 0.005 * rng.standard_normal(source.shape), 0.0, 1.0)
    one, other = (
        keep_color(source.astype(np.float32), each.astype(np.float32), "histogram")
        for each in (dreamed, grainy)
    )
    assert (one - other).std() < 6 * (dreamed - grainy).std()  # 7 if matched plainly


def colors(mean: tuple[float, float, float], spread: float = 0.08, seed: int = 0) -> RGB:
    noise = np.random.default_rng(seed).normal(0.0, spread, (40, 60, 3))
    return np.clip(np.array(mean) + noise, 0.0, 1.0).astype(np.float32)


WARM, COOL = colors((0.65, 0.45, 0.4), 0.05), colors((0.4, 0.5, 0.6), 0.045, 1)


def test_a_palette_is_mean_and_spread_in_lab() -> None:
    palette = measure_palette(np.full((8, 8, 3), 0.5, np.float32))
    assert palette.mean == pytest.approx((53.39, 0.0, 0.0), abs=0.05)
    assert palette.spread == pytest.approx((0.0, 0.0, 0.0), abs=1e-3)
    lab = cv2.cvtColor(WARM, cv2.COLOR_RGB2Lab)
    assert measure_palette(WARM).mean == pytest.approx(tuple(lab.mean(axis=(0, 1))), abs=0.01)
    assert measure_palette(WARM).spread == pytest.approx(tuple(lab.std(axis=(0, 1))), abs=0.01)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_colors_go_the_share_of_the_way(share: float) -> None:
    target = measure_palette(COOL)
    held = measure_palette(match_palette(WARM, target, share))
    for own, goal, now in zip(measure_palette(WARM).mean, target.mean, held.mean, strict=True):
        assert now == pytest.approx(own + share * (goal - own), abs=0.3)


def test_no_share_gives_the_picture_itself() -> None:
    assert match_palette(WARM, measure_palette(COOL), 0.0) is WARM


def test_a_picture_that_has_the_palette_stays_as_it_is() -> None:
    assert np.abs(match_palette(WARM, measure_palette(WARM), 1.0) - WARM).max() < 2e-3


def test_colors_that_are_held_again_and_again_arrive() -> None:
    picture, target = WARM, measure_palette(COOL)
    for _ in range(40):
        picture = match_palette(picture, target, 0.25)
    assert measure_palette(picture).mean == pytest.approx(target.mean, abs=1.0)
    assert measure_palette(picture).spread == pytest.approx(target.spread, rel=0.1)


@pytest.mark.parametrize("hue", [90.0, 180.0, -90.0, 360.0, 36000.0])
def test_a_turned_palette_is_turned_about_gray(hue: float) -> None:
    palette = measure_palette(WARM)
    adjusted = palette.adjusted(hue)
    assert adjusted.mean[0] == palette.mean[0]
    assert np.hypot(*adjusted.mean[1:]) == pytest.approx(np.hypot(*palette.mean[1:]))
    before, after = (np.degrees(np.arctan2(p.mean[2], p.mean[1])) for p in (palette, adjusted))
    assert (after - before - hue + 180.0) % 360.0 == pytest.approx(180.0, abs=1e-6)


def test_saturation_and_brightness_are_multiples() -> None:
    palette = measure_palette(WARM)
    changed = palette.adjusted(0.0, 0.5, 1.2)
    assert changed.mean == pytest.approx(
        (1.2 * palette.mean[0], 0.5 * palette.mean[1], 0.5 * palette.mean[2])
    )
    assert changed.spread == pytest.approx(
        (palette.spread[0], 0.5 * palette.spread[1], 0.5 * palette.spread[2])
    )
    gray = match_palette(WARM, palette.adjusted(0.0, 0.0), 1.0)
    assert float(np.ptp(gray, axis=-1).mean()) < float(np.ptp(WARM, axis=-1).mean())


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("goal", ["flat", "colorful", "black", "extreme"])
def test_flat_and_gray_pictures_stay_numbers(value: float, goal: str) -> None:
    targets = {
        "flat": measure_palette(np.full((8, 8, 3), 0.3, np.float32)),
        "colorful": measure_palette(WARM),
        "black": measure_palette(np.zeros((8, 8, 3), np.float32)),
        "extreme": Palette((400.0, 300.0, -300.0), (90.0, 90.0, 90.0)),
    }
    picture = np.full((20, 20, 3), value, np.float32)
    for _ in range(5):
        picture = match_palette(picture, targets[goal], 0.7)
        assert np.isfinite(picture).all()
        assert picture.min() >= 0.0
        assert picture.max() <= 1.0
        assert picture.dtype == np.float32


def test_a_flat_picture_is_not_blown_up() -> None:
    grain = colors((0.5, 0.5, 0.5), 0.004)
    held = match_palette(grain, measure_palette(colors((0.5, 0.5, 0.5), 0.2)), 1.0)
    assert held[..., 0].std() < 1.4 * grain[..., 0].std()
