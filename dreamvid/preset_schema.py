"""The JSON Schema of preset files, for editors: completion, help texts, and errors while one types."""

from __future__ import annotations

from typing import Any

from dreamvid.preset import Preset

_EXTENDS = {
    "type": "string",
    "description": "A preset, by name or file, that this one is laid over.",
    "examples": ["classic", "mine.yaml"],
}


def preset_schema() -> dict[str, Any]:
    """Return the schema as plain JSON values."""
    schema: dict[str, Any] = Preset.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "dreamvid preset"
    schema["properties"] = {"extends": _EXTENDS, **schema["properties"]}
    scene = schema["$defs"]["SceneSettings"]
    scene["properties"] = {"extends": _EXTENDS, **scene["properties"]}
    for definition in schema["$defs"].values():
        _accept_scalar(definition, schema)
    _accept_scalar(schema, schema)
    return schema


def _accept_scalar(definition: dict[str, Any], schema: dict[str, Any]) -> None:
    """Let groups of settings be bare scalars, where that is clear."""
    for name, value in definition.get("properties", {}).items():
        references = [value, *value.get("anyOf", ())]
        for each in references:
            group = schema["$defs"].get(str(each.get("$ref", "")).rpartition("/")[2], {})
            if "scalar" in group:
                scalar = group["properties"][group["scalar"]]
                short = {key: scalar[key] for key in scalar if key not in {"default", "title"}}
                reference = {"$ref": each.pop("$ref")}
                if each is value:
                    definition["properties"][name] = {**value, "anyOf": [reference, short]}
                else:
                    each.update({"anyOf": [reference, short]})
