"""Make masks: from luma, from motion, from a file, with a feathered edge.

All masks are ``[H, W]`` float32 in [0, 1], 1 where dreams show in full. Masks of moving pictures must not flicker:
every function here answers small changes of its input with small changes of the mask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from dreamvid.image.luma import luma
from dreamvid.image.resize import resize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.types import RGB, Mask, Size

BUILT_IN_MASKS = ("off", "luma", "motion")
"""Values of a mask's ``source`` that are not the name of a file."""

# Values this close to black or white count as black or white: compression leaves no pure ones.
_BLACK = 0.03
# Widest feather, in px, that is computed at full size; wider ones are computed on a smaller mask.
_MAX_FULL_SIZE_FEATHER = 16
_SQRT_2 = 2.0**0.5

# Luma at which the luma mask begins to rise, and at which it reaches 1.
_LUMA_LOW, _LUMA_HIGH = 0.35, 0.65
# Blur before luma is thresholded, as a share of the longer side: removes grain and compression blocks.
_LUMA_BLUR = 0.004

# Speed at which the motion mask begins to rise, and at which it reaches 1, in longer sides a second.
_SPEED_LOW, _SPEED_HIGH = 0.015, 0.05


def smoothstep(low: float, high: float, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return 0 up to ``low``, 1 from ``high`` on, and between them the cubic with no slope at either end."""
    share = np.clip((values - low) / (high - low), 0.0, 1.0)
    return np.asarray(share * share * (3.0 - 2.0 * share), np.float32)


def stretch_levels(mask: Mask) -> Mask:
    """Return a mask from a file with values within 3 % of black or white made exactly 0 or 1."""
    return np.asarray(np.clip((mask - _BLACK) / (1.0 - 2.0 * _BLACK), 0.0, 1.0), np.float32)


def feather(mask: Mask, width: float) -> Mask:
    """Return the mask with a soft edge inside it: no value grows, and 0 stays 0.

    Parameters
    ----------
    mask
        ``[H, W]`` float32 in [0, 1]; not changed.
    width
        Pixels from the edge to the full mask. Up to 1 returns ``mask`` itself. The picture's own border is no edge.

    Returns
    -------
    ``[H, W]`` float32. In a mask of 0 and 1, nearly, at a distance of x ``width`` from the nearest 0: ``2 x^2`` up to
    the middle, ``1 - 2 (1 - x)^2`` beyond. Grays that change more slowly than that stay as they are.

    This is the mask eroded by the parabola ``d^2 / width^2`` and dilated by ``2 d^2 / width^2`` (Lasry & Lions 1986,
    "A remark on regularization in Hilbert spaces").
    """
    # Not a ramp over cv2.distanceTransform: that has kinks, and jumps where a gray crosses the threshold, while this
    # changes no more than the mask does. Parabolas are separable, so it is quick.
    if width <= 1.0:
        return mask
    factor = int(np.ceil(width / _MAX_FULL_SIZE_FEATHER))
    if factor == 1:
        return np.minimum(_dilate(_erode(mask, width), width / _SQRT_2), mask)
    height, length = mask.shape
    rows, columns = -(-height // factor), -(-length // factor)
    eroded = _erode_blocks(mask, width, factor)
    dilated = cv2.resize(_dilate(eroded, width / factor / _SQRT_2), (columns * factor, rows * factor))
    feathered: Mask = np.minimum(dilated[:height, :length], mask)
    return feathered


def luma_mask(rgb: RGB) -> Mask:
    """Return where a picture is bright: 0 up to a luma of 0.35, 1 from 0.65 on, smooth between.

    ``rgb`` is ``[H, W, 3]`` float32, sRGB-encoded, [0, 1]; luma is that of BT.709, blurred a little.
    """
    brightness = luma(rgb)
    sigma = max(0.5, _LUMA_BLUR * max(brightness.shape))
    return smoothstep(_LUMA_LOW, _LUMA_HIGH, cv2.GaussianBlur(brightness, (0, 0), sigma))


def motion_mask(speed: NDArray[np.float32], size: Size) -> Mask:
    """Return where things move: 0 up to 1.5 % of the longer side a second, 1 from 5 % on, smooth between.

    ``speed`` is ``[h, w]``, in longer sides a second, smooth in space; the mask has the given size.
    """
    return np.clip(resize(smoothstep(_SPEED_LOW, _SPEED_HIGH, speed), size), 0.0, 1.0)


def _erode(mask: Mask, width: float) -> Mask:
    """Return ``min over q of mask(q) + |p - q|^2 / width^2``; the mask's values span 1 at most."""
    down = _erode_columns(mask, width)
    return np.asarray(cv2.transpose(_erode_columns(cv2.transpose(down), width)), np.float32)


def _erode_columns(mask: Mask, width: float) -> Mask:
    """Erode along the columns alone."""
    result = mask.copy()
    for step in range(1, min(int(np.ceil(width)), mask.shape[0])):
        raised = mask + np.float32((step / width) ** 2)
        cv2.min(result[step:], raised[:-step], dst=result[step:])
        cv2.min(result[:-step], raised[step:], dst=result[:-step])
    return result


def _dilate(mask: Mask, width: float) -> Mask:
    """Return ``max over q of mask(q) - |p - q|^2 / width^2``."""
    return np.negative(_erode(np.negative(mask), width))


def _erode_blocks(mask: Mask, width: float, side: int) -> Mask:
    """Return a mask eroded by a parabola, one value for each block of ``side`` x ``side`` px."""
    black = (mask == 0.0).astype(np.uint8)
    padding = [(0, -length % side) for length in mask.shape]
    grays = _blocks(np.pad(np.where(black, np.float32(1.0), mask), padding, constant_values=1.0), side)
    eroded_grays = _erode(grays.min(axis=(1, 3)), width / side)
    # Blocks of black would show as steps, so the exact distance to black is used for it.
    distance = cv2.distanceTransform(1 - black, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    near_black = _blocks(np.pad(np.square(distance / np.float32(width)), padding, mode="edge"), side)
    eroded: Mask = np.minimum(eroded_grays, near_black.mean(axis=(1, 3), dtype=np.float32))
    return eroded


def _blocks(mask: Mask, side: int) -> Mask:
    """Return ``[rows, side, columns, side]``."""
    return mask.reshape(mask.shape[0] // side, side, mask.shape[1] // side, side)
