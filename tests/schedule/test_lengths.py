"""Lengths in settings: seconds, beats and bars."""

from __future__ import annotations

from fractions import Fraction

import pytest

from dreamvid.config.preset import Preset
from dreamvid.errors import ScheduleError, SettingsError
from dreamvid.schedule.lengths import known_seconds, parse_beats
from dreamvid.schedule.times import TimeOffset


@pytest.mark.parametrize(
    ("value", "length"),
    [("8bar", TimeOffset(8.0, "bar")), ("16b", TimeOffset(16.0, "b")), ("16", None), (3, None), ("0b", None)],
)
def test_beats_and_bars_are_told_from_seconds(value: object, length: TimeOffset | None) -> None:
    assert parse_beats(value) == length


@pytest.mark.parametrize("path", ["trip.duration", "trip.keyframe", "input.duration"])
def test_settings_take_either_and_give_it_back(path: str) -> None:
    section, _, name = path.partition(".")
    for text in ("1:05", "25/2", "16b", "4bar"):
        preset = Preset.build({section: {name: text}})
        again = Preset.build(preset.model_dump(mode="json"))
        assert getattr(getattr(again, section), name) == getattr(getattr(preset, section), name)
    assert Preset.build({"scenes": [{}, {"start": "4b", "transition": "1bar"}]}).scenes[1].start.unit == "b"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("0", "trip.duration: must be more than 0"),
        ("99999999", "at most 86400"),
        ("soon", "must be seconds"),
        ("-4b", "must be seconds"),
    ],
)
def test_what_is_no_length_is_refused(value: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Preset.build({"trip": {"duration": value}})


def test_seconds_are_known_without_a_tempo_alone() -> None:
    assert known_seconds(Fraction(3, 2)) == Fraction(3, 2)
    assert known_seconds(None) is None
    with pytest.raises(ScheduleError, match="'2bar' needs a tempo"):
        known_seconds(TimeOffset(2.0, "bar"))
