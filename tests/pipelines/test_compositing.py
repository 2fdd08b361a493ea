"""Finishing: the order of things, and what must come out bit for bit."""

from __future__ import annotations

from typing import get_args

import cv2
import numpy as np
import pytest

from dreamvid.config.preset import Preset
from dreamvid.image.blend import blend
from dreamvid.image.color_transfer import keep_color
from dreamvid.image.luma import LUMA_WEIGHTS
from dreamvid.image.resize import resize
from dreamvid.pipelines.compositing import Compositor, make_compositor
from dreamvid.types import RGB, BlendMode, KeepColor, Mask, Size

BLENDS: tuple[BlendMode, ...] = get_args(BlendMode)
COLORS: tuple[KeepColor, ...] = get_args(KeepColor)
SIZE = Size(40, 60)


def pair() -> tuple[RGB, RGB]:
    rng = np.random.default_rng(0)
    source = rng.random((*SIZE, 3), dtype=np.float32)
    return source, np.clip(source + rng.normal(0.0, 0.1, source.shape), 0.0, 1.0).astype(np.float32)


def half_mask() -> Mask:
    mask = np.zeros(SIZE, np.float32)
    mask[:, 20:40] = np.linspace(0.0, 1.0, 20, dtype=np.float32)
    mask[:, 40:] = 1.0
    return mask


def every() -> list[Compositor]:
    return [Compositor(1.0, None, mode, method) for mode in BLENDS for method in COLORS]


@pytest.mark.parametrize("mask", [None, half_mask()], ids=["everywhere", "masked"])
def test_strength_zero_is_the_source_itself(mask: Mask | None) -> None:
    source, dreamed = pair()
    assert Compositor(0.0, None, "screen", "lab").apply(source, source, dreamed, mask) is source


def test_all_of_a_plain_dream_is_the_dream_itself() -> None:
    source, dreamed = pair()
    assert Compositor().apply(source, source, dreamed) is dreamed


@pytest.mark.parametrize("finish", every(), ids=lambda f: f"{f.blend}-{f.keep_color}")
def test_outside_of_the_mask_is_the_source_bit_for_bit(finish: Compositor) -> None:
    source, dreamed = pair()
    before = source.copy(), dreamed.copy()
    masked = finish.apply(source, source, dreamed, half_mask())
    assert np.array_equal(masked[:, :21], source[:, :21])
    assert np.allclose(masked[:, 40:], finish.apply(source, source, dreamed)[:, 40:], atol=1e-6)
    assert np.array_equal(source, before[0])
    assert np.array_equal(dreamed, before[1])


def test_strength_and_mask_multiply() -> None:
    source, dreamed = pair()
    mask = half_mask()
    result = Compositor(0.5).apply(source, source, dreamed, mask)
    assert np.allclose(result, source + 0.5 * mask[..., None] * (dreamed - source), atol=1e-6)


def test_color_is_kept_before_the_dream_is_laid_over_its_source() -> None:
    source, dreamed = pair()
    result = Compositor(0.8, None, "overlay", "luma").apply(source, source, dreamed)
    laid = blend(source, keep_color(source, dreamed, "luma"), "overlay")
    assert np.allclose(result, source + 0.8 * (laid - source), atol=1e-6)


@pytest.mark.parametrize("finish", every(), ids=lambda f: f"{f.blend}-{f.keep_color}")
def test_a_small_dream_is_finished_at_full_size(finish: Compositor) -> None:
    source, _ = pair()
    small = Compositor(dream_size=Size(20, 30)).prepare(source)
    dreamed = np.clip(small + np.float32(0.1), 0.0, 1.0)
    full = np.clip(source + resize(dreamed - small, SIZE), 0.0, 1.0)
    sized = Compositor(1.0, Size(20, 30), finish.blend, finish.keep_color)
    assert np.allclose(sized.apply(source, small, dreamed), finish.apply(source, source, full), atol=1e-6)


def test_the_detail_of_the_source_survives_a_small_dream_in_kept_color() -> None:
    source = np.repeat(np.indices(SIZE).sum(axis=0)[..., None] % 2, 3, axis=2).astype(np.float32) * 0.5 + 0.25
    finish = Compositor(1.0, Size(10, 15), keep_color="luma")
    small = finish.prepare(source)
    result = finish.apply(source, small, small + np.array([0.1, 0.0, 0.0], np.float32))
    assert np.allclose(result @ LUMA_WEIGHTS, source @ LUMA_WEIGHTS + 0.1 * LUMA_WEIGHTS[0], atol=1e-5)
    assert np.ptp(cv2.GaussianBlur(result, (0, 0), 3)) < 0.1 < np.ptp(result)


def test_a_preset_says_all_of_it() -> None:
    look = {"strength": 0.5, "blend": "soft-light", "keep_color": "lab"}
    preset = Preset.build({"look": look, "output": {"dream_width": 30}})
    assert make_compositor(preset, SIZE) == Compositor(0.5, Size(20, 30), "soft-light", "lab")
