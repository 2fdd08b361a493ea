"""Objectives, constant or changing over time: weights on schedules, cross-fades from one to the next, cycles.

All three kinds of change are sums of the same terms throughout, of which only the weights change, so that nothing is
compiled anew::

    {mixed3: 1, mixed4: {0s: 0, 4s: 1}}                        weights, each a number or a schedule
    {0s: mixed1, 4s: "mixed4, mixed3#12", end: mixed2}         keyframes, cross-faded, with easing
    {cycle: [mixed2, mixed3, mixed4], every: 1f, fade: 0s}     one after the other, over and over
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, get_args

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, core_schema

from dreamvid.errors import ObjectiveError, ScheduleError, SettingsError
from dreamvid.objective import Objective, Term, parse
from dreamvid.schedule.easing import number
from dreamvid.schedule.expression import Expression
from dreamvid.schedule.fields import (
    EXPRESSION_SCHEMA,
    TIME_PATTERN,
    TIME_SCHEMA,
    custom_error,
    key_error,
    keyframes_schema,
    read_keyframes,
    signals_of,
)
from dreamvid.schedule.keyframes import Keyframes, KeyframeTrack, Schedule, is_schedule, parse_schedule
from dreamvid.schedule.times import SIGNALS, START, TimeOffset, TimePoint, is_offset, parse_offset
from dreamvid.text import did_you_mean, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo

AUTO: Final = "auto"
"""In place of an objective: what the network dreams best."""

_MAX_CHARACTERS = 4096
_MAX_TERMS = 64
_MAX_STATES = 1000
_MIN_FRAMES = 1e-6  # that a turn of a cycle lasts
_ENDLESS = re.compile(r"\s{17}|\d{65}")
_CYCLE_KEYS = ("cycle", "every", "fade")


@dataclass(frozen=True, slots=True)
class Weighted:
    """Each objective by its own weight, a number or a schedule."""

    weights: tuple[float | Schedule, ...]

    @property
    def needs_duration(self) -> bool:
        """Whether any weight needs the scene's duration."""
        return any(not isinstance(weight, float) and weight.needs_duration for weight in self.weights)

    def shares(self, point: TimePoint) -> Iterable[tuple[int, float]]:
        """Return the weights of a moment, each with the index of its objective."""
        return enumerate(w if isinstance(w, float) else w.at(point) for w in self.weights)


@dataclass(frozen=True, slots=True)
class Keyframed:
    """A cross-fade from each keyframe to the next."""

    track: KeyframeTrack[Objective]

    @property
    def needs_duration(self) -> bool:
        """Whether any keyframe is a share of the scene, or its end."""
        return self.track.needs_duration

    def shares(self, point: TimePoint) -> Iterable[tuple[int, float]]:
        """Return the shares of the two keyframes that a moment lies between."""
        before, after, eased = self.track.position(point)
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

    def shares(self, point: TimePoint) -> Iterable[tuple[int, float]]:
        """Return 1 for the one whose turn it is, less what has gone over to the next."""
        every = self.every.length(point.fps, point.duration, point.grid)
        frames = every * point.fps
        if frames < _MIN_FRAMES:
            raise ScheduleError("objective cycle: every must be more than 0")
        # Counted in frames: sums of seconds may fall short of a turn.
        turns = max(0.0, point.f - self._first(point) * point.fps) / frames
        turn = int(turns + 1e-9)
        fade = min(self.fade.length(point.fps, point.duration, point.grid) / every, 1.0)
        faded = 0.0 if fade == 0 else min(max((turns - turn - (1.0 - fade)) / fade, 0.0), 1.0)
        return (turn % self.count, 1.0 - faded), ((turn + 1) % self.count, faded)

    def _first(self, point: TimePoint) -> float:
        """Return when the first turn begins, in seconds: turns of whole beats begin on beats."""
        return point.known_grid.first if self.every.is_musical else 0.0


