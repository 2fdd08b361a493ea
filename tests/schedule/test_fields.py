"""Settings that may change over time: numbers or schedules, held to the range of their fields."""

from __future__ import annotations

import copy
import math
import pickle
import re
import time
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dreamvid.config.fields import SettingsModel
from dreamvid.config.preset import Preset
from dreamvid.errors import ScheduleError, SettingsError
from dreamvid.objective import parse
from dreamvid.schedule.easing import EASINGS
from dreamvid.schedule.expression import Expression
from dreamvid.schedule.fields import (
    TIME_PATTERN,
    Bounds,
    BoundSchedule,
    Scheduled,
    bounds_of,
    constant,
    keyframes_schema,
)
from dreamvid.schedule.keyframes import Keyframes, parse_schedule
from dreamvid.schedule.times import START, TimePoint, parse_offset


class Settings(SettingsModel):
    """One field of each kind that takes a schedule."""

    share: Annotated[Scheduled[float], Bounds(ge=0.0, le=1.0)] = 0.5
    open_share: Annotated[Scheduled[float], Bounds(gt=0.0, lt=1.0)] = 0.5
    count: Annotated[Scheduled[int], Bounds(ge=1, le=10)] = 5
    open_count: Annotated[Scheduled[int], Bounds(gt=1, lt=10)] = 5
    maybe: Annotated[Scheduled[float], Bounds(ge=0.0, le=1.0)] | None = None
    free: Annotated[Scheduled[float], Bounds()] = 0.0


def at(settings: Settings, field: str, point: TimePoint) -> float:
    value, info = getattr(settings, field), Settings.model_fields[field]
    bounds = bounds_of(info.annotation, info.metadata)
    assert bounds is not None
    return BoundSchedule(value, bounds).at(point) if isinstance(value, Keyframes | Expression) else value


def moment(t: float, duration: float | None = 10.0) -> TimePoint:
    return TimePoint(
        t,
        round(24 * t),
        24.0,
        duration,
        dict.fromkeys(("beat", "onset", "rms", "bass", "mid", "treble"), 0.0),
    )


def locations(values: dict[str, Any]) -> dict[tuple[int | str, ...], str]:
    with pytest.raises(ValidationError) as caught:
        Settings(**values)
    return {each["loc"]: each["msg"] for each in caught.value.errors()}


def test_a_constant_stays_what_it_is() -> None:
    settings = Settings.model_validate({"share": 0.25, "count": "7", "free": "1e3"})
    assert (settings.share, settings.count, settings.free) == (0.25, 7, 1000.0)
    assert [type(value) for value in (settings.share, settings.count)] == [float, int]
    assert constant(settings.share) is settings.share


def test_a_schedule_is_what_it_is() -> None:
    settings = Settings.model_validate({"share": {"0s": 0.25, "4s": 1}, "count": "2 + t", "maybe": "0.5*p"})
    assert settings.share == parse_schedule({"0s": 0.25, "4s": 1})
    assert (settings.count, settings.maybe) == (Expression("2 + t"), Expression("0.5*p"))
    assert [at(settings, "share", moment(t)) for t in (0.0, 2.0, 4.0, 9.0)] == [0.25, 0.625, 1.0, 1.0]


def test_a_schedule_is_never_taken_for_a_number() -> None:
    with pytest.raises(TypeError, match="not a schedule"):
        constant(Settings.model_validate({"share": "t"}).share)


@pytest.mark.parametrize(
    ("field", "low", "high"),
    [
        ("share", 0.0, 1.0),
        ("open_share", 1e-6, 1.0 - 1e-6),
        ("count", 1, 10),
        ("open_count", 2, 9),
        ("maybe", 0.0, 1.0),
        ("free", -1000.0, 1000.0),
    ],
)
def test_a_schedule_is_held_within_the_range_of_its_field(field: str, low: float, high: float) -> None:
    settings = Settings.model_validate({field: "1000*sin(tau*t/8)"})
    reached = [at(settings, field, moment(t)) for t in (2.0, 6.0)]
    assert reached == [high, low]
    for each in reached:
        assert getattr(Settings.model_validate({field: each}), field) == each


def test_whole_numbers_are_rounded() -> None:
    settings = Settings.model_validate({"count": {"0s": 1, "4s": 5}})
    values = [at(settings, "count", moment(t)) for t in (0.0, 0.4, 0.6, 1.0, 4.0)]
    assert values == [1, 1, 2, 2, 5]
    assert {type(value) for value in values} == {int}


@given(st.floats(-1e12, 1e12), st.sampled_from(["share", "open_share", "count", "open_count"]))
def test_whatever_a_schedule_gives_its_field_takes(value: float, field: str) -> None:
    now = at(Settings.model_validate({field: f"{value!r} + 0*t"}), field, moment(1.0))
    assert getattr(Settings.model_validate({field: now}), field) == now


def test_a_schedule_is_a_pure_function_of_the_moment() -> None:
    settings = Settings.model_validate({"share": {"0s": 0, "5s": 1, "ease": "bounce"}})
    times = [0.3 * n for n in range(40)]
    there = [at(settings, "share", moment(t)) for t in times]
    assert [at(settings, "share", moment(t)) for t in reversed(times)] == there[::-1]


