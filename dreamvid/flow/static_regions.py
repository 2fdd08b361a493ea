"""Suppress spurious motion: flow is kept only where it explains the picture better than no motion does.

Grain and compression make optical flow tremble by a tenth of a pixel or two where nothing moves. Detail carried
along such flow would shimmer from frame to frame and drift away over hundreds of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from dreamvid.flow.warp import warp_linear
from dreamvid.image.luma import LUMA_WEIGHTS
from dreamvid.image.masks import smoothstep

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.types import RGB, Flow

# Blur, in px, that removes grain from both frames before they are compared.
_GRAIN_BLUR = 1.5
# Radius in which differences are gathered, as a share of the longer side.
_NEIGHBORHOOD = 0.025
# Share of the difference between the frames that motion must explain to be kept in full; a pan by 0.2 px under
# grain of 1 % explains more.
_FULL_EXPLANATION = 0.3
_NO_DIFFERENCE = 1e-6


def suppress_flow_noise(
    flow: Flow, target: RGB, source: RGB, *, no_difference: float = _NO_DIFFERENCE
) -> Flow:
    """Return a backward flow ``[H, W, 2]`` that fades to zero where it explains ``target`` no better.

    ``no_difference`` is the squared difference of two frames that counts as none.
    """
    target_luma, source_luma = _smooth_luma(target), _smooth_luma(source)
    radius = max(_GRAIN_BLUR, _NEIGHBORHOOD * max(target_luma.shape))
    still_error = _local_error(target_luma - source_luma, radius)
    moving_error = _local_error(target_luma - warp_linear(source_luma, flow), radius)
    explained = (still_error - moving_error) / ((still_error + no_difference) * _FULL_EXPLANATION)
    return np.asarray(flow * smoothstep(0.0, 1.0, explained)[..., None], np.float32)


def _smooth_luma(picture: RGB) -> NDArray[np.float32]:
    # Not image.luma.luma, which rounds differently: a flow that changes in its last bit changes frames.
    return np.asarray(cv2.GaussianBlur(picture @ LUMA_WEIGHTS, (0, 0), _GRAIN_BLUR), np.float32)


def _local_error(difference: NDArray[np.float32], radius: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(np.square(difference), (0, 0), radius), np.float32)
