"""Carry dreamed detail along with the picture's motion, so that dreams do not flicker.

The detail that the previous frame's dream added, ``dreamed - source``, is warped along the optical flow, kept where
it is still visible, and dreamed a little further; what comes into view is dreamed in full. This avoids flicker and
trails, and saves most of the gradient steps.

After Ruder et al. 2016, "Artistic style transfer for videos" (initialization with the warped previous output, masks).
Departures: detail is carried in place of the picture, so that sources stay sharp and lights may change, and its
strength is held to that of a full dream (`dreamvid.flow.detail_statistics`), so that shots neither brighten nor fade.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dreamvid.flow.content_change import comparable_luma, find_changes, new_reference
from dreamvid.flow.detail_statistics import (
    hold_statistics,
    measure_statistics,
    mix,
    mix_bands,
    scale_to_ascent_length,
)
from dreamvid.flow.interpolation import compose
from dreamvid.flow.occlusion import carry_mask
from dreamvid.flow.static_regions import moving_mask, static_mask
from dreamvid.flow.warp import resize_flow, warp, warp_linear
from dreamvid.image.resize import resize
from dreamvid.types import RGB, Carry, InitialDetail, Motion, Size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dreamvid.types import DetailStatistics, Flow, FlowEstimator, Mask, Reference, Stabilizer

# Width of the soft edge between carried and new detail, as a share of the picture's longer side.
_EDGE_WIDTH = 0.012
# Length of a step where detail is carried, as a multiple of the preset's: the least, what each further pixel of mean
# motion adds, and the most. In still pictures every change is visible, so few steps do; fast motion hides changes,
# and softens the detail it carries.
_MIN_STEP_LENGTH, _STEP_LENGTH_PER_PIXEL, _MAX_STEP_LENGTH = 0.2, 0.25, 3.0
# Mean motion in px a frame from which on steps become longer.
_SLOW_MOTION = 1.5
# Where an adaptive cadence dreams a frame: mean motion since the last one, as a share of the width, is more than the
# first, or both show less than the second of the picture.
_FAR, _MOSTLY = 0.03, 0.85
# Share of the detail of what was there before that is left in the next frame, and what counts as none.
_FADE, _FADED = 0.6, 0.02


class IndependentFrames:
    """Carry nothing: each frame is dreamed alone. Implements :class:`dreamvid.types.Stabilizer`."""

    def estimate_motion(self, target: RGB, source: RGB) -> Motion | None:  # noqa: ARG002  part of the protocol
        """Return None."""
        return None

    def after(self, earlier: Sequence[Stabilizer]) -> Stabilizer:  # noqa: ARG002  the same
        """Return itself."""
        return self

    def ends_interval(self, motions: Sequence[Motion]) -> bool:  # noqa: ARG002  the same
        """Return True."""
        return True

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
        Estimates the optical flow.
    longest
        Longest side, in px, at which motion and visibility are computed.
    full
        Gradient steps per octave of a shot's first frame, and wherever something comes into view.
    steps
        Gradients per octave where detail is carried. What comes into view gets as many, each for a longer step, as
        long as it is small.
    decay
        Share of the carried detail that is kept, 0 to 1; the rest makes room for new detail.
    blend
        Share of the carried detail in the result, 0 to below 1: how little a frame may change.
    ascent_length
        Steps times step size of a full dream. Where it changes from frame to frame, so does the detail's strength.
    turnover
        Share of the detail, 0 to 1, that is exchanged in this frame because the objective changes: so much less is
        carried, so much of a full dream is added, and the statistics move as far.
    cadence
        At most every so many frames one is dreamed; see :mod:`dreamvid.flow.interpolation`.
    adaptive
        Whether more are dreamed where the picture moves far.
    rests
        Whether detail stays as it is where the picture stands still, which saves its gradients.
    """

    estimator: FlowEstimator
    longest: int
    full: int
    steps: int
    decay: float
    blend: float
    ascent_length: float = 1.0
    turnover: float = 0.0
    cadence: int = 1
    adaptive: bool = False
    rests: bool = False

    def estimate_motion(self, target: RGB, source: RGB) -> Motion:
        """Return the backward flow from ``target`` to ``source``, and where ``target`` was visible in ``source``."""
        full_size = Size(*target.shape[:2])
        scale = min(1.0, self.longest / max(full_size))
        size = Size(max(1, round(full_size.height * scale)), max(1, round(full_size.width * scale)))
        small_target, small_source = resize(target, size), resize(source, size)
        backward = self.estimator.estimate(small_target, small_source)
        moving = moving_mask(backward, small_target, small_source)
        backward *= moving[..., None]
        # Where frames lie between dreamed ones, half the size is enough for what is seen for a few frames.
        half = Size(max(1, size.height // 2), max(1, size.width // 2)) if self.cadence > 1 else size
        half_target, half_source = resize(small_target, half), resize(small_source, half)
        forward = self.estimator.estimate(half_source, half_target)
        forward *= moving_mask(forward, half_source, half_target)[..., None]
        backward_half, edge = resize_flow(backward, half), _EDGE_WIDTH * max(half)
        visible_mask = np.clip(resize(carry_mask(backward_half, forward, edge=edge), size), 0.0, 1.0)
        earlier = None
        if self.cadence > 1:
            forward = forward * resize(moving, half)[..., None]  # it trembles where its counterpart does
            earlier = forward, carry_mask(forward, backward_half, edge=edge)
        static = None
        if self.rests:
            static = static_mask(backward, visible_mask, small_target, small_source)
            static = np.clip(resize(static, full_size), 0.0, 1.0) if static.any() else None
        return Motion(
            *_to_full_size(backward, visible_mask, full_size), comparable_luma(target), earlier, static
        )

    def after(self, earlier: Sequence[Stabilizer]) -> CarriedDetail:
        """Return this with the turnover of all these frames together."""
        kept = 1.0 - self.turnover
        for stabilizer in earlier:
            if isinstance(stabilizer, CarriedDetail):
                kept *= 1.0 - stabilizer.turnover
        return replace(self, turnover=1.0 - kept)

    def ends_interval(self, motions: Sequence[Motion]) -> bool:
        """Return whether the frame after these motions since the last dreamed one must be dreamed itself."""
        if len(motions) >= self.cadence:
            return True
        if not self.adaptive:
            return False
        moved = compose(motions)
        distance = float(np.hypot(moved.flow[..., 0], moved.flow[..., 1]).mean())
        return distance > _FAR * moved.flow.shape[1] or float(moved.visible_mask.mean()) < _MOSTLY

    def prepare(self, motion: Motion | None, carry: Carry | None) -> InitialDetail:
        """Return the warped detail of the previous frame; nothing for a shot's first frame."""
        if motion is None or carry is None:
            return InitialDetail(steps=self.full)
        visible_mask, full = motion.visible_mask, self.full
        carried_share = self.decay * (1.0 - self.turnover)
        detail = warp(carry.dreamed - carry.source, motion.flow)
        changed, reference = _find_changes(motion, carry)
        fading = _fade(motion, carry, detail, changed)
        renewed = 0.0
        if changed is not None:
            visible_mask = visible_mask * (1.0 - changed)
            renewed = float(changed.mean())
        static = self._static_mask(motion, carry, changed)
        kept = carried_share if static is None else carried_share + static * (1.0 - carried_share)
        detail *= (kept * visible_mask)[..., None]
        speed = float(np.hypot(motion.flow[..., 0], motion.flow[..., 1]).mean())
        step_length = float(
            np.clip(
                _MIN_STEP_LENGTH + _STEP_LENGTH_PER_PIXEL * (speed - _SLOW_MOTION),
                _MIN_STEP_LENGTH,
                _MAX_STEP_LENGTH,
            )
        )
        lost_steps = (1.0 - carried_share) * full  # detail that is not carried is dreamed again
        step_map = full + visible_mask * (min(max(self.steps * step_length, lost_steps), full) - full)
        if static is not None:
            step_map = step_map * (1.0 - static)
        steps_for_new = int(full * (1.0 - float(visible_mask.mean())))
        steps = max(self.steps, steps_for_new, math.ceil(lost_steps / _MAX_STEP_LENGTH), 1)
        blend_mask = self.blend * (1.0 - self.turnover) * visible_mask
        return InitialDetail(
            np.asarray(detail, np.float32),
            steps,
            np.asarray(step_map, np.float32),
            blend_mask,
            reference,
            fading,
            renewed,
            static,
        )

    def _static_mask(self, motion: Motion, carry: Carry, changed: Mask | None) -> Mask | None:
        """Return where detail stays as it is, which nothing but the motion decides; None is nowhere."""
        statistics = carry.statistics
        if motion.static_mask is None or self.turnover or statistics is None:
            return None
        if statistics.ascent_length != self.ascent_length:
            return None
        return motion.static_mask if changed is None else motion.static_mask * (1.0 - changed)

    def stabilize(self, picture: RGB, dreamed: RGB, initial: InitialDetail, carry: Carry | None) -> Carry:
        """Blend with the carried detail, and hold the strength of detail in the shot's first frame."""
        if carry is None or initial.detail is None or initial.blend_mask is None:
            return Carry(picture, dreamed, self._measure(dreamed - picture), new_reference(picture))
        # Detail is not cut off where the picture is too bright or dark for it: flickering light would wear it away.
        detail = initial.detail + (dreamed - np.clip(picture + initial.detail, 0.0, 1.0))
        statistics = scale_to_ascent_length(
            carry.statistics or self._measure(carry.dreamed - carry.source), self.ascent_length
        )
        if self.turnover:
            statistics = mix_bands(statistics, measure_statistics(detail), self.turnover)
        if initial.renewed:
            statistics = mix(statistics, measure_statistics(detail), initial.renewed)
        blended = detail + initial.blend_mask[..., None] * (initial.detail - detail)
        detail = hold_statistics(blended, statistics)
        if initial.static_mask is not None:
            detail += initial.static_mask[..., None] * (initial.detail - detail)
        return Carry(picture, picture + detail, statistics, initial.reference, initial.fading)

    def _measure(self, detail: RGB) -> DetailStatistics:
        return measure_statistics(detail)._replace(ascent_length=self.ascent_length)


def _to_full_size(flow: Flow, mask: Mask, size: Size) -> tuple[Flow, Mask]:
    return resize_flow(flow, size), np.clip(resize(mask, size), 0.0, 1.0)


def _find_changes(motion: Motion, carry: Carry) -> tuple[Mask | None, Reference | None]:
    """Return where the picture has changed beneath the detail, ``[H, W]`` (None: nowhere), and the new reference."""
    if motion.target is None or carry.reference is None:
        return None, carry.reference
    changed, reference = find_changes(carry.reference, motion.target, motion)
    if not changed.any():
        return None, reference
    return np.clip(resize(changed, Size(*motion.visible_mask.shape)), 0.0, 1.0), reference


def _fade(motion: Motion, carry: Carry, detail: RGB, changed: Mask | None) -> NDArray[np.float32] | None:
    """Return the detail that fades in this frame, with its share, ``[H, W, 4]``; ``detail`` is what was carried here.

    It fades where it is dreamed anew; what is dreamed there starts from nothing, since ascent would make the old
    forms strong again.
    """
    if carry.fading is None and changed is None:
        return None
    share = np.ones_like(detail[..., :1])
    fading = np.zeros((*detail.shape[:2], 4), np.float32)
    if carry.fading is not None:
        fading = warp_linear(carry.fading, motion.flow)
    shown = detail * (1.0 - fading[..., 3:]) + fading[..., :3]
    fading = fading * np.float32(_FADE**motion.frames)
    if changed is not None:
        fading += changed[..., None] * (np.concatenate([shown, share], axis=-1) - fading)
    fading *= motion.visible_mask[..., None]
    return fading if fading[..., 3].max() >= _FADED else None
