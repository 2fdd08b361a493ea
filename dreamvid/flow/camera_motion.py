"""What moves on its own, and what only because the camera does.

The camera's motion is a shift, a turn and a zoom that fit the flow along the picture's rim, where subjects seldom
are. A thing moves on its own where the flow differs from that and explains the picture better; a fifth of the
camera's motion is allowed for parallax. In a bare wall or sky flow is a guess, so there the motion around counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from dreamvid.flow.static_regions import stilled
from dreamvid.flow.warp import warp_linear

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.types import RGB, Flow, Mask

_RIM = 0.15
"""Width of the rim, as a share of each side."""
_SAMPLES = 2000
_ROUNDS = 8
_LOOSE, _TIGHT = 0.02, 0.001
"""What counts as a misfit in the first and in the last round, as a share of the longer side."""
_PARALLAX = np.float32(0.2)
"""Share of the camera's motion by which still things nearer and farther may seem to move."""
_FAINT = 0.008
"""Difference of two frames that grain, compression and flickering light make."""
_BARE = 0.01
"""Gradient of luma, a pixel, at which texture is half: less of it is a bare wall."""
_REACH, _ALONE = 0.02, 0.1
"""Radius in which motion is averaged over what has texture, as a share of the longer side, and how little texture
there halves it."""
_GUESSED, _TOLD = 0.05, 0.3
"""Texture up to which flow is a guess, and from which on it tells motion in full."""


def own_motion(flow: Flow, target: RGB, source: RGB) -> NDArray[np.float32]:
    """Return ``[H, W]`` px: how far each pixel of ``target`` has moved on its own since ``source``.

    ``flow`` is the backward flow from ``target`` to ``source``, ``[H, W, 2]``, as an estimator finds it. Motion is
    smooth over some 2 % of the longer side. What the camera has only just brought into the picture has not moved.
    """
    texture = _texture(target)
    camera = camera_flow(flow, texture)
    followed = warp_linear(source, camera)
    own = stilled(flow - camera, target, followed, nothing=_FAINT**2)
    told = np.clip((texture - _GUESSED) / (_TOLD - _GUESSED), 0.0, 1.0) * _seen(camera)
    told = told.astype(np.float32)
    radius = _REACH * max(told.shape)
    distance = np.sqrt(np.square(own).sum(axis=-1)) - _PARALLAX * np.sqrt(np.square(camera).sum(axis=-1))
    distance = cv2.GaussianBlur(np.maximum(distance, 0.0) * told, (0, 0), radius)
    return np.asarray(distance / (cv2.GaussianBlur(told, (0, 0), radius) + _ALONE), np.float32)


def camera_flow(flow: Flow, weight: Mask) -> Flow:
    """Return the backward flow ``[H, W, 2]`` that the camera alone makes.

    ``weight`` is how far the flow can be relied upon at each pixel, 0 and up. A similarity (pan, zoom and roll) is
    fitted by least squares, reweighted so that things that move on their own fall out (Holland & Welsch 1977,
    "Robust regression using iteratively reweighted least-squares", with Cauchy's weights).
    """
    height, width = flow.shape[:2]
    side = max(height, width)
    y, x = _rim(height, width)
    vectors, trust = flow[y, x].astype(np.float64), weight[y, x].astype(np.float64) + 1e-6
    across, down = (x - width / 2) / side, (y - height / 2) / side
    one, none = np.ones_like(across), np.zeros_like(across)
    # flow x = pan x + zoom across - roll down, flow y = pan y + roll across + zoom down
    system = np.concatenate(
        [np.stack([one, none, across, -down], axis=1), np.stack([none, one, down, across], axis=1)]
    )
    wanted = vectors.T.ravel()
    found = np.concatenate([np.median(vectors, axis=0), [0.0, 0.0]])
    for scale in side * np.geomspace(_LOOSE, _TIGHT, _ROUNDS):
        misfit = (wanted - system @ found).reshape(2, -1)
        share = trust / (1.0 + (misfit**2).sum(axis=0) / scale**2)
        weighted = system * np.tile(share, 2)[:, None]
        held = (
            np.diag([0.0, 0.0, 1.0, 1.0]) * 0.01 * share.sum()
        )  # zoom and roll only where there is a reason to
        found = np.linalg.solve(weighted.T @ system + held, weighted.T @ wanted)
    pan_x, pan_y, zoom, roll = found
    across, down = (np.arange(width) - width / 2) / side, (np.arange(height)[:, None] - height / 2) / side
    camera = np.empty(flow.shape, np.float32)
    camera[..., 0] = pan_x + zoom * across - roll * down
    camera[..., 1] = pan_y + roll * across + zoom * down
    return camera


def _rim(height: int, width: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return places spread evenly over the rim, some thousand at most."""
    down, across = max(1, round(_RIM * height)), max(1, round(_RIM * width))
    rim = np.ones((height, width), np.bool_)
    rim[down : height - down, across : width - across] = False
    stride = max(1, int(np.sqrt(rim.sum() / _SAMPLES)))
    grid = np.zeros_like(rim)
    grid[::stride, ::stride] = True
    y, x = np.nonzero(rim & grid)
    return y, x


def _texture(picture: RGB) -> Mask:
    luma = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (0, 0), 1.5)
    squares = np.square(np.gradient(luma, axis=1)) + np.square(np.gradient(luma, axis=0))
    smooth = cv2.GaussianBlur(squares, (0, 0), 3.0)
    return np.asarray(smooth / (smooth + _BARE**2), np.float32)


def _seen(camera: Flow) -> NDArray[np.bool_]:
    """Return where what is seen now lay within the picture before."""
    height, width = camera.shape[:2]
    x = camera[..., 0] + np.arange(width, dtype=np.float32)
    y = camera[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    result: NDArray[np.bool_] = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return result
