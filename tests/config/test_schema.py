"""The JSON Schema: every field with its words and range, and the same verdicts as the loader."""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from dreamvid.config.fields import field_paths, meta_of
from dreamvid.config.loader import preset_folders
from dreamvid.config.preset import Preset, load_preset
from dreamvid.config.scene import SceneSettings
from dreamvid.config.schema import preset_schema
from dreamvid.config.yaml_text import read_yaml
from dreamvid.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = preset_schema()
VALIDATOR: Any = importlib.import_module("jsonschema").Draft202012Validator  # which has no types


def is_valid(values: object) -> bool:
    return bool(VALIDATOR(SCHEMA).is_valid(values))


def is_loaded(values: Any) -> bool:
    try:
        Preset.build(values)
    except SettingsError:
        return False
    return True


def part(path: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return what the schema says of a setting."""
    for key in path.split("."):
        options = [schema, *schema.get("anyOf", ())]
        options += [inner for option in options for inner in option.get("anyOf", ())]
        references = [option["$ref"].rpartition("/")[2] for option in options if "$ref" in option]
        groups = [schema, *(SCHEMA["$defs"][name] for name in references)]
        schema = next(group["properties"][key] for group in groups if key in group.get("properties", {}))
    return schema


def test_the_schema_is_one() -> None:
    VALIDATOR.check_schema(SCHEMA)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("path", field_paths(Preset))
def test_every_field_has_its_words_unit_and_default(path: str) -> None:
    info, said = field_paths(Preset)[path], part(path, SCHEMA)
    assert said["description"] == info.description
    assert said.get("unit", "") == meta_of(info).unit
    values = Preset().model_dump(mode="json")
    for key in path.split("."):
        values = values[key]
    assert said["default"] == values


@pytest.mark.parametrize("path", field_paths(SceneSettings))
def test_every_field_of_a_scene_has_its_words(path: str) -> None:
    said = part(path, SCHEMA["$defs"]["SceneSettings"])
    assert said["description"] == field_paths(SceneSettings)[path].description


@pytest.mark.parametrize("path", field_paths(Preset))
def test_every_range_is_told(path: str) -> None:
    info, said = field_paths(Preset)[path], json.dumps(part(path, SCHEMA))
    names = {
        "ge": "minimum",
        "gt": "exclusiveMinimum",
        "le": "maximum",
        "lt": "exclusiveMaximum",
        "max_length": "max",
    }
    for mark in info.metadata:
        for bound, word in names.items():
            value = getattr(mark, bound, None)
            if value is not None:
                assert f'"{word}' in said
                assert f": {value}" in said or f": {float(value)}" in said


GOOD: list[Any] = [
    None,
    {},
    {"description": "x", "pipeline": "image", "inputs": ["a.mp4", "*.mov"]},
    {"octaves": 4, "model": "vgg16", "mask": "luma", "stability": 0.5},
    {
        "octaves": {"count": 4, "scale": 1.3},
        "model": {"name": "mine.keras", "weights": None, "input_range": "-1, 1"},
    },
    {"stability": "0.5 + 0.1*sin(tau*t/4)"},
    {"ascent": {"steps": {"0s": 3, "4s": {"value": 9, "ease": "bounce"}, "end": 5, "ease": "in-out"}}},
    {"ascent": {"steps": {"1:05": 3, "120f": 4, "25%": 5, "2.5": 6, "END": 7, "ease": [0.1, 0, 0.9, 1]}}},
    {"ascent": {"step_size": "0.01 + 0.004*sin(t)", "l2": "1 if t < 2 and p >= 0 else 0"}},
    {"stability": {"decay": None, "steps": "3", "blend": {"0s": 0.5}, "cuts": "no", "flow": {"scale": 320}}},
    {"input": {"start": "1:05", "duration": 12.5}},
    {"input": {"start": "5/2", "duration": "1:02:03.5"}},
    {"input": {"start": 0, "duration": None}},
    {"output": {"fps": "24000/1001", "width": 640, "depth": "10", "audio": "off"}},
    {"output": {"fps": 23.976, "crf": None, "audio": False}},
    {"run": {"tile": 512, "seed": 2**32 - 1}},
    {"run": {"tile": "off"}},
    {"objective": "mixed3, mixed4#12:0.5"},
    {
        "objective": {
            "0s": "mixed3",
            "4s": {"value": "mixed4, mixed5:-1", "ease": "hold"},
            "end": "mixed2",
            "ease": "in",
        }
    },
    {"objective": {"mixed3": 1, "mixed4#3": {"0s": 0, "end": 1}, "class:tabby": "0.5*sin(t)"}},
    {"objective": {"cycle": ["mixed3", "mixed4"], "every": "1f", "fade": 0}},
    {"objective": {"cycle": ["mixed3"]}},
    {
        "scenes": [
            {},
            {
                "start": "4s",
                "transition": "1.5",
                "ease": "bezier(0, 0, 1, 1)",
                "octaves": 3,
                "look": {"strength": "p"},
            },
            {
                "start": "25%",
                "transition": 2,
                "ease": [0, 0, 1, 1],
                "model": "vgg16",
                "stability": {"steadiness": 0.5},
            },
            {"start": 90, "objective": {"0s": "mixed3", "end": "mixed4"}, "look": None, "stability": 0.2},
        ]
    },
]
BAD: list[Any] = [
    [],
    "classic",
    {"octave": 4},
    {"octaves": 0},
    {"octaves": 2.5},
    {"octaves": "many"},
    {"octaves": {"0s": 2, "4s": 3}},
    {"octaves": {"count": {"0s": 2}}},
    {"octaves": {"scale": 1.0}},
    {"description": "x" * 201},
    {"pipeline": "film"},
    {"inputs": "a.mp4"},
    {"look": 0.5},
    {"look": None},
    {"look": {"strength": 1.5}},
    {"look": {"strength": {"0s": 1.5}}},
    {"look": {"strength": {"0s": {"value": 1, "eas": "in"}}}},
    {"look": {"strength": {"0s": {"ease": "in"}}}},
    {"look": {"strength": {"soon": 1}}},
    {"look": {"strength": {"0s": "nine"}}},
    {"look": {"strength": {}}},
    {"look": {"strength": [1]}},
    {"look": {"strength": "__import__('os').system('x')"}},
    {"look": {"strength": "().__class__[0]"}},
    {"look": {"strength": "1;2"}},
    {"look": {"strength": ""}},
    {"look": {"blend": "dodge"}},
    {"ascent": {"steps": {"0s": 0.5}}},
    {"ascent": {"smoothing": "1 + t"}},
    {"stability": {"0s": 0.5}},
    {"stability": {"blend": 1}},
    {"mask": 5},
    {"mask": ""},
    {"model": {"input_range": "wide"}},
    {"input": {"start": "soon"}},
    {"input": {"start": -1}},
    {"input": {"duration": 0}},
    {"output": {"width": 15}},
    {"output": {"fps": 0}},
    {"output": {"fps": "fast"}},
    {"output": {"audio": "maybe"}},
    {"run": {"seed": 2**32}},
    {"run": {"tile": 32}},
    {"run": {"tile": "big"}},
    {"objective": ""},
    {"objective": 5},
    {"objective": []},
    {"objective": {}},
    {"objective": {"0s": "auto"}},
    {"objective": {"auto": 1}},
    {"objective": {"0s": "mixed3", "mixed4": 1}},
    {"objective": {"0s": 1}},
    {"objective": {"mixed3": None}},
    {"objective": {"mixed3": [1]}},
    {"objective": {"cycle": []}},
    {"objective": {"cycle": "mixed3"}},
    {"objective": {"cycle": [5]}},
    {"objective": {"cycle": ["mixed3"], "evry": "1s"}},
    {"objective": {"cycle": ["mixed3"], "every": "soon"}},
    {"scenes": {"start": 0}},
    {"scenes": [5]},
    {"scenes": [{"strat": 0}]},
    {"scenes": [{"start": "soon"}]},
    {"scenes": [{"transition": 601}]},
    {"scenes": [{"ease": 5}]},
    {"scenes": [{"mask": "luma"}]},
    {"scenes": [{"look": {"strength": 2}}]},
    {"scenes": [{"scenes": []}]},
]


@pytest.mark.parametrize("values", GOOD, ids=str)
def test_what_is_loaded_is_valid(values: Any) -> None:
    assert is_loaded(values or {})
    assert is_valid(values)


@pytest.mark.parametrize("values", BAD, ids=lambda values: str(values)[:60])
def test_what_is_not_loaded_is_not_valid(values: Any) -> None:
    assert not is_loaded(values)
    assert not is_valid(values)


def test_extends_is_for_presets_and_scenes() -> None:
    assert is_valid({"extends": "classic", "scenes": [{"extends": "mine.yaml"}]})
    assert not is_valid({"extends": 5})
    assert not is_valid({"look": {"extends": "classic"}})


@pytest.mark.parametrize("values", [values for values in GOOD if values], ids=str)
def test_what_a_preset_is_written_as_is_valid(values: Any) -> None:
    preset = Preset.build(values)
    assert is_valid(preset.model_dump(mode="json", exclude_unset=True))
    assert is_valid(preset.model_dump(mode="json", exclude_none=True, exclude={"scenes"}))


@pytest.mark.parametrize("path", sorted(preset_folders()[-1].glob("*.yaml")), ids=lambda path: path.stem)
def test_the_presets_that_ship_are_valid(path: Path) -> None:
    load_preset(path)
    assert is_valid(json.loads(json.dumps(read_yaml(path.read_text(encoding="utf-8")).value)))
