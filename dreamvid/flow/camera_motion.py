"""Separate motion of subjects from that of the camera.

The camera's motion is a similarity (pan, zoom and roll) fitted to the flow along the picture's rim, where subjects
seldom are. A subject moves where the flow differs from that and explains the picture better. Where there is no
texture (a bare wall, the sky) flow is a guess, so there the motion around counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from dreamvid.flow.static_regions import suppress_flow_noise
from dreamvid.flow.warp import warp_linear

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.types import RGB, Flow, Mask

# Width of the rim, as a share of each side, and about how many of its pixels are used.
_RIM_WIDTH = 0.15
_MAX_SAMPLES = 2000
# Rounds of reweighted least squares, and the scale of Cauchy's weights in the first and the last of them, as a share
# of the longer side.
_ROUNDS = 8
_FIRST_SCALE, _LAST_SCALE = 0.02, 0.001
# Weight of the prior that there is no zoom and no roll: they need evidence.
_REGULARIZATION = 0.01
# Share of the camera's motion by which static things nearer and farther may seem to move.
_PARALLAX = np.float32(0.2)
# Difference of two frames that grain, compression and flickering light make.
_NOISE = 0.008
# Gradient of luma, per px, at which texture is one half: less of it is a bare wall.
_HALF_TEXTURE = 0.01
# Radius in which motion is averaged over what has texture, as a share of the longer side, and the amount of texture
# there that halves it.
_AVERAGING_RADIUS, _HALF_EVIDENCE = 0.02, 0.1
# Texture up to which flow is a guess, and from which on it is reliable.
_UNRELIABLE_TEXTURE, _RELIABLE_TEXTURE = 0.05, 0.3


def subject_motion(flow: Flow, target: RGB, source: RGB) -> NDArray[np.float32]:
    """Return ``[H, W]`` px: how far each pixel of ``target`` has moved since ``source``, camera motion removed.

    ``flow`` is the backward flow from ``target`` to ``source``, ``[H, W, 2]``, as estimated. The result is smooth
    over some 2 % of the longer side. What the camera has just brought into the picture has not moved.
    """
    texture = _texture(target)
    camera = camera_flow(flow, texture)
    followed = warp_linear(source, camera)
    residual = suppress_flow_noise(flow - camera, target, followed, no_difference=_NOISE**2)
    reliability = (texture - _UNRELIABLE_TEXTURE) / (_RELIABLE_TEXTURE - _UNRELIABLE_TEXTURE)
    weight = (np.clip(reliability, 0.0, 1.0) * _was_inside(camera)).astype(np.float32)
    radius = _AVERAGING_RADIUS * max(weight.shape)
    distance = np.sqrt(np.square(residual).sum(axis=-1)) - _PARALLAX * np.sqrt(np.square(camera).sum(axis=-1))
    distance = cv2.GaussianBlur(np.maximum(distance, 0.0) * weight, (0, 0), radius)
    return np.asarray(distance / (cv2.GaussianBlur(weight, (0, 0), radius) + _HALF_EVIDENCE), np.float32)


def camera_flow(flow: Flow, weight: Mask) -> Flow:
    """Return the backward flow ``[H, W, 2]`` of the camera's motion alone.

    ``weight`` is how far the flow can be relied upon at each pixel, 0 and up. The similarity is fitted by iteratively
    reweighted least squares with Cauchy's weights (Holland & Welsch 1977, "Robust regression using iteratively
    reweighted least-squares"), so that subjects fall out.
    """
    # Not RANSAC (cv2.estimateAffinePartial2D): least squares change as little as the flow does, so masks do not jump.
    height, width = flow.shape[:2]
    side = max(height, width)
    y, x = _rim_pixels(height, width)
    vectors, weights = flow[y, x].astype(np.float64), weight[y, x].astype(np.float64) + 1e-6
    across, down = (x - width / 2) / side, (y - height / 2) / side
    ones, zeros = np.ones_like(across), np.zeros_like(across)
    # flow x = pan x + zoom across - roll down, flow y = pan y + roll across + zoom down
    system = np.concatenate(
        [np.stack([ones, zeros, across, -down], axis=1), np.stack([zeros, ones, down, across], axis=1)]
    )
    observed = vectors.T.ravel()
    parameters = np.concatenate([np.median(vectors, axis=0), [0.0, 0.0]])
    for scale in side * np.geomspace(_FIRST_SCALE, _LAST_SCALE, _ROUNDS):
        misfit = (observed - system @ parameters).reshape(2, -1)
        share = weights / (1.0 + (misfit**2).sum(axis=0) / scale**2)
        weighted = system * np.tile(share, 2)[:, None]
        prior = np.diag([0.0, 0.0, 1.0, 1.0]) * _REGULARIZATION * share.sum()
        parameters = np.linalg.solve(weighted.T @ system + prior, weighted.T @ observed)
    pan_x, pan_y, zoom, roll = parameters
    across, down = (np.arange(width) - width / 2) / side, (np.arange(height)[:, None] - height / 2) / side
    camera = np.empty(flow.shape, np.float32)
    camera[..., 0] = pan_x + zoom * across - roll * down
    camera[..., 1] = pan_y + roll * across + zoom * down
    return camera


def _rim_pixels(height: int, width: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return y and x of pixels spread evenly over the rim, some thousand at most."""
    down, across = max(1, round(_RIM_WIDTH * height)), max(1, round(_RIM_WIDTH * width))
    rim = np.ones((height, width), np.bool_)
    rim[down : height - down, across : width - across] = False
    stride = max(1, int(np.sqrt(rim.sum() / _MAX_SAMPLES)))
    grid = np.zeros_like(rim)
    grid[::stride, ::stride] = True
    y, x = np.nonzero(rim & grid)
    return y, x


def _texture(picture: RGB) -> Mask:
    """Return how much texture there is around each pixel, ``[H, W]`` in [0, 1)."""
    # OpenCV's gray has the weights of BT.601; those of BT.709 would change motion masks a little.
    gray = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (0, 0), 1.5)
    squares = np.square(np.gradient(gray, axis=1)) + np.square(np.gradient(gray, axis=0))
    smooth = cv2.GaussianBlur(squares, (0, 0), 3.0)
    return np.asarray(smooth / (smooth + _HALF_TEXTURE**2), np.float32)


def _was_inside(camera: Flow) -> NDArray[np.bool_]:
    """Return which pixels were inside the previous frame."""
    height, width = camera.shape[:2]
    x = camera[..., 0] + np.arange(width, dtype=np.float32)
    y = camera[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    result: NDArray[np.bool_] = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return result
