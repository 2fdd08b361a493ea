"""Objectives that change over time: weights on schedules, cross-fades from one to the next, cycles.

All three are sums of the same terms throughout, of which only the weights change, so that nothing is compiled anew::

    {mixed3: 1, mixed4: {0s: 0, 4s: 1}}                        weights, each a number or a schedule
    {0s: mixed1, 4s: "mixed4, mixed3#12", end: mixed2}         keyframes, cross-faded, with easing
    {cycle: [mixed2, mixed3, mixed4], every: 1f, fade: 0s}     one after the other, over and over
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, Self

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, core_schema

from dreamvid.errors import ObjectiveError, ScheduleError, SettingsError
from dreamvid.objective import Objective, Term, parse
from dreamvid.schedule.easing import number, quoted
from dreamvid.schedule.fields import (
    EXPRESSION_SCHEMA,
    START,
    TIME_PATTERN,
    TIME_SCHEMA,
    custom_error,
    keyframes_schema,
    mistake,
    read_keyframes,
)
from dreamvid.schedule.keyframes import (
    Schedule,
    Timeline,
    TimeOffset,
    TimePoint,
    is_schedule,
    parse_schedule,
    parse_when,
)
from dreamvid.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler

LONGEST_OBJECTIVE = 4096
"""Characters of an objective's text."""
_ENDLESS = re.compile(r"\s{17}|\d{65}")
_CYCLE_KEYS = ("cycle", "every", "fade")
_MOST = 64
_MOST_STOPS = 1000
_SHORTEST = 1e-6
"""Frames that a turn lasts at least."""


class Shares(Protocol):
    """How much of each stop counts at a moment."""

    @property
    def needs_duration(self) -> bool:
        """Whether the scene's duration must be known."""
        ...

    def shares(self, moment: TimePoint) -> Iterable[tuple[int, float]]:
        """Return the factors of the stops that count, by their indexes; those of one stop add up."""
        ...


@dataclass(frozen=True, slots=True)
class Weighted:
    """Each stop by its own weight, a number or a schedule."""

    weights: tuple[float | Schedule, ...]

    @property
    def needs_duration(self) -> bool:
        """Whether any weight needs it."""
        return any(not isinstance(weight, float) and weight.needs_duration for weight in self.weights)

    def shares(self, moment: TimePoint) -> Iterable[tuple[int, float]]:
        """Return the weights of a moment."""
        return enumerate(w if isinstance(w, float) else w.at(moment) for w in self.weights)


@dataclass(frozen=True, slots=True)
class Keyframed:
    """From keyframe to keyframe."""

    timeline: Timeline[Objective]

    @property
    def needs_duration(self) -> bool:
        """Whether any keyframe is a share of the scene, or its end."""
        return self.timeline.needs_duration

    def shares(self, moment: TimePoint) -> Iterable[tuple[int, float]]:
        """Return the shares of the two keyframes that a moment lies between."""
        before, after, eased = self.timeline.position(moment)
        return (before, 1.0 - eased), (after, eased)


@dataclass(frozen=True, slots=True)
class Cycled:
    """One after the other, each for ``every``, of which the last ``fade`` goes over to the next."""

    count: int
    every: TimeOffset
    fade: TimeOffset

    @property
    def needs_duration(self) -> bool:
        """Whether the turns are shares of the scene."""
        return self.every.needs_duration or self.fade.needs_duration

    def shares(self, moment: TimePoint) -> Iterable[tuple[int, float]]:
        """Return 1 for whose turn it is, less what has gone over to the next."""
        every = self.every.seconds(moment.fps, moment.duration)
        frames = every * moment.fps
        if frames < _SHORTEST:
            raise ScheduleError("objective cycle: every must be more than 0")
        turns = moment.f / frames  # lest sums of seconds fall short of a turn
        turn = int(turns + 1e-9)
        fade = min(self.fade.seconds(moment.fps, moment.duration) / every, 1.0)
        gone = 0.0 if fade == 0 else min(max((turns - turn - (1.0 - fade)) / fade, 0.0), 1.0)
        return (turn % self.count, 1.0 - gone), ((turn + 1) % self.count, gone)


