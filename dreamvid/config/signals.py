"""Settings of signals: where their values come from, and how these are shaped."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from dreamvid.config.fields import FileName, Meta, SettingsModel
from dreamvid.errors import ScheduleError
from dreamvid.schedule.expression import FUNCTIONS, NAMES
from dreamvid.schedule.fields import custom_error, key_error
from dreamvid.schedule.signals import Shape
from dreamvid.schedule.times import Rate, Seconds
from dreamvid.text import did_you_mean, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_core import InitErrorDetails

Kind = Literal["clip", "sound", "table", "midi", "media"]
Feature = Literal["rms", "beat", "onset", "bass", "mid", "treble", "brightness", "motion", "cuts"]

CLIP_SOURCES: Final = ("brightness", "motion", "cuts", "mask")
"""Sources that are measured in the pictures of the source clip; ``sound`` is its sound."""
PICTURE_FEATURES: Final = ("brightness", "motion", "cuts")

_WORDS: Final = (*CLIP_SOURCES, "sound")
_TABLES, _MIDI = {".csv", ".tsv", ".txt"}, {".mid", ".midi"}
_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "feature": ("sound", "media"),
    "column": ("table",),
    "time": ("table",),
    "rate": ("table",),
    "note": ("midi",),
    "controller": ("midi",),
    "channel": ("midi",),
    "start": ("table", "midi", "media"),
}
"""Settings that are of some kinds of sources only."""
_NAMES_OF_KINDS: Final = {"table": "tables (.csv)", "midi": "MIDI files", "media": "sounds and videos"}
_CUT_RELEASE = 0.1
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}", re.ASCII)
_NOTES = re.compile(r"(\d{1,3})(?:\s*-\s*(\d{1,3}))?", re.ASCII)
_HIGHEST = 127
_FILE = re.compile(rf"\A(?!(?:{'|'.join(_WORDS)})\Z)(.+)\Z", re.DOTALL)
_MAX_SIGNALS = 100
_LARGEST = 1e12


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _as_limits(value: object) -> object:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(str(part) for part in value)
    return value


class SignalSettings(SettingsModel):
    """A signal: a source of values over time, under a name that expressions can use."""

    scalar: ClassVar[str | None] = "source"

    source: Annotated[str, FileName("signal", _FILE)] = Field(
        min_length=1,
        description="Where values come from: a table (.csv, .tsv), a MIDI file (.mid), a sound or a video; or of the "
        "clip that is dreamed: brightness, motion, cuts, mask (its area) or sound.",
    )
    feature: Feature | None = Field(
        None,
        description="What is measured of a sound (rms, beat, onset, bass, mid, treble) or of a video file "
        "(brightness, motion, cuts); default: rms, the loudness.",
    )
    column: Annotated[str, BeforeValidator(_as_text)] | None = Field(
        None,
        description="Column of a table, by its name or number from 1; default: the first that is not the time.",
    )
    time: Annotated[str, BeforeValidator(_as_text)] | None = Field(
        None,
        description="Column of a table with times in seconds; default: one named time, t, seconds or timestamp. "
        "Without one, rows follow at an even rate.",
    )
    rate: Rate | None = Field(
        None, description="Rows a second of a table without times; default: one for each frame."
    )
    note: Annotated[str, BeforeValidator(_as_text)] | None = Field(
        None,
        description="Note of a MIDI file, such as 36, or notes, such as 36-47: the velocity, 0 to 1, while one "
        "sounds; default: all.",
    )
    controller: int | None = Field(
        None, ge=0, le=_HIGHEST, description="Controller of a MIDI file instead of notes: its value, 0 to 1."
    )
    channel: int | None = Field(None, ge=1, le=16, description="Channel of a MIDI file; default: all.")
    start: Seconds = Field(
        Fraction(0),
        ge=0,
        description="Time in the file at which the output begins.",
        json_schema_extra=Meta("s"),
    )
    smoothing: float = Field(
        0.0,
        ge=0.0,
        le=60.0,
        description="Smooth with a Gaussian of this standard deviation.",
        json_schema_extra=Meta("s"),
    )
    attack: float = Field(
        0.0,
        ge=0.0,
        le=60.0,
        description="Time in which it rises half of the way.",
        json_schema_extra=Meta("s"),
    )
    release: float | None = Field(
        None,
        ge=0.0,
        le=60.0,
        description="Time in which it falls half of the way; default: 0, for cuts 0.1.",
        json_schema_extra=Meta("s"),
    )
    range: Annotated[str, BeforeValidator(_as_limits)] | None = Field(
        None,
        description="Values that become 0 and 1, as LOW,HIGH; what lies beyond is clipped. auto: the lowest and the "
        "highest; off: values stay as they are. Default: off, for motion auto.",
    )
    gain: float = Field(1.0, ge=-1e6, le=1e6, description="Multiply by this at last.")
    offset: float = Field(0.0, ge=-1e6, le=1e6, description="Add this at last.")

    @property
    def kind(self) -> Kind:
        """What the source is."""
        if self.source in CLIP_SOURCES:
            return "clip"
        if self.source == "sound":
            return "sound"
        suffix = Path(self.source).suffix.lower()
        return "table" if suffix in _TABLES else "midi" if suffix in _MIDI else "media"

    @property
    def file(self) -> Path | None:
        """The file that values come from; None where they are measured of the clip that is dreamed."""
        return Path(self.source) if self.kind in {"table", "midi", "media"} else None

    @property
    def picture_feature(self) -> str | None:
        """What is measured of pictures: one of :data:`CLIP_SOURCES`; None for all else."""
        measured = self.source if self.kind == "clip" else self.feature
        return measured if measured in CLIP_SOURCES else None

    @property
    def notes(self) -> tuple[int, int]:
        """The lowest and the highest note that count."""
        return (0, _HIGHEST) if self.note is None else _parse_notes(self.note)

    @property
    def shape(self) -> Shape:
        """How values are shaped."""
        release, limits = self.release, self.range
        if release is None:
            release = _CUT_RELEASE if self.picture_feature == "cuts" else 0.0
        if limits is None:
            limits = "auto" if self.picture_feature == "motion" else "off"
        parsed = {"auto": "auto", "off": None}[limits] if limits in {"auto", "off"} else _parse_limits(limits)
        return Shape(self.smoothing, self.attack, release, parsed, self.gain, self.offset)

    @model_validator(mode="after")
    def _values_fit_together(self) -> Self:
        errors = [key_error(ScheduleError(text), name) for name, text in self._mistakes()]
        if errors:
            raise ValidationError.from_exception_data("signal", errors)
        return self

    def _mistakes(self) -> Iterator[tuple[str, str]]:
        """Yield what does not fit, by field."""
        if self.source not in _WORDS and not re.search(r"[./\\]", self.source):
            named = ", ".join(_WORDS)
            yield (
                "source",
                f"must be a file, or {named}, not {quoted(self.source)}{did_you_mean(self.source, _WORDS)}",
            )
            return
        for name, kinds in _FIELDS.items():
            is_set = getattr(self, name) != type(self).model_fields[name].default
            if is_set and self.kind not in kinds:
                named = ", ".join(_NAMES_OF_KINDS[kind] for kind in kinds if kind in _NAMES_OF_KINDS)
                yield name, f"is for {named} only"
        if self.kind == "sound" and self.feature in PICTURE_FEATURES:
            yield "feature", f"{self.feature} is no feature of sound; write source: {self.feature}"
        if self.note is not None and self.controller is not None:
            yield "controller", "a signal is of notes or of a controller; leave out one of them"
        for name, parse in (("note", _parse_notes), ("range", _parse_limits)):
            value = getattr(self, name)
            if value is not None and value not in {"auto", "off"}:
                try:
                    parse(value)
                except ScheduleError as error:
                    yield name, str(error)


def _parse_notes(text: str) -> tuple[int, int]:
    match = _NOTES.fullmatch(text.strip())
    low, high = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if not low <= high <= _HIGHEST:
        raise ScheduleError(f"must be a note from 0 to {_HIGHEST}, or such as 36-47, not {quoted(text)}")
    return low, high


def _parse_limits(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low = high = 0.0
    if not -_LARGEST <= low < high <= _LARGEST:
        near = did_you_mean(text, ("auto", "off"))
        raise ScheduleError(f"must be auto, off or LOW,HIGH such as 0,100, not {quoted(text)}{near}")
    return low, high


def check_names(signals: object) -> object:
    """Return raw settings of signals whose names expressions can use.

    Raises
    ------
    pydantic.ValidationError
        With the name of each that is none.
    """
    if not isinstance(signals, Mapping):
        return signals
    if len(signals) > _MAX_SIGNALS:
        raise custom_error(
            ScheduleError(f"there are {len(signals)} signals; at most {_MAX_SIGNALS} are possible")
        )
    errors: list[InitErrorDetails] = []
    for name in signals:
        if not isinstance(name, str) or not _NAME.fullmatch(name) or keyword.iskeyword(name):
            text = "a signal's name must be a word of letters, digits and _, such as kick"
            errors.append(key_error(ScheduleError(text), name))
        elif name in NAMES or name in FUNCTIONS:
            errors.append(
                key_error(ScheduleError("means something else in expressions; choose another name"), name)
            )
    if errors:
        raise ValidationError.from_exception_data("signals", errors)
    return signals


Signals = Annotated[dict[str, SignalSettings], BeforeValidator(check_names)]
"""Signals by name."""


def signal_names(values: object) -> dict[str, tuple[str, ...]]:
    """Return the context in which a preset's raw values are validated: the names of its signals."""
    signals = values.get("signals") if isinstance(values, Mapping) else None
    return {"signals": tuple(str(name) for name in signals) if isinstance(signals, Mapping) else ()}
