"""Settings that change over time.

A field marked :class:`Scheduled` takes a number or a schedule. A schedule becomes a number too: its value at the
start, which remembers the schedule. Whoever needs no more than a number (the engine, a still) never meets anything
else, and :func:`at` gives the number of any other moment.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError, core_schema

from dreamvid.errors import ScheduleError, SettingsError
from dreamvid.schedule.easing import EASINGS, LINEAR, number, parse_easing
from dreamvid.schedule.keyframes import (
    END,
    SIGNALS,
    Key,
    Keyframes,
    Schedule,
    Timeline,
    TimeOffset,
    TimePoint,
    is_schedule,
    parse_schedule,
    parse_timeline,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler

T = TypeVar("T")

_WORD = re.compile(r"[+-]?[\w.]*")
_MOST_KEYS = 1001
"""As many as a timeline may have, and ``ease``."""
_NEAR = 1e-6
"""How near a schedule comes to an end that its field excludes, as a share of the range: float32 can tell."""

START = TimePoint(t=0.0, f=0, fps=24.0, duration=10.0, signals=dict.fromkeys(SIGNALS, 0.0))
"""Where a schedule's first value is taken: ten seconds of silence stand for what is not known yet."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The least and the greatest value of a field, and whether it is a whole number."""

    low: float = -math.inf
    high: float = math.inf
    whole: bool = False

    def fit(self, value: float) -> float:
        """Return the value within the bounds, rounded where it must be whole."""
        value = min(max(value, self.low), self.high)
        return round(value) if self.whole else value

    def hold(self, value: float) -> bool:
        """Return whether the value lies within."""
        return self.low <= value <= self.high


class _Varying:
    """A number that remembers its schedule: equal to its number, and to what has the same schedule."""

    schedule: Schedule
    bounds: Bounds

    def __eq__(self, other: object) -> bool:
        if isinstance(other, _Varying):
            return (self.schedule, self.bounds) == (other.schedule, other.bounds)
        return super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return super().__hash__()


class VaryingFloat(_Varying, float):
    """The value at the start of a schedule."""

    @classmethod
    def of(cls, schedule: Schedule, bounds: Bounds) -> Self:
        """Return it for a schedule within bounds."""
        self = cls(bounds.fit(schedule.at(START)))
        self.schedule, self.bounds = schedule, bounds
        return self


class VaryingInt(_Varying, int):
    """The value at the start of a schedule of whole numbers."""

    @classmethod
    def of(cls, schedule: Schedule, bounds: Bounds) -> Self:
        """Return it for a schedule within bounds."""
        self = cls(bounds.fit(schedule.at(START)))
        self.schedule, self.bounds = schedule, bounds
        return self


def at(value: float, moment: TimePoint) -> float:
    """Return the number that a setting is at a moment; itself where it is constant.

    Values beyond the field's range are held at its end, whole numbers are rounded.

    Raises
    ------
    ScheduleError
        Where the schedule gives no number.
    """
    if isinstance(value, VaryingFloat | VaryingInt):
        return value.bounds.fit(value.schedule.at(moment))
    return value


class Scheduled:
    """Marks a field that takes a schedule as well as a number; stands after its bounds."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        """Let pydantic check numbers as ever, and schedules by their keyframes."""
        inner = handler(source)
        bounds = _bounds(inner)

        def check(value: Any, constant: Callable[[Any], Any]) -> Any:
            if not isinstance(value, _Varying) and not is_schedule(value):
                return constant(value)
            try:
                schedule = _read(value, constant)
                return (VaryingInt if bounds.whole else VaryingFloat).of(schedule, bounds)
            except ScheduleError as error:
                if isinstance(value, str) and _WORD.fullmatch(value.strip()):
                    return constant(value)  # which says what number it must be
                raise custom_error(error) from None

        return core_schema.no_info_wrap_validator_function(
            check,
            inner,
            serialization=core_schema.plain_serializer_function_ser_schema(_plain),
        )

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the number's schema, or a schedule's."""
        constant = handler(schema["schema"])
        return {"anyOf": [constant, keyframes_schema(constant), EXPRESSION_SCHEMA]}


TIME_PATTERN = r"^\s*([Ee][Nn][Dd]|((\d+:)?\d+:)?\d+(\.\d*)?([Ee][+-]?\d+)?\s*[SsFf%]?)\s*$"
"""What :func:`dreamvid.schedule.keyframes.parse_when` reads, as a regular expression of JSON Schema."""