class Journey(str):  # noqa: SLOT000  it holds what it was made from
    """An objective's text at its start, that remembers how it goes on.

    Equal to its text, and to a journey that goes on alike.
    """

    terms: tuple[Term, ...]
    """All that ever count, each with weight 1."""
    _stops: tuple[tuple[tuple[int, float], ...], ...]
    _shares: Shares
    _source: dict[Any, Any]

    @classmethod
    def of(cls, source: Mapping[Any, Any]) -> Self:
        """Return what one of the three forms says.

        Raises
        ------
        ScheduleError, ObjectiveError
            In one line.
        pydantic.ValidationError
            With the key of each keyframe, weight or stop that is wrong.
        """
        found: list[InitErrorDetails] = []
        read = _read(source, found)
        if read is None:
            raise ValidationError.from_exception_data("objective", found)
        objectives, shares = read
        places: dict[Term, int] = {}
        stops = []
        for objective in objectives:
            stop = [(replace(term, weight=1.0), term.weight) for term in objective.terms]
            stops.append(tuple((places.setdefault(term, len(places)), weight) for term, weight in stop))
            if len(places) > _MOST:
                raise ObjectiveError(f"objective has more than {_MOST} terms over time")
        start = _at(tuple(places), tuple(stops), shares, START)
        self = cls(str(start))
        self.terms, self._stops, self._shares, self._source = (
            tuple(places),
            tuple(stops),
            shares,
            dict(source),
        )
        return self

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Journey):
            mine, theirs = ((j.terms, j._stops, j._shares) for j in (self, other))  # noqa: SLF001  of its own kind
            return mine == theirs
        return super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return super().__hash__()

    @property
    def needs_duration(self) -> bool:
        """Whether the scene's duration must be known."""
        return self._shares.needs_duration

    def at(self, moment: TimePoint) -> Objective:
        """Return the objective of a moment: always the same terms, by their weights then."""
        return _at(self.terms, self._stops, self._shares, moment)

    def plain(self) -> dict[Any, Any]:
        """Return the form that it was made from."""
        return self._source


class ObjectiveField:
    """Marks the field that takes an objective's text or a :class:`Journey`."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        """Check texts by parsing them, mappings by making a journey of them."""

        def check(value: Any, constant: Callable[[Any], Any]) -> Any:
            if isinstance(value, Journey):
                return value
            try:
                if isinstance(value, Mapping):
                    return Journey.of(value)
                text = constant(value)
                if text is not None and text != "auto":
                    _parse(text)
            except SettingsError as error:
                raise custom_error(error) from None
            return text

        serialize = core_schema.plain_serializer_function_ser_schema(
            lambda value: value.plain() if isinstance(value, Journey) else value
        )
        return core_schema.no_info_wrap_validator_function(check, handler(source), serialization=serialize)

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the text's schema, or that of the mappings."""
        return {"anyOf": [handler(schema["schema"]), *_SCHEMAS]}


_STOP: dict[str, Any] = {"type": "string", "minLength": 1, "not": {"const": "auto"}}
_SCHEMAS: list[dict[str, Any]] = [
    {
        "type": "object",
        "properties": {
            "cycle": {"type": "array", "items": _STOP, "minItems": 1, "maxItems": _MOST_STOPS},
            "every": {**TIME_SCHEMA, "description": "How long each turn lasts; 1f where not given."},
            "fade": {
                **TIME_SCHEMA,
                "description": "The end of each turn, in which the next one is faded in.",
            },
        },
        "required": ["cycle"],
        "additionalProperties": False,
        "description": "One after the other, over and over.",
        "examples": [{"cycle": ["mixed2", "mixed3"], "every": "4s", "fade": "1s"}],
    },
    {
        **keyframes_schema(_STOP),
        "description": "Keyframes: objectives by time, cross-faded from one to the next.",
        "examples": [{"0s": "mixed1", "4s": "mixed4, mixed3#12", "end": "mixed2"}],
    },
    {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"not": {"anyOf": [{"enum": ["cycle", "ease", "auto"]}, {"pattern": TIME_PATTERN}]}},
        "additionalProperties": {
            "anyOf": [{"type": "number"}, EXPRESSION_SCHEMA, keyframes_schema({"type": "number"})]
        },
        "description": "Weights: a number or a schedule for each term.",
        "examples": [{"mixed3": 1, "mixed4": {"0s": 0, "4s": 1}}],
    },
]


