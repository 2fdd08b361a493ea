"""The fields of the page, made from the JSON Schema of presets: label, help, unit, range, choices, by group."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from dreamvid.config.fields import field_paths, file_name_of, group_of, meta_of
from dreamvid.config.preset import Preset
from dreamvid.config.schema import preset_schema
from dreamvid.pipelines.build import known_models

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST_DIALS = ("objective", "ascent.steps", "octaves.count", "ascent.color", "look.strength")
"""The settings of the first view: those whose effect the picture shows at once."""

_USUAL_RANGES: dict[str, tuple[float, float]] = {
    "ascent.steps": (1, 40),
    "ascent.step_size": (0.001, 0.03),
    "ascent.jitter": (0, 64),
    "ascent.smoothing": (0, 4),
    "ascent.total_variation": (0, 2),
    "ascent.l2": (0, 2),
    "octaves.count": (1, 10),
    "octaves.scale": (1.1, 2),
    "mask.feather": (0, 128),
    "stability.steps": (0, 20),
    "camera.zoom": (0.5, 2),
    "camera.rotation": (-45, 45),
    "camera.pan_x": (-0.5, 0.5),
    "camera.pan_y": (-0.5, 0.5),
    "camera.mirrors": (0, 12),
    "trip.rate": (0, 12),
    "trip.hue": (-180, 180),
    "trip.saturation": (0, 2),
    "trip.brightness": (0, 2),
    "trip.pulse": (0, 2),
}
"""Ranges of the sliders where a field's own is too wide for the hand; the number beside it takes the whole range."""

_LEFT_OUT = ("inputs", "scenes", "signals", "pipeline", "description")
_GROUP_TITLES = {
    "objective": "Objective",
    "ascent": "Gradient ascent",
    "look": "Look",
    "model": "Network",
    "run": "Seed and precision",
    "input": "Part of the input",
    "trip": "Trip",
}
_FINE = 0.1
"""A range up to which a slider moves in ten-thousandths, otherwise in hundredths."""


@cache
def form_fields() -> tuple[dict[str, Any], ...]:
    """Return the fields in the order of the settings, as plain JSON values."""
    schema = preset_schema()
    return tuple(_fields(schema))


def _fields(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    paths = field_paths(Preset)
    for path, info in paths.items():
        if path in _LEFT_OUT or path.startswith(("sweep.", "walk.")):
            continue
        place = _schema_at(schema, path)
        group = path.partition(".")[0]
        meta = meta_of(info)
        mark = file_name_of(info)
        field: dict[str, Any] = {
            "path": path,
            "label": path.rpartition(".")[2].replace("_", " ").capitalize(),
            "group": _GROUP_TITLES.get(group, group.capitalize()),
            "help": info.description or "",
            "unit": meta.unit,
            "pipelines": list(meta.pipelines if meta.flag else _pipelines_of(group)),
            "default": info.get_default(call_default_factory=True),
            "file": mark.role if mark is not None else "",
            **_kind(place, path),
        }
        default = field["default"]
        if default is not None and not isinstance(default, bool | int | float | str):
            field["default"] = str(default)
        yield field


def _schema_at(schema: dict[str, Any], path: str) -> dict[str, Any]:
    place = schema
    for key in path.split("."):
        place = place["properties"][key]
        for form in (place, *place.get("anyOf", ())):
            if "$ref" in form and form["$ref"].rpartition("/")[2].endswith("Settings"):
                place = schema["$defs"][form["$ref"].rpartition("/")[2]]
                break
    return place


def _pipelines_of(group: str) -> list[str]:
    """Return the pipelines that a group of settings is for: those of its options, all where it has none."""
    info = Preset.model_fields[group]
    model = group_of(info)
    found: list[str] = []
    for inner in field_paths(model).values() if model else ():
        if meta_of(inner).flag:
            found += meta_of(inner).pipelines
    return list(dict.fromkeys(found)) or ["video", "image", "zoom"]


def _kind(place: dict[str, Any], path: str) -> dict[str, Any]:
    """Return the control of a field: kind, range, choices, and whether it may change over time."""
    forms = [form for form in _flat(place) if form.get("type") != "null"]
    numbers = [form for form in forms if form.get("type") in {"number", "integer"}]
    choices = [str(word) for form in forms for word in form.get("enum", [])]
    choices += [str(form["const"]) for form in forms if "const" in form]
    scheduled = any("patternProperties" in form for form in forms)
    optional = any(form.get("type") == "null" for form in _flat(place))
    base = {"scheduled": scheduled, "optional": optional}
    if path == "model.name":
        return {**base, "kind": "choice-or-text", "choices": [model.name for model in known_models()]}
    if path == "objective":
        return {**base, "kind": "objective", "scheduled": False}
    if any(form.get("type") == "boolean" for form in forms):
        return {**base, "kind": "switch"}
    if numbers and not choices and not _is_time(forms, numbers):
        return {**base, "kind": "number", **_range(numbers[0], path)}
    if choices and not numbers and not any("pattern" in form for form in forms):
        return {**base, "kind": "choice", "choices": choices}
    return {**base, "kind": "text", "choices": choices}


def _flat(place: dict[str, Any]) -> list[dict[str, Any]]:
    if "anyOf" not in place:
        return [place]
    return [form for inner in place["anyOf"] for form in _flat(inner)]


def _is_time(forms: list[dict[str, Any]], numbers: list[dict[str, Any]]) -> bool:
    """Return whether a field is a time or a rate, which may be written as a clock or a fraction."""
    texts = [form for form in forms if form.get("type") == "string" and "maxLength" not in form]
    return bool(texts) and not any("patternProperties" in form for form in forms) and bool(numbers)


def _range(number: dict[str, Any], path: str) -> dict[str, Any]:
    """Return the range of a number, the range of its slider, and the slider's step."""
    whole = number["type"] == "integer"
    low = number.get("minimum", number.get("exclusiveMinimum"))
    high = number.get("maximum", number.get("exclusiveMaximum"))
    if high is not None and whole and "exclusiveMaximum" in number:
        high -= 1
    usual = _USUAL_RANGES.get(path, (low, high))
    width = (usual[1] or 0) - (usual[0] or 0)
    step = 1 if whole else 0.01 if width > _FINE else 0.0001
    return {"whole": whole, "min": low, "max": high, "usual": list(usual), "step": step}
