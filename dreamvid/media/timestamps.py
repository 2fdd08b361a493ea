"""Round exact times to the time base of a container.

mp4, mov and APNG take any time base, so that every time is exact. GIF counts hundredths of a second; Matroska, WebM
and WebP milliseconds: there each time is rounded by itself, so that errors never add up.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

from dreamvid.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Iterable

_MAX_DENOMINATOR = 1 << 24
_COMMON_DENOMINATOR = 5_760_000
"""24, 25, 30, 50 and 60 fps, their NTSC rates, 1/600, 1/1000 and 1/90000 s are whole multiples of one over this."""


def exact_time_base(rate: Fraction, others: Iterable[Fraction] = (), *, variable: bool = False) -> Fraction:
    """Return the longest time base in which the frames of a rate, and times in other time bases, are whole.

    A frame time beyond that (a variable rate of unknown origin, odd time bases whose common one would be shorter
    than 1/2**24 s) is rounded.
    """
    denominators = [time_base.denominator for time_base in others]
    if variable and not denominators:
        denominators = [_COMMON_DENOMINATOR]
    result = rate.numerator if rate.numerator <= _MAX_DENOMINATOR else _COMMON_DENOMINATOR
    for denominator in denominators:
        multiple = math.lcm(result, denominator)
        if multiple <= _MAX_DENOMINATOR:
            result = multiple
        elif variable and denominator <= _MAX_DENOMINATOR:
            result = denominator
    return Fraction(1, result)


class TimestampRounder:
    """Round exact times, in order, to timestamps of which no two are equal.

    ``grid`` is the duration of a frame of an even rate. Where the source had rounded its times by up to ``slack``
    (seconds), the last frame ends where that rate says, so that the average rate of the file is exact.
    """

    def __init__(
        self, time_base: Fraction, *, grid: Fraction | None = None, slack: Fraction = Fraction(0)
    ) -> None:
        self.time_base = time_base
        self._grid, self._slack = grid, slack
        self._count = 0
        self._last_time: Fraction | None = None
        self._last_pts = -1

    def next(self, time: Fraction) -> int:
        """Return the timestamp of the next frame, shown at ``time`` (seconds).

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
        self._last_pts = max(round(time / self.time_base), self._last_pts + 1)
        self._count += 1
        return self._last_pts

    def end(self, duration: Fraction) -> int:
        """Return the timestamp at which the last frame, shown for ``duration`` seconds, ends."""
        end = (self._last_time or Fraction(0)) + duration
        if self._grid is not None and abs(end - self._count * self._grid) <= 2 * self._slack:
            end = self._count * self._grid
        return max(round(end / self.time_base), self._last_pts + 1)


def rounding_error(rate: Fraction, time_base: Fraction) -> Fraction:
    """Return by how much (seconds) a time base rounded the times of an even rate; 0 where they are whole."""
    return Fraction(0) if (1 / rate / time_base).denominator == 1 else time_base