def _read(
    source: Mapping[Any, Any], found: list[InitErrorDetails]
) -> tuple[Iterable[Objective], Shares] | None:
    """Return the stops and their shares; None where there are mistakes, which go into ``found``."""
    if not source:
        raise ObjectiveError("objective is empty; name a layer, for example 'mixed4'")
    if "cycle" in source:
        return _read_cycle(source, found)
    if any(key == "ease" or _is_when(key) for key in source):
        timeline = read_keyframes(source, _parse_stop, found)
        return None if timeline is None else ([key.value for key in timeline.keys], Keyframed(timeline))
    if len(source) > _MOST:
        raise ObjectiveError(f"objective has {len(source)} weights; at most {_MOST} are possible")
    stops: list[Objective] = []
    weights: list[float | Schedule] = []
    for key, weight in source.items():
        try:
            stops.append(_parse_stop(key))
            weights.append(parse_schedule(weight) if is_schedule(weight) else _weight(weight))
        except SettingsError as error:
            found.append(mistake(error, key))
    return None if found else (stops, Weighted(tuple(weights)))


def _read_cycle(
    source: Mapping[Any, Any], found: list[InitErrorDetails]
) -> tuple[Iterable[Objective], Shares] | None:
    names = source["cycle"]
    if isinstance(names, str) or not isinstance(names, Sequence) or not names:
        raise ObjectiveError("objective cycle must be a list of objectives, such as [mixed3, mixed4]")
    if len(names) > _MOST_STOPS:
        raise ObjectiveError(f"objective cycle has {len(names)} stops; at most {_MOST_STOPS} are possible")
    stops: list[Objective] = []
    times = {"every": TimeOffset(1.0, "f"), "fade": TimeOffset(0.0)}
    for index, name in enumerate(names):
        try:
            stops.append(_parse_stop(name))
        except SettingsError as error:
            found.append(mistake(error, "cycle", index))
    for key, value in source.items():
        try:
            if key in times:
                times[key] = parse_when(value)
            elif key != "cycle":
                raise ObjectiveError(f"a cycle has no such setting{did_you_mean(str(key), _CYCLE_KEYS)}")
        except SettingsError as error:
            found.append(mistake(error, key))
    return None if found else (stops, Cycled(len(stops), **times))


def _weight(value: object) -> float:
    return number(float(value) if isinstance(value, str) else value)


def _parse_stop(text: object) -> Objective:
    if isinstance(text, str) and len(text) > LONGEST_OBJECTIVE:
        raise ObjectiveError(f"objective {quoted(text)} has more than {LONGEST_OBJECTIVE} characters")
    objective = _parse(text) if isinstance(text, str) else None
    if objective is None or any(term.kind == "layer" and term.layer == "auto" for term in objective.terms):
        raise ObjectiveError(
            f"objective {quoted(text)} must name layers, channels, classes or guides to change over time"
        )
    return objective


def _parse(text: str) -> Objective:
    """Return the objective of a text; blanks and digits without end would take as long to read."""
    if _ENDLESS.search(text):
        raise ObjectiveError(f"objective {quoted(text)} has more than 16 blanks or 64 digits in a row")
    return parse(text)


def _is_when(key: object) -> bool:
    try:
        parse_when(key)
    except ScheduleError:
        return False
    return True


def _at(
    terms: tuple[Term, ...],
    stops: tuple[tuple[tuple[int, float], ...], ...],
    shares: Shares,
    moment: TimePoint,
) -> Objective:
    weights = [0.0] * len(terms)
    for place, share in shares.shares(moment):
        for index, weight in stops[place]:
            weights[index] += share * weight
    return Objective(tuple(replace(term, weight=weight) for term, weight in zip(terms, weights, strict=True)))
