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
    """Turns exact times, in order, into ticks of which no two are equal.

    ``grid`` is the duration of a frame of an even rate. Where the source had rounded its times by up to ``slack``
    (seconds), the last frame ends where that rate says, so that the average rate of the file is exact.
    """

    def __init__(
        self, tick: Fraction, *, grid: Fraction | None = None, slack: Fraction = Fraction(0)
    ) -> None:
        self.tick = tick
        self._grid, self._slack = grid, slack
        self._count = 0
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
        self._count += 1
        return self._last_tick

    def end(self, duration: Fraction) -> int:
        """Return the tick at which the last frame ends, at least one after it began."""
        end = (self._last_time or Fraction(0)) + duration
        if self._grid is not None and abs(end - self._count * self._grid) <= 2 * self._slack:
            end = self._count * self._grid
        return max(round(end / self.tick), self._last_tick + 1)


def rounding(rate: Fraction, tick: Fraction) -> Fraction:
    """Return by how much (seconds) a clock rounded the times of an even rate; 0 where they are whole ticks."""
    return Fraction(0) if (1 / rate / tick).denominator == 1 else tick
