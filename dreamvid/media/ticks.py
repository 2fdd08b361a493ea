"""Exact times and the ticks of a container.

mp4, mov and APNG count in ticks of any length, so that every time is exact. GIF counts hundredths of a second;
Matroska, WebM and WebP milliseconds: there each time is rounded by itself, so that errors never add up.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

from dreamvid.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST = 1 << 24
_COMMON = 5_760_000
"""Ticks a second in which 24, 25, 30, 50 and 60 fps, their NTSC rates, 1/600, 1/1000 and 1/90000 s are whole."""


def exact_tick(rate: Fraction, time_bases: Iterable[Fraction] = (), *, variable: bool = False) -> Fraction:
    """Return the longest tick in which the frames of a rate, and times in these time bases, are whole.

    A frame time beyond that (a variable rate of unknown origin, odd time bases whose common tick would be
    shorter than 1/2**24 s) is rounded to a tick.
    """
    known = [base.denominator for base in time_bases]
    if variable and not known:
        known = [_COMMON]
    ticks = rate.numerator if rate.numerator <= _MOST else _COMMON
    for denominator in known:
        both = math.lcm(ticks, denominator)
        if both <= _MOST:
            ticks = both
        elif variable and denominator <= _MOST:
            ticks = denominator
    return Fraction(1, ticks)


class TickCounter:
    """Turns exact times, in order, into ticks of which no two are equal."""

    def __init__(self, tick: Fraction) -> None:
        self.tick = tick
        self._last_time: Fraction | None = None
        self._last_tick = -1

    def at(self, time: Fraction) -> int:
        """Return the tick of the next frame.

        Raises
        ------
        WriteError
            Where time stands still or goes backward.
        """
        if time < 0:
            raise WriteError(f"a frame's time is {float(time):.6f} s, before the start of the video")
        if self._last_time is not None and time <= self._last_time:
            raise WriteError(
                f"frame times must grow, but {float(time):.6f} s comes after {float(self._last_time):.6f} s"
            )
        self._last_time = time
        self._last_tick = max(round(time / self.tick), self._last_tick + 1)
        return self._last_tick

    def end(self, time: Fraction) -> int:
        """Return the tick at which the last frame ends, at least one after it began."""
        return max(round(time / self.tick), self._last_tick + 1)
