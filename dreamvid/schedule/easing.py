"""Easing curves: how a value moves from one keyframe to the next.

An easing is a name, or a cubic Bezier curve by its two inner control points. The named curves are R. Penner's
("Motion, Tweening, and Easing", http://robertpenner.com/easing/): ``in`` starts slowly, ``out`` ends slowly,
``in-out`` does both; on their own they are quadratic. ``cubic``, ``sine``, ``back`` (overshoots) and ``bounce`` are
in-out unless they say otherwise: ``in-cubic``, ``bounce-out``. ``linear`` is straight; ``hold`` stays until the next
key. Departure: every in-out is two half-size curves, so ``back`` overshoots by 5 % there, and by 10 % in ``in-back``
and ``out-back``. Bezier curves are those of CSS Easing Functions Level 1 (https://www.w3.org/TR/css-easing-1/).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Final

from dreamvid.errors import ScheduleError
from dreamvid.text import did_you_mean, quoted

Curve = Callable[[float], float]

_MAX_Y = 100.0
_BISECTIONS = 48
_BEZIER = re.compile(r"(?:cubic-)?bezier\s*\((.*)\)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Easing:
    """A curve by which a value leaves one keyframe and arrives at the next.

    ``name`` is the curve's; ``control`` holds x1, y1, x2, y2 of a Bezier curve's inner control points, whose ends
    are (0, 0) and (1, 1): x in 0..1, y in -100..100. Called with a share of the time between two keys, clipped to
    0..1, it returns the share of the way: exactly 0 at 0 and 1 at 1; ``back`` and Bezier curves may leave 0..1 in
    between.
    """

    name: str = "linear"
    control: tuple[float, float, float, float] | None = None

    def __post_init__(self) -> None:
        """Refuse what is no curve."""
        if self.control is None:
            if self.name not in _CURVES:
                raise ScheduleError(
                    f"no such easing as {quoted(self.name)}{did_you_mean(self.name, _SPELLINGS)}"
                )
            return
        x1, y1, x2, y2 = self.control
        if not (0.0 <= x1 <= 1.0 and 0.0 <= x2 <= 1.0):
            raise ScheduleError(f"bezier x must lie in 0..1, not {x1:g} and {x2:g}")
        if not (abs(y1) <= _MAX_Y and abs(y2) <= _MAX_Y):
            raise ScheduleError(f"bezier y must lie in -{_MAX_Y:g}..{_MAX_Y:g}, not {y1:g} and {y2:g}")

    def __call__(self, share: float) -> float:
        """Return the share of the way at a share of the time."""
        if share <= 0.0:
            return 0.0
        if share >= 1.0:
            return 1.0
        return _CURVES[self.name](share) if self.control is None else _bezier(share, *self.control)

    def __str__(self) -> str:
        """Return a text that :func:`parse_easing` reads back."""
        return self.name if self.control is None else f"bezier({', '.join(f'{x:g}' for x in self.control)})"

    def plain(self) -> str | list[float]:
        """Return what :func:`parse_easing` reads back."""
        return self.name if self.control is None else list(self.control)


def parse_easing(value: object) -> Easing:
    """Return the easing that a name, ``[x1, y1, x2, y2]`` or ``bezier(x1, y1, x2, y2)`` stands for.

    Raises
    ------
    ScheduleError
        Where there is no such easing.
    """
    if isinstance(value, Easing):
        return value
    if isinstance(value, str):
        bezier = _BEZIER.fullmatch(value.strip())
        if bezier is not None:
            return _parse_control(bezier[1].split(","), value)
        name = re.sub(r"[\s_]+", "-", value.strip().lower())
        return Easing(_SPELLINGS.get(name, value))
    if isinstance(value, Sequence):
        return _parse_control(value, value)
    raise ScheduleError(f"easing must be a name such as in-out, or [x1, y1, x2, y2], not {quoted(value)}")


def _parse_control(parts: Sequence[object], value: object) -> Easing:
    try:
        x1, y1, x2, y2 = (number(float(part) if isinstance(part, str) else part) for part in parts)
    except ValueError:  # a text that is no number, too few, or too many
        raise ScheduleError(f"bezier must have four numbers x1, y1, x2, y2, not {quoted(value)}") from None
    return Easing("bezier", (x1, y1, x2, y2))


def number(value: object) -> float:
    """Return a raw value as a float.

    Raises
    ------
    ScheduleError
        Where it is no finite number; texts, true and false are none.
    """
    if not isinstance(value, bool) and isinstance(value, Real):
        try:
            result = float(value)
        except OverflowError:
            result = math.inf
        if math.isfinite(result):
            return result
    raise ScheduleError(f"must be a finite number, not {quoted(value)}")


def lerp(start: float, end: float, share: float) -> float:
    """Return the value at a share of the way from ``start`` to ``end``; a share outside 0..1 extrapolates.

    Inside 0..1 rounding never leads beyond the ends, so that between equal ends nothing changes.
    """
    value = start * (1.0 - share) + end * share
    return min(max(value, min(start, end)), max(start, end)) if 0.0 <= share <= 1.0 else value


def _bezier(x: float, x1: float, y1: float, x2: float, y2: float) -> float:
    """Return y at x; x(s) rises with s wherever x1 and x2 lie in 0..1, so bisection finds the one s."""

    def along(s: float, first: float, second: float) -> float:
        return s * (3.0 * (1.0 - s) * ((1.0 - s) * first + s * second) + s * s)

    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        s = (low + high) / 2.0
        low, high = (s, high) if along(s, x1, x2) < x else (low, s)
    return along((low + high) / 2.0, y1, y2)


def _bounce_out(u: float) -> float:
    """Return Penner's bounce, in units of its first fall, 1 / 2.75 of the time: parabolas that end at 1."""
    v = 2.75 * u
    for until, middle, lowest in ((1.0, 0.0, 0.0), (2.0, 1.5, 0.75), (2.5, 2.25, 0.9375)):
        if v < until:
            return (v - middle) ** 2 + lowest
    return (v - 2.625) ** 2 + 0.984375


