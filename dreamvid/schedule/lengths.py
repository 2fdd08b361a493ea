"""Lengths of time in settings: seconds, or beats and bars, whose seconds are known once the tempo is."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any, overload

from pydantic import BeforeValidator, Field
from pydantic_core import core_schema

from dreamvid.errors import ScheduleError
from dreamvid.schedule.times import TEMPO_ADVICE, TimeOffset, parse_offset, parse_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler

Length = Fraction | TimeOffset
"""The type of a setting that is a length: exact seconds, or a :class:`TimeOffset` in beats or bars."""

MUSICAL_SCHEMA: dict[str, Any] = {
    "type": "string",
    "pattern": r"^\s*\d+(\.\d*)?\s*[Bb]([Ee][Aa][Tt][Ss]?|[Aa][Rr][Ss]?)?\s*$",
    "examples": ["8bar", "16b"],
}


@dataclass(frozen=True, slots=True)
class LengthRange:
    """The range of a length in seconds; as an annotation of :data:`Length` it makes the field read one."""

    ge: float | None = None
    gt: float | None = None
    le: float | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        """Let pydantic check seconds as ever, and read beats and bars."""
        limits: Any = {name: getattr(self, name) for name in ("ge", "gt", "le")}
        seconds = Annotated[
            Fraction,
            BeforeValidator(parse_time),
            Field(**{name: limit for name, limit in limits.items() if limit is not None}),
        ]

        def check(value: Any, check_seconds: Callable[[Any], Fraction]) -> Length:
            return parse_beats(value) or check_seconds(value)

        return core_schema.no_info_wrap_validator_function(
            check,
            handler.generate_schema(seconds),
            serialization=core_schema.plain_serializer_function_ser_schema(str),
        )

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the schema of seconds, or that of beats and bars."""
        names = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum"}
        limits = {key: limit for name, key in names.items() if (limit := getattr(self, name)) is not None}
        return {
            "anyOf": [{"type": "number", **limits}, {"type": "string", "format": "fraction"}, MUSICAL_SCHEMA]
        }


def parse_beats(value: object) -> TimeOffset | None:
    """Return the length that ``16b`` or ``8bar`` stands for; None for anything else, and for none at all."""
    try:
        length = parse_offset(value)
    except ScheduleError:
        return None
    return length if length.is_musical and length.amount > 0.0 else None


@overload
def known_seconds(length: Length) -> Fraction: ...
@overload
def known_seconds(length: Length | None) -> Fraction | None: ...
def known_seconds(length: Length | None) -> Fraction | None:
    """Return the seconds of a length that is not in beats, as in every preset whose tempo is known; None for None.

    Raises
    ------
    ScheduleError
        Where it is in beats or bars.
    """
    if isinstance(length, TimeOffset):
        raise ScheduleError(f"length '{length}' needs a tempo; {TEMPO_ADVICE}")
    return length
