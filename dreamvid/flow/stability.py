"""How steady a dream is: the warping error, frame by frame, and what it says of flicker.

After Lai et al. 2018, "Learning blind video temporal consistency". Flow and visibility come from the source's frames;
with V a frame and w the backward flow to the one ``lag`` frames before,

    E = mean over visible pixels of (V_t - warp(V_(t - lag), w))^2,

and the flicker index is F = (E of the dream - E of the source) / D^2, D being the RMS of dreamed minus source. F is 0
where the dream moves as the picture does, and 2 where each frame's detail has nothing to do with the last one's.
Dividing by D^2 (not in the source) keeps weak or blurred dreams from winning.

F is never exactly 0 on real clips, since flow is not exact either. So it is also taken of the first frame's
detail, merely carried along frame by frame with the renderer's flow and never dreamed again: F_advected.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from dreamvid.errors import SettingsError
from dreamvid.flow.occlusion import visible
from dreamvid.flow.optical_flow import DenseInverseSearch, PolynomialExpansion
from dreamvid.flow.stability_report import FrameFigures, Pair, Report, summarize
from dreamvid.flow.warp import warp, warp_linear
from dreamvid.image.resize import resize
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dreamvid.types import RGB, Flow, FlowEstimator

LAGS = (1, 8)
_ALIKE = 0.7
"""Correlation under which a frame begins a new shot; tried: at most 0.54 at cuts, 0.85 and more within shots."""

_FLAT, _CLEAR = 0.01, 0.03
"""Standard deviations of luma: below, nothing can be recognized in a frame; above, something would be."""
_COARSE = 4

_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


@dataclass(frozen=True, slots=True)
class _Moment:
    """A frame that later ones are compared with: ``[H, W, 3]`` each."""

    shot: int
    source: RGB
    dreamed: RGB
    advected: RGB


class Meter:
    """Takes a source and its dream frame by frame; holds the last ``max(lags)`` frames and a few numbers a frame.

    Parameters
    ----------
    lags
        How many frames apart the frames are that are compared; the first is also the one that tells cuts.
    estimator
        The flow that measures. It should be another method than the one that rendered, which would overlook its
        own mistakes. None is :class:`~dreamvid.flow.optical_flow.PolynomialExpansion`.
    carrier
        The flow that carries the first frame's detail along for F_advected: the renderer's. None is
        :class:`~dreamvid.flow.optical_flow.DenseInverseSearch`.

    Where nothing of the frame before can be recognized (the two do not correlate even after the warp, at a quarter of
    the size), a new shot begins: nothing is compared across the cut, and F_advected starts anew from the dream's
    own detail. Fades and pale flashes are no cuts; a flat frame among others, such as pure white, is.
    """

    def __init__(
        self,
        lags: Sequence[int] = LAGS,
        *,
        estimator: FlowEstimator | None = None,
        carrier: FlowEstimator | None = None,
    ) -> None:
        self._lags = tuple(lags)
        self._estimator = estimator or PolynomialExpansion()
        self._carrier = carrier or DenseInverseSearch()
        self._past: deque[_Moment] = deque(maxlen=max(self._lags))
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
            found = source if source.shape != expected else dreamed
            raise SettingsError(
                f"frame {len(self._series)} is {Size(*found.shape[:2])}, not {Size(*expected[:2])}: "
                "source and dream must have one size"
            )
        moves = self._moves(source)
        cut = bool(moves) and _is_cut(source, moves[0])
        now = _Moment(
            shot=(self._past[-1].shot if self._past else 0) + cut,
            source=source,
            dreamed=dreamed,
            advected=self._advect(source, dreamed, cut=cut),
        )
        detail = dreamed - source
        figures = FrameFigures(
            index=len(self._series),
            cut=cut,
            dreamed_square=_square(detail),
            advected_square=_square(now.advected - source),
            brightness=(_brightness(source), _brightness(dreamed)),
            saturation=(_saturation(source), _saturation(dreamed)),
            detail=_square(cv2.Laplacian(detail, cv2.CV_32F, borderType=cv2.BORDER_REFLECT_101)),
            pairs=tuple(_pair(move, now) for move in moves if move.past.shot == now.shot),
        )
        self._past.append(now)
        self._series.append(figures)
        return figures

    def report(self) -> Report:
        """Return what all frames so far amount to.

        Raises
        ------
        SettingsError
            Where there were none.
        """
        if not self._past:
            raise SettingsError("there are no frames to measure")
        return summarize(self._series, Size(*self._past[-1].source.shape[:2]), self._lags)

    def _moves(self, source: RGB) -> list[_Move]:
        """Return where each pixel was, for each lag that reaches a frame."""
        moves = []
        for lag in self._lags:
            if lag <= len(self._past):
                past = self._past[-lag]
                backward = self._estimator.estimate(source, past.source)
                forward = self._estimator.estimate(past.source, source)
                moves.append(_Move(lag, past, backward, visible(backward, forward)))
        return moves

    def _advect(self, source: RGB, dreamed: RGB, *, cut: bool) -> RGB:
        """Return the source with the shot's first detail, carried along to here."""
        if self._detail is None or cut:
            self._detail = dreamed - source
            return dreamed
        self._detail = warp(self._detail, self._carrier.estimate(source, self._past[-1].source))
        shown: RGB = np.clip(source + self._detail, 0.0, 1.0)
        return shown


@dataclass(frozen=True, slots=True)
class _Move:
    """The way back to an earlier frame: ``[H, W, 2]`` px, and ``[H, W]`` bool where it can be trusted."""

    lag: int
    past: _Moment
    backward: Flow
    seen: NDArray[np.bool_]


def _pair(move: _Move, now: _Moment) -> Pair:
    def error(frame: RGB, earlier: RGB) -> float:
        return _square((frame - warp_linear(earlier, move.backward))[move.seen])

    return Pair(
        lag=move.lag,
        visible=float(np.mean(move.seen)),
        source=error(now.source, move.past.source),
        dreamed=error(now.dreamed, move.past.dreamed),
        advected=error(now.advected, move.past.advected),
    )


def _is_cut(source: RGB, move: _Move) -> bool:
    now, before = _coarse(source), _coarse(warp_linear(move.past.source, move.backward))
    spread = float(np.std(now)), float(np.std(before))
    if min(spread) < _FLAT:
        return max(spread) >= _CLEAR
    alike = np.mean((now - now.mean()) * (before - before.mean())) / (spread[0] * spread[1])
    return float(alike) < _ALIKE


def _coarse(picture: RGB) -> NDArray[np.float32]:
    """Return luma at a quarter of the size: without grain."""
    height, width = picture.shape[:2]
    luma: NDArray[np.float32] = picture @ _LUMA
    return resize(luma, Size(max(1, height // _COARSE), max(1, width // _COARSE)))


def _square(values: NDArray[np.float32]) -> float:
    """Return the mean square; 0 of nothing."""
    return float(np.mean(np.square(values), dtype=np.float64)) if values.size else 0.0


def _brightness(picture: RGB) -> float:
    return float(np.mean(picture @ _LUMA, dtype=np.float64))


def _saturation(picture: RGB) -> float:
    return float(np.mean(picture.max(axis=-1) - picture.min(axis=-1), dtype=np.float64))
