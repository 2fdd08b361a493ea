"""Carried detail: dreams that stick to the things in the picture.

The detail that the last frame's dream added to its source, ``dreamed - source``, is moved along with the picture,
kept where it is still seen, and dreamed a little further. What comes into view is dreamed in full. So nothing
boils, nothing trails behind moving things, and most of the gradient steps are saved.

After Ruder et al. 2016, "Artistic style transfer for videos" (initialization by the warped last output, masks), with
the detail in place of the picture, so that sources stay sharp and lights may change. Departures: detail is held to
the strength that a full dream had (`dreamvid.flow.detail_statistics`), so that shots neither brighten nor fade.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dreamvid.flow.detail_statistics import hold, measure
from dreamvid.flow.occlusion import trust
from dreamvid.flow.static_regions import stilled
from dreamvid.flow.warp import resize_flow, warp
from dreamvid.image.resize import resize
from dreamvid.types import RGB, Carry, InitialDetail, Motion, Size

if TYPE_CHECKING:
    from dreamvid.types import FlowEstimator

_EDGE = 0.012
"""Width of the soft edge between carried and fresh, as a share of the picture's longer side."""
_STILL, _MOVING, _MOST = 0.2, 0.25, 3.0
_SLOW = 1.5
"""Length of a step as a multiple of the preset's: up to this many px of motion a frame (on average over the picture),
what each further pixel adds, and the most. What stands still shows every change and needs few; large motion hides
change, and softens what it carries."""


class IndependentFrames:
    """Carry nothing: each frame is dreamed alone. Implements :class:`dreamvid.types.Stabilizer`."""

    def estimate_motion(self, target: RGB, source: RGB) -> Motion | None:  # noqa: ARG002  part of the protocol
        """Return None."""
        return None

    def prepare(self, motion: Motion | None, carry: Carry | None) -> InitialDetail:  # noqa: ARG002  the same
        """Return no detail."""
        return InitialDetail()

    def stabilize(self, picture: RGB, dreamed: RGB, seed: InitialDetail, carry: Carry | None) -> Carry:  # noqa: ARG002  the same
        """Return the dream as it is."""
        return Carry(picture, dreamed)


@dataclass(frozen=True)
class CarriedDetail:
    """Implements :class:`dreamvid.types.Stabilizer`.

    Parameters
    ----------
    estimator
        What finds the motion.
    longest
        Longest side, in px, at which motion and visibility are computed.
    full
        Gradient steps per octave of a first frame, and wherever something comes into view.
    steps
        Gradients per octave where detail is carried. What comes into view makes do with as many as there are,
        as long as it is small: each is then a longer step.
    decay
        Share of the carried detail that is kept, 0 to 1; the rest makes room for new things.
    blend
        Share of the carried detail in the settled one, 0 to below 1: how little a frame may change.
    push
        Steps times step size of a full dream: where it changes from frame to frame, so does the level.
    turnover
        Share of the detail, 0 to 1, that is exchanged in this frame, because the objective changes: so much less is
        carried, so much of a full dream is added, and the level moves as far.
    """

    estimator: FlowEstimator
    longest: int
    full: int
    steps: int
    decay: float
    blend: float
    push: float = 1.0
    turnover: float = 0.0

    def estimate_motion(self, target: RGB, source: RGB) -> Motion:
        """Return the flow from ``target`` back to ``source``, and what of it was seen there."""
        full = Size(*target.shape[:2])
        scale = min(1.0, self.longest / max(full))
        size = Size(max(1, round(full.height * scale)), max(1, round(full.width * scale)))
        small_target, small_source = resize(target, size), resize(source, size)
        backward = stilled(self.estimator.estimate(small_target, small_source), small_target, small_source)
        forward = self.estimator.estimate(small_source, small_target)
        seen = trust(backward, forward, edge=_EDGE * max(size))
        return Motion(resize_flow(backward, full), np.clip(resize(seen, full), 0.0, 1.0))

    def prepare(self, motion: Motion | None, carry: Carry | None) -> InitialDetail:
        """Start from the carried detail; from nothing in a shot's first frame."""
        if motion is None or carry is None:
            return InitialDetail(steps=self.full)
        seen, full, kept = motion.visible_mask, self.full, self.decay * (1.0 - self.turnover)
        moved = warp(carry.dreamed - carry.source, motion.flow) * (kept * seen)[..., None]
        speed = float(np.sqrt(np.sum(np.square(motion.flow), axis=-1)).mean())
        calm = self.steps * float(np.clip(_STILL + _MOVING * (speed - _SLOW), _STILL, _MOST))
        lost = (1.0 - kept) * full  # what is let go of is dreamed anew
        effort = full + seen * (min(max(calm, lost), full) - full)
        steps = max(self.steps, int(full * (1.0 - float(seen.mean()))), math.ceil(lost / _MOST), 1)
        blend = self.blend * (1.0 - self.turnover) * seen
        return InitialDetail(np.asarray(moved, np.float32), steps, np.asarray(effort, np.float32), blend)

    def stabilize(self, picture: RGB, dreamed: RGB, seed: InitialDetail, carry: Carry | None) -> Carry:
        """Blend with what was carried, and hold the level of the shot's first frame."""
        detail = dreamed - picture
        if carry is None or seed.detail is None or seed.kept is None:
            return Carry(picture, dreamed, measure(detail)._replace(push=self.push))
        level = carry.level or measure(carry.dreamed - carry.source)._replace(push=self.push)
        level = level.pushed(self.push)
        if self.turnover:
            level = level.towards(measure(detail), self.turnover)
        detail = hold(detail + seed.kept[..., None] * (seed.detail - detail), level)
        return Carry(picture, np.clip(picture + detail, 0.0, 1.0), level)
