"""Find where a picture has changed beneath its detail without moving: dissolves, lifting fog, a light switched on.

The picture that detail was dreamed on is moved along with it, as a small luma picture, and compared with what is
there now. Since each frame is compared with that reference and not with the frame before, slow changes add up. A
change must last for some frames: flashes and lamps that flicker are none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from dreamvid.flow.warp import resize_flow, warp_linear
from dreamvid.image.luma import luma
from dreamvid.image.masks import smoothstep
from dreamvid.image.resize import resize
from dreamvid.types import Size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.types import RGB, Luma, Mask, Motion, Reference

# Longest side of the compared pictures, in px: errors of the flow by a pixel or two do not count there.
_LONGEST = 160
# Radius of the window in which structure is compared, as a share of the longer side.
_WINDOW = 0.04
# Radius in which changes are gathered, by the same measure: that of a dreamed form.
_NEIGHBORHOOD = 0.08
# Luma differences up to about this count as grain.
_GRAIN = 0.015
# Contrast that may come and go, as a ratio, before it counts as another picture: clouds pass, lamps flicker.
_MIN_GAIN, _MAX_GAIN = 0.25, 4.0
# Share of the local variance that the reference does not explain: up to the first nothing has changed, from the
# second on everything has. The latter two hold for so many frames after all of the picture was replaced: a slow
# dissolve goes on, and what was dreamed in its middle is of both shots.
_UNCHANGED, _CHANGED = 0.1, 0.3
_UNCHANGED_SINCE, _CHANGED_SINCE = 0.03, 0.1
_ALERT = 24.0
# Frames for which a change must last: longer than flashes, and than lamps that flicker leave one picture alone.
_LASTING = 6.0
# Change up to which it counts as none, so that the count falls.
_SEEN = 0.15
# Share of the picture that has changed for half that long from which on all of it is another one, as soon as any
# place is: what was left of the old dream would make the ascent grow the old forms again.
_WHOLE = 0.35
# Share of the detail from which on, where it is new, its picture is that of this frame.
_NEW = 0.25
# Share of the frames counted so far that is forgotten where nothing has changed.
_FORGOTTEN = 0.5


def new_reference(picture: RGB) -> Reference:
    """Return the reference of detail that was dreamed on a picture ``[H, W, 3]``."""
    small = comparable_luma(picture)
    return np.stack([small, np.zeros_like(small), np.zeros_like(small)], axis=-1)


def comparable_luma(picture: RGB) -> Luma:
    """Return the luma ``[h, w]`` of a picture ``[H, W, 3]``, at most 160 px long."""
    size = Size(*picture.shape[:2])
    scale = min(1.0, _LONGEST / max(size))
    small = Size(max(1, round(size.height * scale)), max(1, round(size.width * scale)))
    return luma(np.asarray(resize(picture, small), np.float32))


def find_changes(reference: Reference, current: Luma, motion: Motion) -> tuple[Mask, Reference]:
    """Return where the detail must be dreamed anew, ``[h, w]``, and the reference for the frame after.

    Parameters
    ----------
    reference
        Of the previous frame.
    current
        The picture that is there now; see :func:`comparable_luma`.
    motion
        Since the previous frame.
    """
    size = Size(*current.shape)
    before, lasted, alert = cv2.split(warp_linear(reference, resize_flow(motion.flow, size)))
    changed = _changed_mask(before, current, alert > 0.0)
    # However many frames passed undreamed, one that was compared is not enough: it may be a flash.
    counted = min(motion.frames, _LASTING / 2)
    lasted = np.where(changed > _SEEN, lasted + counted * changed, _FORGOTTEN**motion.frames * lasted)
    alert = np.maximum(alert - motion.frames, 0.0)
    is_another = lasted >= _LASTING
    if is_another.any() and (lasted >= _LASTING / 2).mean() > _WHOLE:
        replaced = np.ones_like(before)
        alert = np.where(alert > 0.0, alert, _ALERT)
    else:
        replaced = _widen(is_another)
    is_new = (replaced > _NEW) | (resize(motion.visible_mask, size) < 1.0 - _NEW)
    reference = np.stack([np.where(is_new, current, before), np.where(is_new, 0.0, lasted), alert], axis=-1)
    return replaced, np.asarray(reference, np.float32)


def _changed_mask(reference: Luma, current: Luma, alert: NDArray[np.bool_]) -> Mask:
    """Return 1 where the current picture does not resemble its reference, 0 where it does, both ``[h, w]``.

    It does where the reference, its local mean and contrast adjusted, explains the picture's local variance.
    """
    radius = _WINDOW * max(reference.shape)

    def mean(values: Luma) -> Luma:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), radius), np.float32)

    reference_mean, current_mean = mean(reference), mean(current)
    covariance = mean(reference * current) - reference_mean * current_mean
    reference_variance = np.maximum(mean(reference * reference) - reference_mean**2, 0.0)
    current_variance = np.maximum(mean(current * current) - current_mean**2, 0.0)
    noise = np.float32(_GRAIN**2)
    gain = np.clip(covariance / (reference_variance + noise), _MIN_GAIN, _MAX_GAIN)
    unexplained = current_variance - 2.0 * gain * covariance + gain**2 * reference_variance
    share = unexplained / (current_variance + noise)
    changed = np.where(
        alert, smoothstep(_UNCHANGED_SINCE, _CHANGED_SINCE, share), smoothstep(_UNCHANGED, _CHANGED, share)
    )
    # Flat areas, which say nothing, follow what is around them.
    weight = np.sqrt(reference_variance) + np.sqrt(current_variance) + np.float32(_GRAIN)
    around = _NEIGHBORHOOD * max(reference.shape)
    return np.asarray(
        cv2.GaussianBlur(changed * weight, (0, 0), around) / cv2.GaussianBlur(weight, (0, 0), around),
        np.float32,
    )


def _widen(changed: Mask) -> Mask:
    """Return the mask with a soft edge outside it, so that what has changed is replaced as a whole."""
    radius = _WINDOW * max(changed.shape)
    widened: Mask = np.clip(4.0 * cv2.GaussianBlur(changed.astype(np.float32), (0, 0), radius), 0.0, 1.0)
    return widened
