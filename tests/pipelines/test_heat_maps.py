"""Heat maps lie over the picture where the features' receptive fields are, with a scale that grows evenly."""

from __future__ import annotations

import numpy as np
import pytest

from dreamvid.pipelines.heat_maps import HeatMap, draw_heat_map, lay_out, strip_height
from dreamvid.types import FeatureAxis, Size


def heat_map(values: np.ndarray, first: float, step: float, seen: Size, top: float = 1.0) -> HeatMap:
    down, across = (FeatureAxis(length, first, step, step) for length in values.shape)
    return HeatMap("a#1", values.astype(np.float32), (down, across), seen, top)


@pytest.mark.parametrize("scale", [1, 3])
@pytest.mark.parametrize(("first", "step"), [(3.5, 8.0), (0.0, 8.0), (13.0, 4.0)])
def test_the_peak_lies_in_the_middle_of_the_receptive_field(scale: int, first: float, step: float) -> None:
    values = np.zeros((5, 7))
    values[2, 4] = 1.0
    gray = np.full((48 * scale, 64 * scale, 3), 0.2, np.float32)
    drawn = draw_heat_map(gray, heat_map(values, first, step, Size(48, 64)))[: 48 * scale]
    bright = drawn.sum(-1) > 0.95 * drawn.sum(-1).max()
    rows, columns = np.nonzero(bright)
    assert (rows.mean() + 0.5) / scale == pytest.approx(first + 2 * step + 0.5, abs=0.6)
    assert (columns.mean() + 0.5) / scale == pytest.approx(first + 4 * step + 0.5, abs=0.6)


def test_more_activation_is_lighter_and_none_shows_the_picture_in_gray() -> None:
    picture = np.zeros((8, 44, 3), np.float32)
    picture[..., 0] = np.linspace(0, 1, 44)
    values = np.tile(np.linspace(0, 1, 11), (2, 1))
    drawn = draw_heat_map(picture, heat_map(values, 2.0, 4.0, Size(8, 44)))
    lightness = drawn[4] @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    assert (np.diff(lightness[6:]) > -0.01).all()
    silent = draw_heat_map(picture, heat_map(0 * values, 2.0, 4.0, Size(8, 44)))[:8]
    assert np.ptp(silent, axis=-1).max() == 0
    assert (np.diff(silent[0, :, 0]) > 0).all()


def test_the_scale_stands_below_and_hides_nothing() -> None:
    gray = np.full((90, 160, 3), 0.5, np.float32)
    drawn = draw_heat_map(gray, heat_map(np.zeros((2, 2)), 0.0, 80.0, Size(90, 160), top=7.0), note="1.25 s")
    assert drawn.shape == (90 + strip_height(160), 160, 3)
    assert np.ptp(drawn[:90]) == 0
    assert drawn[90:].max() > 0.8


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (300, 1)])
def test_pictures_too_small_for_letters_are_drawn_too(size: tuple[int, int]) -> None:
    drawn = draw_heat_map(np.zeros((*size, 3), np.float32), heat_map(np.ones((1, 1)), 0, 1, Size(*size)))
    assert drawn.shape[1] == size[1]


def test_rows_of_a_sheet_may_differ_in_length() -> None:
    tile = np.ones((4, 6, 3), np.float32)
    assert lay_out([[tile, tile, tile], [tile]]).shape == (14, 30, 3)
