"""Find the steady tempo that a piece of music keeps, and its first beat, from the times of its beats."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# Seconds by which a beat may miss a steady one, and the share of the beats that must not.
_TOLERANCE: Final = 0.05
_MIN_STEADY: Final = 0.8
_MIN_BEATS: Final = 8
# Tempi this near to whole beats per minute, or within so many standard errors, are rounded to them, others to
# hundredths: what is played to a click is mostly whole.
_WHOLE: Final = Fraction(1, 20)
_STANDARD_ERRORS: Final = 2.0
# Standard deviation (s) of the times of beats, at least: they are tracked in steps of 10 ms.
_MIN_DEVIATION: Final = 0.003
_STEPS: Final = 100


class SteadyTempo(NamedTuple):
    """Beats per minute, and the time of the first beat in seconds."""

    bpm: Fraction
    first_beat: Fraction


def find_tempo(beats: Sequence[float]) -> SteadyTempo | None:
    """Return the tempo of beats at growing times (seconds); None where they keep none.

    The tempo is that of the line through the times of the beats by their numbers, by least squares; beats that miss
    it by more than 50 ms, at most one in five, are left out.
    """
    if len(beats) < _MIN_BEATS:
        return None
    times = np.asarray(beats, np.float64)
    intervals = np.diff(times)
    period = float(np.median(intervals))
    numbers = np.concatenate([[0.0], np.cumsum(np.maximum(np.rint(intervals / period), 1.0))])
    steady = np.ones(len(times), bool)
    first = 0.0
    for _ in range(3):
        period, first = _line(numbers[steady], times[steady])
        steady = np.abs(times - first - period * numbers) <= _TOLERANCE
        if steady.mean() < _MIN_STEADY:
            return None
    deviation = max(float((times - first - period * numbers)[steady].std()), _MIN_DEVIATION)
    spread = float(np.sqrt(np.square(numbers[steady] - numbers[steady].mean()).sum()))
    bpm = _rounded(60.0 / period, error=60.0 / period**2 * deviation / spread)
    # With the rounded tempo the beats fit best about their middle.
    middle = float((times[steady] - float(60 / bpm) * numbers[steady]).mean())
    start = middle + float(60 / bpm) * float(numbers[steady][0])
    return SteadyTempo(bpm, Fraction(max(0, round(1000 * start)), 1000))


def _line(numbers: NDArray[np.float64], times: NDArray[np.float64]) -> tuple[float, float]:
    """Return slope and intercept of the line through points, by least squares."""
    centered = numbers - numbers.mean()
    slope = float((centered * times).sum() / np.square(centered).sum())
    return slope, float(times.mean() - slope * numbers.mean())


def _rounded(bpm: float, error: float) -> Fraction:
    """Return beats per minute, given their standard error, whole where they may be."""
    whole = Fraction(round(bpm))
    is_whole = abs(bpm - whole) <= max(float(_WHOLE), _STANDARD_ERRORS * error)
    return whole if is_whole else Fraction(round(bpm * _STEPS), _STEPS)
