"""Objectives over time: three forms, always the same terms, and weights that are exact where they are written."""

from __future__ import annotations

import copy
import pickle
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreamvid.config.preset import Preset
from dreamvid.errors import ObjectiveError, ScheduleError, SettingsError
from dreamvid.objective import Term, parse
from dreamvid.schedule.objective_schedule import ObjectiveSchedule
from dreamvid.schedule.times import TimePoint


def schedule(source: Any) -> ObjectiveSchedule:
    objective = Preset.build({"objective": source}).objective
    assert isinstance(objective, ObjectiveSchedule)
    return objective


def moment(t: float, *, fps: float = 24.0, duration: float | None = 8.0) -> TimePoint:
    return TimePoint(t, round(t * fps), fps, duration)


def weights(source: Any, *times: float) -> list[tuple[float, ...]]:
    found = schedule(source)
    return [tuple(term.weight for term in found.at(moment(t)).terms) for t in times]


def mistakes(source: Any) -> str:
    with pytest.raises(SettingsError, match="objective") as caught:
        Preset.build({"objective": source})
    return str(caught.value)


def test_weights_are_numbers_or_schedules() -> None:
    source = {"mixed3": 1, "mixed4": {"0s": 0, "4s": 2}, "mixed5": "0.5*t", "mixed2": "0.25", "mixed1": -1}
    assert weights(source, 0, 2, 4, 6) == [
        (1.0, 0.0, 0.0, 0.25, -1.0),
        (1.0, 1.0, 1.0, 0.25, -1.0),
        (1.0, 2.0, 2.0, 0.25, -1.0),
        (1.0, 2.0, 3.0, 0.25, -1.0),
    ]


def test_a_weight_may_be_of_several_terms() -> None:
    assert weights({"mixed3, mixed4:0.5": {"0s": 0, "4s": 1}, "mixed4": 2}, 0, 4) == [(0.0, 2.0), (1.0, 2.5)]


def test_keyframes_are_cross_faded() -> None:
    source = {"0s": "mixed3", "4s": "mixed4:0.5, mixed3:0.2", "end": "mixed5"}
    assert weights(source, 0, 2, 4, 6, 8, 9) == [
        (1.0, 0.0, 0.0),
        (0.6, 0.25, 0.0),
        (0.2, 0.5, 0.0),
        (0.1, 0.25, 0.5),
        (0.0, 0.0, 1.0),
        (0.0, 0.0, 1.0),
    ]


@given(
    st.lists(st.floats(-1e6, 1e6).map(lambda x: x or 0.0), min_size=2, max_size=6),
    st.sampled_from(["linear", "hold", "in-out", "bounce", "back", "in-cubic"]),
)
def test_weights_are_exact_at_their_keyframes(values: list[float], ease: str) -> None:
    source = {f"{n}s": f"mixed3:{value!r}" for n, value in enumerate(values)} | {"ease": ease}
    assert weights(source, *range(len(values))) == [(value,) for value in values]


def test_a_cross_fade_is_eased() -> None:
    eased = weights({"0s": "a1", "4s": "b1", "ease": "in"}, 2)
    own = weights({"0s": "a1", "4s": {"value": "b1", "ease": "in"}, "8s": "a1"}, 2, 6)
    assert eased == [(0.75, 0.25)]
    assert own == [(0.75, 0.25), (0.5, 0.5)]


def test_an_easing_may_overshoot() -> None:
    ((first, second),) = weights({"0s": "a1", "4s": "b1", "ease": "in-back"}, 2)
    assert second < 0.0
    assert first == pytest.approx(1.0 - second)


def test_a_cycle_changes_every_frame() -> None:
    found = schedule({"cycle": ["a1", "b1", "c1"], "every": "1f"})
    for fps in (24.0, 24000 / 1001, 60000 / 1001, 12.5):
        for f in (0, 1, 2, 3, 4, 10_000, 99_999, 1_000_000):
            now = found.at(TimePoint(f / fps, f, fps))
            assert [term.weight for term in now.terms] == [float(f % 3 == n) for n in range(3)], (f, fps)


