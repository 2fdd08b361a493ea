from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid.flow.optical_flow import DenseInverseSearch
from dreamvid.flow.static_regions import suppress_flow_noise
from dreamvid.flow.warp import warp
from dreamvid.pipelines.landscape import fractal_noise

if TYPE_CHECKING:
    from dreamvid.types import RGB, Flow

HEIGHT, WIDTH = 120, 200


def scene() -> RGB:
    rng = np.random.default_rng(3)
    planes = [fractal_noise(rng, 1.4)[:HEIGHT, :WIDTH] for _ in range(3)]
    return np.asarray(np.clip(0.5 + 0.12 * np.stack(planes, axis=-1), 0, 1), np.float32)


def pan(pixels: float) -> Flow:
    flow = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    flow[..., 0] = pixels
    return flow


def grainy(picture: RGB, seed: int, grain: float) -> RGB:
    noise = np.random.default_rng(seed).normal(0, grain, picture.shape)
    return np.asarray(np.clip(picture + noise, 0, 1), np.float32)


def test_grain_is_no_motion() -> None:
    target, source = (grainy(scene(), seed, 0.02) for seed in (1, 2))
    found = DenseInverseSearch().estimate(target, source)
    assert np.abs(found).mean() > 0.05  # or there is nothing to show
    assert np.abs(suppress_flow_noise(found, target, source)).mean() < 0.4 * np.abs(found).mean()


@pytest.mark.parametrize("pixels", [0.5, 2.0, 9.0])
def test_motion_stays_under_grain(pixels: float) -> None:
    source = grainy(scene(), 1, 0.01)
    target = grainy(warp(scene(), pan(pixels)), 2, 0.01)
    inner = np.s_[10:-10, 10:-20]
    kept = suppress_flow_noise(pan(pixels), target, source)[inner]
    assert kept[..., 0].mean() == pytest.approx(pixels, rel=0.05)
    assert np.abs(kept[..., 1]).max() == 0


def test_what_moves_over_still_ground_moves_alone() -> None:
    source, target, flow = scene(), scene(), pan(0)
    flow[30:90, 50:150] = [-4, 0]
    target[30:90, 50:150] = source[30:90, 46:146]
    kept = suppress_flow_noise(flow + np.float32(0.05), target, source)
    assert kept[40:80, 60:140, 0].mean() == pytest.approx(-3.95, abs=0.05)
    assert np.abs(kept[:10]).max() < 0.01


def test_frames_that_are_equal_or_tiny_stand_still() -> None:
    for size in ((HEIGHT, WIDTH), (1, 1), (2, 50)):
        picture = scene()[: size[0], : size[1]]
        assert np.abs(suppress_flow_noise(pan(3)[: size[0], : size[1]], picture, picture)).max() == 0
