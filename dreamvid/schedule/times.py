"""Times and rates: exact texts of people, times within a scene, and the moment that schedules are evaluated at."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, PlainSerializer

from dreamvid.errors import ScheduleError
from dreamvid.text import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

SIGNALS: Final = ("beat", "onset", "rms", "bass", "mid", "treble")
"""Names of the signals of a trip's music."""

Unit = Literal["s", "f", "%", "b", "bar"]

_UNITS: Final[dict[str, Unit]] = {
    "": "s",
    "s": "s",
    "f": "f",
    "%": "%",
    **dict.fromkeys(("b", "beat", "beats"), "b"),
    **dict.fromkeys(("bar", "bars"), "bar"),
}
_MAX = 1e9
_MAX_RATE = 1000  # beyond any camera
_MINUTE = 60
_ROUNDING = 1e-6  # of a beat, by which a scene may start after one and still begin with it
TEMPO_ADVICE = "give --bpm (tempo.bpm)"
# Digits are bounded: numbers of thousands of digits would take long to convert.
_CLOCK = re.compile(
    r"(?:(?:(?P<hours>\d{1,6}):)?(?P<minutes>\d{1,6}):)?"
    r"(?P<amount>\d{1,18}(?:\.\d{0,40})?(?:e(?:-\d{1,3}|\+?\d{1,2}))?)\s*(?P<unit>s|f|%|b|beats?|bars?|)",
    re.ASCII,
)
_RATIO = re.compile(r"\d{1,12}/[1-9]\d{0,11}", re.ASCII)
_RATE = re.compile(r"\d{1,12}(\.\d{0,12})?|\.\d{1,12}|\d{1,12}/0*[1-9]\d{0,11}", re.ASCII)


@dataclass(frozen=True, slots=True)
class BeatGrid:
    """The beats of a steady tempo.

    ``period`` is the length of a beat and ``first`` the time of the first one, both in seconds; a bar has
    ``beats_per_bar``, and the first beat begins one.
    """

    period: float
    first: float = 0.0
    beats_per_bar: int = 4

    @property
    def bpm(self) -> float:
        """Beats per minute."""
        return _MINUTE / self.period

    def beats(self, t: float) -> float:
        """Return the number of beats since the first one at a time in seconds; negative before it."""
        return (t - self.first) / self.period

    def length(self, amount: float, unit: Unit) -> float:
        """Return the length of so many beats (``b``) or bars (``bar``), in seconds."""
        return amount * self.period * (self.beats_per_bar if unit == "bar" else 1)

    def since(self, start: float) -> BeatGrid:
        """Return the grid of a scene that starts at a time in seconds; its first beat is the first in the scene."""
        passed = max(0.0, math.ceil(self.beats(start) - _ROUNDING))
        return BeatGrid(self.period, max(0.0, self.first + passed * self.period - start), self.beats_per_bar)


@dataclass(frozen=True, slots=True)
class TimePoint:
    """A moment of a scene, at which schedules are evaluated.

    ``t`` is in seconds from the scene's first frame, ``f`` the frame's number in the scene, from 0; ``duration`` is
    the scene's, in seconds, None where it is not known; ``signals`` are the values of all signals now, by name;
    ``grid`` are the scene's beats, None where there is no tempo.
    """

    t: float
    f: int
    fps: float
    duration: float | None = None
    signals: Mapping[str, float] = field(default_factory=dict)
    grid: BeatGrid | None = None

    @property
    def p(self) -> float:
        """Progress through the scene in [0, 1]; 0 in stills and in scenes without a length."""
        duration = self.known_duration
        return min(max(self.t / duration, 0.0), 1.0) if duration > 0.0 else 0.0

    @property
    def known_duration(self) -> float:
        """The scene's duration in seconds; a ScheduleError where it is not known."""
        if self.duration is None:
            raise ScheduleError("needs the scene's duration, which is not known here")
        return self.duration

    @property
    def known_grid(self) -> BeatGrid:
        """The scene's beats; a ScheduleError where there is no tempo."""
        if self.grid is None:
            raise ScheduleError(f"needs a tempo; {TEMPO_ADVICE}")
        return self.grid


class _Silence(dict[str, float]):
    """Signals of any name, all 0."""

    def __missing__(self, name: str) -> float:
        return 0.0

    def __contains__(self, name: object) -> bool:
        return True


START: Final = TimePoint(t=0.0, f=0, fps=24.0, duration=10.0, signals=_Silence(), grid=BeatGrid(period=0.5))
"""Where a schedule's first value is taken: ten seconds of silence at 120 beats per minute stand for what is not known
yet."""