def test_a_cycle_takes_a_frame_each_where_nothing_else_is_said() -> None:
    assert schedule({"cycle": ["a1", "b1"]}) == schedule({"cycle": ["a1", "b1"], "every": "1f", "fade": 0})


def test_a_cycle_by_the_second_fades_at_the_end_of_each_turn() -> None:
    source = {"cycle": ["a1", "b1"], "every": "2s", "fade": "1s"}
    assert weights(source, 0, 1, 1.5, 2, 3, 3.5, 4) == [
        (1.0, 0.0),
        (1.0, 0.0),
        (0.5, 0.5),
        (0.0, 1.0),
        (0.0, 1.0),
        (0.5, 0.5),
        (1.0, 0.0),
    ]


def test_a_fade_may_fill_its_turn_but_no_more() -> None:
    whole = {"cycle": ["a1", "b1"], "every": "2s", "fade": "2s"}
    assert weights(whole, 0, 0.5, 1, 2) == [(1.0, 0.0), (0.75, 0.25), (0.5, 0.5), (0.0, 1.0)]
    assert weights(whole | {"fade": "9s"}, 0, 0.5, 1, 2) == weights(whole, 0, 0.5, 1, 2)


def test_a_cycle_of_one_is_a_constant() -> None:
    assert weights({"cycle": ["a1:0.5"], "every": "1s", "fade": "0.5s"}, 0, 0.75, 3.5) == [(0.5,)] * 3


def test_a_cycle_may_go_by_shares_of_the_scene() -> None:
    found = schedule({"cycle": ["a1", "b1"], "every": "25%"})
    assert found.needs_duration
    assert [found.at(moment(t)).terms[0].weight for t in (0, 2, 4, 6)] == [1.0, 0.0, 1.0, 0.0]
    with pytest.raises(ScheduleError, match="duration"):
        found.at(moment(0, duration=None))


@pytest.mark.parametrize(
    "source",
    [
        {"mixed3": 1, "mixed4#3@0.5/0.5": "sin(t)", "class:tabby": {"0s": 0, "end": 1}},
        {"0s": "mixed3", "30%": "mixed4, mean(mixed5)", "6s": "guide:photo.jpg@mixed3, mixed3:-1"},
        {"cycle": ["a1, b1", "b1:2", "c1"], "every": "5f", "fade": "2f"},
    ],
)
def test_terms_never_change_only_their_weights(source: Any) -> None:
    found = schedule(source)
    assert {term.weight for term in found.terms} == {1.0}
    for t in (0.0, 0.1, 1.7, 3.0, 5.5, 8.0, 20.0):
        now = found.at(moment(t))
        assert [(term.kind, term.layer, term.channel, term.argument) for term in now.terms] == [
            (term.kind, term.layer, term.channel, term.argument) for term in found.terms
        ]


def test_the_objective_of_a_moment_has_the_text_form_of_any() -> None:
    start = schedule({"0s": "mixed3:0.5", "4s": "mixed4"}).at(moment(0.0))
    assert str(start) == "mixed3:0.5, mixed4:0"
    assert parse(str(start)) == start


def test_schedules_are_equal_where_they_go_on_alike() -> None:
    one, same, other = (schedule({"0s": "mixed3", last: "mixed4"}) for last in ("4s", "0:04", "5s"))
    assert one == same
    assert one != other
    assert hash(one) == hash(same)
    assert Preset(objective=one) != Preset(objective=other)
    assert Preset(objective=one) == Preset(objective=same)
    for again in (copy.deepcopy(one), pickle.loads(pickle.dumps(one))):  # noqa: S301  our own
        assert again == one
        assert again.at(moment(1.0)) == one.at(moment(1.0))


