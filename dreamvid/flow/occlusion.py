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
_CLOSE, _LOST = 8.0, 64.0
"""Squared disagreements of the flows, as multiples of what `visible` allows: all and nothing is carried."""


def visible(backward: Flow, forward: Flow) -> NDArray[np.bool_]:
    """Return ``[H, W]`` bool: which pixels of the target are seen in the source too.

    Parameters
    ----------
    backward
        Flow at the target: where each of its pixels is in the source, ``[H, W, 2]`` px.
    forward
        Flow at the source: where each of its pixels is in the target.
    """
    result: NDArray[np.bool_] = (
        (_disagreement(backward, forward) <= 1.0) & ~_boundary(backward) & _inside(backward)
    )
    return result


def trust(backward: Flow, forward: Flow, *, edge: float) -> Mask:
    """Return ``[H, W]`` in [0, 1]: how far what was seen at each pixel may be carried on.

    1 where the way there and back differ by no more than 2.8 times what `visible` allows (2 px in slow motion), down
    to 0 at 8 times that, and 0 where the way leaves the frame. Borders between motions count as seen. Both depart
    from Ruder et al.: no one sees carried detail being off by a pixel or two, while detail that is dreamed anew along
    every border in every frame is seen as boiling. Edges fall off over about ``edge`` px, within what is seen.
    """
    excess = (_disagreement(backward, forward) - _CLOSE) / (_LOST - _CLOSE)
    seen = np.where(_inside(backward), 1.0 - _smoothstep(excess), 0.0).astype(np.float32)
    if edge <= 0:
        return seen
    inner = np.clip(2.0 * cv2.GaussianBlur(seen, (0, 0), edge / 2.0) - 1.0, 0.0, 1.0)
    return np.asarray(np.minimum(seen, inner), np.float32)


def _disagreement(backward: Flow, forward: Flow) -> NDArray[np.float32]:
    """Return the squared difference of the way there and back, over what is allowed: above 1, a pixel was hidden."""
    returned = warp_linear(forward, backward)
    allowed = 0.01 * (_square(backward) + _square(returned)) + 0.5
    result: NDArray[np.float32] = _square(backward + returned) / allowed
    return result


def _smoothstep(values: NDArray[np.float32]) -> NDArray[np.float32]:
    rise = np.clip(values, 0.0, 1.0)
    result: NDArray[np.float32] = rise * rise * (3.0 - 2.0 * rise)
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
