"""The ladder of sizes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dreamvid.config.settings import OctaveSettings
from dreamvid.engine.octaves import OctavePlan
from dreamvid.types import Size

sides = st.integers(1, 4000)


def settings(count: int = 4, scale: float = 1.4) -> OctaveSettings:
    return OctaveSettings(count=count, scale=scale)


def test_sizes_go_from_coarse_to_the_pictures_own() -> None:
    plan = OctavePlan.build(Size(270, 480), settings(3, 2.0))
    assert plan.sizes == (Size(68, 120), Size(135, 240), Size(270, 480))


def test_octaves_too_small_are_dropped() -> None:
    assert len(OctavePlan.build(Size(100, 1000), settings(8, 2.0), smallest=40)) == 2


def test_the_full_size_is_kept_however_small() -> None:
    assert OctavePlan.build(Size(1, 7), settings()).sizes == (Size(1, 7),)


@given(sides, sides, st.integers(1, 16), st.floats(1.01, 4.0), st.integers(1, 200))
def test_sizes_grow_strictly_and_end_at_full_size(
    height: int, width: int, count: int, scale: float, smallest: int
) -> None:
    plan = OctavePlan.build(Size(height, width), settings(count, scale), smallest=smallest)
    assert plan.sizes[-1] == (height, width)
    assert 1 <= len(plan) <= count
    assert all(min(size) >= smallest for size in plan.sizes[:-1])
    for coarse, fine in zip(plan.sizes, plan.sizes[1:], strict=False):
        assert coarse != fine
        assert coarse.height <= fine.height
        assert coarse.width <= fine.width
