"""Pictures that turn into each other, and dreams that dissolve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from dreamvid.flow.detail_statistics import measure_statistics
from dreamvid.flow.morph import dissolve, morph, morph_flows
from dreamvid.flow.optical_flow import DenseInverseSearch

if TYPE_CHECKING:
    from dreamvid.types import RGB


def texture(seed: int, shift: int = 0) -> RGB:
    noise = np.random.default_rng(seed).random((96, 160, 3), dtype=np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    smooth = (smooth - smooth.mean()) / smooth.std() * 0.15 + 0.5
    return np.asarray(np.clip(np.roll(smooth, shift, axis=1), 0, 1), np.float32)


def test_what_moves_is_met_halfway() -> None:
    before, after = texture(0), texture(0, 6)
    flows = morph_flows(before, after, DenseInverseSearch())
    halfway = morph(before, after, flows, 0.5)
    inside = slice(16, -16)
    error = np.abs(halfway - texture(0, 3))[inside, inside].mean()
    plain = np.abs(0.5 * (before + after) - texture(0, 3))[inside, inside].mean()
    assert error < 0.01
    assert error < plain / 4


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_both_ends_are_the_pictures(share: float) -> None:
    before, after = texture(0), texture(1)
    flows = morph_flows(before, after, DenseInverseSearch())
    np.testing.assert_allclose(morph(before, after, flows, share), after if share else before, atol=1e-6)


def test_alpha_goes_the_same_way() -> None:
    before, after = texture(0), texture(0, 6)
    flows = morph_flows(before, after, DenseInverseSearch())
    one = np.zeros((96, 160), np.float32)
    one[30:60, 60:100] = 1
    halfway = morph(one, np.roll(one, 6, axis=1), flows, 0.5)
    assert halfway.shape == one.shape
    assert np.abs(halfway - np.roll(one, 3, axis=1)).mean() < 0.01


def test_a_dissolve_is_as_strong_midway_as_at_its_ends() -> None:
    before, after = texture(0), texture(1)
    ends = [measure_statistics(each).bands[2][0] for each in (before, after)]
    assert measure_statistics(dissolve(before, after, 0.5)).bands[2][0] == pytest.approx(
        np.mean(ends), rel=0.1
    )
    assert measure_statistics(0.5 * (before + after)).bands[2][0] < 0.8 * min(ends)
