"""Objectives that change over time: weights on schedules, cross-fades from one to the next, cycles.

All three are sums of the same terms throughout, of which only the weights change, so that nothing is compiled anew::

    {mixed3: 1, mixed4: {0s: 0, 4s: 1}}                        weights, each a number or a schedule
    {0s: mixed1, 4s: "mixed4, mixed3#12", end: mixed2}         keyframes, cross-faded, with easing
    {cycle: [mixed2, mixed3, mixed4], every: 1f, fade: 0s}     one after the other, over and over
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, Self

from pydantic_core import PydanticCustomError, core_schema

from dreamvid.errors import ObjectiveError, ScheduleError, did_you_mean
from dreamvid.objective import Objective, Term, parse
from dreamvid.schedule import (
    Moment,
    Schedule,
    Timeline,
    When,
    is_schedule,
    parse_schedule,
    parse_timeline,
    parse_when,
)
from dreamvid.varying import SCHEDULE_SCHEMAS, START

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler

_CYCLE_KEYS = ("cycle", "every", "fade")
_MOST = 64


class Shares(Protocol):
    """How much of each stop counts at a moment."""

    @property
    def needs_duration(self) -> bool:
        """Whether the scene's duration must be known."""
        ...

    def shares(self, moment: Moment) -> tuple[float, ...]:
        """Return one factor for each stop."""
        ...


@dataclass(frozen=True, slots=True)
class Mixed:
    """Each stop by its own weight, a number or a schedule."""

    weights: tuple[float | Schedule, ...]

    @property
    def needs_duration(self) -> bool:
        """Whether any weight needs it."""
        return any(not isinstance(weight, float) and weight.needs_duration for weight in self.weights)

    def shares(self, moment: Moment) -> tuple[float, ...]:
        """Return the weights of a moment."""
        return tuple(w if isinstance(w, float) else w.at(moment) for w in self.weights)


@dataclass(frozen=True, slots=True)
class CrossFaded:
    """From keyframe to keyframe."""

    timeline: Timeline[Objective]

    @property
    def needs_duration(self) -> bool:
        """Whether any keyframe is a share of the scene, or its end."""
        return self.timeline.needs_duration

    def shares(self, moment: Moment) -> tuple[float, ...]:
        """Return the shares of the two keyframes that a moment lies between."""
        before, after, eased = self.timeline.position(moment)
        shares = [0.0] * len(self.timeline.keys)
        shares[before] += 1.0 - eased
        shares[after] += eased
        return tuple(shares)


@dataclass(frozen=True, slots=True)
class Cycle:
    """One after the other, each for ``every``, of which the last ``fade`` goes over to the next."""

    count: int
    every: When
    fade: When

    @property
    def needs_duration(self) -> bool:
        """Whether the turns are shares of the scene."""
        return self.every.needs_duration or self.fade.needs_duration

    def shares(self, moment: Moment) -> tuple[float, ...]:
        """Return 1 for whose turn it is, less what has gone over to the next."""
        every = self.every.seconds(moment.fps, moment.duration)
        if every <= 0:
            raise ScheduleError("objective cycle: every must be more than 0")
        turns = moment.f / (every * moment.fps)  # frames, lest sums of seconds fall short of a turn
        turn = int(turns + 1e-9)
        fade = min(self.fade.seconds(moment.fps, moment.duration) / every, 1.0)
        gone = 0.0 if fade == 0 else min(max((turns - turn - (1.0 - fade)) / fade, 0.0), 1.0)
        shares = [0.0] * self.count
        shares[turn % self.count] += 1.0 - gone
        shares[(turn + 1) % self.count] += gone
        return tuple(shares)


class Journey(str):  # noqa: SLOT000  it holds what it was made from
    """An objective's text at its start, that remembers how it goes on."""

    terms: tuple[Term, ...]
    """All that ever count, each with weight 1."""
    _factors: tuple[tuple[float, ...], ...]
    _shares: Shares
    _source: dict[Any, Any]

    @classmethod
    def of(cls, source: Mapping[Any, Any]) -> Self:
        """Return what one of the three forms says.

        Raises
        ------
        ScheduleError, ObjectiveError
            In one line.
        """
        stops, shares = _read(source)
        terms: list[Term] = []
        for stop in stops:
            terms += [unit for term in stop.terms if (unit := replace(term, weight=1.0)) not in terms]
        if len(terms) > _MOST:
            raise ObjectiveError(f"objective has {len(terms)} terms over time; at most {_MOST} are possible")
        factors = tuple(
            tuple(sum(t.weight for t in stop.terms if replace(t, weight=1.0) == term) for stop in stops)
            for term in terms
        )
        start = _at(tuple(terms), factors, shares, START)
        self = cls(str(start))
        self.terms, self._factors, self._shares, self._source = tuple(terms), factors, shares, dict(source)
        return self

    @property
    def needs_duration(self) -> bool:
        """Whether the scene's duration must be known."""
        return self._shares.needs_duration

    def at(self, moment: Moment) -> Objective:
        """Return the objective of a moment: always the same terms, by their weights then."""
        return _at(self.terms, self._factors, self._shares, moment)

    def plain(self) -> dict[Any, Any]:
        """Return the form that it was made from."""
        return self._source


