"""Presets in files: found by name, laid over one another, all mistakes with their places."""

from __future__ import annotations

import os
import time
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamvid.config.loader import FOLDERS, find_preset, find_presets, preset_folders
from dreamvid.config.preset import Preset, load_preset
from dreamvid.errors import PresetError, SettingsError
from dreamvid.objective import parse
from dreamvid.schedule.easing import EASINGS
from dreamvid.schedule.times import START

if TYPE_CHECKING:
    from pathlib import Path


class Shelf:
    """A folder of presets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, name: str, text: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def load(self, text: str | bytes, name: str = "mine.yaml") -> Preset:
        return load_preset(self.put(name, text)).preset

    def mistakes(self, text: str | bytes, name: str = "mine.yaml") -> list[str]:
        path = self.put(name, text)
        with pytest.raises(PresetError) as caught:
            load_preset(path)
        for line in caught.value.lines:
            assert line.isprintable()
        assert str(caught.value).splitlines() == list(caught.value.lines)
        return [line.removeprefix(f"{self.folder}{os.sep}") for line in caught.value.lines]


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    monkeypatch.setenv(FOLDERS, str(tmp_path / "named"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return Shelf(tmp_path)


RICH = """\
description: "Rich: no, 1:05, 'quotes' # and unicode \\u00fc"
objective: {0s: mixed3, 4s: {value: "mixed4:0.5, mixed3#12", ease: bounce}, end: mixed5, ease: in-out}
octaves: 4
ascent: {steps: {0s: 3, end: 9, ease: [0.1, 0, 0.9, 1]}, step_size: "0.01 + 0.004*sin(t)"}
look: {strength: {0: 0.2, 1:05: 1}, blend: screen}
stability: {steadiness: 0.5, decay: 0.9}
mask: luma
input: {start: 2.5, duration: "1:05"}
output: {fps: 23.976, depth: "10", audio: no}
scenes:
- {start: 0s, look: {strength: 0.5}, octaves: 3}
- {start: 25%, transition: 1.5, ease: cubic, objective: {cycle: [mixed1, mixed2], every: 1f, fade: 0s}}
- {start: 90%, model: vgg16, objective: {block1_conv1: 1, "block2_conv1#3": {0s: 0, 4s: 1}}, stability: {decay: ~}}
"""


def test_an_empty_file_is_a_preset_of_defaults(shelf: Shelf) -> None:
    for text in ("", "\n", "# a comment\n", "---\n", "\ufeff", "{}"):
        assert shelf.load(text) == Preset()


def test_a_preset_has_the_name_of_its_file(shelf: Shelf) -> None:
    file = load_preset(shelf.put("Night Owl ü.yaml", "octaves: 3"))
    assert (file.name, file.path.name, file.preset.octaves.count) == ("Night Owl ü", "Night Owl ü.yaml", 3)


def test_texts_that_older_yaml_took_for_something_else(shelf: Shelf) -> None:
    preset = shelf.load("input: {start: 1:05}\noutput: {audio: no}\ndescription: on\nmask: no\n")
    assert (preset.input.start, preset.output.audio, preset.description, preset.mask.source) == (
        Fraction(65),
        False,
        "on",
        "no",
    )


def test_a_rich_preset_reads_back_from_json(shelf: Shelf) -> None:
    preset = shelf.load(RICH)
    assert preset.output.audio is False
    assert preset.input.duration == 65
    for values in (
        preset.values(),
        preset.model_dump(mode="json", exclude_unset=True),
        preset.model_dump(exclude_defaults=True, exclude={"scenes"}) | {"scenes": preset.values()["scenes"]},
    ):
        assert Preset.build(values) == preset
    assert preset.override({}) == preset
    assert len(preset.in_scenes()) == 3


TIMES = st.one_of(
    st.integers(0, 100).map("{}s".format),
    st.integers(0, 100).map("{}f".format),
    st.integers(0, 99).map("{}%".format),
    st.just("end"),
    st.integers(0, 9),
)
EASES = st.sampled_from(EASINGS) | st.lists(st.floats(0, 1), min_size=4, max_size=4)
EXPRESSIONS = st.sampled_from(["0.5 + 0.4*sin(t)", "p", "clamp(f/100, 0.1, 1)", "0.5 if t < 2 else 0.25"])
OBJECTIVES = st.sampled_from(
    ["mixed3", "mixed4:0.5, mixed3#12", "class:tabby", "mean(mixed5):-1", "mixed4#3@0.5/0.25"]
)


def schedules(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    eased = values | st.fixed_dictionaries({"value": values, "ease": EASES})
    frames = st.dictionaries(TIMES, eased, min_size=1, max_size=4).filter(
        lambda found: len({str(key).removesuffix("s") for key in found}) == len(found)
    )
    return st.one_of(frames, st.tuples(frames, EASES).map(lambda pair: {**pair[0], "ease": pair[1]}))


SHARES = st.floats(0, 1) | schedules(st.floats(0, 1)) | EXPRESSIONS
JOURNEYS = st.one_of(
    OBJECTIVES,
    schedules(OBJECTIVES),
    st.dictionaries(
        OBJECTIVES, st.floats(-3, 3) | schedules(st.floats(-3, 3)) | EXPRESSIONS, min_size=1, max_size=3
    ),
    st.fixed_dictionaries(
        {
            "cycle": st.lists(OBJECTIVES, min_size=1, max_size=4),
            "every": st.sampled_from(["1f", "2s", "25%", 3]),
        },
        optional={"fade": st.sampled_from(["0s", "1f", 0.5])},
    ),
)
LOOKS: dict[str, st.SearchStrategy[Any]] = {
    "objective": JOURNEYS,
    "octaves": st.integers(1, 16) | st.fixed_dictionaries({"scale": st.floats(1.1, 4)}),
    "ascent": st.fixed_dictionaries(
        {},
        optional={
            "steps": st.integers(1, 99) | schedules(st.integers(1, 99)),
            "l2": SHARES,
            "jitter": st.integers(0, 9),
        },
    ),
    "look": st.fixed_dictionaries(
        {}, optional={"strength": SHARES, "blend": st.sampled_from(["screen", "normal"])}
    ),
    "stability": SHARES.filter(lambda value: not isinstance(value, dict))
    | st.fixed_dictionaries(
        {},
        optional={"decay": st.none() | SHARES, "steps": schedules(st.integers(0, 9)), "cuts": st.booleans()},
    ),
    "model": st.sampled_from(["vgg16", "dreamnet"]),
}
SCENES = st.lists(
    st.fixed_dictionaries(
        {},
        optional=LOOKS
        | {"transition": st.sampled_from([0, "1.5", "0:02"]), "ease": EASES, "start": st.just("0s")},
    ),
    max_size=3,
)
PRESETS = st.fixed_dictionaries(
    {},
    optional=LOOKS
    | {
        "scenes": SCENES,
        "description": st.text(st.characters(codec="utf-8"), max_size=20),
        "input": st.fixed_dictionaries({"start": st.sampled_from([0, 2.5, "1:02.25", "1/3"])}),
        "output": st.fixed_dictionaries({"fps": st.sampled_from([24, 23.976, "30000/1001", 12.5])}),
    },
)


@settings(max_examples=200, deadline=None)
@given(PRESETS)
def test_any_preset_reads_back_from_what_it_is_written_as(values: dict[str, Any]) -> None:
    preset = Preset.build(values)
    assert Preset.build(preset.values()) == preset
    assert Preset.build(preset.model_dump(mode="json", exclude_unset=True)) == preset
    whole = preset.model_dump(mode="json", exclude_none=True)
    whole["scenes"] = preset.model_dump(mode="json", exclude_unset=True).get("scenes", [])
    again = Preset.build(whole)
    for one, other in zip(again.in_scenes(), preset.in_scenes(), strict=True):
        assert one.settings == other.settings
        assert one.preset == other.preset


def test_every_mistake_is_a_line_in_order_of_place(shelf: Shelf) -> None:
    text = """\
