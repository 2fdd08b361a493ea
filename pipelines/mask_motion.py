"""Masks of motion: where things move on their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dreamvid.flow.stillness import stilled
from dreamvid.masking import motion_mask
from dreamvid.resample import resize
from dreamvid.types import Size

if TYPE_CHECKING:
    from fractions import Fraction

    from dreamvid.pipelines.loop import Prepared
    from dreamvid.types import RGB, Flow, FlowEstimator, Mask

REPEATS = 3
"""Pictures that repeat the one before and keep its mask: animation on twos and raised frame rates must not blink."""

_GLANCE = 160
"""Longest side, in px, at which a repeat is told."""
_SAME = 1.5 / 255.0


class Moving:
    """What moves from frame to frame; the first frames of a shot are told by the first one that differs.

    A picture that repeats the one before keeps its mask, up to `REPEATS` times; after that, a frozen picture has no
    motion and its mask is empty.

    Parameters
    ----------
    estimator, longest
        What finds the motion where the stabilizer has not, and the longest side, in px, at which it does.
    """

    def __init__(self, estimator: FlowEstimator, longest: int) -> None:
        self._estimator, self._longest = estimator, longest
        self._last: RGB | None = None
        self._glance: RGB | None = None
        self._mask: Mask | None = None
        self._since: Fraction | None = None
        self._repeats = 0

    def at(self, item: Prepared) -> Mask | None:
        """Return the mask, ``[H, W]`` of the frame's size; None where the next frames will tell."""
        last, self._last = self._last, item.picture
        glance, self._glance = self._glance, _shrunk(item.picture, _GLANCE)
        if last is None or glance is None or self._since is None or item.begins:
            self._mask, self._since, self._repeats = None, item.frame.pts, 0
            return None
        if self._repeats < REPEATS and float(np.abs(self._glance - glance).max()) < _SAME:
            self._repeats += 1
            return self._mask
        flow = self._flow(item.picture, last) if item.motion is None else item.motion.flow
        seconds = float(item.frame.pts - self._since)
        self._mask = motion_mask(flow, seconds, Size(*item.frame.rgb.shape[:2]))
        self._since, self._repeats = item.frame.pts, 0
        return self._mask

    def _flow(self, target: RGB, source: RGB) -> Flow:
        target, source = _shrunk(target, self._longest), _shrunk(source, self._longest)
        return stilled(self._estimator.estimate(target, source), target, source)


def _shrunk(picture: RGB, longest: int) -> RGB:
    height, width = picture.shape[:2]
    scale = min(1.0, longest / max(height, width))
    return resize(picture, Size(max(1, round(height * scale)), max(1, round(width * scale))))
