"""What fields there are, how values are laid over one another, and what is said of mistakes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dreamvid.config.fields import EVERY, field_paths, merge, meta_of, named_files, rename_files, unfold
from dreamvid.config.messages import problems
from dreamvid.config.preset import Preset
from dreamvid.config.scene import SceneSettings
from dreamvid.errors import SettingsError


def mistakes(values: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        Preset.model_validate(values)
    return {".".join(path): message for path, message in problems(caught.value, Preset)}


def test_the_fields_of_groups_within_groups_have_dotted_paths() -> None:
    paths = field_paths(Preset)
    assert {"objective", "octaves.count", "stability.decay", "stability.flow.scale", "scenes"} <= paths.keys()
    assert "stability.flow" not in paths
    assert not [path for path in paths if path.startswith("scenes.")]


def test_a_scene_has_the_same_fields_of_the_groups_that_it_may_change() -> None:
    scene, whole = field_paths(SceneSettings), field_paths(Preset)
    groups = {path.partition(".")[0] for path in scene if "." in path}
    assert groups == {"model", "octaves", "ascent", "look", "stability", "camera"}
    assert {path for path in scene if "." in path} == {
        path for path in whole if path.partition(".")[0] in groups
    }


def test_every_flag_sets_one_field_of_a_pipeline() -> None:
    for pipeline in EVERY:
        flags = [
            meta.flag for meta in map(meta_of, field_paths(Preset).values()) if pipeline in meta.pipelines
        ]
        named = [flag for flag in flags if flag]
        assert len(named) == len(set(named))


def test_files_are_named_by_their_fields_alone() -> None:
    values = {
        "description": "photo.png",
        "model": {"name": "dreamnet", "weights": "photo.png"},
        "mask": "photo.png",
        "objective": {"guide:photo.png@mixed3, mixed4": 1, "class:photo.png": {"0s": 0, "4s": 1}},
        "trip": {"start": "photo.png@1:05", "palette": "start", "music": "photo.png"},
        "inputs": ["photo.png"],
        "scenes": [{"objective": {"cycle": ["guide:photo.png@mixed3"]}, "model": {"name": "photo.png"}}, 5],
    }
    renamed = rename_files(values, lambda name, mark: f"{mark.role}/{name}", Preset)
    assert renamed == {
        "description": "photo.png",
        "model": {"name": "dreamnet", "weights": "weights/photo.png"},
        "mask": "mask/photo.png",
        "objective": {"guide:guide/photo.png@mixed3, mixed4": 1, "class:photo.png": {"0s": 0, "4s": 1}},
        "trip": {"start": "start/photo.png@1:05", "palette": "start", "music": "music/photo.png"},
        "inputs": ["input/photo.png"],
        "scenes": [
            {"objective": {"cycle": ["guide:guide/photo.png@mixed3"]}, "model": {"name": "model/photo.png"}},
            5,
        ],
    }
    trip = Preset.build({"trip": values["trip"]}).trip
    assert dict(named_files(trip)) == {"start": Path("photo.png"), "music": Path("photo.png")}


@pytest.mark.parametrize(
    ("below", "above", "together"),
    [
        (
            {"octaves": {"count": 3, "scale": 1.3}},
            {"octaves": {"count": 5}},
            {"octaves": {"count": 5, "scale": 1.3}},
        ),
        ({"octaves": {"scale": 1.3}}, {"octaves": 4}, {"octaves": {"count": 4, "scale": 1.3}}),
        ({"octaves": 4}, {"octaves": {"scale": 1.3}}, {"octaves": {"count": 4, "scale": 1.3}}),
        ({"octaves": 4}, {"octaves": 5}, {"octaves": {"count": 5}}),
        ({}, {"octaves": 4}, {"octaves": 4}),
        ({"octaves": 4}, {}, {"octaves": 4}),
        ({"octaves": None}, {"octaves": {"scale": 2}}, {"octaves": {"scale": 2}}),
        ({"octaves": 4}, {"octaves": None}, {"octaves": None}),
        (
            {"stability": {"flow": {"scale": 320}, "steadiness": 0.5}},
            {"stability": {"flow": {"preset": "fast"}}},
            {"stability": {"flow": {"scale": 320, "preset": "fast"}, "steadiness": 0.5}},
        ),
        (
            {"look": {"strength": {"0s": 0, "4s": 1}}},
            {"look": {"strength": {"9s": 1}}},
            {"look": {"strength": {"9s": 1}}},
        ),
        (
            {"stability": "0.5+t"},
            {"stability": {"decay": 1}},
            {"stability": {"steadiness": "0.5+t", "decay": 1}},
        ),
        ({"objective": {"0s": "a", "4s": "b"}}, {"objective": {"0s": "c"}}, {"objective": {"0s": "c"}}),
        ({"scenes": [{"start": 0}]}, {"scenes": []}, {"scenes": []}),
        ({"inputs": ["a", "b"]}, {"inputs": ["c"]}, {"inputs": ["c"]}),
        ({"nonsense": {"a": 1}}, {"nonsense": {"b": 1}}, {"nonsense": {"b": 1}}),
    ],
)
def test_values_are_laid_over_one_another_group_by_group(
    below: dict[str, Any], above: dict[str, Any], together: dict[str, Any]
) -> None:
    before = repr((below, above))
    assert merge(below, above, Preset) == together
    assert repr((below, above)) == before


GROUPS = st.fixed_dictionaries(
    {},
    optional={
        "octaves": st.integers(1, 9)
        | st.fixed_dictionaries({}, optional={"count": st.integers(1, 9), "scale": st.just(2)}),
        "look": st.fixed_dictionaries(
            {}, optional={"strength": st.just(0.5), "blend": st.sampled_from(["screen", "normal"])}
        ),
        "objective": st.sampled_from(["mixed3", "mixed4"]),
    },
)


@given(GROUPS, GROUPS, GROUPS)
def test_it_does_not_matter_which_of_three_are_laid_together_first(
    first: dict[str, Any], second: dict[str, Any], third: dict[str, Any]
) -> None:
    left = merge(merge(first, second, Preset), third, Preset)
    right = merge(first, merge(second, third, Preset), Preset)
    assert Preset.build(left) == Preset.build(right)


def test_a_bare_scalar_stands_where_its_group_does() -> None:
    values = {
        "octaves": 4,
        "model": {"name": "vgg16"},
        "mask": "luma",
        "look": {"strength": 1},
        "x": 1,
        "objective": "a",
    }
    assert unfold(values, Preset) == {("octaves", "count"): ("octaves",), ("mask", "source"): ("mask",)}


def test_all_mistakes_are_told_at_once() -> None:
    found = mistakes(
        {
            "looks": 1,
            "octaves": {"cuont": 3, "scale": 9},
            "ascent": {"steps": {"0s": 0, "4s": "x"}},
            "stability": {"flow": {"scael": 1}, "decay": {"2s": 2}},
            "scenes": [{"strat": 0}, {"look": {"strength": 7}}],
        }
    )
    assert found == {
        "looks": "no such setting (did you mean 'look'?)",
        "octaves.cuont": "no such setting (did you mean 'octaves.count'?)",
        "octaves.scale": "must be more than 1 and at most 4, not '9'",
        "ascent.steps.0s": "must be from 1 to 10000, not '0'",
        "ascent.steps.4s": "must be a finite number, not 'x'",
        "stability.flow.scael": "no such setting (did you mean 'stability.flow.scale'?)",
        "stability.decay.2s": "must be from 0 to 1, not '2'",
        "scenes.0.strat": "no such setting (did you mean 'start'?)",
        "scenes.1.look.strength": "must be from 0 to 1, not '7'",
    }


@pytest.mark.parametrize(
    ("values", "path", "message"),
    [
        ({"look": {1: 2}}, "look", "keyframes are of one setting, such as look.strength"),
        ({"look": {"0s": 2, "4s": 1}}, "look", "keyframes are of one setting, such as look.strength"),
        ({"octaves": {"0s": 2}}, "octaves", "must stay the same within a scene; scenes may differ in it"),
        ({"output": {"0s": 2}}, "output", "must stay the same throughout"),
        ({"function-x[y]": 1}, "function-x[y]", "no such setting"),
        (
            {"octaves.count": 3},
            "octaves.count",
            "settings of a group are nested: write octaves: {count: ...}",
        ),
        (
            {"stability.flow.scale": 1},
            "stability.flow.scale",
            "settings of a group are nested: write stability: {flow: {scale: ...}}",
        ),
        (
            {"stability": {"flow": 3}},
            "stability.flow",
            "is a group of settings; set one of them, such as stability.flow.preset",
        ),
        ({"description": [1]}, "description", "must be a text, not '[1]'"),
        ({"description": "x" * 201}, "description", "must have at most 200 characters, not 201"),
        ({"inputs": "a.mp4"}, "inputs", "must be a list, not 'a.mp4'"),
        ({"inputs": ["a.mp4", 5]}, "inputs.1", "must be a text, not '5'"),
        ({"inputs": ["x"] * 1001}, "inputs", "must have at most 1000 items, not 1001"),
        ({"output": {"audio": "maybe"}}, "output.audio", "must be true or false, not 'maybe'"),
        ({"model": {"weights": [1]}}, "model.weights", "must be the name of a file, not '[1]'"),
        ({"run": {"tile": 3.5}}, "run.tile", "must be a whole number, not '3.5'"),
        ({"output": {"width": 5}}, "output.width", "must be from 16 to 16384, not '5'"),
        ({"stability": {"blend": 1}}, "stability.blend", "must be a number from 0 to below 1, not '1'"),
        (
            {"stability": {"blend": {"4s": 1}}},
            "stability.blend.4s",
            "must be a number from 0 to below 1, not '1'",
        ),
        ({"stability": {"decay": "many"}}, "stability.decay", "must be a number from 0 to 1, not 'many'"),
        ({"objective": None}, "objective", "must be a text, not nothing"),
        ({"a\x1b[31mb\n": 1}, "a\x1b[31mb\n", "no such setting"),
        ({"look": "x\x1b[31m\ny"}, "look", "is a group of settings; set one of them, such as look.strength"),
    ],
)
def test_a_mistake_is_told_in_words(values: dict[Any, Any], path: str, message: str) -> None:
    found = mistakes(values)
    assert list(found) == [path]
    assert found[path].isprintable()
    assert found[path] == message


def test_a_mapping_that_is_no_schedule_is_not_taken_for_one() -> None:
    assert "must stay the same" not in mistakes({"description": {"a": 1}})["description"]
    assert "must stay the same" not in mistakes({"output": {"width": {"a": 1}}})["output.width"]


def test_many_mistakes_are_told_in_time() -> None:
    values = {f"key{number:05}": 1 for number in range(8000)} | {"x" * 100_000: 1}
    begun = time.process_time()
    found = mistakes(values)
    assert time.process_time() - begun < 2.0
    assert len(found) == 8001


def test_the_first_mistake_and_their_number_make_a_line() -> None:
    with pytest.raises(
        SettingsError, match=r"^octaves.count: must be from 1 to 16, not '99' \(and 1 more\)$"
    ):
        Preset.build({"octaves": 99, "look": {"strength": 7}})