@dataclass(frozen=True, slots=True)
class ObjectiveSchedule:
    """An objective whose weights change over time.

    ``terms`` are all that ever count, each with weight 1. ``states`` are the objectives that it is mixed from, as
    indexes into ``terms`` with weights; ``change`` says how much of each counts when. ``source`` is the mapping that
    it was parsed from.
    """

    terms: tuple[Term, ...]
    states: tuple[tuple[tuple[int, float], ...], ...]
    change: Weighted | Keyframed | Cycled
    source: Mapping[Any, Any] = field(compare=False, repr=False)

    @classmethod
    def parse(
        cls, source: Mapping[Any, Any], signals: frozenset[str] = frozenset(SIGNALS)
    ) -> ObjectiveSchedule:
        """Return the schedule that one of the three forms describes; its expressions may use ``signals``.

        Raises
        ------
        ScheduleError, ObjectiveError
            In one line.
        pydantic.ValidationError
            With the key of each keyframe, weight or member of the cycle that is wrong.
        """
        errors: list[InitErrorDetails] = []
        parsed = _parse_forms(source, signals, errors)
        if parsed is None:
            raise ValidationError.from_exception_data("objective", errors)
        objectives, change = parsed
        indexes: dict[Term, int] = {}
        states = []
        for objective in objectives:
            terms = [(replace(term, weight=1.0), term.weight) for term in objective.terms]
            states.append(tuple((indexes.setdefault(term, len(indexes)), weight) for term, weight in terms))
            if len(indexes) > _MAX_TERMS:
                raise ObjectiveError(f"objective has more than {_MAX_TERMS} terms over time")
        schedule = cls(tuple(indexes), tuple(states), change, dict(source))
        schedule.at(START)  # one without weights there is refused at once
        return schedule

    @property
    def needs_duration(self) -> bool:
        """Whether the scene's duration must be known."""
        return self.change.needs_duration

    @property
    def needs_picture(self) -> bool:
        """Whether any term stands for channels that are chosen by a picture."""
        return Objective(self.terms).needs_picture

    def replace_terms(self, choose: Callable[[Term], tuple[Term, ...]]) -> ObjectiveSchedule:
        """Return the schedule with each term replaced by those that ``choose`` returns for it."""
        indexes: dict[Term, int] = {}
        chosen = [
            [(indexes.setdefault(replace(new, weight=1.0), len(indexes)), new.weight) for new in choose(term)]
            for term in self.terms
        ]
        states = tuple(
            tuple((new, share * weight) for index, weight in state for new, share in chosen[index])
            for state in self.states
        )
        return replace(self, terms=tuple(indexes), states=states)

    def at(self, point: TimePoint) -> Objective:
        """Return the objective of a moment: always the same terms, by their weights then."""
        weights = [0.0] * len(self.terms)
        for state, share in self.change.shares(point):
            for index, weight in self.states[state]:
                weights[index] += share * weight
        pairs = zip(self.terms, weights, strict=True)
        return Objective(tuple(replace(term, weight=weight) for term, weight in pairs))

    def plain(self) -> dict[Any, Any]:
        """Return the mapping that :meth:`parse` reads back."""
        return {key: _plain(value) for key, value in self.source.items()}


class _ObjectiveType:
    """Makes pydantic parse objectives: texts, ``auto``, and the mappings of schedules."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        """Return a validator that parses texts and mappings, and takes parsed values as they are."""
        text_schema: Any = core_schema.str_schema(min_length=1, max_length=_MAX_CHARACTERS)
        if type(None) in get_args(source):
            text_schema = core_schema.nullable_schema(text_schema)

        def check(value: Any, check_text: Callable[[Any], str | None], info: ValidationInfo) -> Any:
            if isinstance(value, Objective | ObjectiveSchedule):
                return value
            try:
                if isinstance(value, Mapping):
                    return ObjectiveSchedule.parse(value, signals_of(info))
                text = check_text(value)
                return text if text is None or text == AUTO else _parse_text(text)
            except SettingsError as error:
                raise custom_error(error) from None

        return core_schema.with_info_wrap_validator_function(
            check, text_schema, serialization=core_schema.plain_serializer_function_ser_schema(_plain)
        )

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the text's schema, or that of the mappings."""
        return {"anyOf": [handler(schema["schema"]), *_SCHEMAS]}


ObjectiveSetting = Annotated[Objective | ObjectiveSchedule | Literal["auto"], _ObjectiveType()]
"""The type of a preset's ``objective``, which is parsed once, when the preset is validated."""

