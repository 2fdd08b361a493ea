from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid.flow.occlusion import carry_mask
from dreamvid.flow.optical_flow import DenseInverseSearch
from dreamvid.flow.static_regions import static_mask, suppress_flow_noise
from dreamvid.flow.warp import warp
from dreamvid.pipelines.landscape import fractal_noise

if TYPE_CHECKING:
    from dreamvid.types import RGB, Flow, Mask

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


def found_static(target: RGB, source: RGB) -> Mask:
    """Return the mask of two frames whose motion is estimated."""
    estimator = DenseInverseSearch()
    flow = suppress_flow_noise(estimator.estimate(target, source), target, source)
    visible_mask = carry_mask(flow, estimator.estimate(source, target), edge=2.0)
    return static_mask(flow, visible_mask, target, source)


def with_disk(picture: RGB, x: int) -> RGB:
    """Return the picture with a textured disk of a radius of 20 px in front."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    disk = np.hypot(rows - 60, columns - x) < 20
    return np.where(disk[..., None], np.roll(1 - picture, x, axis=1), picture)


@pytest.mark.parametrize("grain", [0.0, 0.01])
def test_a_still_camera_shows_a_static_picture_under_grain(grain: float) -> None:
    mask = found_static(grainy(scene(), 1, grain), grainy(scene(), 2, grain))
    assert mask.mean() > 0.6
    assert (mask == 1).mean() > 0.5
    assert mask.dtype == np.float32


@pytest.mark.parametrize("grain", [0.0, 0.01])
def test_one_moving_thing_leaves_the_rest_static(grain: float) -> None:
    source, target = (grainy(with_disk(scene(), x), x, grain) for x in (60, 63))
    mask = found_static(target, source)
    assert mask[45:75, 45:80].max() == 0
    assert mask[:, 120:].mean() > 0.7
    assert np.abs(np.diff(mask)).max() < 0.5


@pytest.mark.parametrize("grain", [0.0, 0.01])
def test_only_what_is_near_a_moving_thing_is_not_static(grain: float) -> None:
    source, target = (grainy(with_disk(scene(), x), x, grain) for x in (60, 63))
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    mask = found_static(target, source)
    assert mask[np.hypot(rows - 60, columns - 62) > 20 + 18].min() == 1


@pytest.mark.parametrize("pixels", [0.3, 2.0])
def test_a_pan_is_not_static(pixels: float) -> None:
    assert found_static(warp(scene(), pan(pixels)), scene()).mean() < 0.1


@pytest.mark.parametrize("grain", [0.0, 0.01])
@pytest.mark.parametrize("gain", [0.9, 0.99, 0.995])
def test_fades_and_flicker_are_not_static(gain: float, grain: float) -> None:
    target = grainy(np.asarray(gain * scene(), np.float32), 1, grain)
    assert found_static(target, grainy(scene(), 2, grain)).mean() < 0.1


def test_a_dissolve_is_not_static() -> None:
    other = scene()[::-1, ::-1]
    source, target = (np.asarray(scene() + share * (other - scene()), np.float32) for share in (0.5, 0.52))
    assert found_static(target, source).mean() < 0.3


def test_a_lamp_that_is_switched_on_is_not_static() -> None:
    target = scene()
    target[30:80, 60:140] *= 1.03
    mask = found_static(target, scene())
    assert mask[35:75, 65:135].max() == 0
    assert mask[:, 170:].min() == 1


def test_specks_make_no_holes_and_no_islands() -> None:
    still, visible_mask = pan(0), np.ones((HEIGHT, WIDTH), np.float32)
    visible_mask[20:22, 20:22] = 0
    assert static_mask(still, visible_mask, scene(), scene()).min() > 0.9
    moving = pan(3)
    moving[60:64, 100:104] = 0
    assert static_mask(moving, np.ones_like(visible_mask), scene(), scene()).max() == 0


def test_tiny_frames_have_a_static_mask() -> None:
    for size in ((1, 1), (2, 50)):
        picture = scene()[: size[0], : size[1]]
        mask = static_mask(np.zeros((*size, 2), np.float32), np.ones(size, np.float32), picture, picture)
        assert mask.shape == size
        assert mask.min() == 1
