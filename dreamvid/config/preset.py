"""A preset: all settings of a dream, checked before the first frame.

Command-line options, YAML presets, JSON Schema and the reference page derive from these models.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from dreamvid.config import fields
from dreamvid.config.scene import SceneSettings
from dreamvid.config.settings import (
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
    SettingsModel,
    StabilitySettings,
    output_size,
)
from dreamvid.config.trip import CameraSettings, TripSettings
from dreamvid.config.yaml_text import YamlTextError, read_yaml
from dreamvid.errors import SettingsError
from dreamvid.schedule.fields import VaryingFloat, VaryingInt, at
from dreamvid.schedule.objective_schedule import Journey, ObjectiveField
from dreamvid.schedule.times import parse_rate, parse_time
from dreamvid.text import did_you_mean

if TYPE_CHECKING:
    from dreamvid.schedule.keyframes import TimePoint

__all__ = [
    "LONGEST_SIDE",
    "AscentSettings",
    "CameraSettings",
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
    "SettingsModel",
    "StabilitySettings",
    "TripSettings",
    "explain",
    "field_paths",
    "output_size",
    "parse_assignments",
    "parse_rate",
    "parse_time",
    "parse_value",
    "unknown_field",
]


@dataclass(frozen=True, slots=True)
class Scene:
    """One part of a video: ``settings`` says when, ``preset`` is the whole look, without scenes of its own."""

    settings: SceneSettings
    preset: Preset


class Preset(SettingsModel):
    """A whole recipe."""

    description: str = Field("", max_length=200, description="What it looks like, in one line.")
    pipeline: Literal["video", "image", "zoom"] = Field(
        "video", description="What it is for: videos, still images, or zoom trips."
    )
    inputs: tuple[str, ...] = Field(
        (),
        max_length=1000,
        description="Files that 'render' dreams where none is given; * and ? are filled in.",
    )
    model: ModelSettings = ModelSettings()
    objective: Annotated[str, Field(min_length=1, max_length=4096), ObjectiveField()] = Field(
        "auto",
        description="What to enhance: auto (what the network dreams best), LAYER, LAYER#CHANNEL, "
        "LAYER#CHANNEL@X/Y, mean(LAYER), class:NAME, guide:FILE@LAYER; commas add, :WEIGHT weighs, "
        "a negative weight repels.",
    )
    octaves: OctaveSettings = OctaveSettings()
    ascent: AscentSettings = AscentSettings()
    look: LookSettings = LookSettings()
    mask: MaskSettings = MaskSettings()
    stability: StabilitySettings = StabilitySettings()
    camera: CameraSettings = CameraSettings()
    trip: TripSettings = TripSettings()
    input: InputSettings = InputSettings()
    output: OutputSettings = OutputSettings()
    run: RunSettings = RunSettings()

    scenes: tuple[SceneSettings, ...] = Field(
        (), max_length=1000, description="Parts with looks of their own; each sets only what differs."
    )

    @model_validator(mode="after")
    def _scenes_begin_at_the_start(self) -> Self:
        if self.scenes and self.scenes[0].start.amount != 0:
            raise PydanticCustomError("objective", "scenes: the first must start at 0s")
        return self

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

    @classmethod
    def load(cls, ref: str | Path) -> Preset:
        """Return the preset of a name or a YAML file; see :func:`dreamvid.config.loader.load_preset`."""
        from dreamvid.config.loader import load_preset  # noqa: PLC0415  which builds on this module

        return load_preset(ref).preset

    def override(self, values: Mapping[str, object]) -> Self:
        """Return a copy with dotted paths replaced, for example ``{"ascent.steps": 4}``."""
        data = self.values()
        for path, value in values.items():
            _assign(data, path, value)
        return type(self).build(data)

    def values(self) -> dict[str, Any]:
        """Return what was set, nested, as :meth:`build` reads it."""
        return self.model_dump(exclude_unset=True)

    def at(self, moment: TimePoint) -> Self:
        """Return the preset as it is at a moment of its scene, all schedules replaced by their values.

        Raises
        ------
        ScheduleError
            Where a schedule gives no number.
        """
        changed: dict[str, dict[str, float]] = {}
        for path, value in self.varying().items():
            section, _, name = path.rpartition(".")
            changed.setdefault(section, {})[name] = at(value, moment)
        update: dict[str, Any] = {
            section: getattr(self, section).model_copy(update=values) for section, values in changed.items()
        }
        if isinstance(self.objective, Journey):
            update["objective"] = str(self.objective.at(moment))
        return self.model_copy(update=update) if update else self

    def varying(self) -> dict[str, VaryingFloat | VaryingInt]:
        """Return the settings that are on a schedule, by path; the objective is a ``Journey`` where it is."""
        found: dict[str, VaryingFloat | VaryingInt] = {}
        for section in type(self).model_fields:
            group = getattr(self, section)
            if isinstance(group, SettingsModel):
                for name, value in group:
                    if isinstance(value, VaryingFloat | VaryingInt):
                        found[f"{section}.{name}"] = value
        return found

    def is_constant(self) -> bool:
        """Return whether nothing is on a schedule."""
        return not self.varying() and not isinstance(self.objective, Journey)

    def in_scenes(self) -> tuple[Scene, ...]:
        """Return the scenes in order, one that lasts throughout where none are given.

        Raises
        ------
        SettingsError
            Where a scene's values do not fit together with the preset's.
        """
        base = self.values()
        scenes = base.pop("scenes", ())
        if not scenes:
            return (Scene(SceneSettings(), self),)
        return tuple(
            Scene(scene, type(self).build(fields.merge(base, scene.changes(), type(self))))
            for scene in self.scenes
        )


def field_paths() -> dict[str, Any]:
    """Return every settable field as dotted path -> pydantic ``FieldInfo``."""
    return fields.field_paths(Preset)


def parse_assignments(texts: Iterable[str]) -> dict[str, object]:
    """Return dotted paths and values from ``PATH=VALUE`` texts (``--set``)."""
    result: dict[str, object] = {}
    for text in texts:
        path, equals, value = text.partition("=")
        if not equals or not path.strip():
            raise SettingsError(f"--set {text}: must read PATH=VALUE, for example ascent.steps=20")
        result[path.strip()] = parse_value(path.strip(), value.strip())
    return result


def parse_value(path: str, text: str) -> object:
    """Return the text for a field, or the keyframes or list that it is in YAML's own short form; names are texts.

    Raises
    ------
    SettingsError
        Where what begins with a bracket is no YAML.
    """
    field = field_paths().get(path)
    is_name = field is not None and field.annotation in {str, Path | None} and path != "objective"
    if is_name or not text.startswith(("{", "[")):
        return text
    try:
        return read_yaml(text).value
    except YamlTextError as error:
        raise SettingsError(f"{path}: {error}") from None


def explain(error: ValidationError) -> str:
    """Return one line for the first thing that does not validate."""
    found = fields.problems(error, Preset)
    path, message = ".".join(found[0][0]), found[0][1]
    line = message if not path or message.startswith(f"{path}:") else f"{path}: {message}"
    return f"{line} (and {len(found) - 1} more)" if len(found) > 1 else line


def unknown_field(path: str) -> str:
    """Return the line that says that there is no such setting."""
    return f"{path}: no such setting{did_you_mean(path, [*field_paths(), *Preset.model_fields])}"


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
