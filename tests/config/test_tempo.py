"""Settings of the tempo."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from dreamvid.config.preset import Preset
from dreamvid.errors import SettingsError


@pytest.mark.parametrize(
    ("written", "bpm"),
    [
        (128, Fraction(128)),
        ("137.5", Fraction(275, 2)),
        ("900/7", Fraction(900, 7)),
        ("auto", "auto"),
        (99.9, Fraction(999, 10)),
    ],
)
def test_a_tempo_is_exact(written: object, bpm: object) -> None:
    preset = Preset.build({"tempo": written})
    assert preset.tempo.bpm == bpm
    assert Preset.build(preset.model_dump(mode="json", exclude_none=True)).tempo == preset.tempo


@pytest.mark.parametrize(
    ("tempo", "message"),
    [
        ("fast", "tempo.bpm: must be auto or beats per minute, from 10 to 1000, not 'fast'"),
        (5, "tempo.bpm: must be auto or"),
        (True, "tempo"),
        ({"bpm": 120, "bars": 0}, "tempo.bars: must be from 1 to 10000"),
        ({"bpm": 120, "bars": 1.5}, "tempo.bars: must be a whole number"),
        ({"bars": 8}, r"tempo: bars need a tempo; set bpm \(--bpm\)"),
        ({"bpm": 120, "first_beat": -1}, "tempo.first_beat"),
    ],
)
def test_what_is_no_tempo_is_refused(tempo: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Preset.build({"tempo": tempo})


def test_the_grid_is_known_with_the_tempo() -> None:
    grid = Preset.build({"tempo": {"bpm": 120, "beats_per_bar": 3, "first_beat": "0.25"}}).tempo.grid
    assert grid is not None
    assert (grid.period, grid.first, grid.beats_per_bar) == (0.5, 0.25, 3)
    assert Preset.build({"tempo": "auto"}).tempo.grid is None
    assert Preset().tempo.grid is None