@pytest.mark.parametrize(
    "source",
    [
        {"mixed3": 1, "mixed4": {"0s": 0, "4s": 1, "ease": "in"}, "mixed5": "sin(t)"},
        {0: "mixed3", "4s": {"value": "mixed4", "ease": [0, 0, 1, 1]}, "end": "mixed2", "ease": "out"},
        {"cycle": ["mixed3", "mixed4"], "every": 2, "fade": "3f"},
    ],
)
def test_a_schedule_is_written_as_it_was_read(source: Any) -> None:
    preset = Preset.build({"objective": source})
    assert Preset.build(preset.values()) == preset
    assert Preset.build(preset.model_dump(mode="json", exclude_none=True)).objective == preset.objective
    assert preset.model_dump()["objective"] == source
    assert preset.values()["objective"] is preset.objective


def test_every_mistake_is_told_by_its_key() -> None:
    said = mistakes({"0s": "mixed(", "4x": "mixed4", "6s": 5, "ease": "wobble"})
    assert "objective.0s: objective 'mixed(' cannot be read" in said
    assert "(and 3 more)" in said


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ({}, "objective is empty"),
        ({"0s": "auto", "4s": "mixed4"}, "objective.0s: objective 'auto' must name layers"),
        (
            {"0s": "mixed4", "4s": "mixed3, auto:2"},
            "objective.4s: objective 'mixed3, auto:2' must name layers",
        ),
        ({"auto": 1}, "objective.auto: objective 'auto' must name layers"),
        ({"cycle": ["mixed3", " auto "]}, "objective.cycle.1: objective 'auto' must name layers"),
        ({"0s": "mixed3", "4x": "mixed4"}, "objective.4x: keyframe's time must be such as"),
        ({"0s": "mixed3", "mixed4": 1}, "objective.mixed4: keyframe's time must be such as"),
        ({"0s": "mixed3", "0:00": "mixed4"}, "objective.0:00: two keyframes are at 0s"),
        ({"ease": "in"}, "keyframes are empty"),
        ({"0s": "mixed3", "4s": ""}, "objective.4s: objective is empty"),
        ({"0s": None}, "objective.0s: objective 'None' must name"),
        ({"mixed3": None}, "objective.mixed3: must be a finite number, not 'None'"),
        ({"mixed3": True}, "objective.mixed3: must be a finite number, not 'True'"),
        ({"mixed3": [1]}, "objective.mixed3: must be a finite number"),
        ({"mixed3": float("nan")}, "objective.mixed3: must be a finite number"),
        ({"mixed3": 10**400}, "objective.mixed3: must be a finite number"),
        ({"mixed3": "1e999"}, "objective.mixed3: must be a finite number"),
        ({"mixed3": 1e7}, "weight must be between"),
        ({"mixed3": "sin("}, "objective.mixed3: 'sin\\(' is no expression"),
        ({"mixed3": {"0s": "nine"}}, "objective.mixed3: keyframe 0s must be a finite number"),
        ({"cycle": []}, "cycle must be a list"),
        ({"cycle": "mixed3"}, "cycle must be a list"),
        ({"cycle": {"0s": "mixed3"}}, "cycle must be a list"),
        ({"cycle": ["mixed3", 5]}, "objective.cycle.1: objective '5' must name"),
        (
            {"cycle": ["mixed3"], "evry": "1s"},
            "objective.evry: a cycle has no such setting .did you mean 'every'",
        ),
        ({"cycle": ["mixed3"], "every": "0s"}, "every must be more than 0"),
        ({"cycle": ["mixed3"], "every": "1e-320s"}, "every must be more than 0"),
        ({"cycle": ["mixed3"], "every": "-1s"}, "objective.every: time must be such as"),
        ({"cycle": ["mixed3"], "fade": "soon"}, "objective.fade: time must be such as"),
        ({"cycle": [f"a{n}" for n in range(65)]}, "more than 64 terms over time"),
        ({"cycle": ["a1"] * 1001}, "at most 1000"),
        ({f"a{n}": 1 for n in range(65)}, "at most 64"),
        ({f"{n}s": "a1" for n in range(1001)}, "at most 1000"),
        ({"0s": "a" * 5000}, "objective.0s: objective 'a+...' has more than 4096 characters"),
        (["mixed3"], "must be a text"),
        (5, "must be a text, not '5'"),
        (None, "must be a text, not nothing"),
    ],
)
def test_what_is_no_schedule_is_one_line(source: Any, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as caught:
        Preset.build({"objective": source})
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_errors_of_the_schedule_itself_are_dreamvids_own() -> None:
    with pytest.raises(ObjectiveError, match="empty"):
        ObjectiveSchedule.parse({})
    with pytest.raises(ObjectiveError, match="more than 64 terms"):
        ObjectiveSchedule.parse({"cycle": [f"a{n}" for n in range(65)]})


def test_a_weight_that_grows_beyond_all_bounds_is_an_error_then() -> None:
    found = schedule({"mixed3": "10**t"})
    assert found.at(moment(2.0)).terms[0].weight == 100.0
    with pytest.raises(ObjectiveError, match="weight must be between"):
        found.at(moment(7.0))


def test_turns_without_a_frame_rate_are_an_error() -> None:
    with pytest.raises(ScheduleError, match="more than 0"):
        schedule({"cycle": ["a1", "b1"], "every": "1s"}).at(TimePoint(0.0, 0, 0.0, 1.0))


def test_long_schedules_are_read_and_followed_in_time() -> None:
    sources: list[Any] = [
        {f"{n}s": ", ".join(f"m#{(7 * n + k) % 60}" for k in range(30)) for n in range(999)},
        {"cycle": [f"m#{n % 60}" for n in range(1000)], "every": "1f", "fade": "1f"},
    ]
    for source in sources:
        begun = time.process_time()
        preset = Preset.build({"objective": source})
        assert time.process_time() - begun < 1.5
        begun = time.process_time()
        for t in range(50):
            preset.at(moment(float(t), duration=1000.0))
        assert (time.process_time() - begun) / 50 < 4e-3


def test_terms_beyond_all_bounds_are_refused_in_time() -> None:
    begun = time.process_time()
    mistakes({f"{n}s": ",".join(f"m{n}#{k}" for k in range(16)) for n in range(900)})
    mistakes({f"m{n}": 1 for n in range(9000)})
    mistakes({"cycle": [f"m{n}" for n in range(9000)]})
    assert time.process_time() - begun < 1.5


@pytest.mark.parametrize(
    "filling", [" ", "\t", "1", " a", ": ", ":", "#1", "@", "guide:", "guide:@", "mean(", "(", ")", "a,"]
)
def test_no_text_takes_long_to_read(filling: str) -> None:
    text = f"a#1:{filling * (4000 // len(filling))}("
    begun = time.process_time()
    for source in (text, {"0s": text, "4s": "mixed3"}, {"cycle": ["mixed3", text]}, {text: 1}):
        mistakes(source)
    assert time.process_time() - begun < 1.0


def test_terms_are_replaced_with_their_weights() -> None:
    schedule = ObjectiveSchedule.parse({"0s": "mixed1, surprise:2", "4s": "mixed2"})

    def choose(term: Term) -> tuple[Term, ...]:
        named = parse("mixed3#1:0.5, mixed1:0.25").terms
        return named if term.kind == "surprise" else (term,)

    replaced = schedule.replace_terms(choose)
    assert schedule.needs_picture
    assert not replaced.needs_picture
    at_two = replaced.at(TimePoint(t=2.0, f=48, fps=24.0, duration=10.0))
    assert str(at_two) == "mixed1:0.75, mixed3#1:0.5, mixed2:0.5"