class ObjectiveField:
    """Marks the field that takes an objective's text or a :class:`Journey`."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        """Check texts by parsing them, mappings by making a journey of them."""

        def check(value: Any, constant: Callable[[Any], Any]) -> Any:
            try:
                if isinstance(value, Journey):
                    return value
                if isinstance(value, Mapping):
                    return Journey.of(value)
                text = constant(value)
                if text not in {None, "auto"}:
                    parse(text)
            except (ScheduleError, ObjectiveError) as error:
                raise PydanticCustomError("objective", "{message}", {"message": str(error)}) from None
            return text

        serialize = core_schema.plain_serializer_function_ser_schema(
            lambda value: value.plain() if isinstance(value, Journey) else str(value)
        )
        return core_schema.no_info_wrap_validator_function(check, handler(source), serialization=serialize)

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the text's schema, or that of the mappings."""
        text = handler(schema["schema"])
        weight = {"anyOf": [{"type": "number"}, *SCHEDULE_SCHEMAS]}
        return {
            "anyOf": [
                {key: text.pop(key) for key in list(text)},
                {
                    "type": "object",
                    "properties": {"cycle": {"type": "array", "items": {"type": "string"}, "minItems": 1}},
                    "additionalProperties": {"anyOf": [{"type": "string"}, weight]},
                    "description": "Weights by term, objectives by time, or a cycle: see the guide.",
                },
            ]
        }


def _read(source: Mapping[Any, Any]) -> tuple[list[Objective], Shares]:
    if not source:
        raise ObjectiveError("objective is empty; name a layer, for example 'mixed4'")
    if "cycle" in source:
        return _read_cycle(source)
    if all(_is_when(key) or key == "ease" for key in source):
        timeline = parse_timeline(source).map(_parse_stop)
        return [key.value for key in timeline.keys], CrossFaded(timeline)
    weights: list[float | Schedule] = []
    for key, weight in source.items():
        if is_schedule(weight):
            weights.append(parse_schedule(weight))
        elif isinstance(weight, int | float | str) and not isinstance(weight, bool):
            weights.append(float(weight))
        else:
            raise ObjectiveError(f"objective '{key}': its weight must be a number or a schedule")
    return [_parse_stop(key) for key in source], Mixed(tuple(weights))


def _read_cycle(source: Mapping[Any, Any]) -> tuple[list[Objective], Shares]:
    for key in source:
        if key not in _CYCLE_KEYS:
            raise ObjectiveError(f"objective cycle has no '{key}'{did_you_mean(str(key), _CYCLE_KEYS)}")
    stops = source["cycle"]
    if isinstance(stops, str) or not isinstance(stops, Sequence) or not stops:
        raise ObjectiveError("objective cycle must be a list of objectives, such as [mixed3, mixed4]")
    cycle = Cycle(len(stops), parse_when(source.get("every", "1f")), parse_when(source.get("fade", "0s")))
    return [_parse_stop(stop) for stop in stops], cycle


def _parse_stop(text: object) -> Objective:
    if not isinstance(text, str) or text == "auto":
        raise ObjectiveError(
            f"objective '{text}' must name layers, channels, classes or guides to change over time"
        )
    return parse(text)


def _is_when(key: object) -> bool:
    try:
        parse_when(key)
    except ScheduleError:
        return False
    return True


def _at(
    terms: tuple[Term, ...], factors: tuple[tuple[float, ...], ...], shares: Shares, moment: Moment
) -> Objective:
    now = shares.shares(moment)
    return Objective(
        tuple(
            replace(term, weight=sum(share * factor for share, factor in zip(now, own, strict=True)))
            for term, own in zip(terms, factors, strict=True)
        )
    )
