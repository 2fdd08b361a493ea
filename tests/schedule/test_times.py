"""Beats and bars: their times within a scene, and in expressions."""

from __future__ import annotations

import pytest

from dreamvid.errors import ScheduleError
from dreamvid.schedule.expression import Expression
from dreamvid.schedule.keyframes import parse_schedule
from dreamvid.schedule.objective_schedule import ObjectiveSchedule
from dreamvid.schedule.times import BeatGrid, TimeOffset, TimePoint, parse_offset

GRID = BeatGrid(period=0.5, first=0.2, beats_per_bar=3)


def value(text: str, t: float, grid: BeatGrid | None = GRID) -> float:
    return Expression(text).at(TimePoint(t, round(24 * t), 24.0, grid=grid))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("4b", 2.2),
        ("0 beats", 0.2),
        ("1 beat", 0.7),
        ("2bar", 3.2),
        ("0.5bars", 0.95),
        ("2B", 1.2),
        ("2s", 2.0),
        ("12f", 0.5),
        ("50%", 5.0),
    ],
)
def test_times_in_beats_count_from_the_first_beat(text: str, seconds: float) -> None:
    offset = parse_offset(text)
    assert offset.seconds(24.0, 10.0, GRID) == pytest.approx(seconds)
    assert parse_offset(str(offset)) == offset


def test_a_length_in_beats_has_no_origin() -> None:
    assert TimeOffset(1.0, "bar").length(24.0, None, GRID) == pytest.approx(1.5)
    assert TimeOffset(1.0, "s").length(24.0, None, GRID) == 1.0


@pytest.mark.parametrize("text", ["1:05b", "-1b", "b", "1e99bar", "2 barrs"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ScheduleError, match="time must"):
        parse_offset(text)


@pytest.mark.parametrize(
    ("start", "first"), [(0.0, 0.2), (0.1, 0.1), (0.2, 0.0), (0.7, 0.0), (1.0, 0.2), (0.7 + 1e-9, 0.0)]
)
def test_the_beats_of_a_scene_begin_with_the_first_one_in_it(start: float, first: float) -> None:
    assert GRID.since(start).first == pytest.approx(first, abs=1e-6)
    assert GRID.since(start).period == 0.5


def test_expressions_know_beats_bars_and_tempo() -> None:
    assert value("b", 1.2) == pytest.approx(2.0)
    assert value("bar", 1.7) == pytest.approx(1.0)
    assert value("b", 0.0) == pytest.approx(-0.4)
    assert value("bpm", 0.0) == pytest.approx(120.0)


def test_waves_have_a_period_phase_and_width_in_beats() -> None:
    assert [value("sine(b/4)", 0.2 + 0.5 * beat) for beat in range(5)] == pytest.approx(
        [0.0, 0.5, 1.0, 0.5, 0.0], abs=1e-9
    )
    assert value("saw(b/4 - 0.25)", 0.2 + 0.5 + 1e-6) == pytest.approx(0.0, abs=1e-5)
    assert [value("pulse(b/4, 0.5)", 0.21 + 0.5 * beat) for beat in range(4)] == [1.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("text", ["b", "1 + bar", "sin(bpm)"])
def test_beats_need_a_tempo(text: str) -> None:
    with pytest.raises(ScheduleError, match=r"needs a tempo; give --bpm"):
        value(text, 1.0, None)


def test_keyframes_move_from_beat_to_beat() -> None:
    schedule = parse_schedule({"0b": 0.0, "2b": 1.0, "2bar": 0.0})
    values = [schedule.at(TimePoint(t, 0, 24.0, grid=GRID)) for t in (0.0, 0.2, 0.7, 1.2, 2.2, 9.0)]
    assert values == pytest.approx([0.0, 0.0, 0.5, 1.0, 0.5, 0.0])
    with pytest.raises(ScheduleError, match="'0b' needs a tempo"):
        schedule.at(TimePoint(0.0, 0, 24.0))


def test_a_cycle_changes_on_the_beat() -> None:
    schedule = ObjectiveSchedule.parse({"cycle": ["mixed1", "mixed2"], "every": "2b", "fade": "1b"})

    def weights(t: float) -> list[float]:
        return [term.weight for term in schedule.at(TimePoint(t, round(t * 100), 100.0, grid=GRID)).terms]

    assert weights(0.0) == pytest.approx([1.0, 0.0])
    assert weights(0.7) == pytest.approx([1.0, 0.0])
    assert weights(0.95) == pytest.approx([0.5, 0.5])
    assert weights(1.2) == pytest.approx([0.0, 1.0])
    assert weights(2.2) == pytest.approx([1.0, 0.0])
