"""Warp pictures along a backward flow.

Convention: flows are ``[H, W, 2]`` float32, (dx, dy) in px, backward: ``out[y, x] = picture[y + dy, x + dx]``, pixel
centers at whole numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from dreamvid.image.resize import resize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.types import Flow, Size


def warp(picture: NDArray[np.float32], flow: Flow) -> NDArray[np.float32]:
    """Return ``out[y, x] = picture[y + dy, x + dx]``.

    Parameters
    ----------
    picture
        ``[H, W]`` or ``[H, W, C]`` float32, any range.
    flow
        ``[H, W, 2]``, backward.

    Lanczos interpolation of 8 x 8 px. Beyond the borders the picture is mirrored; overshoot is not clipped, since
    detail is signed.
    """
    # Positions are rounded to 1/32 px. Sharp enough that detail lasts for hundreds of frames, and exact where nothing
    # moves.
    return _sample(picture, flow, cv2.INTER_LANCZOS4)


def warp_cubic(picture: NDArray[np.float32], flow: Flow) -> NDArray[np.float32]:
    """Return the same by bicubic interpolation: six times as fast, and a little softer each time it is applied."""
    return _sample(picture, flow, cv2.INTER_CUBIC)


def warp_linear(picture: NDArray[np.float32], flow: Flow) -> NDArray[np.float32]:
    """Return the same by bilinear interpolation, which never overshoots: for flows, masks and measuring."""
    return _sample(picture, flow, cv2.INTER_LINEAR)


def resize_flow(flow: Flow, size: Size) -> Flow:
    """Return a flow for another picture size; its vectors scale with it."""
    height, width = flow.shape[:2]
    if (height, width) == tuple(size):
        return flow
    scale = np.array([size.width / width, size.height / height], np.float32)
    resized: Flow = resize(flow, size) * scale
    return resized


def _sample(picture: NDArray[np.float32], flow: Flow, method: int) -> NDArray[np.float32]:
    height, width = flow.shape[:2]
    x = flow[..., 0] + np.arange(width, dtype=np.float32)
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    warped = cv2.remap(picture, x, y, method, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(warped, np.float32)
