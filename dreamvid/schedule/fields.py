"""Pydantic types of settings that may change over time: a number, keyframes or an expression."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError, core_schema

from dreamvid.errors import ScheduleError, SettingsError
from dreamvid.schedule.easing import EASINGS, LINEAR, number, parse_easing
from dreamvid.schedule.expression import Expression
from dreamvid.schedule.keyframes import (
    Key,
    Keyframes,
    KeyframeTrack,
    Schedule,
    is_schedule,
    parse_key,
    parse_schedule,
)
from dreamvid.schedule.times import SIGNALS, START, TimeOffset, TimePoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo

T = TypeVar("T")
N = TypeVar("N", int, float)

Scheduled: TypeAlias = T | Keyframes | Expression
"""The type of a setting that may change over time; its field has :class:`Bounds` as well."""

_WORD = re.compile(r"[+-]?[\w.]*")
_MAX_ENTRIES = 1001  # as many keys as a track may have, and the easing
_MARGIN = 1e-6  # from an end that a field excludes, as a share of its range: float32 can tell


def constant(value: Scheduled[N]) -> N:
    """Return the number of a setting that does not change, as in every preset that ``Preset.at`` returns.

    Raises
    ------
    TypeError
        Where it is on a schedule still: an error of the program, not of its user.
    """
    if isinstance(value, Keyframes | Expression):
        raise TypeError(f"a number is needed, not a schedule: {value}")
    return value


@dataclass(frozen=True, slots=True)
class Bounds:
    """The range of a scheduled field; as an annotation it makes the field take a number or a schedule.

    ``whole`` says that values are rounded to whole numbers; fields have it from their type.
    """

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    whole: bool = False

    def fit(self, value: float) -> float:
        """Return the value within the bounds, rounded where it must be whole."""
        value = min(max(value, self._low), self._high)
        return round(value) if self.whole else value

    def contain(self, value: float) -> bool:
        """Return whether the value lies within."""
        return self._low <= value <= self._high

    @property
    def _margin(self) -> float:
        low, high = (self.ge if self.gt is None else self.gt), (self.le if self.lt is None else self.lt)
        return 1 if self.whole else math.inf if low is None or high is None else _MARGIN * (high - low)

    @property
    def _low(self) -> float:
        if self.gt is None:
            return -math.inf if self.ge is None else self.ge
        return math.nextafter(self.gt, math.inf) if math.isinf(self._margin) else self.gt + self._margin

    @property
    def _high(self) -> float:
        if self.lt is None:
            return math.inf if self.le is None else self.le
        return math.nextafter(self.lt, -math.inf) if math.isinf(self._margin) else self.lt - self._margin

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        """Let pydantic check numbers as ever, and schedules by their keyframes."""
        limits: Any = {name: getattr(self, name) for name in ("ge", "gt", "le", "lt")}
        limits = {name: limit for name, limit in limits.items() if limit is not None}
        is_whole = int in get_args(source)
        inner = core_schema.int_schema(**limits) if is_whole else core_schema.float_schema(**limits)

        def check(value: Any, check_number: Callable[[Any], Any], info: ValidationInfo) -> Any:
            if not is_schedule(value):
                return check_number(value)
            try:
                schedule = _parse_within(value, check_number, signals_of(info))
                schedule.at(START)  # one without a number there is refused at once
            except ScheduleError as error:
                if isinstance(value, str) and _WORD.fullmatch(value.strip()):
                    return check_number(value)  # whose error says what number it must be
                raise custom_error(error) from None
            return schedule

        return core_schema.with_info_wrap_validator_function(
            check, inner, serialization=core_schema.plain_serializer_function_ser_schema(_plain)
        )

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the number's schema, or a schedule's."""
        number_schema = handler(schema["schema"])
        return {"anyOf": [number_schema, keyframes_schema(number_schema), EXPRESSION_SCHEMA]}


def signals_of(info: ValidationInfo) -> frozenset[str]:
    """Return the names of the signals that expressions may use: those of music, and those in the context.

    The context of a validation is a mapping whose ``signals`` are the names of a preset's own signals.
    """
    return frozenset(SIGNALS) | frozenset((info.context or {}).get("signals", ()))


@dataclass(frozen=True, slots=True)
class BoundSchedule:
    """The schedule of one setting with the range of its field."""

    schedule: Schedule
    bounds: Bounds

    def at(self, point: TimePoint) -> float:
        """Return the value at a moment: held at the ends of the field's range, rounded where it must be whole.

        Raises
        ------
        ScheduleError
            Where the schedule gives no number.
        """
        return self.bounds.fit(self.schedule.at(point))


