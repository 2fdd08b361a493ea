"""Still things stand still: motion is believed only where it explains the picture better than none does.

Grain and compression make optical flow tremble by a tenth of a pixel or two where nothing moves. Detail carried
along it would shimmer from frame to frame and wander off over hundreds of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from dreamvid.flow.warp import warp_linear

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.types import RGB, Flow

_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
_GRAIN = 1.5
"""Blur, in px, that takes grain out of both frames before they are compared."""
_NEIGHBORS = 0.025
"""Radius in which evidence is gathered, as a share of the longer side."""
_CLEAR = 0.3
"""Share of the difference between the frames that motion must explain to be believed in full; a pan by 0.2 px under
grain of 1 % explains more."""
_NOTHING = 1e-6
"""Squared difference of two frames that counts as none."""


def stilled(flow: Flow, target: RGB, source: RGB, *, nothing: float = _NOTHING) -> Flow:
    """Return a backward flow ``[H, W, 2]`` that fades to zero where it explains ``target`` no better.

    ``nothing`` is the squared difference of two frames below which there is nothing to explain.
    """
    now, before = _smooth_luma(target), _smooth_luma(source)
    radius = max(_GRAIN, _NEIGHBORS * max(now.shape))
    resting = _gathered(now - before, radius)
    moving = _gathered(now - warp_linear(before, flow), radius)
    share = np.clip((resting - moving) / ((resting + nothing) * _CLEAR), 0.0, 1.0)
    return np.asarray(flow * (share * share * (3.0 - 2.0 * share))[..., None], np.float32)


def _smooth_luma(picture: RGB) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(picture @ _LUMA, (0, 0), _GRAIN), np.float32)


def _gathered(difference: NDArray[np.float32], radius: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(np.square(difference), (0, 0), radius), np.float32)
