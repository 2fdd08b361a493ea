"""Times and rates: exact texts of people, times within a scene, and the moment that schedules are evaluated at."""

from __future__ import annotations

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

Unit = Literal["s", "f", "%"]

_UNITS: Final[dict[str, Unit]] = {"": "s", "s": "s", "f": "f", "%": "%"}
_MAX = 1e9
_MAX_RATE = 1000  # beyond any camera
_MINUTE = 60
# Digits are bounded: numbers of thousands of digits would take long to convert.
_CLOCK = re.compile(
    r"(?:(?:(?P<hours>\d{1,6}):)?(?P<minutes>\d{1,6}):)?"
    r"(?P<amount>\d{1,18}(?:\.\d{0,40})?(?:e(?:-\d{1,3}|\+?\d{1,2}))?)\s*(?P<unit>s|f|%|)",
    re.ASCII,
)
_RATIO = re.compile(r"\d{1,12}/[1-9]\d{0,11}", re.ASCII)
_RATE = re.compile(r"\d{1,12}(\.\d{0,12})?|\.\d{1,12}|\d{1,12}/0*[1-9]\d{0,11}", re.ASCII)


@dataclass(frozen=True, slots=True)
class TimePoint:
    """A moment of a scene, at which schedules are evaluated.

    ``t`` is in seconds from the scene's first frame, ``f`` the frame's number in the scene, from 0; ``duration`` is
    the scene's, in seconds, None where it is not known; ``signals`` are the music's values now, by name.
    """

    t: float
    f: int
    fps: float
    duration: float | None = None
    signals: Mapping[str, float] = field(default_factory=dict)

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


START: Final = TimePoint(t=0.0, f=0, fps=24.0, duration=10.0, signals=dict.fromkeys(SIGNALS, 0.0))
"""Where a schedule's first value is taken: ten seconds of silence stand for what is not known yet."""


@dataclass(frozen=True, slots=True)
class TimeOffset:
    """A time within a scene: seconds (``s``), frames (``f``), or percent of its duration (``%``, at most 100)."""

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


def parse_offset(value: object) -> TimeOffset:
    """Return the time that ``4s``, ``4``, ``2.5s``, ``1:05``, ``1:02:03.5``, ``120f``, ``25%`` or ``end`` stands for.

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
    raise ScheduleError(f"time must be such as 4s, 1:05, 120f, 25% or end, not {quoted(value)}")


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
