"""Exact times, and ticks that never repeat and never drift."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreamvid.errors import WriteError
from dreamvid.media.input.timestamps import TickCounter, exact_tick, rounding

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
    tick = exact_tick(rate, [base])
    assert (1 / rate / tick).denominator == 1
    assert (base / tick).denominator == 1


def test_a_tick_is_never_too_short_for_a_container() -> None:
    assert exact_tick(Fraction(999983), [Fraction(1, 999979)]).denominator <= 1 << 24
    assert exact_tick(Fraction(10**9 + 7, 10**8)).denominator <= 1 << 24


@given(
    st.lists(st.fractions(Fraction(1, 100000), Fraction(2), max_denominator=100000), min_size=1, max_size=50),
    st.sampled_from([Fraction(1, 100), Fraction(1, 1000), Fraction(1, 30000)]),
)
def test_ticks_grow_and_stay_near_the_times(steps: list[Fraction], tick: Fraction) -> None:
    counter = TickCounter(tick)
    time, last = Fraction(0), -1
    crowded = 0
    for step in steps:
        at = counter.at(time)
        assert at > last
        if round(time / tick) > last:
            assert at == round(time / tick)
        else:
            crowded += 1
        assert abs(at * tick - time) <= (crowded + Fraction(1, 2)) * tick
        last, time = at, time + step


def test_time_that_stands_still_or_goes_back_is_an_error() -> None:
    for bad in (Fraction(1, 2), Fraction(1, 3), Fraction(-1)):
        counter = TickCounter(Fraction(1, 1000))
        counter.at(Fraction(1, 2))
        with pytest.raises(WriteError):
            counter.at(bad)


def test_rounded_times_of_an_even_rate_end_where_the_rate_says() -> None:
    rate, source = Fraction(24), Fraction(1, 1000)
    counter = TickCounter(Fraction(1, 12000), grid=1 / rate, slack=rounding(rate, source))
    for index in range(36):
        counter.at(round(index / rate / source) * source)
    assert counter.end(Fraction(41, 1000)) * counter.tick == 36 / rate


def test_a_clock_that_fits_the_rate_rounds_nothing() -> None:
    assert rounding(Fraction(24), Fraction(1, 12288)) == 0
    assert rounding(Fraction(24), Fraction(1, 1000)) == Fraction(1, 1000)
