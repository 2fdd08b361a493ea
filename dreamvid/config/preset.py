"""A preset: all settings of a dream, checked before the first frame.

Command-line options, YAML presets, JSON Schema and the reference page derive from these models.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from dreamvid.config.fields import (
    DREAMING,
    GUIDES,
    TIMED,
    FileName,
    Meta,
    SettingsModel,
    field_paths,
    group_of,
    innermost,
    merge,
)
from dreamvid.config.loader import PresetFile, load_file
from dreamvid.config.messages import explain, unknown_field
from dreamvid.config.scene import SceneSettings
from dreamvid.config.settings import (
    AscentSettings,
    InputSettings,
    LookSettings,
    MaskSettings,
    ModelSettings,
    OctaveSettings,
    OutputSettings,
    RunSettings,
    StabilitySettings,
)
from dreamvid.config.signals import Signals, SignalSettings, signal_names
from dreamvid.config.sweep import SweepSettings
from dreamvid.config.tempo import TempoSettings
from dreamvid.config.trip import CameraSettings, TripSettings
from dreamvid.config.walk import WalkSettings
from dreamvid.errors import SettingsError
from dreamvid.schedule.expression import Expression
from dreamvid.schedule.fields import BoundSchedule, bounds_of
from dreamvid.schedule.keyframes import Keyframes
from dreamvid.schedule.objective_schedule import AUTO, ObjectiveSchedule, ObjectiveSetting

if TYPE_CHECKING:
    from dreamvid.schedule.fields import Bounds
    from dreamvid.schedule.times import TimePoint


@dataclass(frozen=True, slots=True)
class Scene:
    """One part of a video: ``settings`` says when; ``preset`` is complete, without scenes of its own."""

    settings: SceneSettings
    preset: Preset


class Preset(SettingsModel):
    """A whole recipe."""

    description: str = Field(
        "",
        max_length=200,
        description="What the result looks like, in one line.",
        json_schema_extra=Meta(affects="nothing"),
    )
    pipeline: Literal["video", "image", "zoom", "sweep", "walk"] = Field(
        "video",
        description="Kind of output: video, image (stills), zoom (zoom trips), sweep (a picture through layers) or "
        "walk (latent walks of a generator).",
    )
    projection: Literal["auto", "flat", "equirect"] = Field(
        "auto",
        description="What pictures are: flat, or equirect (360 degree panoramas whose seam is closed); auto: what "
        "the input's metadata say.",
        json_schema_extra=Meta(flag="--projection", pipelines=("video", "image", "zoom")),
    )
    inputs: Annotated[tuple[str, ...], FileName("input")] = Field(
        (),
        max_length=1000,
        description="Input files for 'render' if no -i is given; * and ? are wildcards.",
        json_schema_extra=Meta(affects="nothing"),
    )
    model: ModelSettings = ModelSettings()
    objective: Annotated[ObjectiveSetting, GUIDES] = Field(
        AUTO,
        description="What to enhance: auto (what the network dreams best), LAYER, LAYER#CHANNEL, "
        "LAYER#CHANNEL@X/Y, mean(LAYER), class:NAME, guide:FILE@LAYER, "
        "rank:strong|average|weak[:COUNT]@LAYER (channels by how strongly the picture activates them), "
        "surprise, score (of a discriminator); commas add, :WEIGHT weighs, a negative weight repels.",
        json_schema_extra=Meta(flag="--objective", pipelines=DREAMING),
    )
    octaves: OctaveSettings = OctaveSettings()
    ascent: AscentSettings = AscentSettings()
    look: LookSettings = LookSettings()
    mask: MaskSettings = MaskSettings()
    stability: StabilitySettings = StabilitySettings()
    camera: CameraSettings = CameraSettings()
    trip: TripSettings = TripSettings()
    tempo: TempoSettings = TempoSettings()
    signals: Signals = Field(
        {},
        description="Signals for expressions, by name: a column of a table, notes or a controller of a MIDI file, a "
        "sound, brightness, motion, cuts or mask of the clip.",
        json_schema_extra=Meta(flag="--signal", pipelines=TIMED),
    )
    sweep: SweepSettings = SweepSettings()
    walk: WalkSettings = WalkSettings()
    input: InputSettings = InputSettings()
    output: OutputSettings = OutputSettings()
    run: RunSettings = RunSettings()

    scenes: tuple[SceneSettings, ...] = Field(
        (), max_length=1000, description="Scenes: parts with their own settings; each sets only what differs."
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
            return cls.model_validate(values, context=signal_names(values))
        except ValidationError as error:
            raise SettingsError(explain(error, cls)) from None

    @classmethod
    def load(cls, ref: str | Path) -> Preset:
        """Return the preset of a name or a YAML file; errors as for :func:`load_preset`."""
        return load_preset(ref).preset

    def override(self, values: Mapping[str, object]) -> Self:
        """Return a copy with dotted paths replaced, for example ``{"ascent.steps": 4}``."""
        data = self.values()
        for path, value in values.items():
            _assign(data, path, value)
        return type(self).build(data)

    def at(self, point: TimePoint) -> Self:
        """Return the preset as it is at a moment of its scene: all schedules replaced by their values.

        Raises
        ------
        ScheduleError, ObjectiveError
            Where a schedule gives no number, or a weight is too large.
        """
        changes: dict[str, dict[str, float]] = {}
        for path, schedule in self.schedules().items():
            section, _, name = path.rpartition(".")
            changes.setdefault(section, {})[name] = schedule.at(point)
        update: dict[str, Any] = {
            section: getattr(self, section).model_copy(update=values) for section, values in changes.items()
        }
        if isinstance(self.objective, ObjectiveSchedule):
            update["objective"] = self.objective.at(point)
        return self.model_copy(update=update) if update else self

    def schedules(self) -> dict[str, BoundSchedule]:
        """Return the settings that are on a schedule, by path; the objective is not among them."""
        schedules: dict[str, BoundSchedule] = {}
        for section, name, bounds in _scheduled_fields(type(self)):
            value = getattr(getattr(self, section), name)
            if isinstance(value, Keyframes | Expression):
                schedules[f"{section}.{name}"] = BoundSchedule(value, bounds)
        return schedules

    def is_constant(self) -> bool:
        """Return whether nothing is on a schedule."""
        return not self.schedules() and not isinstance(self.objective, ObjectiveSchedule)

    def in_scenes(self) -> tuple[Scene, ...]:
        """Return the scenes in order, one that lasts throughout where none are given.

        Raises
        ------
        SettingsError
            Where a scene's values do not fit together with the preset's.
        """
        base = self.values()
        if not base.pop("scenes", ()):
            return (Scene(SceneSettings(), self),)
        return tuple(
            Scene(scene, type(self).build(merge(base, scene.changes(), type(self)))) for scene in self.scenes
        )


@cache
def _scheduled_fields(model: type[Preset]) -> tuple[tuple[str, str, Bounds], ...]:
    """Return the group, name and bounds of each field that may be on a schedule."""
    fields = []
    for section, info in model.model_fields.items():
        group = group_of(info)
        for name, inner in {} if group is None else group.model_fields.items():
            bounds = bounds_of(inner.annotation, inner.metadata)
            if bounds is not None:
                fields.append((section, name, bounds))
    return tuple(fields)


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
    info = field_paths(Preset).get(path)
    is_text = info is not None and innermost(info).annotation in {str, Path}
    if is_text or not text.startswith(("{", "[")):
        return text
    from dreamvid.config.yaml_text import YamlTextError, read_yaml  # noqa: PLC0415  ruamel is for files

    try:
        return read_yaml(text).value
    except YamlTextError as error:
        raise SettingsError(f"{path}: {error}") from None


def _assign(data: dict[str, Any], path: str, value: object) -> None:
    if not _is_settable(path):
        raise SettingsError(unknown_field(path, Preset))
    *groups, leaf = path.split(".")
    for group in groups:
        inner = data.get(group)
        if isinstance(inner, str) and groups[0] == "signals":
            inner = {SignalSettings.scalar: inner}
        data[group] = dict(inner) if isinstance(inner, Mapping) else {}
        data = data[group]
    data[leaf] = value


def _is_settable(path: str) -> bool:
    section, _, rest = path.partition(".")
    if section == "signals" and rest:  # a name of the user's, and maybe one of its settings
        return rest.partition(".")[2] in {"", *SignalSettings.model_fields}
    return path in field_paths(Preset) or path in Preset.model_fields


def load_preset(ref: str | Path) -> PresetFile[Preset]:
    """Return the preset of a name or a YAML file, with the places of its settings.

    Raises
    ------
    PresetError
        One line, with file, line and column, for each thing that is wrong; all at once, by file and place.
    SettingsError
        Where there is no such preset, or the file cannot be read.
    """
    return load_file(ref, Preset, Preset.in_scenes)
