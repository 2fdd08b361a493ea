"""Find where nothing moves or changes, in spite of grain and compression.

Both make optical flow tremble by a tenth of a pixel or two where nothing moves. Detail carried along such flow would
shimmer from frame to frame and drift away over hundreds of them. So flow is kept only where it explains the picture
better than no motion does (:func:`suppress_flow_noise`); what stands still and looks the same needs no new dream
(:func:`static_mask`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from dreamvid.flow.warp import warp_linear
from dreamvid.image.luma import luma
from dreamvid.image.masks import smoothstep
from dreamvid.image.resize import resize
from dreamvid.types import Size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.types import RGB, Flow, Mask

# Blur, in px, that removes grain from both frames before they are compared.
_GRAIN_BLUR = 1.5
# Radius in which differences are gathered, as a share of the longer side.
_NEIGHBORHOOD = 0.025
# Share of the difference between the frames that motion must explain to be kept in full; a pan by 0.2 px under
# grain of 1 % explains more.
_FULL_EXPLANATION = 0.3
_NO_DIFFERENCE = 1e-6
# Contrast that light may change between two frames, as a ratio.
_MIN_GAIN, _MAX_GAIN = 0.25, 4.0

# Speed in px up to which a pixel stands still.
_STILL = 0.1
# Pictures are compared at a fraction of their size, in which grain averages out.
_SHRINK = 4
# Least change that counts, in full range: of texture, and of brightness or color over a wider neighborhood. A fade
# from white to black in 20 s at 24 frames a second is 0.002. The noise is added in these multiples.
_TEXTURE_CHANGE, _TEXTURE_NOISE = 0.003, 2.0
_BRIGHTNESS_CHANGE, _BRIGHTNESS_NOISE = 0.0008, 0.1
# The noise is the change of texture that this share of the picture keeps below, and at most so much.
_QUIET_SHARE, _MAX_NOISE = 0.2, 0.01
# Squared change of texture, as a multiple of the least that counts, that is as good as any more.
_STRONG = 16.0
# Width of the mask's edges, as a share of the longer side, and the shares of a neighborhood that must be static for
# the mask to begin and to be full.
_STATIC_EDGE, _STATIC_FROM, _STATIC_TO = 0.015, 0.6, 0.95


def suppress_flow_noise(
    flow: Flow, target: RGB, source: RGB, *, no_difference: float = _NO_DIFFERENCE
) -> Flow:
    """Return a backward flow ``[H, W, 2]`` that fades to zero where it explains ``target`` no better.

    ``no_difference`` is the squared difference of two frames that counts as none.
    """
    moving = moving_mask(flow, target, source, no_difference=no_difference)
    return np.asarray(flow * moving[..., None], np.float32)


def moving_mask(flow: Flow, target: RGB, source: RGB, *, no_difference: float = _NO_DIFFERENCE) -> Mask:
    """Return ``[H, W]`` in [0, 1]: where a backward flow explains ``target`` better than no motion does.

    Brightness and contrast may differ from place to place: optical flow takes a change of light for motion.
    """
    target_luma, source_luma = _smooth_luma(target), _smooth_luma(source)
    radius = max(_GRAIN_BLUR, _NEIGHBORHOOD * max(target_luma.shape))
    size = Size(*target_luma.shape)
    # What is gathered over so wide a radius needs no full size.
    smaller = Size(max(1, size.height // _SHRINK), max(1, size.width // _SHRINK))

    def mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
        small = cv2.resize(values, smaller[::-1], interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.GaussianBlur(small, (0, 0), radius / _SHRINK), np.float32)

    target_mean = mean(target_luma)
    target_variance = np.maximum(mean(np.square(target_luma)) - np.square(target_mean), 0.0)

    def local_error(compared: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the local variance of the target that the other, in the light of the target, does not explain."""
        compared_mean = mean(compared)
        variance = np.maximum(mean(np.square(compared)) - np.square(compared_mean), 0.0)
        covariance = mean(target_luma * compared) - target_mean * compared_mean
        gain = np.clip(covariance / (variance + no_difference), _MIN_GAIN, _MAX_GAIN)
        unexplained = target_variance - 2.0 * gain * covariance + np.square(gain) * variance
        return np.asarray(np.maximum(unexplained, 0.0), np.float32)

    still_error, moving_error = local_error(source_luma), local_error(warp_linear(source_luma, flow))
    explained = (still_error - moving_error) / ((still_error + no_difference) * _FULL_EXPLANATION)
    moving: Mask = np.clip(resize(smoothstep(0.0, 1.0, explained), size), 0.0, 1.0)
    return moving


def static_mask(flow: Flow, visible_mask: Mask, target: RGB, source: RGB) -> Mask:
    """Return ``[H, W]`` in [0, 1]: where ``target`` shows exactly what ``source`` does, but for grain.

    Edges are soft; specks, static or not, are left out. A fade, a pan or flicker of light is a change.

    Parameters
    ----------
    flow
        Backward flow ``[H, W, 2]`` from ``target`` to ``source``, of :func:`suppress_flow_noise`.
    visible_mask
        ``[H, W]``, 1 where ``target`` was visible in ``source``.
    target, source
        Two frames ``[H, W, 3]``. Noise is estimated as the change of the quietest fifth of the picture.
    """
    size = Size(*flow.shape[:2])
    small = Size(*(max(1, side // _SHRINK) for side in size))
    radius = max(0.5, _NEIGHBORHOOD * max(small))
    change = resize(target - source, small)
    square = np.square(change).max(axis=-1)
    noise = min(float(np.sqrt(np.quantile(_blur(square, radius), _QUIET_SHARE))), _MAX_NOISE)
    limit = (_TEXTURE_CHANGE + _TEXTURE_NOISE * noise) ** 2
    # What changes much reaches no farther than what changes a little: both are cut off before they are gathered.
    unchanged = _blur(np.minimum(square, _STRONG * limit), radius / 2.0) <= limit
    # Brightness is gathered where texture stays.
    weight = _blur(unchanged.astype(np.float32), 2.0 * radius) + np.float32(_NO_DIFFERENCE)
    brightness = np.abs(_blur(change * unchanged[..., None], 2.0 * radius)).max(axis=-1) / weight
    unchanged &= brightness <= _BRIGHTNESS_CHANGE + _BRIGHTNESS_NOISE * noise
    # Directions that noise gives to flow cancel out.
    speed = np.hypot(flow[..., 0], flow[..., 1])
    slowed = flow * np.minimum(1.0, 2.0 * _STILL / np.maximum(speed, _NO_DIFFERENCE))[..., None]
    drift = _blur(resize(slowed, small), radius)
    still = unchanged & (np.hypot(drift[..., 0], drift[..., 1]) <= _STILL)
    visible = resize((visible_mask >= 1.0).astype(np.float32), small)
    static_share = _blur(visible * still, max(0.5, _STATIC_EDGE * max(small)))
    mask = smoothstep(_STATIC_FROM, _STATIC_TO, static_share)
    return np.asarray(cv2.resize(mask, size[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def _smooth_luma(picture: RGB) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(luma(picture), (0, 0), _GRAIN_BLUR), np.float32)


def _blur(values: NDArray[np.float32], radius: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), radius), np.float32)
