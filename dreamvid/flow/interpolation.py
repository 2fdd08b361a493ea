"""Carry detail to the frames between two dreamed ones, from both along the flow.

After Deforum's cadence (https://github.com/deforum-art): only every Nth frame is dreamed. There both neighbors are
warped and mixed as pictures; here only their detail is, so that sources stay sharp, places that one of them does not
show are filled from the other, and the mixture is held to the strength of both.
"""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from dreamvid.flow.detail_statistics import hold_statistics, measure_statistics, mix
from dreamvid.flow.warp import warp, warp_linear

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dreamvid.types import RGB, Carry, Flow, Mask, Motion

# Weight of a neighbor that does not show a place, beside one that does.
_HIDDEN = 1e-3


def compose(motions: Sequence[Motion]) -> Motion:
    """Return the motion over several frames, given that of each, in order; there is at least one."""
    return reduce(_compose_two, motions)


def interpolate(
    picture: RGB, before: Carry, after: Carry | None, motions: Sequence[Motion], position: int
) -> RGB:
    """Return the dream of a frame between two dreamed ones, ``[H, W, 3]``.

    Parameters
    ----------
    picture
        The frame.
    before, after
        The dreamed frames; None where the dream after failed.
    motions
        The motion since the previous frame, for each frame after ``before`` up to ``after``. Each has a ``forward``.
    position
        How many frames the picture comes after ``before``: 1 to ``len(motions) - 1``.
    """
    from_before = compose(motions[:position])
    detail_before = before.shown - before.source
    if after is None:
        detail = warp(detail_before, from_before.flow) * from_before.visible_mask[..., None]
        return np.asarray(np.clip(picture + detail, 0.0, 1.0), np.float32)
    share = position / len(motions)
    flow_after, mask_after = _forward(motions[position:])
    detail_after = after.shown - after.source
    weight_before = (1.0 - share) * (from_before.visible_mask + _HIDDEN)
    weight_after = share * (mask_after + _HIDDEN)
    part_after = (weight_after / (weight_before + weight_after))[..., None]
    detail = warp(detail_before, from_before.flow)
    detail += part_after * (warp(detail_after, flow_after) - detail)
    target = mix(measure_statistics(detail_before), measure_statistics(detail_after), share)
    interpolated: RGB = np.clip(picture + hold_statistics(detail, target), 0.0, 1.0)
    return interpolated


def _compose_two(first: Motion, second: Motion) -> Motion:
    return replace(
        second,
        flow=second.flow + warp_linear(first.flow, second.flow),
        visible_mask=second.visible_mask * warp_linear(first.visible_mask, second.flow),
    )


def _forward(motions: Sequence[Motion]) -> tuple[Flow, Mask]:
    """Return the flow to the last frame of several motions, and where it shows what the frame before them does."""
    forwards = []
    for motion in motions:
        assert motion.forward is not None
        forwards.append(motion.forward)
    flow, mask = forwards[-1]
    for step, visible in reversed(forwards[:-1]):
        flow, mask = step + warp_linear(flow, step), visible * warp_linear(mask, step)
    return flow, mask
