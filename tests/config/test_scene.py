"""Scenes: what each sets, laid over the preset that it stands in."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from dreamvid.config.preset import Preset
from dreamvid.config.scene import SceneSettings
from dreamvid.errors import SettingsError
from dreamvid.objective import parse
from dreamvid.schedule.easing import Easing
from dreamvid.schedule.times import TimeOffset


def refused(scene: object) -> str:
    with pytest.raises(SettingsError) as caught:
        Preset.build({"scenes": [scene]})
    return str(caught.value)


def test_a_scene_begins_at_the_start_with_a_cut() -> None:
    scene = SceneSettings()
    assert (scene.start, scene.transition, scene.ease) == (TimeOffset(0.0), Fraction(0), Easing("in-out"))
    assert scene.changes() == {}


@pytest.mark.parametrize(
    ("start", "when"),
    [
        ("4s", TimeOffset(4.0)),
        (4, TimeOffset(4.0)),
        ("1:05", TimeOffset(65.0)),
        ("120f", TimeOffset(120.0, "f")),
        ("25%", TimeOffset(25.0, "%")),
    ],
)
def test_a_scene_starts_at_any_kind_of_time(start: object, when: TimeOffset) -> None:
    scenes = Preset.build({"scenes": [{"start": 0}, {"start": start, "transition": "1:00.5"}]}).scenes
    assert scenes[1].start == when
    assert scenes[1].transition == Fraction(121, 2)


def test_a_preset_without_scenes_is_one_scene() -> None:
    preset = Preset.build({"octaves": 3})
    (scene,) = preset.in_scenes()
    assert scene.preset is preset
    assert scene.settings == SceneSettings()


def test_a_scene_changes_only_what_it_sets() -> None:
    preset = Preset.build(
        {
            "objective": "mixed3",
            "octaves": {"count": 4, "scale": 1.3},
            "look": {"strength": {"0s": 0, "end": 1}, "blend": "screen"},
            "stability": {"steadiness": 0.5, "decay": 0.9},
            "run": {"seed": 7},
            "scenes": [
                {"octaves": 2, "look": {"strength": 0.5}},
                {"start": "4s", "objective": {"0s": "mixed4", "4s": "mixed5"}, "stability": {"decay": None}},
            ],
        }
    )
    first, second = (scene.preset for scene in preset.in_scenes())
    assert (first.octaves.count, first.octaves.scale) == (2, 1.3)
    assert (first.look.strength, first.look.blend, first.objective) == (0.5, "screen", parse("mixed3"))
    assert first.is_constant()
    assert second.octaves == preset.octaves
    assert second.look == preset.look
    assert (second.stability.steadiness, second.stability.decay) == (0.5, None)
    assert second.objective == Preset.build({"objective": {"0s": "mixed4", "4s": "mixed5"}}).objective
    assert {part.run.seed for part in (first, second)} == {7}
    assert not first.scenes
    assert not second.scenes


def test_a_scalar_in_a_scene_keeps_the_rest_of_its_group_and_a_group_keeps_a_scalar() -> None:
    values: dict[str, Any] = {
        "octaves": 6,
        "model": "vgg16",
        "scenes": [{"octaves": {"scale": 2.0}, "model": "vgg19"}],
    }
    (scene,) = Preset.build(values).in_scenes()
    assert (scene.preset.octaves.count, scene.preset.octaves.scale) == (6, 2.0)
    assert scene.preset.model.name == "vgg19"


def test_what_a_scene_leaves_empty_it_leaves_alone() -> None:
    empty = {
        "objective": None,
        "model": None,
        "octaves": None,
        "ascent": None,
        "look": None,
        "stability": None,
    }
    preset = Preset.build({"objective": "mixed3", "octaves": 2, "scenes": [empty]})
    (scene,) = preset.in_scenes()
    assert scene.settings.changes() == {}
    assert (scene.preset.objective, scene.preset.octaves.count) == (parse("mixed3"), 2)
    assert Preset.build(preset.model_dump(mode="json")).scenes[0].objective is None


def test_scenes_are_written_as_they_were_read() -> None:
    scenes = [
        {"start": "0s", "look": {"strength": {"0s": 0.0, "end": 1.0, "ease": "bounce"}}},
        {"start": "25%", "transition": "3/2", "ease": [0.1, 0.0, 0.9, 1.0], "octaves": {"count": 3}},
    ]
    preset = Preset.build({"scenes": scenes})
    assert preset.model_dump(mode="json", exclude_unset=True) == {"scenes": scenes}
    assert Preset.build(preset.values()) == preset


@pytest.mark.parametrize(
    ("scene", "says"),
    [
        (
            {"start": "soon"},
            "scenes.0.start: time must be such as 4s, 1:05, 120f, 25%, 4b, 2bar or end, not 'soon'",
        ),
        ({"start": -1}, "scenes.0.start: time must"),
        ({"start": "101%"}, "scenes.0.start: time must"),
        ({"start": "4s"}, "scenes: the first must start at 0s"),
        ({"transition": -1}, "scenes.0.transition: must be"),
        ({"transition": 601}, "scenes.0.transition: must be from 0 to 600, not '601'"),
        ({"ease": "wobble"}, "scenes.0.ease: no such easing as 'wobble'"),
        ({"ease": {"0s": 1}}, "scenes.0.ease: easing must be a name"),
        ({"strat": 1}, "scenes.0.strat: no such setting (did you mean 'start'?)"),
        (
            {"look": {"strenght": 1}},
            "scenes.0.look.strenght: no such setting (did you mean 'look.strength'?)",
        ),
        ({"look": {"strength": {"4s": 2}}}, "scenes.0.look.strength.4s: must be from 0 to 1, not '2'"),
        ({"look": 5}, "scenes.0.look: is a group of settings; set one of them, such as look.strength"),
        ({"octaves": {"0s": 1}}, "scenes.0.octaves: must stay the same within a scene"),
        ({"octaves": {"count": {"0s": 1}}}, "scenes.0.octaves.count: must stay the same within a scene"),
        ({"mask": "luma"}, "scenes.0.mask: is for the whole video, not for a scene"),
        ({"output": {"width": 64}}, "scenes.0.output: is for the whole video, not for a scene"),
        ({"objective": "mixed("}, "scenes.0.objective: objective 'mixed(' cannot be read"),
        ({"objective": {"0s": "auto"}}, "scenes.0.objective.0s: objective 'auto' must name"),
        ({"objective": ""}, "scenes.0.objective: must not be empty"),
        ({"objective": "a" * 5000}, "scenes.0.objective: must have at most 4096 characters, not 5000"),
        ({"scenes": []}, "scenes.0.scenes: is for the whole video, not for a scene"),
        ("4s", "scenes.0: must be settings such as {start: 4s}"),
        (None, "scenes.0: must be settings such as {start: 4s}"),
    ],
)
def test_what_is_no_scene_is_one_line(scene: object, says: str) -> None:
    assert refused(scene).startswith(says)


def test_what_is_for_scenes_is_not_for_the_preset() -> None:
    with pytest.raises(SettingsError, match=r"^transition: is for scenes only"):
        Preset.build({"transition": 2})


def test_scenes_are_a_list_of_bounded_length() -> None:
    with pytest.raises(SettingsError, match=r"^scenes: must be a list, not"):
        Preset.build({"scenes": {"start": 0}})
    with pytest.raises(SettingsError, match=r"^scenes: must have at most 1000 items, not 1001"):
        Preset.build({"scenes": [{}] * 1001})