TIME_SCHEMA: dict[str, Any] = {
    "anyOf": [{"type": "string", "pattern": TIME_PATTERN}, {"type": "number", "minimum": 0}],
    "examples": ["4s", "1:05", "120f", "25%"],
}

EASING_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"enum": list(EASINGS)},
        {"type": "string", "minLength": 2, "description": "Another spelling, or bezier(x1, y1, x2, y2)."},
        {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4},
    ]
}

EXPRESSION_SCHEMA: dict[str, Any] = {
    "type": "string",
    "maxLength": 500,
    "pattern": r"^[\sA-Za-z0-9_.+*/%<>=!(),-]+$",
    "description": "An expression of t (s), f (frame), p (0..1), fps and duration.",
    "examples": ["0.01 + 0.004*sin(t)"],
}


def keyframes_schema(value: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of keyframes whose values have a schema."""
    eased = {
        "type": "object",
        "properties": {"value": value, "ease": EASING_SCHEMA},
        "required": ["value"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "minProperties": 1,
        "patternProperties": {TIME_PATTERN: {"anyOf": [value, eased]}},
        "properties": {"ease": EASING_SCHEMA},
        "additionalProperties": False,
        "description": "Keyframes: times (4s, 1:05, 120f, 25%, end) and values; ease is the easing between them.",
        "examples": [{"0s": 1.0, "4s": 1.6, "end": 1.0, "ease": "in-out"}],
    }


def custom_error(error: SettingsError) -> PydanticCustomError:
    """Return an error whose message pydantic keeps as it is."""
    return PydanticCustomError("schedule", "{message}", {"message": str(error)})


def mistake(error: SettingsError, *keys: object) -> InitErrorDetails:
    """Return what is wrong with the value at some keys of a mapping."""
    return InitErrorDetails(type=custom_error(error), loc=tuple(str(key) for key in keys), input=None)


def read_keyframes(
    source: Mapping[Any, Any], convert: Callable[[Any], T], found: list[InitErrorDetails]
) -> Timeline[T] | None:
    """Return the timeline of keyframes with their values converted.

    What is wrong with single keyframes goes into ``found``, each by its key, and None is returned.

    Raises
    ------
    ScheduleError
        Where there are no keyframes, or too many.
    """
    if len(source) > _MOST_KEYS:
        Timeline((Key(END, None),) * len(source))  # says how many are possible; reading them could take long
    before, keys, ease = len(found), dict[TimeOffset, Key[T]](), LINEAR
    for name, raw in source.items():
        try:
            if name == "ease":
                ease = parse_easing(raw)
                continue
            (key,) = parse_timeline({name: raw}).keys
            if key.when in keys:
                raise ScheduleError(f"two keyframes are at {key.when}")
            keys[key.when] = Key(key.when, convert(key.value), key.ease)
        except SettingsError as error:
            found.append(mistake(error, name))
        except ValidationError as error:
            found += [
                InitErrorDetails(type=e["type"], loc=(str(name),), input=raw, ctx=e.get("ctx", {}))
                for e in error.errors(include_url=False)
            ]
    return None if len(found) > before else Timeline(tuple(keys.values()), ease)


def _read(value: Any, constant: Callable[[Any], Any]) -> Schedule:
    """Return a schedule; its keyframes are held to the field's own bounds, errors name the keyframe."""

    def within(raw: Any) -> float:
        value = number(raw)
        constant(value)
        return value

    if isinstance(value, _Varying):
        value = value.schedule
    if isinstance(value, Keyframes):
        value = value.plain()
    if not isinstance(value, Mapping):
        return parse_schedule(value)
    found: list[InitErrorDetails] = []
    timeline = read_keyframes(value, within, found)
    if timeline is None:
        raise ValidationError.from_exception_data("keyframes", found)
    return Keyframes(timeline)


def _bounds(schema: Any) -> Bounds:
    while schema["type"] not in {"float", "int"}:
        schema = schema["schema"]
    whole = schema["type"] == "int"
    low = schema.get("gt", schema.get("ge", -math.inf))
    high = schema.get("lt", schema.get("le", math.inf))
    least = 1 if whole else _NEAR * (high - low)
    if "gt" in schema:
        low = math.nextafter(low, math.inf) if math.isinf(least) else low + least
    if "lt" in schema:
        high = math.nextafter(high, -math.inf) if math.isinf(least) else high - least
    return Bounds(low, high, whole=whole)


def _plain(value: Any) -> Any:
    return value.schedule.plain() if isinstance(value, VaryingFloat | VaryingInt) else value
