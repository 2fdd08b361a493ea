from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid.flow.warp import resize_flow, warp, warp_cubic, warp_linear
from dreamvid.types import Size

if TYPE_CHECKING:
    from dreamvid.types import RGB, Flow


def picture(height: int = 40, width: int = 60) -> RGB:
    y, x = np.mgrid[:height, :width].astype(np.float32)
    waves = [np.sin(x / 7 + phase) * np.cos(y / 5 + phase) for phase in (0, 1, 2)]
    return (0.5 + 0.4 * np.stack(waves, axis=-1)).astype(np.float32)


def constant(dx: float, dy: float, height: int = 40, width: int = 60) -> Flow:
    return np.broadcast_to(np.array([dx, dy], np.float32), (height, width, 2)).copy()


@pytest.mark.parametrize("sample", [warp, warp_cubic, warp_linear])
def test_no_motion_changes_nothing(sample: type) -> None:
    still = picture() - 0.5
    assert np.array_equal(sample(still, constant(0, 0)), still)


@pytest.mark.parametrize("sample", [warp, warp_cubic, warp_linear])
def test_a_pixel_comes_from_where_the_flow_points(sample: type) -> None:
    moved = sample(picture(), constant(3, -2))
    assert np.allclose(moved[5:-5, 5:-5], picture()[3:-7, 8:-2], atol=1e-6)


def test_detail_lasts_through_a_hundred_fractional_moves() -> None:
    rng = np.random.default_rng(0)
    detail = np.repeat(np.repeat(rng.standard_normal((32, 32, 3)), 4, 0), 4, 1).astype(np.float32)
    moved = detail
    for index in range(100):
        moved = warp(moved, constant(0.3 if index % 2 else -0.3, 0.2 if index % 2 else -0.2, 128, 128))
    inner = np.s_[16:-16, 16:-16]
    assert np.std(moved[inner]) > 0.85 * np.std(detail[inner])
    assert np.corrcoef(moved[inner].ravel(), detail[inner].ravel())[0, 1] > 0.87


def test_borders_are_mirrored_not_smeared() -> None:
    moved = warp_linear(picture(), constant(-4, 0))
    assert np.allclose(moved[:, 0], picture()[:, 4], atol=1e-6)
    assert np.allclose(moved[:, 3], picture()[:, 1], atol=1e-6)


def test_a_flow_grows_with_its_picture() -> None:
    grown = resize_flow(constant(3, -2), Size(80, 180))
    assert grown.shape == (80, 180, 2)
    assert np.allclose(grown, [9, -4])
    assert resize_flow(grown, Size(80, 180)) is grown


def test_masks_are_warped_like_pictures() -> None:
    mask = np.zeros((40, 60), np.float32)
    mask[10, 20] = 1
    assert warp_linear(mask, constant(5, 3))[7, 15] == 1
