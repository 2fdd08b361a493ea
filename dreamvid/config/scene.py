"""Scenes: parts of one video, each with its own look, cut or cross-faded from one to the next."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any

from pydantic import Field, PlainSerializer
from pydantic_core import core_schema

from dreamvid.config.fields import GUIDES, Meta, SettingsModel
from dreamvid.config.settings import (
    AscentSettings,
    LookSettings,
    ModelSettings,
    OctaveSettings,
    StabilitySettings,
)
from dreamvid.config.trip import CameraSettings
from dreamvid.errors import ScheduleError
from dreamvid.schedule.easing import Easing, parse_easing
from dreamvid.schedule.fields import EASING_SCHEMA, TIME_SCHEMA, custom_error
from dreamvid.schedule.lengths import Length, LengthRange
from dreamvid.schedule.objective_schedule import OptionalObjective
from dreamvid.schedule.times import TimeOffset, parse_offset


class _Text:
    """Makes a pydantic type of a value with a text form: how to read it, and its JSON Schema."""

    def __init__(self, parse: Any, kind: type, schema: dict[str, Any]) -> None:
        self._parse = parse
        self._kind = kind
        self._schema = schema

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Read the text form; the value itself is taken too."""

        def check(value: Any) -> Any:
            try:
                return value if isinstance(value, self._kind) else self._parse(value)
            except ScheduleError as error:
                raise custom_error(error) from None

        return core_schema.no_info_plain_validator_function(check)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        """Return the schema of the text form."""
        return dict(self._schema)


TimeWithin = Annotated[TimeOffset, _Text(parse_offset, TimeOffset, TIME_SCHEMA), PlainSerializer(str)]
EasingName = Annotated[
    Easing, _Text(parse_easing, Easing, EASING_SCHEMA), PlainSerializer(lambda ease: ease.plain())
]


class SceneSettings(SettingsModel):
    """A part of the video with its own settings: its start, and what differs from the preset around it."""

    start: TimeWithin = Field(
        TimeOffset(0.0),
        description=(
            "Start of the scene, a time in the video (4s, 1:05, 120f, 25%, 4b, 2bar); it lasts until "
            "the next scene starts."
        ),
    )
    transition: Annotated[Length, LengthRange(ge=0, le=600)] = Field(
        Fraction(0),
        description="Length of the cross-fade from the previous scene, also 4b or 1bar; 0 is a cut.",
        json_schema_extra=Meta("s"),
    )
    ease: EasingName = Field(Easing("in-out"), description="Easing of the cross-fade.")
    model: ModelSettings | None = Field(None, description="The network of this scene.")
    objective: Annotated[OptionalObjective, GUIDES] = Field(None, description="Objective of this scene.")
    octaves: OctaveSettings | None = Field(None, description="The octaves of this scene.")
    ascent: AscentSettings | None = Field(None, description="The ascent of this scene.")
    look: LookSettings | None = Field(None, description="Compositing of this scene.")
    stability: StabilitySettings | None = Field(None, description="Temporal stability of this scene.")

    camera: CameraSettings | None = Field(None, description="Camera motion in this scene (zoom trips).")

    def changes(self) -> dict[str, Any]:
        """Return what the scene sets, nested as in a preset; a group of nothing changes nothing."""
        timing = {"start", "transition", "ease"}
        return {k: value for k, value in self.values().items() if k not in timing and value is not None}
