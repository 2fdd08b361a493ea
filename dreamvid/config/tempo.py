"""Settings of the tempo: how long beats and bars are, and how many bars a loop has."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from dreamvid.config.fields import TIMED, Meta, SettingsModel
from dreamvid.errors import ScheduleError
from dreamvid.schedule.fields import custom_error
from dreamvid.schedule.times import BeatGrid, Seconds, parse_number

_SLOWEST, _FASTEST = 10, 1000


def _parse_bpm(value: object) -> object:
    if value is None or value == "auto":
        return value
    try:
        bpm = parse_number(value)
    except ValueError:
        bpm = Fraction(0)
    if not _SLOWEST <= bpm <= _FASTEST:
        raise ValueError(f"must be auto or beats per minute, from {_SLOWEST} to {_FASTEST}")
    return bpm


Bpm = Annotated[
    Fraction | Literal["auto"],
    BeforeValidator(_parse_bpm),
    PlainSerializer(str),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": _SLOWEST, "maximum": _FASTEST},
                {"const": "auto"},
                {"type": "string", "pattern": r"^\s*(\d+(\.\d*)?|\d+/\d+)\s*$"},
            ]
        }
    ),
]


class TempoSettings(SettingsModel):
    """Beats and bars."""

    scalar: ClassVar[str | None] = "bpm"
    panel: ClassVar[str] = "Beats and signals"

    bpm: Bpm | None = Field(
        None,
        description="Tempo in beats per minute, such as 137.5; auto: tempo and first beat of the music (trips) "
        "or of the clip's sound (videos). Times may then be 4b (beats) and 2bar, and expressions use b and bar.",
        json_schema_extra=Meta(flag="--bpm", pipelines=TIMED),
    )
    bars: int | None = Field(
        None,
        ge=1,
        le=10_000,
        description="Length in bars: a trip becomes a loop of so many, of a video so much is dreamed. Replaces the "
        "duration.",
        json_schema_extra=Meta(flag="--bars", pipelines=TIMED),
    )
    beats_per_bar: int = Field(4, ge=1, le=64, description="Number of beats in a bar.")
    first_beat: Annotated[Seconds, Field(ge=0, le=86400)] | None = Field(
        None,
        description="Time of the first beat, from which beats and bars are counted; default: 0, or as found in the "
        "music.",
        json_schema_extra=Meta("s"),
    )

    @model_validator(mode="after")
    def _bars_need_a_tempo(self) -> Self:
        if self.bars is not None and self.bpm is None:
            raise custom_error(ScheduleError("bars need a tempo; set bpm (--bpm), a number or auto"))
        return self

    @property
    def grid(self) -> BeatGrid | None:
        """The beats; None where there is no tempo, or none that is known."""
        if not isinstance(self.bpm, Fraction):
            return None
        return BeatGrid(float(60 / self.bpm), float(self.first_beat or 0), self.beats_per_bar)
