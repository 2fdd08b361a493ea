"""Times within a scene, keyframes, and what counts as a schedule."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreamvid.errors import ObjectiveError, ScheduleError
from dreamvid.objective import parse
from dreamvid.schedule.easing import EASINGS, Easing
from dreamvid.schedule.expression import Expression
from dreamvid.schedule.keyframes import (
    Key,
    Keyframes,
    KeyframeTrack,
    is_schedule,
    parse_schedule,
    parse_track,
)
from dreamvid.schedule.times import END, TimeOffset, TimePoint, parse_offset

if TYPE_CHECKING:
    from dreamvid.schedule.keyframes import Schedule
    from dreamvid.schedule.times import Unit


def at(t: float, *, duration: float | None = 8.0, fps: float = 24.0) -> TimePoint:
    return TimePoint(t, round(t * fps), fps, duration)


def values(schedule: Schedule, *times: float) -> list[float]:
    return [schedule.at(at(t)) for t in times]


AMOUNTS: dict[Unit, st.SearchStrategy[float]] = {
    "s": st.floats(0.0, 1e6),
    "f": st.integers(0, 10**6).map(float),
    "%": st.floats(0.0, 100.0),
}
OFFSETS = st.sampled_from(list(AMOUNTS)).flatmap(
    lambda unit: AMOUNTS[unit].map(lambda amount: TimeOffset(amount, unit))
)
EASES = st.one_of(
    st.none(), st.sampled_from(EASINGS).map(Easing), st.just(Easing("bezier", (0.1, -1.0, 0.9, 2.0)))
)
KEYS = st.builds(Key, OFFSETS, st.floats(-1e9, 1e9), EASES)
TRACKS = st.builds(
    lambda keys, ease: KeyframeTrack(tuple(keys), ease),
    st.lists(KEYS, min_size=1, max_size=6, unique_by=lambda key: key.time),
    EASES.map(lambda ease: ease or Easing()),
)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        *[
            ("4s", 4.0),
            ("4", 4.0),
            (4, 4.0),
            (2.5, 2.5),
            ("2.5s", 2.5),
            (" 2.5 S ", 2.5),
            (Fraction(1, 4), 0.25),
        ],
        *[("1:05", 65.0), ("1:02:03.5", 3723.5), ("0:00", 0.0), ("90:00", 5400.0), (np.float64(1.5), 1.5)],
        *[
            ("120f", 5.0),
            ("0f", 0.0),
            ("25%", 2.5),
            ("12.5%", 1.25),
            ("end", 10.0),
            ("END", 10.0),
            ("100%", 10.0),
        ],
        *[("0", 0.0), ("1e-3s", 0.001), (1e-7, 1e-7)],
    ],
)
def test_a_time_is_read_in_many_ways(value: object, seconds: float) -> None:
    assert parse_offset(value).seconds(24.0, 10.0) == seconds


@pytest.mark.parametrize(
    ("when", "text"),
    [
        (TimeOffset(4.0), "4s"),
        (TimeOffset(65.5), "65.5s"),
        (TimeOffset(12.0, "f"), "12f"),
        (TimeOffset(25.0, "%"), "25%"),
        (END, "end"),
    ],
)
def test_a_time_is_written_briefly(when: TimeOffset, text: str) -> None:
    assert str(when) == text


@given(OFFSETS)
def test_a_written_time_reads_back(when: TimeOffset) -> None:
    assert parse_offset(str(when)) == when
    assert parse_offset(when) is when


@pytest.mark.parametrize(
    "value",
    [
        *(
            "",
            "s",
            "-1",
            "-1s",
            "4x",
            "4 s s",
            "1:60",
            "1:60:00",
            "1:5f",
            "1:05%",
            "1.5f",
            "101%",
            "-1%",
            "start",
            "1:",
        ),
        *(
            -1,
            -0.5,
            float("nan"),
            float("inf"),
            10**400,
            None,
            True,
            [4],
            "1e400",
            "9" * 5000,
            "٤s",
            "4s\n\x1b[31m5",
        ),
    ],
)
def test_what_is_no_time_is_one_short_line(value: object) -> None:
    with pytest.raises(ScheduleError, match=r"^time must") as caught:
        parse_offset(value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


def test_only_shares_of_the_scene_need_its_duration() -> None:
    assert parse_offset("25%").needs_duration
    assert END.needs_duration
    assert not parse_offset("25f").needs_duration
    with pytest.raises(ScheduleError, match="'end' needs the scene's duration"):
        END.seconds(24.0, None)


def test_frames_need_a_frame_rate() -> None:
    with pytest.raises(ScheduleError, match="'12f' needs a frame rate"):
        parse_offset("12f").seconds(0.0, 1.0)


def test_keyframes_hold_before_and_after_and_move_between() -> None:
    schedule = parse_schedule({"2s": 1.0, "4s": 2.0, "6s": 0.0})
    assert values(schedule, 0, 2, 3, 4, 5, 6, 7) == [1.0, 1.0, 1.5, 2.0, 1.0, 0.0, 0.0]


def test_keys_may_come_in_any_order_and_kind() -> None:
    schedule = parse_schedule({"end": 8, 0: 0, "96f": 4.0, "25%": 2, "0:06": 6})
    assert values(schedule, 0, 1, 3, 5, 7, 8) == [0.0, 1.0, 3.0, 5.0, 7.0, 8.0]


def test_one_key_is_a_constant() -> None:
    assert values(parse_schedule({"end": 3}), 0, 4, 8, 9) == [3.0] * 4


def test_ease_is_for_all_but_keys_with_their_own() -> None:
    schedule = parse_schedule({"0s": 0, "2s": 1, "4s": {"value": 0, "ease": "hold"}, "6s": 1, "ease": "in"})
    assert values(schedule, 1, 3, 3.99, 4, 5) == [0.25, 1.0, 1.0, 0.0, 0.25]


def test_an_easing_may_be_a_bezier_curve() -> None:
    schedule = parse_schedule({"0s": 0, "2s": 1, "ease": [1 / 3, 1 / 3, 2 / 3, 2 / 3]})
    assert values(schedule, 0.5, 1.5) == pytest.approx([0.25, 0.75])


def test_back_overshoots_the_values() -> None:
    assert values(parse_schedule({"0s": 1, "2s": 2, "ease": "in-back"}), 1)[0] < 1.0


@pytest.mark.parametrize(
    ("keys", "last"), [({"0s": 0, "8s": 1, "end": 2}, 2.0), ({"0s": 0, "end": 2, "8s": 1}, 1.0)]
)
def test_of_keys_that_coincide_in_a_scene_the_later_listed_counts(
    keys: dict[str, float], last: float
) -> None:
    schedule = parse_schedule(keys)
    assert values(schedule, 4, 8, 9) == [last / 2, last, last]
    assert schedule.at(at(8.0, duration=16.0)) == 1.0


def test_all_keys_may_coincide_in_a_still() -> None:
    assert parse_schedule({"0%": 1, "50%": 2, "end": 3}).at(at(0.0, duration=0.0)) == 3.0


@pytest.mark.parametrize("fps", [24000 / 1001, 29.97, 25.0, 1 / 3])
def test_a_key_on_a_frame_takes_effect_on_that_frame(fps: float) -> None:
    for frame in range(1, 400, 7):
        schedule = parse_schedule({"0f": 0, f"{frame}f": 1, "ease": "hold"})
        rounded = float(np.nextafter(frame / fps, 0.0))
        assert schedule.at(TimePoint(rounded, frame, fps)) == 1.0
        assert schedule.at(TimePoint((frame - 1) / fps, frame - 1, fps)) == 0.0


def test_keys_after_the_end_are_headed_for_but_not_reached() -> None:
    assert values(parse_schedule({"0s": 0, "16s": 1}), 8) == [0.5]


def test_shares_of_the_scene_follow_its_duration() -> None:
    schedule = parse_schedule({"0s": 0, "end": 1})
    assert [schedule.at(at(2.0, duration=d)) for d in (2.0, 4.0, 8.0)] == [1.0, 0.5, 0.25]
    assert schedule.needs_duration
    with pytest.raises(ScheduleError, match="not known"):
        schedule.at(at(2.0, duration=None))


def test_seconds_need_no_duration() -> None:
    schedule = parse_schedule({"0s": 0, "4s": 1})
    assert not schedule.needs_duration
    assert schedule.at(at(2.0, duration=None)) == 0.5


def test_position_names_keys_as_listed_and_the_eased_share() -> None:
    track = parse_track({"4s": "b", "0s": "a", "6s": {"value": "c", "ease": "in"}})
    assert track.position(at(0.0)) == (1, 0, 0.0)
    assert track.position(at(1.0)) == (1, 0, 0.25)
    assert track.position(at(5.0)) == (0, 2, 0.25)
    assert track.position(at(-1.0)) == (1, 1, 0.0)
    assert track.position(at(6.0)) == (2, 2, 0.0)


def test_a_track_holds_values_of_any_kind() -> None:
    track = parse_track({0: "mixed3", "end": {"value": "mixed4", "ease": "sine"}})
    objectives = track.map(lambda text: parse(str(text)))
    assert [str(key.value) for key in objectives.keys] == ["mixed3", "mixed4"]
    assert [key.ease for key in objectives.keys] == [None, Easing("sine")]
    weights = parse_track({0: {"mixed3": 1.0}, 1: {"value": {"value": 2.0}}})
    assert [key.value for key in weights.keys] == [{"mixed3": 1.0}, {"value": 2.0}]
    assert parse_track(weights.plain()) == weights


def test_an_error_in_a_value_names_its_key() -> None:
    def refuse(value: object) -> float:
        raise ObjectiveError(f"has no {value}")

    with pytest.raises(ScheduleError, match=r"^keyframe 4s has no tea$"):
        parse_track({"0:04": "tea"}).map(refuse)


@given(TRACKS)
def test_keyframes_that_are_written_read_back(track: KeyframeTrack[float]) -> None:
    schedule = Keyframes(track.keys, track.ease)
    assert parse_schedule(json.loads(json.dumps(schedule.plain()))) == schedule


@given(TRACKS, st.floats(0.0, 1e6), st.floats(0.0, 1e6))
def test_the_same_moment_gives_the_same_value(track: KeyframeTrack[float], t: float, duration: float) -> None:
    moment = TimePoint(t, round(t * 24), 24.0, duration)
    schedule = Keyframes(track.keys, track.ease)
    first = schedule.at(moment)
    schedule.at(TimePoint(t / 2, 0, 25.0, duration * 2))
    assert schedule.at(moment) == first


@given(
    st.dictionaries(st.integers(0, 20), st.floats(-1e300, 1e300), min_size=1),
    st.sampled_from([name for name in EASINGS if "back" not in name]),
    st.floats(-5.0, 25.0),
)
def test_values_stay_among_those_of_the_keys(keys: dict[int, float], ease: str, t: float) -> None:
    schedule = parse_schedule({"ease": ease, **{f"{key}s": value for key, value in keys.items()}})
    assert min(keys.values()) <= schedule.at(at(t)) <= max(keys.values())


@given(st.floats(-1e9, 1e9), st.floats(0.0, 8.0))
def test_nothing_moves_between_equal_values(constant: float, t: float) -> None:
    assert parse_schedule({"0s": constant, "8s": constant, "ease": "sine"}).at(at(t)) == constant


def test_what_overshoots_beyond_all_numbers_is_an_error() -> None:
    with pytest.raises(ScheduleError, match="no finite number at t = 1 s"):
        parse_schedule({"0s": -1.7e308, "2s": 1.7e308, "ease": [0, 100, 1, 100]}).at(at(1.0))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "empty"),
        ({"ease": "in"}, "empty"),
        ({"0s": 1, "0": 2}, "two keyframes are at 0s"),
        ({"1:00": 1, 60: 2}, "two keyframes are at 60s"),
        ({"end": 1, "100%": 2}, "two keyframes are at end"),
        (dict.fromkeys(range(1001), 1), "1001 keyframes; at most 1000"),
        ({0: True}, "keyframe 0s must be a finite number"),
        ({0: None}, "keyframe 0s must be a finite number"),
        ({0: "1"}, "keyframe 0s must be a finite number"),
        ({0: float("nan")}, "finite"),
        ({0: float("inf")}, "finite"),
        ({0: 10**400}, "finite"),
        ({0: {"valu": 1}}, "finite"),
        ({0: {"value": 1, "eas": "in"}}, "keyframe 0s must have a value, and may have an ease"),
        ({0: {"ease": "in"}}, "keyframe 0s must have a value"),
        (
            {0: {"value": 1, "ease": "bonce"}},
            r"keyframe 0s: no such easing as 'bonce' \(did you mean 'bounce'",
        ),
        ({0: 1, "ease": "bonce"}, "did you mean 'bounce'"),
        ({0: 1, "ease": None}, "easing must be"),
        ({0: 1, "easing": "in"}, "did you mean 'ease'"),
        ({"ned": 1}, "did you mean 'end'"),
        ({None: 1}, "time must"),
        ({True: 1}, "time must"),
        ({"x" * 10**5: 1}, "time must"),
        ({0: "x" * 10**5}, "finite"),
        (5, "must be keyframes"),
        (None, "must be keyframes"),
        ([0, 1], "must be keyframes"),
        ("t +", "no expression"),
        pytest.param({10**5000: 1}, "time must", id="huge"),
    ],
)
def test_what_is_no_schedule_is_one_short_line(value: object, message: str) -> None:
    with pytest.raises(ScheduleError, match=message) as caught:
        parse_schedule(value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 220


def test_a_thousand_keyframes_are_possible() -> None:
    schedule = parse_schedule({i: i % 7 for i in range(1000)})
    assert values(schedule, 0.5, 998.5) == [0.5, 4.5]


def test_numbers_of_any_make_are_values() -> None:
    keys: dict[object, object] = {0: np.float32(0.5), 1: np.int64(2), 2: Fraction(1, 4)}
    schedule = parse_schedule(keys)
    assert values(schedule, 0, 1, 2) == [0.5, 2.0, 0.25]
    assert json.dumps(schedule.plain()) == '{"0s": 0.5, "1s": 2.0, "2s": 0.25}'


def test_a_text_is_an_expression() -> None:
    assert parse_schedule("1 + t") == Expression("1 + t")


@pytest.mark.parametrize("schedule", [Expression("t"), parse_schedule({0: 1})])
def test_a_schedule_is_taken_as_it_is(schedule: Schedule) -> None:
    assert parse_schedule(schedule) is schedule
    assert is_schedule(schedule)


@pytest.mark.parametrize(
    "value", [{}, {"0s": 1}, "t", "1+1", "", "1_000", "0x1", "nan", "inf", "1e", "٣", "1 2", "--1"]
)
def test_mappings_and_texts_that_are_no_number_are_schedules(value: object) -> None:
    assert is_schedule(value)


@pytest.mark.parametrize(
    "value", [1, 0.5, True, None, [1], "1", "-1.5", "+.5", "5.", " 1e-3 ", "1E5", "1e999"]
)
def test_constants_are_no_schedules(value: object) -> None:
    assert not is_schedule(value)
