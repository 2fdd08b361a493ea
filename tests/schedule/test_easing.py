"""Easing curves and how they are written."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreamvid.errors import ScheduleError
from dreamvid.schedule.easing import EASINGS, LINEAR, Easing, lerp, parse_easing
from dreamvid.text import quoted

OVERSHOOTING = {"back", "in-back", "out-back"}
RISING = [name for name in EASINGS if "bounce" not in name and name not in OVERSHOOTING]
SHARES = st.floats(0.0, 1.0)
CONTROLS = st.tuples(SHARES, st.floats(-100.0, 100.0), SHARES, st.floats(-100.0, 100.0))


@pytest.mark.parametrize("name", EASINGS)
def test_every_easing_leaves_at_0_and_arrives_at_1(name: str) -> None:
    easing = Easing(name)
    assert easing(0.0) == easing(-3.0) == 0.0
    assert easing(1.0) == easing(7.0) == 1.0


@pytest.mark.parametrize("name", [name for name in EASINGS if name != "hold"])
def test_every_easing_but_hold_begins_and_ends_without_a_jump(name: str) -> None:
    easing = Easing(name)
    assert easing(1e-6) == pytest.approx(0.0, abs=1e-4)
    assert easing(1.0 - 1e-6) == pytest.approx(1.0, abs=1e-4)


@given(st.sampled_from(RISING), SHARES, SHARES)
def test_rising_easings_never_turn_back(name: str, one: float, other: float) -> None:
    easing = Easing(name)
    low, high = sorted((one, other))
    assert easing(low) <= easing(high) + 1e-15


@given(st.sampled_from([name for name in EASINGS if name not in OVERSHOOTING]), SHARES)
def test_only_back_leaves_the_range_between_its_keys(name: str, share: float) -> None:
    assert 0.0 <= Easing(name)(share) <= 1.0


@pytest.mark.parametrize(("name", "beyond"), [("in-back", 0.1), ("out-back", 0.1), ("back", 0.05)])
def test_back_overshoots_as_much_as_is_said(name: str, beyond: float) -> None:
    values = [Easing(name)(i / 1000) for i in range(1001)]
    assert max(-min(values), max(values) - 1.0) == pytest.approx(beyond, abs=0.001)


@pytest.mark.parametrize(
    ("name", "share", "value"),
    [
        ("linear", 0.25, 0.25),
        ("hold", 0.999, 0.0),
        ("in", 0.5, 0.25),
        ("out", 0.5, 0.75),
        ("in-out", 0.25, 0.125),
        ("in-cubic", 0.5, 0.125),
        ("cubic", 0.25, 0.0625),
        ("in-sine", 0.5, 1.0 - math.sqrt(0.5)),
        ("out-bounce", 1.0 / 2.75, 1.0),
        ("out-bounce", 1.5 / 2.75, 0.75),
        ("out-bounce", 2.25 / 2.75, 0.9375),
        ("out-bounce", 2.625 / 2.75, 0.984375),
        ("in-bounce", 1.0 - 1.5 / 2.75, 0.25),
    ],
)
def test_the_curves_are_penners(name: str, share: float, value: float) -> None:
    assert Easing(name)(share) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("family", ["in-out", "cubic", "sine", "back", "bounce"])
@given(share=SHARES)
def test_in_out_is_the_same_from_both_ends(family: str, share: float) -> None:
    easing = Easing(family)
    assert easing(share) + easing(1.0 - share) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("in-cubic", "in-cubic"),
        ("cubic-in", "in-cubic"),
        ("in-out-sine", "sine"),
        ("sine_in_out", "sine"),
        ("  In Out ", "in-out"),
        ("quad", "in-out"),
        ("out-quad", "out"),
        ("BOUNCE out", "out-bounce"),
    ],
)
def test_an_easing_has_several_spellings(text: str, name: str) -> None:
    assert parse_easing(text) == Easing(name)


@pytest.mark.parametrize(
    "value", [[0.25, 0.1, 0.25, 1], "bezier(0.25, 0.1, 0.25, 1)", "cubic-bezier(.25,.1,.25,1)"]
)
def test_css_ease_is_read_as_list_or_text(value: object) -> None:
    easing = parse_easing(value)
    assert easing.control == (0.25, 0.1, 0.25, 1.0)
    # as Firefox and Chrome compute `ease`
    assert [easing(x) for x in (0.25, 0.5, 0.75)] == pytest.approx([0.40851, 0.80240, 0.96046], abs=1e-4)


@given(SHARES)
def test_a_bezier_curve_on_the_diagonal_is_linear(share: float) -> None:
    assert parse_easing([1 / 3, 1 / 3, 2 / 3, 2 / 3])(share) == pytest.approx(share, abs=1e-9)


def test_a_bezier_curve_may_stand_still_in_x() -> None:
    assert parse_easing([1, 0, 0, 1])(0.5) == pytest.approx(0.5, abs=1e-4)


@given(st.one_of(st.sampled_from(EASINGS).map(Easing), CONTROLS.map(lambda c: Easing("bezier", c))))
def test_what_is_written_reads_back(easing: Easing) -> None:
    assert parse_easing(easing.plain()) == easing


def test_an_easing_is_taken_as_it_is() -> None:
    assert parse_easing(LINEAR) is LINEAR


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("bonce", r"'bonce' \(did you mean 'bounce'\?\)"),
        ("in_qubic", r"'in_qubic' \(did you mean 'in-cubic'\?\)"),
        ("", "no such easing"),
        ("x" * 5000, "no such easing"),
        ("in\n\x1b[31m", r"'in \?\[31m'"),
        (None, "in-out"),
        (0.5, "in-out"),
        (True, "in-out"),
        ([0.1, 0.2, 0.3], "four numbers"),
        ([0, 0, 1, 1, 1], "four numbers"),
        ([0, "a", 1, 1], "four numbers"),
        ("bezier(0, 0, 1)", "four numbers"),
        ("bezier()", "four numbers"),
        ([1.1, 0, 1, 1], "0..1"),
        ([0, 0, -0.1, 1], "0..1"),
        ([0, 101, 1, 1], "-100..100"),
        ([0, True, 1, 1], "finite"),
        ("bezier(0, nan, 1, 1)", "finite"),
        ([0, 10**400, 1, 1], "finite"),
    ],
)
def test_what_is_no_easing_is_one_short_line(value: object, message: str) -> None:
    with pytest.raises(ScheduleError, match=message) as caught:
        parse_easing(value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), SHARES)
def test_interpolation_never_leaves_its_ends(start: float, end: float, share: float) -> None:
    assert min(start, end) <= lerp(start, end, share) <= max(start, end)
    assert (lerp(start, end, 0.0), lerp(start, end, 1.0)) == (start, end)


def test_interpolation_goes_on_beyond_its_ends() -> None:
    assert lerp(1.0, 3.0, 1.5) == 4.0
    assert lerp(1.0, 3.0, -0.5) == 0.0


@pytest.mark.parametrize(
    "value", ["x" * 10**6, 10**5000, [10**5000], "\n" * 90, {"a": "b" * 900}], ids=range(5)
)
def test_a_quote_is_short_whatever_it_quotes(value: object) -> None:
    assert len(quoted(value)) <= 82
    assert quoted(value).isprintable()