@dataclass(frozen=True, slots=True)
class TimeOffset:
    """A time within a scene, or a length of time.

    The unit is seconds (``s``), frames (``f``), percent of the scene's duration (``%``, at most 100), beats (``b``)
    or bars (``bar``). Times in beats and bars count from the first beat, all others from the scene's first frame.
    """

    amount: float
    unit: Unit = "s"

    def __post_init__(self) -> None:
        """Refuse what is in no scene."""
        most = 100.0 if self.unit == "%" else _MAX
        if not 0.0 <= self.amount <= most:
            raise ScheduleError(
                f"time must lie in 0{self.unit}..{most:.0f}{self.unit}, not at {self.amount:g}{self.unit}"
            )

    def __str__(self) -> str:
        """Return the text form, which :func:`parse_offset` reads back; 100 % is ``end``."""
        return "end" if self == END else f"{float(self.amount)!r}".removesuffix(".0") + self.unit

    @property
    def needs_duration(self) -> bool:
        """Whether it is known only where the scene's duration is."""
        return self.unit == "%"

    @property
    def is_musical(self) -> bool:
        """Whether it is in beats or bars, so that it is known only where the tempo is."""
        return self.unit in {"b", "bar"}

    def seconds(self, fps: float, duration: float | None, grid: BeatGrid | None = None) -> float:
        """Return the seconds from the scene's first frame; the parameters are those of :meth:`length`."""
        first = grid.first if self.is_musical and grid is not None else 0.0
        return first + self.length(fps, duration, grid)

    def length(self, fps: float, duration: float | None, grid: BeatGrid | None = None) -> float:
        """Return the length in seconds.

        Parameters
        ----------
        fps
            Frame rate of the scene, in frames per second.
        duration
            Duration of the scene, in seconds; None where it is not known.
        grid
            The beats of the scene; None where there is no tempo.

        Raises
        ------
        ScheduleError
            Where the time is relative to a duration or a tempo that is not known, or counts the frames of what has
            none.
        """
        if self.unit == "s":
            return self.amount
        if self.is_musical:
            if grid is None:
                raise ScheduleError(f"time '{self}' needs a tempo; {TEMPO_ADVICE}")
            return grid.length(self.amount, self.unit)
        if self.unit == "f":
            if fps <= 0.0:
                raise ScheduleError(f"time '{self}' needs a frame rate of more than 0, not {fps:g}")
            return self.amount / fps
        if duration is None:
            raise ScheduleError(f"time '{self}' needs the scene's duration, which is not known here")
        return self.amount / 100.0 * duration


END: Final = TimeOffset(100.0, "%")
"""The scene's end."""


def parse_offset(value: object) -> TimeOffset:
    """Return the time of ``4s``, ``4``, ``1:05``, ``1:02:03.5``, ``120f``, ``25%``, ``4b``, ``2bar`` or ``end``.

    Raises
    ------
    ScheduleError
        Where it cannot be read, is negative, or lies beyond the scene's end.
    """
    if isinstance(value, TimeOffset):
        return value
    if isinstance(value, int | float | Fraction) and not isinstance(value, bool) and -_MAX <= value <= _MAX:
        return TimeOffset(float(value))
    text = value.strip().lower() if isinstance(value, str) else ""
    if text == "end":
        return END
    match = _CLOCK.fullmatch(text)
    if match is not None:
        amount, unit = Fraction(match["amount"]), _UNITS[match["unit"]]
        if match["minutes"] is None:
            is_readable = unit != "f" or amount.denominator == 1
        else:
            is_readable = unit == "s" and amount < _MINUTE and not _has_odd_minutes(match)
        if is_readable:
            return TimeOffset(float(_clock_seconds(match)), unit)
    raise ScheduleError(f"time must be such as 4s, 1:05, 120f, 25%, 4b, 2bar or end, not {quoted(value)}")


def is_offset(value: object) -> bool:
    """Return whether :func:`parse_offset` reads a value."""
    try:
        parse_offset(value)
    except ScheduleError:
        return False
    return True


def parse_time(value: object) -> Fraction:
    """Return exact seconds from ``12.5``, ``1:05``, ``1:02:03.5`` or ``25/2``."""
    if isinstance(value, Fraction):
        return value
    text = str(value).strip()
    if _RATIO.fullmatch(text.removesuffix("s")):
        return Fraction(text.removesuffix("s"))
    match = _CLOCK.fullmatch(text)
    if match is None or match["unit"] not in {"", "s"}:
        raise ValueError("must be seconds (12.5) or a clock time (1:05)")
    return _clock_seconds(match)


def parse_number(value: object) -> Fraction:
    """Return an exact number from ``128``, ``137.5`` or ``900/7``."""
    if isinstance(value, Fraction):
        return value
    text = str(value).strip()
    if isinstance(value, bool) or not _RATE.fullmatch(text):
        raise ValueError("must be a number such as 128, 137.5 or 900/7")
    return Fraction(text)


def parse_rate(value: object) -> Fraction:
    """Return exact frames per second from ``24``, ``23.976`` or ``24000/1001``.

    The broadcast decimals 23.976, 29.97, 47.952, 59.94 and 119.88 mean the NTSC rates x * 1000/1001.
    """
    if isinstance(value, Fraction):
        return value
    text = str(value).strip()
    if not _RATE.fullmatch(text):
        raise ValueError("must be a rate such as 24, 23.976 or 24000/1001")
    rate = Fraction(text)
    ntsc = Fraction(round(rate * Fraction(1001, 1000)) * 1000, 1001)
    return ntsc if rate.denominator != 1 and abs(ntsc - rate) < Fraction(1, 1000) else rate


def _clock_seconds(match: re.Match[str]) -> Fraction:
    """Return the sum of hours, minutes and seconds."""
    return Fraction(match["amount"]) + 60 * int(match["minutes"] or 0) + 3600 * int(match["hours"] or 0)


def _has_odd_minutes(match: re.Match[str]) -> bool:
    return match["hours"] is not None and int(match["minutes"]) >= _MINUTE


def _check_rate(value: Fraction) -> Fraction:
    if not 0 < value <= _MAX_RATE:
        raise ValueError("must be more than 0 and at most 1000")
    return value


Seconds = Annotated[Fraction, BeforeValidator(parse_time), PlainSerializer(str)]
Rate = Annotated[Fraction, BeforeValidator(parse_rate), AfterValidator(_check_rate), PlainSerializer(str)]
