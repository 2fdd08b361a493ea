from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from dreamvid.media.input.timing import TimedFrame, cut, resample

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

fractions = st.fractions(min_value=0, max_value=5, max_denominator=600)


def load() -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.float32]], None]:
    raise AssertionError("a picture was converted although nobody asked for it")


def frames(times: Sequence[Fraction | int], last: Fraction | int | None = 1) -> list[TimedFrame]:
    ends = [*times[1:], None]
    return [
        TimedFrame(
            Fraction(t), Fraction(e - t) if e is not None else last if last is None else Fraction(last), load
        )
        for t, e in zip(times, ends, strict=True)
    ]


def pts(timed: list[TimedFrame]) -> list[Fraction]:
    return [t.pts for t in timed]


def test_a_long_frame_in_which_the_cut_begins_is_shortened() -> None:
    result = list(cut(frames([0, 1, 2, 3]), Fraction(3, 2), None))
    assert pts(result) == [0, Fraction(1, 2), Fraction(3, 2)]
    assert [t.duration for t in result] == [Fraction(1, 2), 1, 1]


def test_brief_frames_keep_their_rhythm() -> None:
    even = frames([Fraction(i, 24) for i in range(48)], Fraction(1, 24))
    result = list(cut(even, Fraction(101, 240), Fraction(1, 2)))  # 10.1 frames from the beginning
    assert pts(result) == [Fraction(i, 24) for i in range(12)]


def test_times_rounded_to_milliseconds_do_not_cost_a_frame() -> None:
    rounded = frames([Fraction(round(1000 * i / 24), 1000) for i in range(48)], Fraction(42, 1000))
    for first in range(1, 40):
        assert len(list(cut(rounded, Fraction(first, 24), None))) == 48 - first


def test_a_start_behind_the_end_gives_nothing() -> None:
    assert list(cut(frames([0, 1, 2]), Fraction(3), None)) == []
    assert len(list(cut(frames([0, 1, 2]), Fraction(5, 2), None))) == 1


@given(st.integers(1, 120), st.integers(1, 60), st.integers(0, 59), st.fractions(0, 3, max_denominator=100))
def test_an_even_rate_gives_round_duration_times_rate(
    count: int, rate: int, first: int, duration: Fraction
) -> None:
    rate = max(rate, 20)
    even = frames([Fraction(i, rate) for i in range(count)], Fraction(1, rate))
    result = list(cut(even, Fraction(first, rate), duration))
    expected = (
        min(max(1, int(duration * rate + Fraction(1, 2))), max(0, count - first)) if first < count else 0
    )
    assert abs(len(result) - expected) <= (
        1 if (duration * rate).denominator == 2 else 0
    )  # a half may go either way


@given(st.lists(fractions, min_size=1, max_size=20, unique=True), fractions, st.none() | fractions)
def test_cut_times_grow_from_zero_and_stay_inside(
    times: list[Fraction], start: Fraction, duration: Fraction | None
) -> None:
    ordered = sorted(times)
    result = list(cut(frames([t - ordered[0] for t in ordered]), start, duration))
    if result:
        assert result[0].pts == 0
        assert all(a < b for a, b in zip(pts(result), pts(result)[1:], strict=False))
        if duration is not None:
            assert all(t.pts < duration for t in result[1:])


@given(
    st.integers(1, 60), st.fractions(1, 120, max_denominator=1001), st.fractions(1, 120, max_denominator=1001)
)
def test_resampling_gives_an_even_rate(count: int, rate: Fraction, target: Fraction) -> None:
    result = list(resample(frames([i / rate for i in range(count)], 1 / rate), target, None))
    exact = count / rate * target
    assert abs(len(result) - max(Fraction(1), exact)) <= Fraction(1, 2)
    assert pts(result) == [i / target for i in range(len(result))]


def test_resampling_holds_frames() -> None:
    held = [
        replace(t, load=partial(load)) for t in frames([0, Fraction(1, 4), Fraction(3, 4)], Fraction(1, 4))
    ]
    loads = [t.load for t in held]
    shown = [loads.index(t.load) for t in resample(held, Fraction(8), None)]
    assert shown == [0, 0, 1, 1, 1, 1, 2, 2]