looks: 1
octaves: {scale: 9, cuont: 3}
output:
  width: {0s: 5}
look:
  strength:
    0: 0.5
    4s: 2
    0:05: nine
    ease: wobble
ascent: {smoothing: 1 + sin(t)}
scenes:
- {start: 0s, strat: 4, mask: luma}
- start: soon
  look: {strenght: 1}
stability: {decay: {2s: 7}}
"""
    assert shelf.mistakes(text) == [
        "mine.yaml:1:1: looks: no such setting (did you mean 'look'?)",
        "mine.yaml:2:11: octaves.scale: must be more than 1 and at most 4, not '9'",
        "mine.yaml:2:21: octaves.cuont: no such setting (did you mean 'octaves.count'?)",
        "mine.yaml:4:3: output.width: must stay the same throughout",
        "mine.yaml:8:5: look.strength.4s: must be from 0 to 1, not '2'",
        "mine.yaml:9:5: look.strength.0:05: must be a finite number, not 'nine'",
        "mine.yaml:10:5: look.strength.ease: no such easing as 'wobble'",
        "mine.yaml:11:10: ascent.smoothing: must stay the same within a scene; scenes may differ in it",
        "mine.yaml:13:15: scenes.0.strat: no such setting (did you mean 'start'?)",
        "mine.yaml:13:25: scenes.0.mask: is for the whole video, not for a scene",
        "mine.yaml:14:3: scenes.1.start: time must be such as 4s, 1:05, 120f, 25%, 4b, 2bar or end, not 'soon'",
        "mine.yaml:15:10: scenes.1.look.strenght: no such setting (did you mean 'look.strength'?)",
        "mine.yaml:16:21: stability.decay.2s: must be from 0 to 1, not '7'",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("- 1\n", "1:1: must be settings such as 'octaves: 4', each with its name"),
        ("hello", "1:1: must be settings such as 'octaves: 4', each with its name"),
        ("octaves: 4\n5: 6\n", "2:1: 5: no such setting"),
        ("octaves: 4\nlook:\n  strength: 1\n  strength: 1\n", "4:3: 'strength' stands twice"),
        ("look: {strength: 1\n", "2:1: is no YAML: expected ',' or '}', but got '<stream end>'"),
        ("octaves: 4\n---\noctaves: 5\n", "2:1: holds a second document; a preset is one"),
        (
            "description: !!python/object/apply:os.system [echo]\n",
            "1:14: tag '!!python/object/apply:os.system' is not allowed",
        ),
        ("description: a\0b\n", "1:15: holds the character U+0000, which no text has"),
        (b"octaves: 4\ndescription: \xe9t\xe9\n", "2:14: is no UTF-8 text"),
        ("octaves: 4\n".encode("utf-16"), "1:1: is UTF-16; save it as UTF-8"),
        ("octaves: 4\n".encode("utf-16-le"), "1:2: holds the character U+0000, which no text has"),
        (b"#" * 600_000, "1:1: is longer than 131072 characters"),
        ("#" * 140_000, "1:1: is longer than 131072 characters"),
        (
            "objective: mixed(\n",
            (
                "1:1: objective 'mixed(' cannot be read; write LAYER, LAYER#CHANNEL or mean(LAYER), and a name with "
                ", : # @ ( ) or quotes in quotes, such as 'my layer: 1'"
            ),
        ),
        ("octaves: 4\nscenes:\n- {start: 4s}\n", "2:1: scenes: the first must start at 0s"),
        ("look:\n", "1:1: look: is a group of settings; set one of them, such as look.strength"),
        ('"a\\e[31m\\nb": 1\n', "1:1: a?[31m?b: no such setting"),
        (f"{'k' * 1000}: 1\n", f"1:1: {'k' * 80}...: no such setting"),
        ("extends: 5\n", "1:1: extends: must be the name of a preset, or a .yaml file"),
        ("octaves: 4\nextends: [a]\n", "2:1: extends: must be the name of a preset, or a .yaml file"),
        ("scenes:\n- 4s\n", "2:3: scenes.0: must be settings such as {start: 4s}"),
    ],
)
def test_what_is_no_preset_is_one_line_with_its_place(shelf: Shelf, text: str | bytes, line: str) -> None:
    assert shelf.mistakes(text) == [f"mine.yaml:{line}"]


def test_mistakes_beyond_a_hundred_are_counted(shelf: Shelf) -> None:
    lines = shelf.mistakes("".join(f"key{number}: 1\n" for number in range(150)))
    assert len(lines) == 101
    assert lines[-1] == "mine.yaml:101:1: 50 more mistakes follow"


def test_lines_are_never_long(shelf: Shelf) -> None:
    for text in (
        f"look: {{strength: '{'sin(' * 100}'}}",
        f"objective: '{'guide:' * 600}'",
        f"extends: {'x' * 9000}.yaml",
    ):
        for line in shelf.mistakes(text):
            assert len(line) < 450


def test_a_preset_extends_another_by_file_or_by_name(shelf: Shelf) -> None:
    shelf.put("base.yaml", "octaves: 3\nlook: {blend: screen}")
    shelf.put("named/base.yaml", "octaves: 6")
    assert shelf.load("extends: base.yaml\nobjective: mixed3").octaves.count == 3
    assert shelf.load("extends: base").octaves.count == 6
    assert shelf.load("extends: base.yaml\nobjective: mixed3").look.blend == "screen"


def test_a_file_that_is_extended_is_looked_for_beside_the_preset_first(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.put("here/base.yaml", "octaves: 3")
    shelf.put("there/base.yaml", "octaves: 6")
    shelf.put("there/other.yaml", "octaves: 7")
    monkeypatch.chdir(shelf.folder / "there")
    assert shelf.load("extends: base.yaml", "here/mine.yaml").octaves.count == 3
    assert shelf.load("extends: other.yaml", "here/mine.yaml").octaves.count == 7


def test_what_is_extended_is_merged_group_by_group_along_a_chain(shelf: Shelf) -> None:
    shelf.put(
        "low.yaml",
        "octaves: {scale: 1.3}\nlook: {strength: {0s: 0, 4s: 1}, blend: screen}\nstability: 0.5\n"
        "objective: {0s: mixed3, 4s: mixed4}\nscenes: [{start: 0s, octaves: 2}]\ninputs: [a.mp4]\n",
    )
    shelf.put(
        "middle.yaml", "extends: low.yaml\noctaves: 4\nlook: {strength: {9s: 0.5}}\nstability: {decay: 0.9}\n"
    )
    preset = shelf.load("extends: middle.yaml\nobjective: {0s: mixed5}\nlook: {keep_color: lab}\nscenes: []")
    assert (preset.octaves.count, preset.octaves.scale) == (4, 1.3)
    assert (preset.look.blend, preset.look.keep_color) == ("screen", "lab")
    assert preset.model_dump(mode="json")["look"]["strength"] == {"9s": 0.5}
    assert preset.model_dump(mode="json")["objective"] == {"0s": "mixed5"}
    assert (preset.stability.steadiness, preset.stability.decay) == (0.5, 0.9)
    assert preset.scenes == ()
    assert preset.inputs == (str(shelf.folder / "a.mp4"),)


def test_the_file_that_wrote_a_mistake_is_named(shelf: Shelf) -> None:
    shelf.put("low.yaml", "octaves:\n  count: 4\n  scale: 9\nlook:\n  strength: {4s: 7}\nlooks: 1\n")
    shelf.put("middle.yaml", "extends: low.yaml\n\nascent: {steps: 0}\noctaves: 99\n")
    assert shelf.mistakes("extends: middle.yaml\nstability: {decay: 3}\nascent: {jitter: -1}\n") == [
        "mine.yaml:2:13: stability.decay: must be from 0 to 1, not '3'",
        "mine.yaml:3:10: ascent.jitter: must be from 0 to 1024, not '-1'",
        "low.yaml:3:3: octaves.scale: must be more than 1 and at most 4, not '9'",
        "low.yaml:5:14: look.strength.4s: must be from 0 to 1, not '7'",
        "low.yaml:6:1: looks: no such setting (did you mean 'look'?)",
        "middle.yaml:3:10: ascent.steps: must be from 1 to 10000, not '0'",
        "middle.yaml:4:1: octaves.count: must be from 1 to 16, not '99'",
    ]


def test_a_mistake_that_is_laid_over_is_none(shelf: Shelf) -> None:
    shelf.put("low.yaml", "octaves: 99\nlook: {strength: {0s: 0.5, 4s: 7}}\nscenes: [{start: 5s}]")
    preset = shelf.load("extends: low.yaml\noctaves: 3\nlook: {strength: 1}\nscenes: [{start: 0s}]")
    assert preset.octaves.count == 3


def test_scenes_are_replaced_whole_and_their_mistakes_are_their_own(shelf: Shelf) -> None:
    shelf.put("low.yaml", "\n\n\nscenes:\n- {start: 0s, look: {strength: 1}}\n- {start: 4s}")
    assert shelf.mistakes(
        "extends: low.yaml\nscenes:\n- {look: {strength: {0s: 3}}}\n- {start: 4s, look: 5}\n"
    ) == [
        "mine.yaml:3:22: scenes.0.look.strength.0s: must be from 0 to 1, not '3'",
        "mine.yaml:4:15: scenes.1.look: is a group of settings; set one of them, such as look.strength",
    ]


def test_a_scene_takes_the_look_of_what_it_extends(shelf: Shelf) -> None:
    shelf.put(
        "base.yaml",
        "octaves: {count: 3, scale: 1.3}\nlook: {blend: screen}\nobjective: mixed3\nrun: {seed: 5}\nmask: luma\n"
        "description: base\nscenes: [{octaves: 9}]",
    )
    preset = shelf.load(
        "run: {seed: 7}\nscenes:\n- {start: 0s}\n- {start: 4s, extends: base.yaml, octaves: 2}\n"
    )
    first, second = (scene.preset for scene in preset.in_scenes())
    assert first.octaves.count == 5
    assert (second.octaves.count, second.octaves.scale, second.look.blend) == (2, 1.3, "screen")
    assert (second.objective, second.run.seed, second.mask.source) == (parse("mixed3"), 7, "off")


def test_mistakes_of_what_a_scene_extends_are_told_where_they_are(shelf: Shelf) -> None:
    shelf.put("low.yaml", "\nlook: {strength: 3}\n")
    shelf.put("base.yaml", "extends: low.yaml\noctaves: 99\nlooks: 1\n")
    assert shelf.mistakes("scenes:\n- {start: 0s, extends: base.yaml, ascent: {steps: 0}}\n") == [
        "mine.yaml:2:44: scenes.0.ascent.steps: must be from 1 to 10000, not '0'",
        "base.yaml:2:1: scenes.0.octaves.count: must be from 1 to 16, not '99'",
        "base.yaml:3:1: scenes.0.looks: no such setting (did you mean 'look'?)",
        "low.yaml:2:8: scenes.0.look.strength: must be from 0 to 1, not '3'",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("extends: nowhere\noctaves: 99\n", "mine.yaml:1:1: extends: nowhere: there is no such preset"),
        (
            "extends: nowhere.yaml\noctaves: 99\n",
            "mine.yaml:1:1: extends: nowhere.yaml: there is no such preset file",
        ),
        (
            "extends: mine.yaml\noctaves: 99\n",
            "mine.yaml:1:1: extends: 'mine.yaml' extends this preset in its turn",
        ),
        (
            "extends: bse\noctaves: 99\n",
            "mine.yaml:1:1: extends: bse: there is no such preset (did you mean 'base'?)",
        ),
    ],
)
def test_what_cannot_be_extended_is_told_beside_all_other_mistakes(
    shelf: Shelf, text: str, says: str
) -> None:
    shelf.put("named/base.yaml", "")
    first, second = shelf.mistakes(text)
    assert first.startswith(says)
    assert second == "mine.yaml:2:1: octaves.count: must be from 1 to 16, not '99'"


def test_presets_that_extend_one_another_in_a_circle_are_told(shelf: Shelf) -> None:
    shelf.put("a.yaml", "octaves: 3\nextends: b.yaml")
    shelf.put("b.yaml", "scenes:\n- extends: a.yaml")
    assert shelf.mistakes("extends: a.yaml") == [
        "b.yaml:2:3: scenes.0.extends: 'a.yaml' extends this preset in its turn"
    ]


def test_a_chain_has_at_most_sixteen_presets(shelf: Shelf) -> None:
    for number in range(20):
        shelf.put(f"c{number}.yaml", f"extends: c{number + 1}.yaml" if number < 19 else "octaves: 2")
    assert load_preset(shelf.folder / "c4.yaml").preset.octaves.count == 2
    with pytest.raises(PresetError, match=r"c15.yaml:1:1: extends: more than 16 presets extend one another"):
        load_preset(shelf.folder / "c0.yaml")


def test_what_many_scenes_extend_is_bounded_and_read_once(shelf: Shelf) -> None:
    keys = "".join(f"  {number}s: 'm{number % 50}'\n" for number in range(999))
    shelf.put("big.yaml", f"objective:\n{keys}")
    for number in range(12):
        scenes = "".join(f"- {{start: {k}s, extends: c{number + 1}.yaml}}\n" for k in range(100))
        shelf.put(f"c{number}.yaml", f"scenes:\n{scenes}")
    many = "".join(f"- {{start: {k}s, extends: big.yaml}}\n" for k in range(100))
    for text in (f"scenes:\n{many}", "extends: c0.yaml"):
        begun = time.process_time()
        assert "more than 30000 values are extended in all" in shelf.mistakes(text)[0]
        assert time.process_time() - begun < 5.0


def test_mistakes_in_the_yaml_of_what_is_extended_are_told_there(shelf: Shelf) -> None:
    shelf.put("base.yaml", "octaves: 3\nlook: [1\n")
    assert shelf.mistakes("octaves: 99\nextends: base.yaml") == [
        "mine.yaml:1:1: octaves.count: must be from 1 to 16, not '99'",
        "base.yaml:3:1: is no YAML: expected ',' or ']', but got '<stream end>'",
    ]


def test_files_that_a_preset_names_are_looked_for_beside_it(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("net.keras", "w.h5", "mask.png", "photo.jpg", "a@b.jpg", "luma"):
        shelf.put(f"here/{name}", "")
    monkeypatch.chdir(shelf.folder)
    here = shelf.folder / "here"
    preset = shelf.load(
        "model: {name: net.keras, weights: w.h5}\nmask: mask.png\ninputs: [clip.mp4, 'takes/*.mov']\n"
        "objective: {'guide:photo.jpg@mixed3': 1, 'mixed4, guide: a@b.jpg @mixed5:0.5': {0s: 0, 4s: 1}}\n"
        "scenes:\n- {model: net.keras, objective: {cycle: ['guide:photo.jpg@mixed4', 'guide:gone.jpg@mixed4']}}\n",
        "here/mine.yaml",
    )
    assert (preset.model.name, preset.model.weights) == (str(here / "net.keras"), here / "w.h5")
    assert preset.mask.source == str(here / "mask.png")
    assert preset.inputs == (str(here / "clip.mp4"), str(here / "takes/*.mov"))
    text = str(preset.at(START).objective)
    assert f"guide:{here}/photo.jpg@mixed3" in text
    assert f"guide:{here}/a@b.jpg@mixed5:0" in text
    (scene,) = preset.in_scenes()
    assert scene.preset.model.name == str(here / "net.keras")
    assert f"guide:{here}/photo.jpg@mixed4" in str(scene.preset.model_dump(mode="json")["objective"])
    assert "guide:gone.jpg@mixed4" in str(scene.preset.model_dump(mode="json")["objective"])
    assert shelf.load("mask: luma\nmodel: vgg16", "here/mine.yaml").mask.source == "luma"


def test_the_files_of_a_trip_are_looked_for_beside_its_preset(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("clip.mp4", "photo.png", "song.mp3", "colors.png"):
        shelf.put(f"here/{name}", "")
    monkeypatch.chdir(shelf.folder)
    here = shelf.folder / "here"
    preset = shelf.load(
        "trip: {start: photo.png, music: song.mp3, palette: colors.png}\n"
        "scenes: [{}, {start: 4s, objective: 'guide:photo.png@mixed4'}]\n",
        "here/mine.yaml",
    )
    assert preset.trip.start == str(here / "photo.png")
    assert preset.trip.music == here / "song.mp3"
    assert preset.trip.palette == str(here / "colors.png")
    assert shelf.load("extends: here/mine.yaml").trip.music == here / "song.mp3"
    assert (
        shelf.load("trip: {start: clip.mp4@1:02.5}", "here/mine.yaml").trip.start == f"{here}/clip.mp4@1:02.5"
    )
    for start in ("noise", "'#204060'", "'#204060-#ff8800'", "gone.mp4@3s"):
        trip = shelf.load(f"trip: {{start: {start}, music: gone.mp3}}", "here/mine.yaml").trip
        assert (trip.start, str(trip.music), trip.palette) == (start.strip("'"), "gone.mp3", "start")


def test_files_beside_a_preset_are_found_from_everywhere(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.put("here/mask.png", "")
    shelf.put("here/mine.yaml", "mask: mask.png\ninputs: [clip.mp4]\nobjective: {'guide:mask.png@mixed3': x}")
    monkeypatch.chdir(shelf.folder)
    with pytest.raises(PresetError) as caught:
        load_preset("here/mine.yaml")
    assert caught.value.lines[0].startswith("here/mine.yaml:3:13: objective.guide:")
    shelf.put("here/mine.yaml", "mask: mask.png\ninputs: [clip.mp4]")
    preset = load_preset("here/mine.yaml").preset
    assert preset.mask.source == str(shelf.folder / "here" / "mask.png")
    assert preset.inputs == (str(shelf.folder / "here" / "clip.mp4"),)


@pytest.mark.parametrize("name", ["x" * 9000, "a\\0b", "../" * 2000, "\\u2028.png", "x" * 300 + ".png"])
def test_names_that_no_file_has_are_no_crash(shelf: Shelf, name: str) -> None:
    text = f'model: "{name}"\nmask: "{name}"\nobjective: "guide:{name[:3000]}@mixed3"\ninputs: ["{name}"]\n'
    if "\\0" in name:
        assert shelf.load(text).mask.source == "a\0b"
    else:
        shelf.load(text)
    assert shelf.mistakes(f'extends: "{name}.yaml"')[0].startswith("mine.yaml:1:1: extends:")


def test_presets_are_found_by_name_in_several_folders(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDERS, os.pathsep.join([str(shelf.folder / "one"), "", str(shelf.folder / "two")]))
    for place in ("two", "config/dreamvid/presets", "one"):
        shelf.put(f"{place}/mine.yaml", f"description: {place}")
    shelf.put("two/only.yml", "description: only")
    shelf.put("config/dreamvid/presets/own.YAML", "description: own")
    shelf.put("one/notes.txt", "")
    shelf.put("one/folder.yaml/x.yaml", "")
    assert load_preset("mine").preset.description == "one"
    assert load_preset("only").preset.description == "only"
    assert load_preset("own").preset.description == "own"
    assert not {"notes", "folder", "x"} & find_presets().keys()
    assert [folder.name for folder in preset_folders()] == ["one", "two", "presets", "presets"]


def test_a_preset_of_ones_own_hides_the_one_that_ships(shelf: Shelf) -> None:
    shipped = sorted(path.stem for path in preset_folders()[-1].glob("*.yaml"))
    for name in shipped[:1]:
        shelf.put(f"named/{name}.yaml", "description: my own")
        assert load_preset(name).preset.description == "my own"
        assert find_preset(name) == shelf.folder / "named" / f"{name}.yaml"


@pytest.mark.parametrize(
    "name", ["my look", "ünï-cödé", "[x]", "a'b\"c", "#1", "-dash", "..dots", "a.b", "new\nline", "🌀"]
)
def test_odd_names_are_names(shelf: Shelf, name: str) -> None:
    shelf.put(f"named/{name}.yaml", "octaves: 3")
    assert find_presets()[name].stem == name
    assert load_preset(name).preset.octaves.count == 3


def test_a_name_that_is_none_brings_the_nearest(shelf: Shelf) -> None:
    shelf.put("named/nightowl.yaml", "")
    with pytest.raises(
        SettingsError, match=r"nihgtowl: there is no such preset \(did you mean 'nightowl'\?\)"
    ):
        load_preset("nihgtowl")
    with pytest.raises(SettingsError, match=r"nightowl.yaml: there is no such preset file"):
        load_preset("nightowl.yaml")


@pytest.mark.parametrize(
    "ref", ["", "x" * 9000, "x" * 9000 + ".yaml", "a\0b", "a\0b.yaml", ".", "/", "..yaml"]
)
def test_names_that_cannot_be_are_one_line(shelf: Shelf, ref: str) -> None:
    with pytest.raises(SettingsError, match="there is no such preset") as caught:
        load_preset(ref)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400
    assert shelf.folder.is_dir()


def test_folders_that_cannot_be_searched_are_passed_over(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.put("good/mine.yaml", "octaves: 3")
    loop = shelf.folder / "loop"
    loop.symlink_to(loop)
    odd = [
        "x" * 9000,
        str(loop),
        str(shelf.folder / "good" / "mine.yaml"),
        "/nowhere",
        "~nobody-is-here/x",
        str(shelf.folder / "good"),
    ]
    monkeypatch.setenv(FOLDERS, os.pathsep.join(odd))
    assert load_preset("mine").preset.octaves.count == 3


def test_a_file_that_cannot_be_read_is_one_line(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    path = shelf.put("mine.yaml", "octaves: 3")
    above = shelf.put("above.yaml", "extends: mine.yaml")

    def refuse(self: Path, *_: Any) -> Any:
        if self.name == "mine.yaml":
            raise PermissionError(13, "Permission denied", str(self))
        return open(self, "rb")  # noqa: PTH123  what is replaced

    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(SettingsError, match=r"mine.yaml: cannot be read \(Permission denied\)"):
        load_preset(path)
    with pytest.raises(PresetError, match=r"above.yaml:1:1: extends: .*mine.yaml: cannot be read"):
        load_preset(above)


def test_mistakes_found_later_are_placed_too(shelf: Shelf) -> None:
    shelf.put("base.yaml", "\nobjective:\n  0s: mixed3\n  4s: mixed4\n")
    file = load_preset(
        shelf.put("mine.yaml", "extends: base.yaml\nlook: {strength: 1}\nscenes: [{octaves: 3}]\n")
    )
    mistakes = [
        (("objective", "4s"), "is odd"),
        (("scenes", "0", "octaves", "count"), "is odd"),
        (("look", "strength"), "is odd"),
        (("look", "strength"), "is odd"),
        (("run", "seed"), "is odd"),
    ]
    assert [line.rpartition("/")[2] for line in file.lines(mistakes)] == [
        "mine.yaml:1:1: run.seed: is odd",
        "mine.yaml:2:8: look.strength: is odd",
        "mine.yaml:3:11: scenes.0.octaves.count: is odd",
        "base.yaml:4:3: objective.4s: is odd",
    ]
    assert file.sets(("objective", "4s"))
    assert not file.sets(("objective", "9s"))
