"""Estimate the optical flow between two frames, by DIS or Farneback's method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from dreamvid.flow.warp import resize_flow
from dreamvid.image.resize import resize
from dreamvid.types import RGB, Flow, Size

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from dreamvid.types import FlowEstimator

Quality = Literal["ultrafast", "fast", "medium"]
Method = Literal["dis", "farneback"]

_PRESETS = {
    "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}
# Pictures with a shorter side are enlarged first: OpenCV's DIS crashes on some long strips of 28 px and less.
_MIN_SIDE = 32


@dataclass(frozen=True)
class DenseInverseSearch:
    """DIS (Kroeger et al. 2016, "Fast optical flow using dense inverse search"), with variational refinement.

    ``quality`` is OpenCV's preset. ``longest`` is the longest side in px at which flow is computed; larger frames are
    shrunk, and the flow is enlarged.
    """

    quality: Quality = "medium"
    longest: int = 640

    def estimate(self, target: RGB, source: RGB) -> Flow:
        """Return the backward flow from ``target`` to ``source``, both ``[H, W, 3]`` in [0, 1]."""
        return _estimate_at(_working_size(target, self.longest), target, source, self._calculate)

    def _calculate(self, target: NDArray[np.uint8], source: NDArray[np.uint8]) -> Flow:
        search = cv2.DISOpticalFlow.create(_PRESETS[self.quality])
        return np.asarray(search.calc(target, source, None), np.float32)


@dataclass(frozen=True)
class PolynomialExpansion:
    """Farneback 2003, "Two-frame motion estimation based on polynomial expansion": slower and smoother than DIS.

    ``longest`` as for :class:`DenseInverseSearch`.
    """

    longest: int = 640

    def estimate(self, target: RGB, source: RGB) -> Flow:
        """Return the backward flow from ``target`` to ``source``, both ``[H, W, 3]`` in [0, 1]."""
        return _estimate_at(_working_size(target, self.longest), target, source, self._calculate)

    def _calculate(self, target: NDArray[np.uint8], source: NDArray[np.uint8]) -> Flow:
        levels = max(1, int(np.log2(min(target.shape) / _MIN_SIDE)))
        flow = cv2.calcOpticalFlowFarneback(
            target,
            source,
            None,
            0.5,
            levels,
            15,
            4,
            7,
            1.5,
            cv2.OPTFLOW_FARNEBACK_GAUSSIAN,
        )
        return np.asarray(flow, np.float32)


def make_estimator(method: Method, quality: Quality, longest: int) -> FlowEstimator:
    """Return the estimator of that name."""
    return DenseInverseSearch(quality, longest) if method == "dis" else PolynomialExpansion(longest)


def _working_size(picture: RGB, longest: int) -> Size:
    height, width = picture.shape[:2]
    scale = min(1.0, longest / max(height, width))
    return Size(max(_MIN_SIDE, round(height * scale)), max(_MIN_SIDE, round(width * scale)))


def _gray(picture: RGB, size: Size) -> NDArray[np.uint8]:
    """Return the picture in gray, ``[size]`` uint8, as both methods take it."""
    small = resize(picture, size)
    # OpenCV's gray has the weights of BT.601; those of BT.709 would change flows, and with them every carried dream.
    gray = cv2.cvtColor(np.clip(small, 0.0, 1.0), cv2.COLOR_RGB2GRAY)
    return np.asarray(np.round(gray * 255.0), np.uint8)


def _estimate_at(
    size: Size, target: RGB, source: RGB, calculate: Callable[[NDArray[np.uint8], NDArray[np.uint8]], Flow]
) -> Flow:
    flow = calculate(_gray(target, size), _gray(source, size))
    return resize_flow(np.nan_to_num(flow, nan=0.0, posinf=0.0, neginf=0.0), Size(*target.shape[:2]))
