"""Settings that change over time: keyframes, or an expression of the moment.

``{0s: 1.0, 4s: 1.6, end: 1.0, ease: in-out}`` moves from key to key: before the first key the value is the first
one's, after the last the last one's. ``ease`` says how; ``{4s: {value: 1.6, ease: bounce}}`` says how the value
arrives at that one key. ``1 + 0.2*sin(t)`` is an expression. All are pure functions of the moment, so a run can be
cut anywhere; all times are within one scene.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final, Generic, Literal, Protocol, TypeVar

from dreamvid.errors import ScheduleError, SettingsError
from dreamvid.schedule.easing import LINEAR, Easing, lerp, number, parse_easing, quoted
from dreamvid.schedule.expression import SIGNALS, Expression, TimePoint
from dreamvid.text import did_you_mean

__all__ = [
    "END",
    "SIGNALS",
    "Easing",
    "Expression",
    "Key",
    "Keyframes",
    "Schedule",
    "TimeOffset",
    "TimePoint",
    "Timeline",
    "is_schedule",
    "parse_easing",
    "parse_schedule",
    "parse_timeline",
    "parse_when",
]

T = TypeVar("T")
U = TypeVar("U")

Unit = Literal["s", "f", "%"]

_UNITS: Final[dict[str, Unit]] = {"": "s", "s": "s", "f": "f", "%": "%"}
_MOST_KEYS = 1000
_MOST = 1e9
_MINUTE = 60
_ROUNDING = 1e-6
_WHEN = re.compile(
    r"(?:(?:(?P<hours>\d{1,6}):)?(?P<minutes>\d{1,6}):)?(?P<amount>\d+(?:\.\d*)?(?:e[+-]?\d+)?)\s*(?P<unit>s|f|%|)",
    re.ASCII,
)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class TimeOffset:
    """A time within a scene: seconds (``s``), frames (``f``), or percent of its duration (``%``, at most 100)."""

    amount: float
    unit: Unit = "s"

    def __post_init__(self) -> None:
        """Refuse what is in no scene."""
        most = 100.0 if self.unit == "%" else _MOST
        if not 0.0 <= self.amount <= most:
            raise ScheduleError(
                f"time must lie in 0{self.unit}..{most:.0f}{self.unit}, not at {self.amount:g}{self.unit}"
            )

    def __str__(self) -> str:
        """Return the text form, which :func:`parse_when` reads back; 100 % is ``end``."""
        return "end" if self == END else f"{float(self.amount)!r}".removesuffix(".0") + self.unit

    @property
    def needs_duration(self) -> bool:
        """Whether it is known only where the scene's duration is."""
        return self.unit == "%"

    def seconds(self, fps: float, duration: float | None) -> float:
        """Return the seconds from the scene's first frame.

        Parameters
        ----------
        fps
            Frame rate of the scene, in frames per second.
        duration
            Duration of the scene, in seconds; None where it is not known.

        Raises
        ------
        ScheduleError
            Where the time is relative to a duration that is not known, or counts the frames of what has none.
        """
        if self.unit == "s":
            return self.amount
        if self.unit == "f":
            if fps <= 0.0:
                raise ScheduleError(f"time '{self}' needs a frame rate of more than 0, not {fps:g}")
            return self.amount / fps
        if duration is None:
            raise ScheduleError(f"time '{self}' needs the scene's duration, which is not known here")
        return self.amount / 100.0 * duration


END: Final = TimeOffset(100.0, "%")
"""The scene's end."""


