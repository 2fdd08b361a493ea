"""Find the pixels of a frame that were visible in the previous one, by the forward-backward check.

After Sundaram et al. 2010, "Dense point trajectories by GPU-accelerated large displacement optical flow", as used
by Ruder et al. 2016, "Artistic style transfer for videos". With w the backward flow at a pixel x and w' the forward
flow at x + w, a pixel was occluded where

- ``|w + w'|^2 > 0.01 (|w|^2 + |w'|^2) + 0.5``: the flows disagree,
- ``|grad u|^2 + |grad v|^2 > 0.01 |w|^2 + 0.002``: it lies on a motion boundary, or
- x + w is outside the frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from dreamvid.flow.warp import warp_linear
from dreamvid.image.masks import smoothstep

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.types import Flow, Mask

# How far beyond the outermost pixel centers still counts as inside, in px: up to the picture's own edge.
_FRAME_MARGIN = 0.5
# Squared disagreement of the flows, as multiples of what `visible_mask` allows: up to the first all detail is
# carried, from the second on none.
_FULLY_CARRIED, _NOT_CARRIED = 8.0, 64.0


def visible_mask(backward: Flow, forward: Flow) -> NDArray[np.bool_]:
    """Return ``[H, W]`` bool: which pixels of the target are visible in the source too.

    Parameters
    ----------
    backward
        Flow at the target: where each of its pixels is in the source, ``[H, W, 2]`` px.
    forward
        Flow at the source: where each of its pixels is in the target.
    """
    agrees = _disagreement(backward, forward) <= 1.0
    result: NDArray[np.bool_] = agrees & ~_motion_boundary(backward) & _inside(backward)
    return result


def carry_mask(backward: Flow, forward: Flow, *, edge: float) -> Mask:
    """Return ``[H, W]`` in [0, 1]: how much of the source's detail may be carried to each pixel of the target.

    1 where the flows disagree by no more than 2.8 times what `visible_mask` allows (2 px in slow motion), down to 0
    at 8 times that, and 0 where the flow leaves the frame. Edges fall off over about ``edge`` px, inside the mask.
    """
    # Both the larger tolerance and carrying across motion boundaries depart from Ruder et al.: carried detail that is
    # off by a pixel or two goes unnoticed, while detail dreamed anew along every boundary flickers in every frame.
    occluded = smoothstep(_FULLY_CARRIED, _NOT_CARRIED, _disagreement(backward, forward))
    mask = np.where(_inside(backward), 1.0 - occluded, 0.0).astype(np.float32)
    if edge <= 0:
        return mask
    inner = np.clip(2.0 * cv2.GaussianBlur(mask, (0, 0), edge / 2.0) - 1.0, 0.0, 1.0)
    return np.asarray(np.minimum(mask, inner), np.float32)


def _disagreement(backward: Flow, forward: Flow) -> NDArray[np.float32]:
    """Return ``|w + w'|^2`` over what is allowed: above 1, a pixel was occluded."""
    returned = warp_linear(forward, backward)
    allowed = 0.01 * (_squared_length(backward) + _squared_length(returned)) + 0.5
    result: NDArray[np.float32] = _squared_length(backward + returned) / allowed
    return result


def _motion_boundary(flow: Flow) -> NDArray[np.bool_]:
    down, across = (
        np.gradient(flow, axis=axis) if flow.shape[axis] > 1 else np.zeros_like(flow) for axis in (0, 1)
    )
    gradient = _squared_length(down) + _squared_length(across)
    result: NDArray[np.bool_] = gradient > 0.01 * _squared_length(flow) + 0.002
    return result


def _inside(flow: Flow) -> NDArray[np.bool_]:
    """Return which pixels come from inside the frame."""
    height, width = flow.shape[:2]
    x = flow[..., 0] + np.arange(width, dtype=np.float32)
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    inside_x = (x >= -_FRAME_MARGIN) & (x <= width - 1 + _FRAME_MARGIN)
    result: NDArray[np.bool_] = inside_x & (y >= -_FRAME_MARGIN) & (y <= height - 1 + _FRAME_MARGIN)
    return result


def _squared_length(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    # Much quicker than a sum along an axis of two, with the same result.
    result: NDArray[np.float32] = np.square(vectors[..., 0]) + np.square(vectors[..., 1])
    return result
