"""Carried detail: dreams that stick to the things in the picture.

The detail that the last frame's dream added to its source, ``dreamed - source``, is moved along with the picture,
kept where it is still seen, and dreamed a little further. What comes into view is dreamed in full. So nothing
boils, nothing trails behind moving things, and most of the gradient steps are saved.

After Ruder et al. 2016, "Artistic style transfer for videos" (initialization by the warped last output, masks), with
the detail in place of the picture, so that sources stay sharp and lights may change. Departures: detail is held to
the strength that a full dream had (`dreamvid.flow.level`), so that shots neither brighten nor fade.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dreamvid.flow.level import hold, measure
from dreamvid.flow.visibility import softened, visible
from dreamvid.flow.warp import resize_flow, warp
from dreamvid.resample import resize
from dreamvid.types import RGB, Carry, Motion, Seed, Size

if TYPE_CHECKING:
    from dreamvid.types import FlowEstimator

_EDGE = 0.012
"""Width of the soft edge between carried and fresh, as a share of the picture's longer side."""


@dataclass(frozen=True)
class CarriedDetail:
    """Implements :class:`dreamvid.types.Stabilizer`.

    Parameters
    ----------
    estimator
        What finds the motion.
    longest
        Longest side, in px, at which motion and visibility are computed.
    steps
        Gradient steps per octave where detail is carried.
    decay
        Share of the carried detail that is kept, 0 to 1; the rest makes room for new things.
    blend
        Share of the carried detail in the settled one, 0 to below 1: how little a frame may change.
    """

    estimator: FlowEstimator
    longest: int
    steps: int
    decay: float
    blend: float

    def observe(self, target: RGB, source: RGB) -> Motion:
        """Return the flow from ``target`` back to ``source``, and what of it was seen there."""
        full = Size(*target.shape[:2])
        scale = min(1.0, self.longest / max(full))
        size = Size(max(1, round(full.height * scale)), max(1, round(full.width * scale)))
        small_target, small_source = resize(target, size), resize(source, size)
        backward = self.estimator.estimate(small_target, small_source)
        forward = self.estimator.estimate(small_source, small_target)
        seen = softened(visible(backward, forward), edge=_EDGE * max(size))
        return Motion(resize_flow(backward, full), np.clip(resize(seen, full), 0.0, 1.0))

    def seed(self, motion: Motion | None, carry: Carry | None) -> Seed:
        """Start from the carried detail; from nothing in a shot's first frame."""
        if motion is None or carry is None:
            return Seed()
        moved = warp(carry.dreamed - carry.source, motion.flow)
        detail = moved * (self.decay * motion.visible)[..., None]
        return Seed(np.asarray(detail, np.float32), self.steps, 1.0 - motion.visible)

    def settle(self, picture: RGB, dreamed: RGB, seed: Seed, carry: Carry | None) -> Carry:
        """Blend with what was carried, and hold the level of the shot's first frame."""
        detail = dreamed - picture
        if carry is None or seed.detail is None or seed.fresh is None:
            return Carry(picture, dreamed, measure(detail))
        level = carry.level or measure(carry.dreamed - carry.source)
        kept = (self.blend * (1.0 - seed.fresh))[..., None]
        detail = hold(detail + kept * (seed.detail - detail), level)
        return Carry(picture, np.clip(picture + detail, 0.0, 1.0), level)