def parse_when(value: object) -> TimeOffset:
    """Return the time that ``4s``, ``4``, ``2.5s``, ``1:05``, ``1:02:03.5``, ``120f``, ``25%`` or ``end`` stands for.

    Raises
    ------
    ScheduleError
        Where it cannot be read, is negative, or lies beyond the scene's end.
    """
    if isinstance(value, TimeOffset):
        return value
    if isinstance(value, int | float | Fraction) and not isinstance(value, bool) and -_MOST <= value <= _MOST:
        return TimeOffset(float(value))
    text = value.strip().lower() if isinstance(value, str) else ""
    if text == "end":
        return END
    match = _WHEN.fullmatch(text)
    if match is not None:
        amount, unit = float(match["amount"]), _UNITS[match["unit"]]
        hours, minutes = match["hours"], match["minutes"]
        if minutes is None:
            if unit != "f" or amount.is_integer():
                return TimeOffset(amount, unit)
        elif unit == "s" and amount < _MINUTE and (hours is None or int(minutes) < _MINUTE):
            return TimeOffset(amount + 60 * int(minutes) + 3600 * int(hours or 0))
    raise ScheduleError(f"time must be such as 4s, 1:05, 120f, 25% or end, not {quoted(value)}")


class Schedule(Protocol):
    """A number that depends on the moment; a frozen value."""

    @property
    def needs_duration(self) -> bool:
        """Whether it has values only where the scene's duration is known."""

    def at(self, moment: TimePoint) -> float:
        """Return the finite value at a moment; a ScheduleError where there is none."""

    def plain(self) -> object:
        """Return what YAML and JSON can hold, and :func:`parse_schedule` reads back to an equal schedule."""


@dataclass(frozen=True, slots=True)
class Key(Generic[T]):
    """One keyframe: a value, when it is reached, and how, where not as all others are."""

    when: TimeOffset
    value: T
    ease: Easing | None = None


@dataclass(frozen=True, slots=True)
class Timeline(Generic[T]):
    """Keyframes of any kind of value, as listed; 1 to 1000 of them, no two with the same time.

    Keys may coincide only once the scene is known, such as ``end`` and ``4s``: then the one listed later counts.
    """

    keys: tuple[Key[T], ...]
    ease: Easing = LINEAR

    def __post_init__(self) -> None:
        """Refuse what has no value, or two at once."""
        if not self.keys:
            raise ScheduleError("keyframes are empty; write some such as {0s: 1, end: 2}")
        if len(self.keys) > _MOST_KEYS:
            raise ScheduleError(f"there are {len(self.keys)} keyframes; at most {_MOST_KEYS} are possible")
        seen: set[TimeOffset] = set()
        for key in self.keys:
            if key.when in seen:
                raise ScheduleError(f"two keyframes are at {key.when}")
            seen.add(key.when)

    @property
    def needs_duration(self) -> bool:
        """Whether a key's time is known only where the scene's duration is."""
        return any(key.when.needs_duration for key in self.keys)

    def position(self, moment: TimePoint) -> tuple[int, int, float]:
        """Return between which keys a moment lies, as indexes into ``keys``, and the eased share of the way.

        The share is 0 at the first and 1 at the second key; some easings leave 0..1 in between. Before the first
        and after the last key both indexes are that key's.

        Raises
        ------
        ScheduleError
            Where a key's time is relative to a duration that is not known.
        """
        times, order = _resolved(tuple(key.when for key in self.keys), moment.fps, moment.duration)
        # rounding may put a frame's time just before its own key
        following = bisect_right(times, moment.t + _ROUNDING)
        last = order[max(following - 1, 0)]
        if following in {0, len(times)}:
            return last, last, 0.0
        start, end = times[following - 1], times[following]
        key = self.keys[order[following]]
        ease = self.ease if key.ease is None else key.ease
        return last, order[following], ease((moment.t - start) / (end - start))

    def map(self, convert: Callable[[T], U]) -> Timeline[U]:
        """Return the timeline with each value converted; an error says of which key it is."""
        keys: list[Key[U]] = []
        for key in self.keys:
            try:
                keys.append(Key(key.when, convert(key.value), key.ease))
            except SettingsError as error:
                raise ScheduleError(f"keyframe {key.when} {error}") from None
        return Timeline(tuple(keys), self.ease)

    def plain(self) -> dict[str, object]:
        """Return what :func:`parse_timeline` reads back, where YAML and JSON can hold the values."""
        result: dict[str, object] = {}
        for key in self.keys:
            value: object = {"value": key.value} if isinstance(key.value, Mapping) else key.value
            if key.ease is not None:
                value = {"value": key.value, "ease": key.ease.plain()}
            result[str(key.when)] = value
        return result if self.ease == LINEAR else {**result, "ease": self.ease.plain()}


