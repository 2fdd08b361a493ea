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
# Tempi this near to whole beats per minute are rounded to them, others to hundredths: what is played to a click is
# mostly whole.
_WHOLE: Final = Fraction(1, 20)
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
    bpm = _rounded(60.0 / period)
    # With the rounded tempo the beats fit best about their middle.
    middle = float((times[steady] - float(60 / bpm) * numbers[steady]).mean())
    start = middle + float(60 / bpm) * float(numbers[steady][0])
    return SteadyTempo(bpm, Fraction(max(0, round(1000 * start)), 1000))


def _line(numbers: NDArray[np.float64], times: NDArray[np.float64]) -> tuple[float, float]:
    """Return slope and intercept of the line through points, by least squares."""
    centered = numbers - numbers.mean()
    slope = float((centered * times).sum() / np.square(centered).sum())
    return slope, float(times.mean() - slope * numbers.mean())


def _rounded(bpm: float) -> Fraction:
    whole = Fraction(round(bpm))
    return whole if abs(Fraction(bpm) - whole) <= _WHOLE else Fraction(round(bpm * _STEPS), _STEPS)
