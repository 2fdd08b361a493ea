"""A preset: all settings of a dream, checked before the first frame.

Command-line options, YAML presets, JSON Schema and the reference page derive from these models.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

from pydantic import Field, ValidationError, field_validator

from dreamvid import objective as objectives
from dreamvid.errors import SettingsError, did_you_mean
from dreamvid.sections import (
    LONGEST_SIDE,
    AscentSettings,
    Codec,
    FlowSettings,
    InputSettings,
    LookSettings,
    MaskSettings,
    ModelSettings,
    Normalize,
    OctaveSettings,
    OutputSettings,
    PrecisionChoice,
    RunSettings,
    Section,
    StabilitySettings,
    output_size,
    parse_rate,
    parse_time,
)
from dreamvid.wording import must_be

__all__ = [
    "LONGEST_SIDE",
    "AscentSettings",
    "Codec",
    "FlowSettings",
    "InputSettings",
    "LookSettings",
    "MaskSettings",
    "ModelSettings",
    "Normalize",
    "OctaveSettings",
    "OutputSettings",
    "PrecisionChoice",
    "Preset",
    "RunSettings",
    "Section",
    "StabilitySettings",
    "explain",
    "field_paths",
    "output_size",
    "parse_assignments",
    "parse_rate",
    "parse_time",
    "unknown_field",
]


class Preset(Section):
    """A whole recipe."""

    model: ModelSettings = ModelSettings()
    objective: str = Field(
        "auto",
        min_length=1,
        max_length=4096,
        description="What to enhance: auto (what the network dreams best), LAYER, LAYER#CHANNEL, "
        "LAYER#CHANNEL@X/Y, mean(LAYER), class:NAME, guide:FILE@LAYER; commas add, :WEIGHT weighs, "
        "a negative weight repels.",
    )
    octaves: OctaveSettings = OctaveSettings()
    ascent: AscentSettings = AscentSettings()
    look: LookSettings = LookSettings()
    mask: MaskSettings = MaskSettings()
    stability: StabilitySettings = StabilitySettings()
    input: InputSettings = InputSettings()
    output: OutputSettings = OutputSettings()
    run: RunSettings = RunSettings()

    @field_validator("objective")
    @classmethod
    def _parses(cls, value: str) -> str:
        if value == "auto":
            return value
        try:
            objectives.parse(value)
        except SettingsError as error:
            raise ValueError(str(error)) from None
        return value

    @classmethod
    def build(cls, values: Mapping[str, Any]) -> Self:
        """Return the preset with these nested values.

        Raises
        ------
        SettingsError
            One line that names the key, for the first value that does not fit.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise SettingsError(explain(error)) from None

    def override(self, values: Mapping[str, object]) -> Self:
        """Return a copy with dotted paths replaced, for example ``{"ascent.steps": 4}``."""
        data = self.model_dump(exclude_unset=True)
        for path, value in values.items():
            _assign(data, path, value)
        return type(self).build(data)


def field_paths(model: type[Section] = Preset, prefix: str = "") -> dict[str, Any]:
    """Return every settable field as dotted path -> pydantic ``FieldInfo``."""
    found: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        annotation = info.annotation
        if isinstance(annotation, type) and issubclass(annotation, Section):
            found |= field_paths(annotation, f"{prefix}{name}.")
        else:
            found[prefix + name] = info
    return found


def parse_assignments(texts: Iterable[str]) -> dict[str, object]:
    """Return dotted paths and values from ``PATH=VALUE`` texts (``--set``)."""
    result: dict[str, object] = {}
    for text in texts:
        path, equals, value = text.partition("=")
        if not equals or not path.strip():
            raise SettingsError(f"--set {text}: must read PATH=VALUE, for example ascent.steps=20")
        result[path.strip()] = value.strip()
    return result


def explain(error: ValidationError) -> str:
    """Return one line for the first thing that does not validate."""
    first = error.errors(include_url=False)[0]
    path = ".".join(
        str(part) for part in first["loc"] if not str(part).startswith(("function-", "constrained-"))
    )
    if first["type"] == "extra_forbidden":
        return unknown_field(path)
    inside = [name for name in field_paths() if name.startswith(f"{path}.")]
    message = must_be(first, field_paths().get(path), inside)
    if path == "objective" and first["type"] == "value_error":
        return message  # which quotes the text itself
    more = len(error.errors()) - 1
    return f"{path}: {message}{f' (and {more} more)' if more else ''}"


def unknown_field(path: str) -> str:
    """Return the line that says that there is no such setting."""
    return f"{path}: no such setting{did_you_mean(path, field_paths())}"


def _assign(data: dict[str, Any], path: str, value: object) -> None:
    known = field_paths()
    if path not in known and path not in Preset.model_fields:
        raise SettingsError(unknown_field(path))
    *groups, leaf = path.split(".")
    for group in groups:
        inner = data.get(group)
        data[group] = dict(inner) if isinstance(inner, Mapping) else {}
        data = data[group]
    data[leaf] = value