OptionalObjective = Annotated[Objective | ObjectiveSchedule | Literal["auto"] | None, _ObjectiveType()]
"""The type of a scene's ``objective``; None leaves the preset's."""

_STATE: dict[str, Any] = {"type": "string", "minLength": 1, "not": {"const": "auto"}}
_SCHEMAS: list[dict[str, Any]] = [
    {
        "type": "object",
        "properties": {
            "cycle": {"type": "array", "items": _STATE, "minItems": 1, "maxItems": _MAX_STATES},
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
        **keyframes_schema(_STATE),
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


def _parse_forms(
    source: Mapping[Any, Any], signals: frozenset[str], errors: list[InitErrorDetails]
) -> tuple[Iterable[Objective], Weighted | Keyframed | Cycled] | None:
    """Return the objectives and how they change; None where there are ``errors``."""
    if not source:
        raise ObjectiveError("objective is empty; name a layer, for example 'mixed4'")
    if "cycle" in source:
        return _parse_cycle(source, errors)
    if any(key == "ease" or is_offset(key) for key in source):
        track = read_keyframes(source, _parse_state, errors)
        return None if track is None else ([key.value for key in track.keys], Keyframed(track))
    if len(source) > _MAX_TERMS:
        raise ObjectiveError(f"objective has {len(source)} weights; at most {_MAX_TERMS} are possible")
    objectives: list[Objective] = []
    weights: list[float | Schedule] = []
    for key, weight in source.items():
        try:
            objectives.append(_parse_state(key))
            weights.append(parse_schedule(weight, signals) if is_schedule(weight) else _parse_weight(weight))
        except SettingsError as error:
            errors.append(key_error(error, key))
    return None if errors else (objectives, Weighted(tuple(weights)))


def _parse_cycle(
    source: Mapping[Any, Any], errors: list[InitErrorDetails]
) -> tuple[Iterable[Objective], Cycled] | None:
    members = source["cycle"]
    if isinstance(members, str) or not isinstance(members, Sequence) or not members:
        raise ObjectiveError("objective cycle must be a list of objectives, such as [mixed3, mixed4]")
    if len(members) > _MAX_STATES:
        raise ObjectiveError(f"objective cycle has {len(members)} stops; at most {_MAX_STATES} are possible")
    objectives: list[Objective] = []
    times = {"every": TimeOffset(1.0, "f"), "fade": TimeOffset(0.0)}
    for index, member in enumerate(members):
        try:
            objectives.append(_parse_state(member))
        except SettingsError as error:
            errors.append(key_error(error, "cycle", index))
    for key, value in source.items():
        try:
            if key in times:
                times[key] = parse_offset(value)
            elif key != "cycle":
                raise ObjectiveError(f"a cycle has no such setting{did_you_mean(str(key), _CYCLE_KEYS)}")
        except SettingsError as error:
            errors.append(key_error(error, key))
    return None if errors else (objectives, Cycled(len(objectives), **times))


def _parse_weight(value: object) -> float:
    return number(float(value) if isinstance(value, str) else value)


def _parse_state(text: object) -> Objective:
    if isinstance(text, str) and len(text) > _MAX_CHARACTERS:
        raise ObjectiveError(f"objective {quoted(text)} has more than {_MAX_CHARACTERS} characters")
    objective = _parse_text(text) if isinstance(text, str) else None
    if objective is None or any(term.kind == "layer" and term.layer == AUTO for term in objective.terms):
        raise ObjectiveError(
            f"objective {quoted(text)} must name layers, channels, classes or guides to change over time"
        )
    return objective


def _parse_text(text: str) -> Objective:
    # Blanks and digits without end would take the parser's patterns as long to read.
    if _ENDLESS.search(text):
        raise ObjectiveError(f"objective {quoted(text)} has more than 16 blanks or 64 digits in a row")
    return parse(text)


def _plain(value: Any) -> Any:
    """Return what YAML and JSON can hold, as it was written."""
    if isinstance(value, ObjectiveSchedule | Keyframes | Expression):
        return value.plain()
    return (value.text or str(value)) if isinstance(value, Objective) else value
