from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from dreamvid.flow.optical_flow import DenseInverseSearch, PolynomialExpansion, make_estimator
from dreamvid.flow.warp import warp
from dreamvid.pipelines.landscape import fractal_noise

if TYPE_CHECKING:
    from dreamvid.types import RGB, Flow, FlowEstimator

ESTIMATORS = [DenseInverseSearch("fast"), DenseInverseSearch("medium"), PolynomialExpansion()]


def texture(height: int, width: int) -> RGB:
    rng = np.random.default_rng(4)
    planes = [fractal_noise(rng, 1.4)[:height, :width] for _ in range(3)]
    return np.asarray(np.clip(0.5 + 0.2 * np.stack(planes, axis=-1), 0, 1), np.float32)


def turning(height: int, width: int, angle: float, growth: float) -> Flow:
    """The backward flow of a turn and a zoom about the center."""
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, growth)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    there = np.stack([x, y, np.ones_like(x)], axis=-1) @ matrix.T
    return np.asarray(there - np.stack([x, y], axis=-1), np.float32)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
@pytest.mark.parametrize("size", [(120, 160), (300, 900)], ids=str)
def test_known_motion_is_found(estimator: FlowEstimator, size: tuple[int, int]) -> None:
    truth = turning(*size, angle=1.0, growth=1.01)
    source = texture(*size)
    found = estimator.estimate(np.clip(warp(source, truth), 0, 1), source)
    inner = np.s_[10:-10, 10:-10]
    error = np.sqrt(np.sum((found - truth)[inner] ** 2, axis=-1))
    assert found.dtype == np.float32
    assert np.median(error) < 0.25


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
def test_what_stands_still_has_no_flow(estimator: FlowEstimator) -> None:
    still = texture(90, 120)
    assert np.abs(estimator.estimate(still, still)).max() < 0.05


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
@pytest.mark.parametrize("size", [(1, 1), (2, 40), (17, 300), (28, 640), (640, 20), (5, 2000)], ids=str)
def test_odd_sizes_are_no_trouble(estimator: FlowEstimator, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    target, source = (rng.random((*size, 3)).astype(np.float32) for _ in range(2))
    flow = estimator.estimate(target, source)
    assert flow.shape == (*size, 2)
    assert np.isfinite(flow).all()


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
def test_flat_frames_and_flashes_give_finite_flow(estimator: FlowEstimator) -> None:
    black, white = np.zeros((64, 80, 3), np.float32), np.ones((64, 80, 3), np.float32)
    for target, source in ((black, black), (black, white), (white, texture(64, 80))):
        assert np.isfinite(estimator.estimate(target, source)).all()


def test_large_frames_are_searched_at_reduced_size() -> None:
    truth = np.broadcast_to(np.array([12, -8], np.float32), (800, 1200, 2)).copy()
    source = texture(800, 1024)
    source = np.concatenate([source, source[:, :176]], axis=1)
    target = np.clip(warp(source, truth), 0, 1)
    found = make_estimator("dis", "medium", 300).estimate(target, source)
    assert np.median(np.abs(found - truth)[40:-40, 40:-40]) < 1.0


def test_estimators_are_made_by_name() -> None:
    assert make_estimator("dis", "fast", 320) == DenseInverseSearch("fast", 320)
    assert make_estimator("farneback", "fast", 320) == PolynomialExpansion(320)
