"""Settings of signals: names, kinds of sources, and mistakes with their lines."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest

from dreamvid.config.fields import rename_files
from dreamvid.config.preset import Preset, load_preset
from dreamvid.errors import PresetError, SettingsError


def build(**signals: Any) -> Preset:
    return Preset.build({"signals": signals})


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("a.csv", "table"),
        ("a/b.TSV", "table"),
        ("song.mid", "midi"),
        ("drums.wav", "media"),
        ("clip.mp4", "media"),
        ("motion", "clip"),
        ("mask", "clip"),
        ("sound", "sound"),
        ("./motion", "media"),
    ],
)
def test_a_source_is_of_a_kind(source: str, kind: str) -> None:
    signal = build(x=source).signals["x"]
    assert signal.kind == kind
    assert signal.file == (None if kind in {"clip", "sound"} else Path(source))


@pytest.mark.parametrize(
    ("signal", "message"),
    [
        ("motoin", r"source: must be a file, or .*, not 'motoin' \(did you mean 'motion'\?\)"),
        ({"sorce": "a.csv"}, "source: is missing"),
        ({"source": "a.csv", "note": 36}, r"note: is for MIDI files only"),
        ({"source": "a.mid", "column": 2}, r"column: is for tables \(.csv\) only"),
        ({"source": "a.csv", "feature": "beat"}, "feature: is for sounds and videos only"),
        ({"source": "motion", "start": 2}, "start: is for"),
        ({"source": "sound", "feature": "cuts"}, "feature: cuts is no feature of sound; write source: cuts"),
        (
            {"source": "a.mid", "note": 36, "controller": 1},
            "controller: a signal is of notes or of a controller",
        ),
        ({"source": "a.mid", "note": "C4"}, "note: must be a note from 0 to 127"),
        ({"source": "a.mid", "note": "47-36"}, "note: must be a note"),
        ({"source": "a.csv", "range": "atuo"}, r"range: must be .* \(did you mean 'auto'\?\)"),
        ({"source": "a.csv", "range": [5, 1]}, "range: must be auto, off or LOW,HIGH"),
        ({"source": "a.csv", "smoothing": -1}, "smoothing: must be from 0 to 60"),
        ({"source": "a.csv", "gain": "much"}, "gain: must be a number"),
    ],
)
def test_what_does_not_fit_is_refused(signal: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=rf"^signals\.x\.{message}"):
        build(x=signal)


@pytest.mark.parametrize("name", ["t", "b", "sin", "tau"])
def test_a_name_with_a_meaning_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=rf"^signals\.{name}: means something else in expressions"):
        build(**{name: "a.csv"})


@pytest.mark.parametrize("name", ["my signal", "1st", "", "if", "a-b", "x" * 41])
def test_a_name_is_a_word(name: str) -> None:
    with pytest.raises(SettingsError, match="a signal's name must be a word"):
        build(**{name: "a.csv"})


def test_expressions_know_the_names_of_signals_in_scenes_too() -> None:
    values: dict[str, Any] = {
        "signals": {"kick": "a.wav", "bass": "b.wav"},
        "objective": {"mixed3": "1 + kick"},
        "look": {"strength": "kick * bass"},
        "scenes": [{}, {"start": "1s", "look": {"strength": "kick"}}],
    }
    preset = Preset.build(values)
    for same in (pickle.loads(pickle.dumps(preset)), copy.deepcopy(preset), preset.override({"run.seed": 1})):  # noqa: S301  our own
        assert same.look == preset.look
        assert same.signals == preset.signals
    with pytest.raises(SettingsError, match=r"no such name as 'kik' \(did you mean 'kick'\?\)"):
        Preset.build({**values, "look": {"strength": "2*kik"}})
    with pytest.raises(SettingsError, match="no such name as 'kick'"):
        Preset.build({"look": {"strength": "2*kick"}})


def test_mistakes_are_told_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "signals:\n  heart: heart.csv\n  kick: {source: song.mid, nte: 36}\n  flow: moton\n"
        "look:\n  strength: 0.5*haert\n"
    )
    with pytest.raises(PresetError) as caught:
        load_preset(path)
    assert str(caught.value).replace(f"{path}:", "").splitlines() == [
        "3:28: signals.kick.nte: no such setting (did you mean 'note'?)",
        (
            "4:3: signals.flow.source: must be a file, or brightness, motion, cuts, mask, sound, not 'moton' "
            "(did you mean 'motion'?)"
        ),
        "6:3: look.strength: '0.5*haert': no such name as 'haert' (did you mean 'heart'?)",
    ]


def test_presets_merge_signals_by_name_and_find_files_beside_them(tmp_path: Path) -> None:
    (tmp_path / "heart.csv").write_text("1\n")
    (tmp_path / "base.yaml").write_text("signals: {heart: heart.csv, flow: motion}\n")
    (tmp_path / "mine.yaml").write_text(
        "extends: base.yaml\nsignals: {flow: brightness, kick: {source: kick.wav}}\n"
    )
    signals = load_preset(tmp_path / "mine.yaml").preset.signals
    assert {name: signal.source for name, signal in signals.items()} == {
        "heart": str(tmp_path / "heart.csv"),
        "flow": "brightness",
        "kick": "kick.wav",
    }


def test_single_settings_can_be_set() -> None:
    preset = Preset().override({"signals.x": "a.csv", "signals.x.gain": "2", "signals.y.source": "motion"})
    assert preset.signals["x"].gain == 2.0
    assert preset.override({"signals.x.offset": 1}).signals["x"].gain == 2.0
    for path in ("signals.x.gian", "signals.x.gain.y"):
        with pytest.raises(SettingsError, match="no such setting"):
            preset.override({path: 1})


def test_names_of_files_are_renamed() -> None:
    values = {"signals": {"a": "deep/a.csv", "b": {"source": "deep/b.wav", "gain": 2}, "c": "motion"}}
    assert rename_files(values, lambda name, _: Path(name).name, Preset)["signals"] == {
        "a": "a.csv",
        "b": {"source": "b.wav", "gain": 2},
        "c": "motion",
    }