def test_settings_are_equal_where_their_schedules_are() -> None:
    one, same, other = (
        Settings.model_validate({"share": {"0s": 0.5, "4s": last}}) for last in (1.0, 1.0, 0.0)
    )
    assert one == same
    assert one != other
    assert one.share != 0.5
    assert hash(one.share) == hash(same.share)


def test_schedules_can_be_copied_and_sent() -> None:
    settings = Settings.model_validate({"share": "0.5 + 0.1*sin(t)", "count": {"0s": 1, "end": 9}})
    for again in (copy.deepcopy(settings), pickle.loads(pickle.dumps(settings))):  # noqa: S301  our own
        assert again == settings
        assert at(again, "share", moment(1.0)) == at(settings, "share", moment(1.0))


def test_a_schedule_is_taken_as_an_object_too() -> None:
    schedule = parse_schedule({"0s": 0.1, "4s": 0.9})
    assert at(Settings.model_validate({"share": schedule}), "share", moment(2.0)) == 0.5
    assert at(Settings.model_validate({"share": Expression("p")}), "share", moment(5.0)) == 0.5
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        Settings.model_validate({"share": parse_schedule({"0s": 2})})


def test_a_schedule_is_held_to_the_range_of_a_field_that_it_moves_to() -> None:
    free = Settings.model_validate({"free": {"0s": 0, "4s": 8}}).free
    assert locations({"share": free}) == {("share", "4s"): "Input should be less than or equal to 1"}
    moved = Settings.model_validate({"count": Settings.model_validate({"free": "t"}).free})
    assert at(moved, "count", moment(3)) == 3


def test_every_wrong_keyframe_is_told_by_its_own_key() -> None:
    found = locations(
        {
            "share": {
                0: 0.5,
                "4s": 2,
                "0:05": "nine",
                "5x": 1,
                6: {"value": 3},
                "7s": {"valeu": 1},
                "ease": "wobble",
            }
        }
    )
    assert list(found) == [("share", key) for key in ("4s", "0:05", "5x", "6", "7s", "ease")]
    assert "less than or equal to 1" in found["share", "4s"]
    assert "finite number" in found["share", "0:05"]
    assert "'5x'" in found["share", "5x"]
    assert "'wobble'" in found["share", "ease"]


def test_whole_fields_take_whole_keyframes() -> None:
    assert locations({"count": {"0s": 1, "4s": 2.5}}).keys() == {("count", "4s")}


@pytest.mark.parametrize("key", ["4", "4.0s", "0:04", 4.0])
def test_two_keyframes_at_one_time_are_told_by_the_second(key: object) -> None:
    found = locations({"share": {"4s": 1, key: 0}})
    assert found == {("share", str(key)): "two keyframes are at 4s"}


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({}, "keyframes are empty"),
        ({"ease": "in"}, "keyframes are empty"),
        ({f"{n}f": 0 for n in range(2000)}, "at most 1000"),
        ("sin(", "never closed"),
        ("wobble(t)", "no such function"),
        ("1/t", "divides by zero"),
        ("__import__('os').system('x')", "cannot read"),
        ("().__class__", "cannot read"),
        ("9**9**9", "too large"),
        ("", "valid number"),
        ("many", "valid number"),
        (".nan", "valid number"),
        ("nan", "finite number"),
        ("1e999", "finite number"),
        (None, "valid number"),
        ([1], "valid number"),
        (2, "less than or equal to 1"),
        (math.nan, "finite number"),
    ],
)
def test_what_is_neither_number_nor_schedule_is_told(value: object, says: str) -> None:
    (message,) = locations({"share": value}).values()
    assert says in message


def test_what_an_expression_needs_may_be_unknown_later() -> None:
    settings = Settings.model_validate({"share": "p"})
    with pytest.raises(ScheduleError, match="duration"):
        at(settings, "share", moment(1.0, duration=None))


def test_music_is_silent_at_the_start() -> None:
    assert at(Settings.model_validate({"share": "0.2 + bass"}), "share", START) == 0.2


@pytest.mark.parametrize("bounds", [Bounds(ge=0.0, le=1.0), Bounds(gt=1, lt=9, whole=True), Bounds()])
def test_bounds_contain_what_they_fit(bounds: Bounds) -> None:
    for value in (-1e9, -0.5, 0.0, 0.4, 1.5, 8.5, 1e9):
        assert bounds.contain(bounds.fit(value))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"look": {"strength": 0.5}},
        {"scenes": [{"start": "0s", "look": {"strength": "p"}}]},
    ],
)
def test_a_preset_in_which_nothing_varies_is_itself_at_any_moment(values: dict[str, Any]) -> None:
    preset = Preset.build(values)
    assert preset.is_constant()
    assert preset.at(moment(3.0)) is preset


