"""Signals over time: curves, how they are shaped, and their values at a moment.

Curves are pure functions of the time, computed once before a run, so that every frame gets the same values wherever a
run begins.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from dreamvid.errors import ScheduleError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAX_SAMPLES = 20_000_000
_MIN_SAMPLE_RATE = 100.0  # a second, at which a curve is shaped
_KERNEL_WIDTH = 4.0  # of a Gaussian, in standard deviations on either side


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Values at times; straight lines between them, or steps.

    Attributes
    ----------
    times
        ``[N]`` float64, seconds, growing; at least one.
    values
        ``[N]`` float64. Before the first and after the last time, the first and the last value hold.
    has_steps
        Each value holds until the next one.
    has_peaks
        The highest value counts that a frame's time holds, so that no hit falls between two frames.
    """

    times: NDArray[np.float64] = field(repr=False)
    values: NDArray[np.float64] = field(repr=False)
    has_steps: bool = False
    has_peaks: bool = False

    def at(self, t: float, frame: float) -> float:
        """Return the value at a time in seconds; ``frame`` is the duration of a frame, with ``t`` in its middle."""
        if not self.has_peaks:
            return self._value(t)
        begin, end = t - frame / 2, t + frame / 2
        first, last = np.searchsorted(self.times, (begin, end), side="right")
        within = self.values[first:last]
        return max(self._value(begin), float(within.max(initial=-math.inf)))

    def mapped(self, gain: float, offset: float) -> Curve:
        """Return the curve with its values times ``gain``, plus ``offset``."""
        return Curve(self.times, self.values * gain + offset, self.has_steps, self.has_peaks)

    def clipped(self) -> Curve:
        """Return the curve with its values held in 0..1."""
        return Curve(self.times, np.clip(self.values, 0.0, 1.0), self.has_steps, self.has_peaks)

    def _value(self, t: float) -> float:
        if not self.has_steps:
            return float(np.interp(t, self.times, self.values))
        return float(self.values[max(0, int(np.searchsorted(self.times, t, side="right")) - 1)])


@dataclass(frozen=True, slots=True)
class Shape:
    """How a curve is shaped, in this order.

    Attributes
    ----------
    smoothing
        Standard deviation of the Gaussian that it is smoothed with, in seconds.
    attack, release
        Seconds in which it rises, or falls, half of the way at the fastest.
    limits
        The values that become 0 and 1; what lies beyond is clipped. ``auto`` is its lowest and highest; None is off.
    gain, offset
        What it is then multiplied with, and what is added.
    """

    smoothing: float = 0.0
    attack: float = 0.0
    release: float = 0.0
    limits: tuple[float, float] | str | None = None
    gain: float = 1.0
    offset: float = 0.0

    def apply(self, curve: Curve, fps: float, duration: float | None) -> Curve:
        """Return a curve shaped.

        Parameters
        ----------
        fps
            Frames a second; a curve that is smoothed is sampled at a multiple of it, at 100 a second or more.
        duration
            Seconds for which it is used; None is to its end.

        Raises
        ------
        ScheduleError
            Where it is too long to be sampled.
        """
        if self.smoothing or self.attack or self.release:
            curve = self._filtered(curve, fps, duration)
        if self.limits is not None:
            low, high = (
                (float(curve.values.min()), float(curve.values.max()))
                if isinstance(self.limits, str)
                else self.limits
            )
            span = high - low
            curve = curve.mapped(1.0 / span, -low / span).clipped() if span else curve.mapped(0.0, 0.0)
        return curve if (self.gain, self.offset) == (1.0, 0.0) else curve.mapped(self.gain, self.offset)

    def _filtered(self, curve: Curve, fps: float, duration: float | None) -> Curve:
        rate = fps * max(1, math.ceil(_MIN_SAMPLE_RATE / fps))
        end = float(curve.times[-1]) if duration is None else duration
        first, last = math.floor(min(float(curve.times[0]), 0.0) * rate), math.ceil(max(end, 0.0) * rate)
        if last - first >= _MAX_SAMPLES:
            raise ScheduleError(f"is too long to be smoothed: {(last - first) / rate:.0f} s")
        times = np.arange(first, last + 1) / rate
        values = _sampled(curve, times, 1.0 / rate)
        if self.smoothing:
            values = _smoothed(values, self.smoothing * rate)
        if self.attack or self.release:
            values = _followed(values, *(_share(time * rate) for time in (self.attack, self.release)))
        return Curve(times, values, has_peaks=curve.has_peaks)


def _sampled(curve: Curve, times: NDArray[np.float64], hop: float) -> NDArray[np.float64]:
    """Return the values at times that are a hop apart; of steps the highest until the next time."""
    if not curve.has_steps:
        return np.interp(times, curve.times, curve.values)
    held = curve.values[np.maximum(np.searchsorted(curve.times, times, side="right") - 1, 0)]
    cells = np.floor((curve.times - times[0]) / hop + 1e-6).astype(np.int64)
    inside = (cells >= 0) & (cells < len(times))
    np.maximum.at(held, cells[inside], curve.values[inside])
    return held


def _smoothed(values: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Return values smoothed with a Gaussian of ``sigma`` samples; the first and the last value go on."""
    reach = math.ceil(_KERNEL_WIDTH * sigma)
    kernel = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / sigma))
    padded = np.pad(values, reach, mode="edge")
    length = len(padded) + 2 * reach
    spectrum = np.fft.rfft(padded, length) * np.fft.rfft(kernel / kernel.sum(), length)
    return np.fft.irfft(spectrum, length)[2 * reach : 2 * reach + len(values)]


def _followed(values: NDArray[np.float64], rise: float, fall: float) -> NDArray[np.float64]:
    """Return an envelope of values that keeps a share of the difference to them from sample to sample."""
    envelope = np.empty_like(values)
    level = float(values[0])
    for index, value in enumerate(values.tolist()):
        level = value + (level - value) * (rise if value > level else fall)
        envelope[index] = level
    return envelope


def _share(half_life: float) -> float:
    """Return what is left after one sample of a difference that halves in so many."""
    return 0.5 ** (1.0 / half_life) if half_life > 0.0 else 0.0
