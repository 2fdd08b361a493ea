"""What of a frame was already seen in the one before.

After Sundaram et al. 2010, "Dense point trajectories by GPU-accelerated large displacement optical flow", as used
by Ruder et al. 2016, "Artistic style transfer for videos". With w the backward flow at a pixel x and w' the flow
back again, at x + w, a pixel was hidden where

- ``|w + w'|^2 > 0.01 (|w|^2 + |w'|^2) + 0.5``: the way there and the way back differ,
- ``|grad u|^2 + |grad v|^2 > 0.01 |w|^2 + 0.002``: it lies on a border between motions, or
- x + w leaves the frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from dreamvid.flow.warp import warp_linear

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.types import Flow, Mask

_INSIDE = 0.5
"""How far beyond the outermost pixel centers still counts as inside, in px: up to the picture's own edge."""


def visible(backward: Flow, forward: Flow) -> NDArray[np.bool_]:
    """Return ``[H, W]`` bool: which pixels of the target are seen in the source too.

    Parameters
    ----------
    backward
        Flow at the target: where each of its pixels is in the source, ``[H, W, 2]`` px.
    forward
        Flow at the source: where each of its pixels is in the target.
    """
    result: NDArray[np.bool_] = _consistent(backward, forward) & ~_boundary(backward) & _inside(backward)
    return result


def softened(seen: NDArray[np.bool_], *, edge: float) -> Mask:
    """Return a mask that falls from 1 to 0 over about ``edge`` px, within what is seen.

    It is 0 wherever ``seen`` is False, so that nothing hidden shows through the soft edge. With an edge of 0 it
    is ``seen`` itself.
    """
    if edge <= 0 or seen.all():
        return seen.astype(np.float32)
    distance = cv2.distanceTransform(seen.astype(np.uint8), cv2.DIST_L2, 3)
    rise = np.clip(distance / edge, 0.0, 1.0)
    result: Mask = (rise * rise * (3.0 - 2.0 * rise)).astype(np.float32)
    return result


def _consistent(backward: Flow, forward: Flow) -> NDArray[np.bool_]:
    returned = warp_linear(forward, backward)
    difference = _square(backward + returned)
    result: NDArray[np.bool_] = difference <= 0.01 * (_square(backward) + _square(returned)) + 0.5
    return result


def _boundary(flow: Flow) -> NDArray[np.bool_]:
    down, across = (
        np.gradient(flow, axis=axis) if flow.shape[axis] > 1 else np.zeros_like(flow) for axis in (0, 1)
    )
    result: NDArray[np.bool_] = _square(down) + _square(across) > 0.01 * _square(flow) + 0.002
    return result


def _inside(flow: Flow) -> NDArray[np.bool_]:
    height, width = flow.shape[:2]
    x = flow[..., 0] + np.arange(width, dtype=np.float32)
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    result: NDArray[np.bool_] = (
        (x >= -_INSIDE) & (x <= width - 1 + _INSIDE) & (y >= -_INSIDE) & (y <= height - 1 + _INSIDE)
    )
    return result


def _square(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    result: NDArray[np.float32] = np.sum(np.square(vectors), axis=-1)
    return result
