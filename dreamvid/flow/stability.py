"""Measure the flicker of a dreamed video against its source.

The warping error of Lai et al. 2018, "Learning blind video temporal consistency". Flow and visibility come from the
source's frames; with V a frame and w the backward flow to the one ``lag`` frames before,

    E = mean over visible pixels of (V_t - warp(V_(t - lag), w))^2,

and the flicker index is F = (E of the dream - E of the source) / D^2, D being the RMS of dreamed minus source. F is 0
where the dream moves as the picture does, and 2 where each frame's detail is independent of the previous one's.
Departure from the source: dividing by D^2, so that weak or blurred dreams do not score better.

F is never exactly 0 on real clips, since flow is not exact. For comparison it is also taken of the shot's first
detail, advected from frame to frame along the renderer's flow and never dreamed again: F_advected.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from dreamvid.errors import SettingsError
from dreamvid.flow.occlusion import visible_mask
from dreamvid.flow.optical_flow import DenseInverseSearch, PolynomialExpansion
from dreamvid.flow.stability_report import FrameFigures, PairErrors, Report, summarize
from dreamvid.flow.warp import warp, warp_linear
from dreamvid.image.luma import LUMA_WEIGHTS
from dreamvid.image.resize import resize
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dreamvid.types import RGB, Flow, FlowEstimator

LAGS = (1, 8)
# Correlation below which a frame begins a new shot: measured, at most 0.54 at cuts, at least 0.85 within shots.
_SAME_SHOT = 0.7
# Standard deviations of luma: below the first a frame shows nothing, from the second on it shows something.
_BLANK, _NOT_BLANK = 0.01, 0.03
# Frames are compared for cuts at this fraction of their size, which removes grain.
_CUT_SHRINK = 4


@dataclass(frozen=True, slots=True)
class _PastFrame:
    """A frame that later ones are compared with: ``[H, W, 3]`` each."""

    shot: int
    source: RGB
    dreamed: RGB
    advected: RGB


@dataclass(frozen=True, slots=True)
class _PastMotion:
    """Backward flow ``[H, W, 2]`` px to an earlier frame, and the pixels ``[H, W]`` bool that are visible there."""

    lag: int
    past: _PastFrame
    backward: Flow
    visible: NDArray[np.bool_]


class StabilityMeter:
    """Takes a source and its dream frame by frame; holds the last ``max(lags)`` frames and a few numbers a frame.

    Parameters
    ----------
    lags
        Distances, in frames, between the frames that are compared; cuts are found at the first of them.
    estimator
        The flow that measures. It should be another method than the one that rendered, which would overlook its
        own mistakes. None is :class:`~dreamvid.flow.optical_flow.PolynomialExpansion`.
    advecting_estimator
        The flow that advects the first frame's detail for F_advected: the renderer's. None is
        :class:`~dreamvid.flow.optical_flow.DenseInverseSearch`.

    A new shot begins where a frame does not correlate with the previous one even after the warp, at a quarter of the
    size. Nothing is compared across a cut, and F_advected starts again from the dream's own detail. Fades and pale
    flashes are no cuts; a blank frame among others, such as pure white, is.
    """

    def __init__(
        self,
        lags: Sequence[int] = LAGS,
        *,
        estimator: FlowEstimator | None = None,
        advecting_estimator: FlowEstimator | None = None,
    ) -> None:
        self._lags = tuple(lags)
        self._estimator = estimator or PolynomialExpansion()
        self._advecting_estimator = advecting_estimator or DenseInverseSearch()
        self._past: deque[_PastFrame] = deque(maxlen=max(self._lags))
        self._detail: RGB | None = None
        self._series: list[FrameFigures] = []

    def add(self, source: RGB, dreamed: RGB) -> FrameFigures:
        """Measure the next frame, ``[H, W, 3]`` float32 in [0, 1]; both are kept for a while and must not be changed.

        Raises
        ------
        SettingsError
            Where the two, or this frame and the ones before, differ in size.
        """
        expected = self._past[-1].source.shape if self._past else source.shape
        if source.shape != expected or dreamed.shape != expected:
            wrong = source if source.shape != expected else dreamed
            raise SettingsError(
                f"frame {len(self._series)} is {Size(*wrong.shape[:2])}, not {Size(*expected[:2])}: "
                "source and dream must have one size"
            )
        motions = self._estimate_motions(source)
        cut = bool(motions) and _is_cut(source, motions[0])
        current = _PastFrame(
            shot=(self._past[-1].shot if self._past else 0) + cut,
            source=source,
            dreamed=dreamed,
            advected=self._advect(source, dreamed, cut=cut),
        )
        detail = dreamed - source
        figures = FrameFigures(
            index=len(self._series),
            cut=cut,
            dreamed_square=_mean_square(detail),
            advected_square=_mean_square(current.advected - source),
            brightness=(_brightness(source), _brightness(dreamed)),
            saturation=(_saturation(source), _saturation(dreamed)),
            detail=_mean_square(cv2.Laplacian(detail, cv2.CV_32F, borderType=cv2.BORDER_REFLECT_101)),
            pairs=tuple(
                _pair_errors(motion, current) for motion in motions if motion.past.shot == current.shot
            ),
        )
        self._past.append(current)
        self._series.append(figures)
        return figures

    def report(self) -> Report:
        """Return the summary of all frames so far; without any, raise ``SettingsError``."""
        if not self._past:
            raise SettingsError("there are no frames to measure")
        return summarize(self._series, Size(*self._past[-1].source.shape[:2]), self._lags)

    def _estimate_motions(self, source: RGB) -> list[_PastMotion]:
        """Return the motion from the past frame of each lag, as far as there is one."""
        motions = []
        for lag in self._lags:
            if lag <= len(self._past):
                past = self._past[-lag]
                backward = self._estimator.estimate(source, past.source)
                forward = self._estimator.estimate(past.source, source)
                motions.append(_PastMotion(lag, past, backward, visible_mask(backward, forward)))
        return motions

    def _advect(self, source: RGB, dreamed: RGB, *, cut: bool) -> RGB:
        """Return the source with the first detail of the shot, advected to this frame."""
        if self._detail is None or cut:
            self._detail = dreamed - source
            return dreamed
        flow = self._advecting_estimator.estimate(source, self._past[-1].source)
        self._detail = warp(self._detail, flow)
        advected: RGB = np.clip(source + self._detail, 0.0, 1.0)
        return advected


def _pair_errors(motion: _PastMotion, current: _PastFrame) -> PairErrors:
    def error(frame: RGB, earlier: RGB) -> float:
        return _mean_square((frame - warp_linear(earlier, motion.backward))[motion.visible])

    return PairErrors(
        lag=motion.lag,
        visible=float(np.mean(motion.visible)),
        source=error(current.source, motion.past.source),
        dreamed=error(current.dreamed, motion.past.dreamed),
        advected=error(current.advected, motion.past.advected),
    )


def _is_cut(source: RGB, motion: _PastMotion) -> bool:
    current, previous = _small_luma(source), _small_luma(warp_linear(motion.past.source, motion.backward))
    deviations = float(np.std(current)), float(np.std(previous))
    if min(deviations) < _BLANK:
        return max(deviations) >= _NOT_BLANK
    covariance = np.mean((current - current.mean()) * (previous - previous.mean()))
    return float(covariance / (deviations[0] * deviations[1])) < _SAME_SHOT


def _small_luma(picture: RGB) -> NDArray[np.float32]:
    height, width = picture.shape[:2]
    luma: NDArray[np.float32] = picture @ LUMA_WEIGHTS
    return resize(luma, Size(max(1, height // _CUT_SHRINK), max(1, width // _CUT_SHRINK)))


def _mean_square(values: NDArray[np.float32]) -> float:
    """Return the mean square; 0 of nothing."""
    return float(np.mean(np.square(values), dtype=np.float64)) if values.size else 0.0


def _brightness(picture: RGB) -> float:
    return float(np.mean(picture @ LUMA_WEIGHTS, dtype=np.float64))


def _saturation(picture: RGB) -> float:
    return float(np.mean(picture.max(axis=-1) - picture.min(axis=-1), dtype=np.float64))
