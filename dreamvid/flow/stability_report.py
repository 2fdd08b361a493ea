"""Summarize the figures of a :class:`~dreamvid.flow.stability.StabilityMeter`: warping errors, flicker, drift.

A figure is None where it is undefined: one frame has no pairs, and a dream that equals its source has no flicker
index.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from dreamvid.image.flashes import FlashReport
    from dreamvid.types import Size

QUARTERS = 4
NO_DREAM = 1e-9
"""Mean square of dreamed minus source up to which there is no dream to speak of: a hundredth of an 8-bit step."""


@dataclass(frozen=True, slots=True)
class PairErrors:
    """Warping errors of a frame against the one ``lag`` frames before; no pair spans a cut.

    ``visible`` is the share of pixels visible in both, in [0, 1]. The errors E are mean squares over those pixels, of
    the source, of the dream, and of the source with the first detail of the shot advected.
    """

    lag: int
    visible: float
    source: float
    dreamed: float
    advected: float


@dataclass(frozen=True, slots=True)
class FrameFigures:
    """One frame, pixels in [0, 1].

    Attributes
    ----------
    cut
        The source begins a new shot here.
    dreamed_square, advected_square
        Mean square of dreamed minus source, and of advected minus source.
    brightness, saturation
        Of source and dream. Brightness is mean luma (BT.709 weights, of encoded values); saturation is the mean
        of the largest minus the smallest channel, which unlike their ratio is steady in the dark.
    detail
        Laplacian energy of the added detail: the mean square of its Laplacian (4 neighbors).
    pairs
        By lag; fewer at the start and after a cut.
    """

    index: int
    cut: bool
    dreamed_square: float
    advected_square: float
    brightness: tuple[float, float]
    saturation: tuple[float, float]
    detail: float
    pairs: tuple[PairErrors, ...]

    @property
    def dream_rms(self) -> float:
        """RMS of dreamed minus source."""
        return math.sqrt(self.dreamed_square)

    def pair(self, lag: int) -> PairErrors | None:
        """Return the comparison with the frame ``lag`` before; None where there is none."""
        return next((pair for pair in self.pairs if pair.lag == lag), None)


@dataclass(frozen=True, slots=True)
class LagFigures:
    """All pairs of one lag.

    The errors are means over all visible pixels of all pairs. ``flicker`` is F = (E dreamed - E source) / D^2, with D
    the dream RMS; ``flicker_advected`` is the same of advected detail, which is what no flicker at all
    scores on this clip with this meter. ``ratio`` is F / F_advected, None where that is not above 0.
    """

    lag: int
    pairs: int
    visible: float | None
    error_source: float | None
    error_dreamed: float | None
    error_advected: float | None
    flicker: float | None
    flicker_advected: float | None
    ratio: float | None


@dataclass(frozen=True, slots=True)
class Drift:
    """A figure over time.

    ``source`` and ``dreamed`` are means by quarters of the frames; ``source`` is None for what only a dream has.
    ``change`` is the dream's last quarter against its second, as a share of the second (0.03 is 3 %), and
    ``beyond_source`` is that change minus the source's own.
    """

    dreamed: tuple[float | None, ...]
    source: tuple[float | None, ...] | None
    change: float | None
    beyond_source: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """Stability of a dreamed clip; see :class:`LagFigures` and :class:`Drift`.

    ``cuts`` are the frames that begin a new shot; ``dream_rms`` is the RMS of dreamed minus source over all frames.
    ``series`` has the figures of every frame and is no part of :meth:`to_dict`. ``flashes`` are those of the dream,
    None where they were not measured.
    """

    size: Size
    cuts: tuple[int, ...]
    dream_rms: float
    lags: tuple[LagFigures, ...]
    brightness: Drift
    saturation: Drift
    dream_rms_drift: Drift
    detail: Drift
    series: tuple[FrameFigures, ...]
    flashes: FlashReport | None = None

    @property
    def frames(self) -> int:
        """Number of frames compared."""
        return len(self.series)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the series as plain values for JSON."""
        return {
            "frames": self.frames,
            "width": self.size.width,
            "height": self.size.height,
            "cuts": list(self.cuts),
            "dream_rms": self.dream_rms,
            "lags": [{name: getattr(row, name) for name in LagFigures.__slots__} for row in self.lags],
            "drift": {
                "brightness": _plain(self.brightness),
                "saturation": _plain(self.saturation),
                "dream_rms": _plain(self.dream_rms_drift),
                "detail": _plain(self.detail),
            },
            **({} if self.flashes is None else {"flashes": self.flashes.to_dict()}),
        }