@lru_cache(maxsize=1024)
def _resolved(
    whens: tuple[TimeOffset, ...], fps: float, duration: float | None
) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Return the rising times in seconds, and which key is at each: the one listed last, where some coincide."""
    latest = {when.seconds(fps, duration): index for index, when in enumerate(whens)}
    times = tuple(sorted(latest))
    return times, tuple(latest[time] for time in times)


@dataclass(frozen=True, slots=True)
class Keyframes:
    """A schedule by keyframes."""

    timeline: Timeline[float]

    @property
    def needs_duration(self) -> bool:
        """Whether a key's time is known only where the scene's duration is."""
        return self.timeline.needs_duration

    def position(self, moment: TimePoint) -> tuple[int, int, float]:
        """Return between which keys a moment lies; see :meth:`Timeline.position`."""
        return self.timeline.position(moment)

    def at(self, moment: TimePoint) -> float:
        """Return the value at a moment; see :meth:`Schedule.at`."""
        start, end, share = self.position(moment)
        keys = self.timeline.keys
        value = lerp(keys[start].value, keys[end].value, share)
        if not math.isfinite(value):
            raise ScheduleError(f"keyframes give no finite number at t = {moment.t:g} s")
        return value

    def plain(self) -> dict[str, object]:
        """Return the mapping that :func:`parse_schedule` reads back."""
        return self.timeline.plain()


def parse_timeline(value: Mapping[Any, Any]) -> Timeline[object]:
    """Return the timeline of a mapping from times to values, or to ``{value: ..., ease: ...}``.

    Its values are as given; :meth:`Timeline.map` checks and converts them.

    Raises
    ------
    ScheduleError
        Where a time or an easing cannot be read, two keys have the same time, or there is no key.
    """
    keys = [_key(when, raw) for when, raw in value.items() if when != "ease"]
    return Timeline(tuple(keys), parse_easing(value["ease"]) if "ease" in value else LINEAR)


def _key(name: object, raw: object) -> Key[object]:
    try:
        when = parse_when(name)
    except ScheduleError as error:
        near = did_you_mean(name, ("ease", "end")) if isinstance(name, str) else ""
        raise ScheduleError(f"keyframe's {error}{near}") from None
    if not (isinstance(raw, Mapping) and {"value", "ease"} & raw.keys()):
        return Key(when, raw)
    unknown = [key for key in raw if key not in {"value", "ease"}]
    if unknown or "value" not in raw:
        raise ScheduleError(f"keyframe {when} must have a value, and may have an ease, not {quoted(raw)}")
    try:
        return Key(when, raw["value"], parse_easing(raw["ease"]) if "ease" in raw else None)
    except ScheduleError as error:
        raise ScheduleError(f"keyframe {when}: {error}") from None


def parse_schedule(value: object) -> Schedule:
    """Return the schedule that a mapping (keyframes) or a text (an expression) stands for.

    Raises
    ------
    ScheduleError
        Where it cannot be read: one line that says why.
    """
    if isinstance(value, Keyframes | Expression):
        return value
    if isinstance(value, Mapping):
        return Keyframes(parse_timeline(value).map(number))
    if isinstance(value, str):
        return Expression(value)
    raise ScheduleError(f"must be keyframes such as {{0s: 1, end: 2}} or an expression, not {quoted(value)}")


def is_schedule(value: object) -> bool:
    """Whether a raw value is a schedule rather than a constant: a mapping, or a text that is no plain number."""
    if isinstance(value, str):
        return _NUMBER.fullmatch(value.strip()) is None
    return isinstance(value, Mapping | Keyframes | Expression)
