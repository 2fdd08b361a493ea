"""Masks: soft edges that stay inside, what is bright, and what moves on its own."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from dreamvid.image.masks import feather, luma_mask, motion_mask, stretch_levels
from dreamvid.types import Mask, Size

SIZE = Size(90, 160)


def disc(radius: int = 40, *, around: float = 0.0) -> Mask:
    mask = np.full(SIZE, around, np.float32)
    cv2.circle(mask, (80, 45), radius, 1.0, -1)
    return mask


@pytest.mark.parametrize("width", [0.0, 1.0])
def test_no_feather_is_the_mask_itself(width: float) -> None:
    mask = disc()
    assert feather(mask, width) is mask


@pytest.mark.parametrize("width", [2.0, 8.0, 12.5, 30.0])
def test_the_soft_edge_lies_inside(width: float) -> None:
    mask = disc()
    soft = feather(mask, width)
    distance = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    assert (soft[mask == 0.0] == 0.0).all()
    assert (soft <= mask).all()
    assert (soft[distance >= width + max(1.0, width / 16)] > 0.995).all()
    assert (soft[mask == 1.0] > 0.0).all()


@pytest.mark.parametrize("width", [8.0, 16.0, 32.0])
def test_the_soft_edge_rises_smoothly(width: float) -> None:
    mask = np.zeros((20, 100), np.float32)
    mask[:, 40:] = 1.0
    share = np.clip((np.arange(100) - 39) / width, 0.0, 1.0)
    rise = np.where(share < 0.5, 2 * share**2, 1 - 2 * (1 - share) ** 2)
    assert np.abs(feather(mask, width) - rise).max() < 0.05


@pytest.mark.parametrize("width", [8.0, 40.0])
def test_grays_stay_gray_and_steps_between_them_are_softened(width: float) -> None:
    flat = np.full(SIZE, 0.4, np.float32)
    assert np.allclose(feather(flat, width), 0.4, atol=1e-6)
    slope = np.broadcast_to(np.linspace(0.0, 1.0, SIZE.width, dtype=np.float32), SIZE).copy()
    assert np.abs(feather(slope, width) - slope).max() < 0.1
    soft = feather(disc(around=0.2), width)
    assert np.allclose(soft[0], 0.2, atol=1e-6)
    assert np.abs(np.diff(soft[45])).max() < 4.0 / width


@pytest.mark.parametrize("width", [4.0, 16.0])
def test_a_little_noise_in_a_mask_stays_little(width: float) -> None:
    rng = np.random.default_rng(0)
    smooth = cv2.GaussianBlur(rng.random(SIZE, dtype=np.float32), (0, 0), 6)
    smooth = np.clip((smooth - smooth.min()) / np.ptp(smooth), 0.0, 1.0)
    noise = 0.01 * (2.0 * rng.random(SIZE, dtype=np.float32) - 1.0)
    noisy = np.clip(smooth + noise, 0.0, 1.0)
    assert np.abs(feather(noisy, width) - feather(smooth, width)).max() <= 0.0101


def test_the_border_of_the_picture_is_no_edge() -> None:
    for width in (8.0, 100.0):
        assert (feather(np.ones(SIZE, np.float32), width) == 1.0).all()
        assert feather(np.ones((1, 7), np.float32), width).shape == (1, 7)


def test_nearly_black_is_black_and_nearly_white_is_white() -> None:
    found = stretch_levels(np.array([[0.0, 0.02, 0.5, 0.98, 1.0]], np.float32))
    assert np.allclose(found, [[0.0, 0.0, 0.5, 1.0, 1.0]])


def test_luma_masks_what_is_bright() -> None:
    picture = np.zeros((*SIZE, 3), np.float32)
    picture[:, 40:80] = 0.5
    picture[:, 80:120] = [0.0, 1.0, 0.0]  # green is bright
    picture[:, 120:] = [0.0, 0.0, 1.0]  # blue is not
    mask = luma_mask(picture)
    assert np.allclose(mask[45, [20, 60, 100, 140]], [0.0, 0.5, 1.0, 0.0], atol=1e-3)


def test_grain_does_not_show_in_a_luma_mask() -> None:
    grain = np.random.default_rng(0).normal(0.5, 0.03, (360, 640, 3)).astype(np.float32)
    assert luma_mask(np.clip(grain, 0.0, 1.0)).std() < 0.02


def test_motion_masks_what_is_fast() -> None:
    speed = np.zeros((45, 80), np.float32)
    speed[:, 20:40], speed[:, 40:60], speed[:, 60:] = 0.015, 0.0325, 0.1
    mask = motion_mask(speed, SIZE)
    assert mask.shape == SIZE
    assert np.allclose(mask[45, [20, 60, 100, 140]], [0.0, 0.0, 0.5, 1.0], atol=1e-5)
    assert mask.min() >= 0.0
    assert mask.max() <= 1.0