def bounds_of(annotation: Any, metadata: list[Any]) -> Bounds | None:
    """Return the bounds of a scheduled field, None for all other fields, by its annotation and metadata."""
    for option in (annotation, *get_args(annotation)):
        marks = [*metadata, *(get_args(option)[1:] if get_origin(option) is Annotated else ())]
        bounds = next((mark for mark in marks if isinstance(mark, Bounds)), None)
        if bounds is not None:
            number_type = get_args(option)[0] if get_origin(option) is Annotated else annotation
            return replace(bounds, whole=int in get_args(number_type))
    return None


_MUSICAL = "[Bb]([Ee][Aa][Tt][Ss]?|[Aa][Rr][Ss]?)?"
TIME_PATTERN = rf"^\s*([Ee][Nn][Dd]|((\d+:)?\d+:)?\d+(\.\d*)?([Ee][+-]?\d+)?\s*([SsFf%]|{_MUSICAL})?)\s*$"
"""What :func:`dreamvid.schedule.times.parse_offset` reads, as a regular expression of JSON Schema."""

TIME_SCHEMA: dict[str, Any] = {
    "anyOf": [{"type": "string", "pattern": TIME_PATTERN}, {"type": "number", "minimum": 0}],
    "examples": ["4s", "1:05", "120f", "25%", "4b", "2bar"],
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
    "description": "An expression of t (s), f (frame), b (beat), bar, p (0..1), fps, duration and signals.",
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
        "description": "Keyframes: times (4s, 1:05, 120f, 25%, 4b, 2bar, end) and values; "
        "ease is the easing between them.",
        "examples": [{"0s": 1.0, "4s": 1.6, "end": 1.0, "ease": "in-out"}],
    }


def custom_error(error: SettingsError) -> PydanticCustomError:
    """Return an error whose message pydantic keeps as it is."""
    return PydanticCustomError("schedule", "{message}", {"message": str(error)})


def key_error(error: SettingsError, *keys: object) -> InitErrorDetails:
    """Return an error about the value at some keys of a mapping."""
    return InitErrorDetails(type=custom_error(error), loc=tuple(str(key) for key in keys), input=None)


def read_keyframes(
    source: Mapping[Any, Any], convert: Callable[[Any], T], errors: list[InitErrorDetails]
) -> KeyframeTrack[T] | None:
    """Return keyframes with their values converted.

    Errors of single keyframes are appended to ``errors``, each by its key, and None is returned.

    Raises
    ------
    ScheduleError
        Where there are no keyframes, or too many.
    """
    if len(source) > _MAX_ENTRIES:
        KeyframeTrack((Key(TimeOffset(0.0), None),) * len(source))  # refuses them before they are read
    before, keys, ease = len(errors), dict[TimeOffset, Key[T]](), LINEAR
    for name, raw in source.items():
        try:
            if name == "ease":
                ease = parse_easing(raw)
                continue
            key = parse_key(name, raw)
            if key.time in keys:
                raise ScheduleError(f"two keyframes are at {key.time}")
            keys[key.time] = Key(key.time, convert(key.value), key.ease)
        except SettingsError as error:
            errors.append(key_error(error, name))
        except ValidationError as error:
            errors += [
                InitErrorDetails(type=e["type"], loc=(str(name),), input=raw, ctx=e.get("ctx", {}))
                for e in error.errors(include_url=False)
            ]
    return None if len(errors) > before else KeyframeTrack(tuple(keys.values()), ease)


def _parse_within(value: Any, check_number: Callable[[Any], Any], signals: frozenset[str]) -> Schedule:
    """Return a schedule whose keyframes are within the field's range; errors name the keyframe."""

    def within(raw: Any) -> float:
        result = number(raw)
        check_number(result)
        return result

    if isinstance(value, Keyframes):
        value = value.plain()
    if not isinstance(value, Mapping):
        return parse_schedule(value, signals)
    errors: list[InitErrorDetails] = []
    track = read_keyframes(value, within, errors)
    if track is None:
        raise ValidationError.from_exception_data("keyframes", errors)
    return Keyframes(track.keys, track.ease)


def _plain(value: Any) -> Any:
    return value.plain() if isinstance(value, Keyframes | Expression) else value
