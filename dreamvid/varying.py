"""Settings that change over time.

A field marked :class:`Scheduled` takes a number or a schedule. A schedule becomes a number too: its value at the
start, which remembers the schedule. Whoever needs no more than a number (the engine, a still) never meets anything
else, and :func:`at` gives the number of any other moment.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError, core_schema

from dreamvid.errors import ScheduleError
from dreamvid.schedule import SIGNALS, Keyframes, Moment, Schedule, is_schedule, parse_schedule

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler

_WORD = re.compile(r"[\w.+-]*")

START = Moment(t=0.0, f=0, fps=24.0, duration=10.0, signals=dict.fromkeys(SIGNALS, 0.0))
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


class VaryingFloat(float):
    """The value at the start of a schedule."""

    schedule: Schedule
    bounds: Bounds

    @classmethod
    def of(cls, schedule: Schedule, bounds: Bounds) -> Self:
        """Return it for a schedule within bounds."""
        self = cls(bounds.fit(schedule.at(START)))
        self.schedule, self.bounds = schedule, bounds
        return self


class VaryingInt(int):
    """The value at the start of a schedule of whole numbers."""

    schedule: Schedule
    bounds: Bounds

    @classmethod
    def of(cls, schedule: Schedule, bounds: Bounds) -> Self:
        """Return it for a schedule within bounds."""
        self = cls(bounds.fit(schedule.at(START)))
        self.schedule, self.bounds = schedule, bounds
        return self


def at(value: float, moment: Moment) -> float:
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
            if isinstance(value, VaryingFloat | VaryingInt):
                value = value.schedule.plain()
            if not is_schedule(value):
                return constant(value)
            try:
                schedule = parse_schedule(value)
                if isinstance(schedule, Keyframes):
                    _check_keyframes(schedule, constant)
                return (VaryingInt if bounds.whole else VaryingFloat).of(schedule, bounds)
            except ScheduleError as error:
                if isinstance(value, str) and _WORD.fullmatch(value.strip()):
                    return constant(value)  # which says what number it must be
                raise PydanticCustomError("schedule", "{message}", {"message": str(error)}) from None

        return core_schema.no_info_wrap_validator_function(
            check,
            inner,
            serialization=core_schema.plain_serializer_function_ser_schema(_plain),
        )

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the number's schema, or a schedule's."""
        number = handler(schema["schema"])
        options = number.pop("anyOf", None) or [{k: number.pop(k) for k in list(number) if k != "title"}]
        return {"anyOf": [*options, *SCHEDULE_SCHEMAS]}


SCHEDULE_SCHEMAS: list[dict[str, Any]] = [
    {
        "type": "object",
        "minProperties": 1,
        "description": "Keyframes: times (4s, 1:05, 120f, 25%, end) and values; ease is the easing between them.",
        "examples": [{"0s": 1.0, "4s": 1.6, "end": 1.0, "ease": "in-out"}],
    },
    {
        "type": "string",
        "minLength": 1,
        "maxLength": 500,
        "description": "An expression of t (s), f (frame), p (0..1), fps and duration.",
        "examples": ["0.01 + 0.004*sin(t)"],
    },
]


def _check_keyframes(schedule: Keyframes, constant: Callable[[Any], Any]) -> None:
    """Hold every keyframe to the field's own bounds; errors name the keyframe."""
    errors: list[InitErrorDetails] = []
    for key in schedule.timeline.keys:
        value = key.value
        try:
            constant(value)
        except ValidationError as error:
            for each in error.errors(include_url=False):
                kind = each["type"]
                errors.append(
                    InitErrorDetails(type=kind, loc=(str(key.when),), input=value, ctx=each.get("ctx", {}))
                )
    if errors:
        raise ValidationError.from_exception_data("keyframes", errors)


def _bounds(schema: Any) -> Bounds:
    while schema["type"] not in {"float", "int"}:
        schema = schema["schema"]
    low = schema.get("ge", schema.get("gt", -math.inf))
    high = schema.get("le", schema.get("lt", math.inf))
    if "lt" in schema:
        high = math.nextafter(high, -math.inf)
    return Bounds(low, high, whole=schema["type"] == "int")


def _plain(value: Any) -> Any:
    return value.schedule.plain() if isinstance(value, VaryingFloat | VaryingInt) else value
