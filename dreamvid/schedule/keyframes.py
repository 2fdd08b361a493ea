"""Keyframes: values at times, with an easing from each to the next.

``{0s: 1.0, 4s: 1.6, end: 1.0, ease: in-out}`` moves from key to key: before the first key the value is the first
one's, after the last the last one's. ``ease`` says how; ``{4s: {value: 1.6, ease: bounce}}`` says how the value
arrives at that one key. Keyframes are pure functions of the moment; all times are within one scene.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from dreamvid.errors import ScheduleError, SettingsError
from dreamvid.schedule.easing import LINEAR, Easing, lerp, number, parse_easing
from dreamvid.schedule.expression import Expression
from dreamvid.schedule.times import SIGNALS, BeatGrid, TimeOffset, TimePoint, parse_offset
from dreamvid.text import did_you_mean, quoted

T = TypeVar("T")
U = TypeVar("U")

_MAX_KEYS = 1000
_ROUNDING = 1e-6
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Key(Generic[T]):
    """One keyframe: a value, when it is reached, and its own easing, if it has one."""

    time: TimeOffset
    value: T
    ease: Easing | None = None


@dataclass(frozen=True, slots=True)
class KeyframeTrack(Generic[T]):
    """Keyframes of any kind of value, as listed; 1 to 1000 of them, no two with the same time.

    Keys may coincide only once the scene is known, such as ``end`` and ``4s``: then the one listed later counts.
    """

    keys: tuple[Key[T], ...]
    ease: Easing = LINEAR

    def __post_init__(self) -> None:
        """Refuse a track without keys, or with two at once."""
        if not self.keys:
            raise ScheduleError("keyframes are empty; write some such as {0s: 1, end: 2}")
        if len(self.keys) > _MAX_KEYS:
            raise ScheduleError(f"there are {len(self.keys)} keyframes; at most {_MAX_KEYS} are possible")
        seen: set[TimeOffset] = set()
        for key in self.keys:
            if key.time in seen:
                raise ScheduleError(f"two keyframes are at {key.time}")
            seen.add(key.time)

    @property
    def needs_duration(self) -> bool:
        """Whether a key's time is known only where the scene's duration is."""
        return any(key.time.needs_duration for key in self.keys)

    def position(self, point: TimePoint) -> tuple[int, int, float]:
        """Return between which keys a moment lies, as indexes into ``keys``, and the eased share of the way.

        The share is 0 at the first and 1 at the second key; some easings leave 0..1 in between. Before the first
        and after the last key both indexes are that key's.

        Raises
        ------
        ScheduleError
            Where a key's time is relative to a duration or a tempo that is not known.
        """
        times, order = _resolve(tuple(key.time for key in self.keys), point.fps, point.duration, point.grid)
        # Rounding may put a frame's time just before its own key.
        following = bisect_right(times, point.t + _ROUNDING)
        last = order[max(following - 1, 0)]
        if following in {0, len(times)}:
            return last, last, 0.0
        start, end = times[following - 1], times[following]
        key = self.keys[order[following]]
        ease = self.ease if key.ease is None else key.ease
        return last, order[following], ease((point.t - start) / (end - start))

    def map(self, convert: Callable[[T], U]) -> KeyframeTrack[U]:
        """Return the track with each value converted; an error says of which key it is."""
        keys: list[Key[U]] = []
        for key in self.keys:
            try:
                keys.append(Key(key.time, convert(key.value), key.ease))
            except SettingsError as error:
                raise ScheduleError(f"keyframe {key.time} {error}") from None
        return KeyframeTrack(tuple(keys), self.ease)

    def plain(self) -> dict[str, object]:
        """Return what :func:`parse_track` reads back, where YAML and JSON can hold the values."""
        result: dict[str, object] = {}
        for key in self.keys:
            value: object = {"value": key.value} if isinstance(key.value, Mapping) else key.value
            if key.ease is not None:
                value = {"value": key.value, "ease": key.ease.plain()}
            result[str(key.time)] = value
        return result if self.ease == LINEAR else {**result, "ease": self.ease.plain()}


@dataclass(frozen=True, slots=True)
class Keyframes(KeyframeTrack[float]):
    """A schedule by keyframes: a track of numbers."""

    def at(self, point: TimePoint) -> float:
        """Return the value at a moment.

        Raises
        ------
        ScheduleError
            Where a duration is needed and not known, or the value is no finite number.
        """
        start, end, share = self.position(point)
        value = lerp(self.keys[start].value, self.keys[end].value, share)
        if not math.isfinite(value):
            raise ScheduleError(f"keyframes give no finite number at t = {point.t:g} s")
        return value


Schedule = Keyframes | Expression
"""A number that depends on the moment."""


@lru_cache(maxsize=1024)
def _resolve(
    offsets: tuple[TimeOffset, ...], fps: float, duration: float | None, grid: BeatGrid | None
) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Return the rising times in seconds, and which key is at each: the one listed last, where some coincide."""
    latest = {offset.seconds(fps, duration, grid): index for index, offset in enumerate(offsets)}
    times = tuple(sorted(latest))
    return times, tuple(latest[time] for time in times)


def parse_track(value: Mapping[Any, Any]) -> KeyframeTrack[object]:
    """Return the keyframes of a mapping from times to values, or to ``{value: ..., ease: ...}``.

    Its values are as given; :meth:`KeyframeTrack.map` checks and converts them.

    Raises
    ------
    ScheduleError
        Where a time or an easing cannot be read, two keys have the same time, or there is no key.
    """
    keys = [parse_key(name, raw) for name, raw in value.items() if name != "ease"]
    return KeyframeTrack(tuple(keys), parse_easing(value["ease"]) if "ease" in value else LINEAR)


def parse_key(name: object, raw: object) -> Key[object]:
    """Return one keyframe of such a mapping, with its value as given."""
    try:
        time = parse_offset(name)
    except ScheduleError as error:
        near = did_you_mean(name, ("ease", "end")) if isinstance(name, str) else ""
        raise ScheduleError(f"keyframe's {error}{near}") from None
    if not (isinstance(raw, Mapping) and {"value", "ease"} & raw.keys()):
        return Key(time, raw)
    if "value" not in raw or not raw.keys() <= {"value", "ease"}:
        raise ScheduleError(f"keyframe {time} must have a value, and may have an ease, not {quoted(raw)}")
    try:
        return Key(time, raw["value"], parse_easing(raw["ease"]) if "ease" in raw else None)
    except ScheduleError as error:
        raise ScheduleError(f"keyframe {time}: {error}") from None


def parse_schedule(value: object, signals: frozenset[str] = frozenset(SIGNALS)) -> Schedule:
    """Return the schedule that a mapping (keyframes) or a text (an expression of ``signals``) stands for.

    Raises
    ------
    ScheduleError
        Where it cannot be read: one line that says why.
    """
    if isinstance(value, Keyframes | Expression):
        return value
    if isinstance(value, Mapping):
        track = parse_track(value).map(number)
        return Keyframes(track.keys, track.ease)
    if isinstance(value, str):
        return Expression(value, signals)
    raise ScheduleError(f"must be keyframes such as {{0s: 1, end: 2}} or an expression, not {quoted(value)}")


def is_schedule(value: object) -> bool:
    """Return whether a raw value is a schedule rather than a constant: a mapping, or a text that is no number."""
    if isinstance(value, str):
        return _NUMBER.fullmatch(value.strip()) is None
    return isinstance(value, Mapping | Keyframes | Expression)