def _reversed_curve(curve: Curve) -> Curve:
    return lambda u: 1.0 - curve(1.0 - u)


def _in_out(curve: Curve) -> Curve:
    return lambda u: curve(2.0 * u) / 2.0 if u < 0.5 else 1.0 - curve(2.0 - 2.0 * u) / 2.0  # noqa: PLR2004  half


_FAMILIES: Final[dict[str, Curve]] = {
    "quad": lambda u: u * u,
    "cubic": lambda u: u * u * u,
    "sine": lambda u: 1.0 - math.cos(u * math.pi / 2.0),
    "back": lambda u: u * u * (2.70158 * u - 1.70158),
    "bounce": _reversed_curve(_bounce_out),
}


def _named_easings() -> Iterable[tuple[str, Curve, tuple[str, ...]]]:
    """Yield each named easing: its name, its curve and all its spellings."""
    yield "linear", lambda u: u, ("linear",)
    yield "hold", lambda _: 0.0, ("hold",)
    for family, curve in _FAMILIES.items():
        for way, eased in (("in", curve), ("out", _reversed_curve(curve)), ("in-out", _in_out(curve))):
            spellings = [f"{way}-{family}", f"{family}-{way}"]
            if way == "in-out":
                spellings.insert(0, family)
            if family == "quad":
                spellings.insert(0, way)
            yield spellings[0], eased, tuple(spellings)


_CURVES: Final = {name: curve for name, curve, _ in _named_easings()}
_SPELLINGS: Final = {spelling: name for name, _, spellings in _named_easings() for spelling in spellings}

EASINGS: Final = tuple(_CURVES)
"""The names of all easings, each in its shortest spelling."""

LINEAR: Final = Easing()