def test_a_preset_at_a_moment_is_a_constant_one() -> None:
    preset = Preset.build(
        {
            "ascent": {"steps": {"0s": 2, "4s": 10}, "step_size": "0.01 + 10*t", "jitter": 16},
            "look": {"strength": {"0s": 0, "4s": 1, "ease": "hold"}},
            "stability": {"decay": "1 - p", "steps": {"0s": 0, "4s": 3}, "blend": {"0s": 0, "4s": 0.9}},
            "objective": {"0s": "mixed3", "4s": "mixed4"},
        }
    )
    before = preset.model_dump()
    now = preset.at(moment(2.0))
    assert now.is_constant()
    assert (now.ascent.steps, now.ascent.step_size, now.ascent.jitter) == (6, 1.0, 16)
    assert now.look.strength == 0.0
    assert (now.stability.decay, now.stability.steps, now.stability.blend) == (0.8, 2, 0.45)
    assert now.objective == parse("mixed3:0.5, mixed4:0.5")
    assert Preset.build(now.values()) == now
    assert preset.model_dump() == before
    assert preset.at(moment(2.0)) == now
    assert preset.schedules().keys() == {
        "ascent.steps",
        "ascent.step_size",
        "look.strength",
        "stability.decay",
        "stability.steps",
        "stability.blend",
    }


@pytest.mark.parametrize(
    "path",
    [
        "octaves.count",
        "octaves.scale",
        "ascent.jitter",
        "ascent.smoothing",
        "ascent.laplacian",
        "stability.flow.scale",
        "mask.feather",
        "run.seed",
        "run.tile",
        "output.width",
        "output.crf",
        "output.fps",
        "input.start",
        "model.name",
        "look.blend",
    ],
)
def test_what_shapes_a_dream_stays_the_same(path: str) -> None:
    with pytest.raises(
        SettingsError, match=f"^{re.escape(path)}: must stay the same (within a scene|throughout)"
    ):
        Preset().override({path: {"0s": 2, "4s": 3}})


@pytest.mark.parametrize(
    "path", ["octaves.count", "octaves.scale", "ascent.smoothing", "output.crf", "run.seed"]
)
def test_an_expression_for_what_stays_the_same_is_told_so(path: str) -> None:
    with pytest.raises(SettingsError, match="must stay the same"):
        Preset().override({path: "3 + sin(t)"})
    with pytest.raises(SettingsError, match="must be"):
        Preset().override({path: "many"})


def quickest(call: Any, times: int = 200) -> float:
    best = math.inf
    for _ in range(times):
        begun = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - begun)
    return best


def test_a_moment_takes_a_fraction_of_a_millisecond() -> None:
    preset = Preset.build(
        {
            "ascent": {
                "steps": {"0s": 2, "4s": 10},
                "step_size": "0.01 + 0.005*sin(tau*t/4)",
                "l2": "0.1*noise(t)",
            },
            "look": {"strength": {f"{n}s": n % 2 for n in range(10)}},
            "objective": {"0s": "mixed3", "4s": "mixed4, mixed5:0.5", "end": "mixed2"},
        }
    )
    assert quickest(lambda: preset.at(moment(3.3))) < 2e-4


def test_a_thousand_keyframes_are_read_and_followed_in_time() -> None:
    values = {"look": {"strength": {f"{n}f": n % 7 / 7 for n in range(1000)}}}
    begun = time.process_time()
    preset = Preset.build(values)
    assert time.process_time() - begun < 1.0
    assert quickest(lambda: preset.at(moment(20.0))) < 2e-3


@given(
    st.one_of(
        st.builds(
            "{}{}".format, st.floats(0, 1e6).map(lambda x: round(x, 3)), st.sampled_from(["s", "", "S", " s"])
        ),
        st.builds("{}f".format, st.integers(0, 9999)),
        st.builds("{}:{:02}".format, st.integers(0, 99), st.integers(0, 59)),
        st.builds("{}:{:02}:{:02}.5".format, st.integers(0, 9), st.integers(0, 59), st.integers(0, 59)),
        st.builds("{}%".format, st.integers(0, 100)),
        st.sampled_from(
            ["end", "END", " end ", "start", "4x", "-1s", "", "s", "1e3s", "mixed3", "0x4", "1:2:3:4"]
        ),
        st.text("0123456789:.sf% e-", max_size=6),
    )
)
def test_the_schema_knows_every_time_that_is_read(text: str) -> None:
    try:
        parse_offset(text)
    except ScheduleError:
        return
    assert re.search(TIME_PATTERN, text)


@pytest.mark.parametrize(
    "text", ["start", "4x", "-1s", "", "s", "mixed3", "0x4", "1:2:3:4", "end of it", "4ss"]
)
def test_the_schema_takes_no_name_for_a_time(text: str) -> None:
    assert not re.search(TIME_PATTERN, text)


def test_the_schema_of_keyframes_names_all_easings() -> None:
    schema = keyframes_schema({"type": "number"})
    assert schema["properties"]["ease"]["anyOf"][0] == {"enum": list(EASINGS)}
    (values,) = schema["patternProperties"].values()
    assert values["anyOf"][0] == {"type": "number"}
