"""Settings: ranges, units, overrides and the lines that explain what does not fit."""

from __future__ import annotations

from fractions import Fraction

import pytest

from dreamvid.config.fields import field_paths
from dreamvid.config.preset import Preset, parse_assignments, parse_value
from dreamvid.config.settings import OutputSettings, output_size
from dreamvid.errors import SettingsError
from dreamvid.schedule.times import parse_rate, parse_time
from dreamvid.types import Size


def test_every_field_has_a_help_text_that_is_a_sentence() -> None:
    for path, info in field_paths(Preset).items():
        assert info.description, path
        assert info.description.endswith("."), path


def test_a_bare_scalar_is_accepted_where_it_is_clear() -> None:
    preset = Preset.build({"octaves": 3, "model": "vgg16"})
    assert (preset.octaves.count, preset.model.name) == (3, "vgg16")


def test_overrides_keep_what_they_do_not_name() -> None:
    preset = Preset.build({"octaves": {"count": 3, "scale": 2.0}}).override({"octaves.count": "5"})
    assert (preset.octaves.count, preset.octaves.scale) == (5, 2.0)


def test_a_preset_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Preset().objective = "mixed3"  # type: ignore[assignment, misc]  # exactly what must fail


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("ascent.steps", "x", "ascent.steps"),
        ("ascent.stps", "1", "did you mean 'ascent.steps'"),
        ("ascent.step_size", "nan", "finite"),
        ("ascent.step_size", "0", "must be more than 0 and at most 1, not"),
        ("octaves.scale", "1", "must be more than 1 and at most 4, not"),
        ("run.tile", "3", "between 64 and 8192"),
        ("run.tile", "big", "auto, off or a size"),
        ("stability.cadence", "9", "must be auto or between 1 and 8"),
        ("stability.cadence", "often", "auto or a number of frames"),
        ("input.start", "soon", "clock time"),
        ("input.start", "-1", "clock time"),
        ("output.fps", "0", "more than 0"),
        ("output.fps", "1/0", "rate such as"),
        ("output.codec", "divx", "h264"),
        ("output.width", "15", "must be from 16 to 16384, not"),
        ("model.input_range", "1,-1", "lower one first"),
        ("model.input_range", "0,inf", "finite"),
        ("run.seed", "4294967296", "must be from 0 to 4294967295, not"),
        ("input.duration", "0", "must be more than 0, not"),
        ("output.codec", "H265", "did you mean .h265."),
        ("objective", "mean(mixed3", "cannot be read"),
        ("model.name.x", "1", "no such setting"),
        ("", "1", "no such setting"),
    ],
)
def test_what_does_not_fit_is_one_line_that_names_the_key(path: str, value: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as caught:
        Preset().override({path: value})
    assert "\n" not in str(caught.value)
    assert path in str(caught.value)


def test_assignments_need_an_equals_sign() -> None:
    assert parse_assignments(["objective=class:tabby", "ascent.l2=0"]) == {
        "objective": "class:tabby",
        "ascent.l2": "0",
    }
    with pytest.raises(SettingsError, match="PATH=VALUE"):
        parse_assignments(["steps"])


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("24", Fraction(24)),
        ("23.976", Fraction(24000, 1001)),
        ("29.97", Fraction(30000, 1001)),
        ("59.94", Fraction(60000, 1001)),
        ("12.5", Fraction(25, 2)),
        ("24000/1001", Fraction(24000, 1001)),
    ],
)
def test_rates_are_exact(text: str, rate: Fraction) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12.5", Fraction(25, 2)),
        ("4s", Fraction(4)),
        ("1:05", Fraction(65)),
        ("1:02:03.5", Fraction(7447, 2)),
    ],
)
def test_times_are_seconds_or_clock_times(text: str, seconds: Fraction) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    ("asked", "size"),
    [
        ({}, Size(721, 1281)),
        ({"width": 480}, Size(270, 480)),
        ({"height": 360}, Size(360, 640)),
        ({"width": 300, "height": 200}, Size(200, 300)),
        ({"width": 17}, Size(10, 17)),
    ],
)
def test_the_other_side_follows_even(asked: dict[str, int], size: Size) -> None:
    assert output_size(Size(721, 1281), OutputSettings(**asked)) == size


@pytest.mark.parametrize(
    ("settings", "says"), [({"width": 64}, "output.width: makes 64x25600"), ({"height": 16384}, "16384")]
)
def test_a_side_that_follows_into_the_absurd_is_refused(settings: dict[str, int], says: str) -> None:
    thin = Size(4000, 10) if "width" in settings else Size(10, 4000)
    with pytest.raises(SettingsError, match=says):
        output_size(thin, OutputSettings(**settings))


def test_schedules_are_read_from_flags_and_names_stay_names() -> None:
    assert parse_value("look.strength", "{0s: 0, 2s: 1}") == {"0s": 0, "2s": 1}
    assert parse_value("mask.source", "{a}.png") == "{a}.png"
    assert parse_value("model.weights", "[1].h5") == "[1].h5"
    with pytest.raises(SettingsError, match=r"look\.strength: .*YAML"):
        parse_value("look.strength", "{0s: 0")
