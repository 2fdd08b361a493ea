"""The cut of a picture into windows."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dreamvid.engine.tiling import TileAxis, TilePlan, halo_for, reach_for
from dreamvid.types import Size

BUDGET = 600_000
sides = st.integers(1, 5000)
strides = st.sampled_from([1, 2, 4, 8, 16, 32])
fields = st.integers(1, 900)


def kept(axis: TileAxis) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return how often each pixel along an axis is kept."""
    pixels = np.concatenate([np.arange(i * axis.tile, (i + 1) * axis.tile) for i in range(axis.count)])
    return np.bincount(pixels[pixels < axis.length], minlength=axis.length)


@given(sides, sides, strides, fields, st.one_of(st.just("auto"), st.just("off"), st.integers(64, 1024)))
def test_every_pixel_lies_in_exactly_one_tile(
    height: int, width: int, stride: int, field: int, tile: object
) -> None:
    plan = TilePlan.build(
        Size(height, width),
        stride=stride,
        receptive_field=field,
        tile=tile,  # type: ignore[arg-type]  # hypothesis knows no literal types
        budget=BUDGET,
    )
    for axis in (plan.vertical, plan.horizontal):
        assert (kept(axis) == 1).all()
        assert (axis.count - 1) * axis.tile < axis.length


@given(sides, sides, strides, fields)
def test_all_windows_sample_the_picture_on_one_grid(height: int, width: int, stride: int, field: int) -> None:
    plan = TilePlan.build(Size(height, width), stride=stride, receptive_field=field, budget=100_000)
    for axis in (plan.vertical, plan.horizontal):
        if axis.count > 1:
            assert axis.tile % stride == axis.before % stride == axis.window % stride == 0


@given(sides, sides, strides, st.integers(100, 900))
def test_windows_stay_within_the_budget_unless_their_halo_alone_is_more(
    height: int, width: int, stride: int, field: int
) -> None:
    plan = TilePlan.build(Size(height, width), stride=stride, receptive_field=field, budget=BUDGET)
    assert plan.window.height * plan.window.width <= BUDGET
    assert plan.count % plan.batch == 0


def test_small_pictures_are_not_tiled() -> None:
    plan = TilePlan.build(Size(500, 700), stride=8, receptive_field=137, budget=BUDGET)
    assert plan.count == 1
    assert plan.window == (500, 700)
    assert str(plan) == "untiled"


def test_off_never_tiles() -> None:
    plan = TilePlan.build(Size(2160, 3840), stride=8, receptive_field=137, tile="off", budget=BUDGET)
    assert plan.window == (2160, 3840)


def test_a_number_bounds_what_the_network_sees() -> None:
    plan = TilePlan.build(Size(2160, 3840), stride=8, receptive_field=137, tile=256, budget=BUDGET)
    assert plan.window.height * plan.window.width <= (256 + 2 * 64) ** 2
    assert plan.work < 2.4


def test_large_windows_cost_little_more_than_the_picture() -> None:
    plan = TilePlan.build(Size(2160, 3840), stride=8, receptive_field=137, budget=1_000_000)
    assert plan.work < 1.35


def test_small_tiles_are_batched() -> None:
    plan = TilePlan.build(Size(640, 640), stride=4, receptive_field=20, tile=64, budget=BUDGET)
    assert plan.batch > 1
    assert plan.batch * plan.window.height * plan.window.width <= 512 * 512


def test_networks_that_lose_their_border_get_a_margin_untiled() -> None:
    plan = TilePlan.build(Size(500, 700), stride=8, receptive_field=137, margin=11, budget=BUDGET)
    assert plan.window == (511, 711)


@given(sides, sides, st.sampled_from([1, 8, 16, 32]))
def test_networks_of_one_size_get_windows_of_that_size(height: int, width: int, stride: int) -> None:
    plan = TilePlan.build(
        Size(height, width), stride=stride, receptive_field=300, fixed_size=Size(224, 299), budget=BUDGET
    )
    assert plan.window == (224, 299)
    for axis in (plan.vertical, plan.horizontal):
        assert (kept(axis) == 1).all()


def test_the_halo_is_what_the_network_sees_but_bounded() -> None:
    assert halo_for(4, 60) == 32
    assert halo_for(8, 137) == 64
    assert halo_for(16, 800) == 80
    assert halo_for(32, 2000) == 160


@given(sides, sides, strides, fields, st.integers(0, 64))
def test_a_shifted_picture_stays_on_the_canvas(
    height: int, width: int, stride: int, field: int, jitter: int
) -> None:
    plan = TilePlan.build(
        Size(height, width), stride=stride, receptive_field=field, budget=BUDGET, jitter=jitter
    )
    for axis, side, reach in zip((plan.vertical, plan.horizontal), plan.size, plan.reach, strict=True):
        assert reach <= jitter
        assert axis.count * axis.tile >= side + reach


def test_small_pictures_are_shifted_less_but_by_a_stride() -> None:
    assert reach_for(2160, 8, 32) == 32
    assert reach_for(1080, 8, 32) == 16
    assert reach_for(50, 8, 32) == 8
    assert reach_for(50, 8, 0) == 0