def summarize(series: Sequence[FrameFigures], size: Size, lags: Iterable[int]) -> Report:
    """Return the report of all frames, of which there is at least one."""
    square = _mean([frame.dreamed_square for frame in series]) or 0.0
    return Report(
        size=size,
        cuts=tuple(frame.index for frame in series if frame.cut),
        dream_rms=math.sqrt(square),
        lags=tuple(_lag_figures(lag, series, square) for lag in lags),
        brightness=_drift(series, lambda f: f.brightness[1], lambda f: f.brightness[0]),
        saturation=_drift(series, lambda f: f.saturation[1], lambda f: f.saturation[0]),
        dream_rms_drift=_drift(series, lambda f: f.dream_rms),
        detail=_drift(series, lambda f: f.detail),
        series=tuple(series),
    )


def _lag_figures(lag: int, series: Sequence[FrameFigures], square: float) -> LagFigures:
    pairs = [pair for frame in series if (pair := frame.pair(lag)) is not None]
    weight = sum(pair.visible for pair in pairs)
    source, dreamed, advected = (
        sum(pair.visible * getattr(pair, name) for pair in pairs) / weight if weight else None
        for name in ("source", "dreamed", "advected")
    )
    advected_square = _mean([frame.advected_square for frame in series]) or 0.0
    flicker = _flicker(dreamed, source, square)
    flicker_advected = _flicker(advected, source, advected_square)
    return LagFigures(
        lag=lag,
        pairs=len(pairs),
        visible=_mean([pair.visible for pair in pairs]),
        error_source=source,
        error_dreamed=dreamed,
        error_advected=advected,
        flicker=flicker,
        flicker_advected=flicker_advected,
        ratio=flicker / flicker_advected
        if flicker is not None and flicker_advected and flicker_advected > 0
        else None,
    )


def _flicker(error: float | None, source: float | None, square: float) -> float | None:
    return None if error is None or source is None or square <= NO_DREAM else (error - source) / square


def _drift(
    series: Sequence[FrameFigures],
    dreamed: Callable[[FrameFigures], float],
    source: Callable[[FrameFigures], float] | None = None,
) -> Drift:
    dreamed_quarters = _quarters([dreamed(frame) for frame in series])
    source_quarters = None if source is None else _quarters([source(frame) for frame in series])
    change, second = _change(dreamed_quarters), dreamed_quarters[1]
    source_change = 0.0 if source_quarters is None else _change(source_quarters)
    if change is None or source_change is None or not second:
        return Drift(dreamed_quarters, source_quarters, None, None)
    return Drift(dreamed_quarters, source_quarters, change / second, (change - source_change) / second)


def _quarters(values: list[float]) -> tuple[float | None, ...]:
    parts = np.array_split(np.array(values), QUARTERS)
    return tuple(_mean(part.tolist()) for part in parts)


def _change(quarters: tuple[float | None, ...]) -> float | None:
    second, last = quarters[1], quarters[-1]
    return None if second is None or last is None else last - second


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _plain(drift: Drift) -> dict[str, Any]:
    return {
        "dreamed": list(drift.dreamed),
        "source": None if drift.source is None else list(drift.source),
        "change": drift.change,
        "beyond_source": drift.beyond_source,
    }
