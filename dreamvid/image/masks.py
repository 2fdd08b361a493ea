"""Masks: where dreams show. Their soft edge, and masks that are found in the picture itself.

All masks are ``[H, W]`` float32 in [0, 1], 1 where dreams show in full. What is found in moving pictures must not
flicker: every function here answers small changes of its input with small changes of the mask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from dreamvid.image.keep_color import LUMA
from dreamvid.image.resize import resize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.types import RGB, Mask, Size

MASK_WORDS = ("off", "luma", "motion")
"""What a mask can be beside a file."""

_BLACK = 0.03
"""What is this near to black or white counts as such: compression leaves no pure ones."""
_FINE = 16
"""Widest feather, in px, that is found at full size; wider ones on a mask that is shrunk."""
_ROOT = 2.0**0.5

_DIM, _BRIGHT = 0.35, 0.65
"""Luma up to which nothing, and from which on everything is bright."""
_GRAIN = 0.004
"""Blur of the picture before its luma is judged, as a share of the longer side: it takes out grain and blocks."""

_SLOW, _FAST = 0.015, 0.05
"""Speeds up to which nothing, and from which on everything moves, in longer sides a second."""


def levels(mask: Mask) -> Mask:
    """Return a mask from a file with black and white made pure: values within 3 % of them count as such."""
    return np.asarray(np.clip((mask - _BLACK) / (1.0 - 2.0 * _BLACK), 0.0, 1.0), np.float32)


def feathered(mask: Mask, width: float) -> Mask:
    """Return the mask with a soft edge, all of it inside: nowhere is it more than it was, and 0 stays 0.

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
    "A remark on regularization in Hilbert spaces"), which has no kinks, and which, unlike distances to a threshold,
    changes no more than the mask does. Parabolas are separable. Where the feather is wide, the mask is shrunk for it.
    """
    if width <= 1.0:
        return mask
    shrink = int(np.ceil(width / _FINE))
    if shrink == 1:
        return np.minimum(_dilated(_eroded(mask, width), width / _ROOT), mask)
    height, length = mask.shape
    rows, columns = -(-height // shrink), -(-length // shrink)
    eroded = _eroded_blocks(mask, width, shrink)
    dilated = cv2.resize(_dilated(eroded, width / shrink / _ROOT), (columns * shrink, rows * shrink))
    inside: Mask = np.minimum(dilated[:height, :length], mask)
    return inside


def luma_mask(rgb: RGB) -> Mask:
    """Return where a picture is bright: 0 up to a luma of 0.35, 1 from 0.65 on, smooth between.

    ``rgb`` is ``[H, W, 3]`` float32, sRGB-encoded, [0, 1]; luma is BT.709's, of encoded values, and blurred a little,
    so that neither grain nor the blocks of compression show in the mask.
    """
    luma = cv2.transform(rgb, LUMA[None])
    sigma = max(0.5, _GRAIN * max(luma.shape))
    return _smoothstep((cv2.GaussianBlur(luma, (0, 0), sigma) - _DIM) / (_BRIGHT - _DIM))


def motion_mask(speed: NDArray[np.float32], size: Size) -> Mask:
    """Return where things move: 0 up to 1.5 % of the longer side a second, 1 from 5 % on, smooth between.

    ``speed`` is ``[h, w]``, in longer sides a second, smooth in space; the mask has the given size.
    """
    return np.clip(resize(_smoothstep((speed - _SLOW) / (_FAST - _SLOW)), size), 0.0, 1.0)


def _eroded(mask: Mask, width: float) -> Mask:
    """Return ``min over q of mask(q) + |p - q|^2 / width^2``; the mask's values span 1 at most."""
    down = _eroded_down(mask, width)
    return np.asarray(cv2.transpose(_eroded_down(cv2.transpose(down), width)), np.float32)


def _eroded_down(mask: Mask, width: float) -> Mask:
    result = mask.copy()
    for step in range(1, min(int(np.ceil(width)), mask.shape[0])):
        raised = mask + np.float32((step / width) ** 2)
        cv2.min(result[step:], raised[:-step], dst=result[step:])
        cv2.min(result[:-step], raised[step:], dst=result[:-step])
    return result


def _dilated(mask: Mask, width: float) -> Mask:
    """Return ``max over q of mask(q) - |p - q|^2 / width^2``."""
    return np.negative(_eroded(np.negative(mask), width))


def _eroded_blocks(mask: Mask, width: float, shrink: int) -> Mask:
    """Return a mask eroded by a parabola, one value for each block of ``shrink`` x ``shrink`` px.

    Grays count by the least of their block; blocks of black would show as steps, so black is told by its distance.
    """
    black = (mask == 0.0).astype(np.uint8)
    edge = [(0, -side % shrink) for side in mask.shape]
    grays = _blocks(np.pad(np.where(black, np.float32(1.0), mask), edge, constant_values=1.0), shrink)
    least = _eroded(grays.min(axis=(1, 3)), width / shrink)
    distance = cv2.distanceTransform(1 - black, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    near = _blocks(np.pad(np.square(distance / np.float32(width)), edge, mode="edge"), shrink)
    eroded: Mask = np.minimum(least, near.mean(axis=(1, 3), dtype=np.float32))
    return eroded


def _blocks(mask: Mask, side: int) -> Mask:
    """Return ``[rows, side, columns, side]``."""
    return mask.reshape(mask.shape[0] // side, side, mask.shape[1] // side, side)


def _smoothstep(values: NDArray[np.float32]) -> NDArray[np.float32]:
    rise = np.clip(values, 0.0, 1.0)
    return np.asarray(rise * rise * (3.0 - 2.0 * rise), np.float32)
