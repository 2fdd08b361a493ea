"""Exact times, and ticks that never repeat and never drift."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreamvid.errors import WriteError
from dreamvid.media.timestamps import TimestampRounder, exact_time_base, rounding_error

RATES = [
    Fraction(24),
    Fraction(24000, 1001),
    Fraction(30000, 1001),
    Fraction(25, 2),
    Fraction(60),
    Fraction(1000, 7),
]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(
    "base", [Fraction(1, 12288), Fraction(1, 90000), Fraction(1, 1000), Fraction(1, 600)]
)
def test_the_tick_holds_frames_and_the_sources_times(rate: Fraction, base: Fraction) -> None:
    time_base = exact_time_base(rate, [base])
    assert (1 / rate / time_base).denominator == 1
    assert (base / time_base).denominator == 1


def test_a_tick_is_never_too_short_for_a_container() -> None:
    assert exact_time_base(Fraction(999983), [Fraction(1, 999979)]).denominator <= 1 << 24
    assert exact_time_base(Fraction(10**9 + 7, 10**8)).denominator <= 1 << 24


@given(
    st.lists(st.fractions(Fraction(1, 100000), Fraction(2), max_denominator=100000), min_size=1, max_size=50),
    st.sampled_from([Fraction(1, 100), Fraction(1, 1000), Fraction(1, 30000)]),
)
def test_ticks_grow_and_stay_near_the_times(steps: list[Fraction], time_base: Fraction) -> None:
    rounder = TimestampRounder(time_base)
    time, last = Fraction(0), -1
    crowded = 0
    for step in steps:
        at = rounder.next(time)
        assert at > last
        if round(time / time_base) > last:
            assert at == round(time / time_base)
        else:
            crowded += 1
        assert abs(at * time_base - time) <= (crowded + Fraction(1, 2)) * time_base
        last, time = at, time + step


def test_time_that_stands_still_or_goes_back_is_an_error() -> None:
    for bad in (Fraction(1, 2), Fraction(1, 3), Fraction(-1)):
        rounder = TimestampRounder(Fraction(1, 1000))
        rounder.next(Fraction(1, 2))
        with pytest.raises(WriteError):
            rounder.next(bad)


def test_rounded_times_of_an_even_rate_end_where_the_rate_says() -> None:
    rate, source = Fraction(24), Fraction(1, 1000)
    rounder = TimestampRounder(Fraction(1, 12000), grid=1 / rate, slack=rounding_error(rate, source))
    for index in range(36):
        rounder.next(round(index / rate / source) * source)
    assert rounder.end(Fraction(41, 1000)) * rounder.time_base == 36 / rate


def test_a_clock_that_fits_the_rate_rounds_nothing() -> None:
    assert rounding_error(Fraction(24), Fraction(1, 12288)) == 0
    assert rounding_error(Fraction(24), Fraction(1, 1000)) == Fraction(1, 1000)
