"""The JSON Schema of preset files, for editors: completion, help texts, and errors while one types."""

from __future__ import annotations

from typing import Any

from dreamvid.config.preset import Preset
from dreamvid.config.scene import SceneSettings
from dreamvid.config.walk import MAX_SEEDS, WalkSettings
from dreamvid.schedule.fields import EASING_SCHEMA, EXPRESSION_SCHEMA
from dreamvid.schedule.lengths import MUSICAL_SCHEMA

_EXTENDS = {
    "type": "string",
    "description": "Base preset, by name or file; this one overrides it.",
    "examples": ["classic", "mine.yaml"],
}
_NUMBER = r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*"
_CLOCK: dict[str, Any] = {"type": "string", "pattern": r"^\s*(((\d+:)?[0-5]?\d:)?\d+(\.\d+)?|\d+/\d+)s?\s*$"}
_RATE: dict[str, Any] = {"type": "string", "pattern": r"^\s*(\d+(\.\d*)?|\.\d+|\d+/\d+)\s*$"}
_RANGE: dict[str, Any] = {"type": "string", "pattern": f"^{_NUMBER},{_NUMBER}$"}
_NULL: dict[str, Any] = {"type": "null"}
_FORMS: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("SceneSettings", "transition"): [
        {"type": "number", "minimum": 0, "maximum": 600},
        _CLOCK,
        MUSICAL_SCHEMA,
    ],
    ("InputSettings", "start"): [{"type": "number", "minimum": 0}, _CLOCK],
    ("InputSettings", "duration"): [{"type": "number", "exclusiveMinimum": 0}, _CLOCK, MUSICAL_SCHEMA, _NULL],
    ("OutputSettings", "fps"): [{"type": "number", "exclusiveMinimum": 0, "maximum": 1000}, _RATE, _NULL],
    ("RunSettings", "tile"): [{"type": "integer", "minimum": 64, "maximum": 8192}, {"enum": ["auto", "off"]}],
    ("WalkSettings", "seeds"): [
        {"type": "string"},
        {"type": "integer", "minimum": 1, "maximum": MAX_SEEDS},
        {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 2**32 - 1}, "minItems": 1},
    ],
    ("ModelSettings", "input_range"): [{"const": "auto"}, _RANGE],
}
"""Values whose forms only their readers know."""
_SHARED = {"Easing": EASING_SCHEMA, "Expression": EXPRESSION_SCHEMA}


def preset_schema() -> dict[str, Any]:
    """Return the schema as plain JSON values."""
    full_schema: dict[str, Any] = Preset.model_json_schema()
    parts: dict[str, dict[str, Any]] = full_schema["$defs"]
    scene = parts["SceneSettings"]["properties"]
    for (part, name), forms in _FORMS.items():
        field_schema = parts[part]["properties"][name]
        field_schema |= {"anyOf": forms}
        field_schema.pop("type", None)
    for group in (SceneSettings(), WalkSettings()):
        for name, value in group.model_dump(mode="json").items():
            parts[type(group).__name__]["properties"][name]["default"] = value
    for each in (full_schema, *parts.values()):
        _accept_words(each["properties"])
        _accept_scalars(each["properties"], parts)
    for each in parts.values():
        each.pop("scalar", None)
    parts["SceneSettings"]["properties"] = {"extends": _EXTENDS, **scene}
    schema: dict[str, Any] = _share(full_schema)
    return {
        **schema,
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "dreamvid preset",
        "type": ["object", "null"],  # an empty file is a preset too
        "properties": {"extends": _EXTENDS, **schema["properties"]},
        "$defs": {**schema["$defs"], **_SHARED},
    }


def _share(value: Any) -> Any:
    """Return a schema with references to what would be said many times."""
    for name, shared in _SHARED.items():
        if value == shared:
            return {"$ref": f"#/$defs/{name}"}
    if isinstance(value, dict):
        return {key: _share(inner) for key, inner in value.items()}
    return [_share(inner) for inner in value] if isinstance(value, list) else value


def _accept_words(properties: dict[str, Any]) -> None:
    """Let switches be yes and no: texts to YAML 1.2, which are understood all the same."""
    for value in properties.values():
        if value.get("type") == "boolean":
            del value["type"]
            value["anyOf"] = [{"type": "boolean"}, {"enum": ["yes", "no", "on", "off"]}]


def _accept_scalars(properties: dict[str, Any], parts: dict[str, dict[str, Any]]) -> None:
    """Let groups of settings be bare scalars, where that is clear."""
    for value in properties.values():
        named = [form] if isinstance(form := value.get("additionalProperties"), dict) else []
        for each in (value, *value.get("anyOf", ()), *named):
            group = parts.get(str(each.get("$ref", "")).rpartition("/")[2], {})
            if "scalar" in group:
                scalar = group["properties"][group["scalar"]]
                forms = [form for form in scalar.get("anyOf", [scalar]) if form.get("type") != "object"]
                forms = [{k: form[k] for k in form if k not in {"default", "title"}} for form in forms]
                each["anyOf"] = [{"$ref": each.pop("$ref")}, *forms]
