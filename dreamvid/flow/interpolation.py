"""Carry detail to the frames between two dreamed ones, from both along the flow.

After Deforum's cadence (https://github.com/deforum-art): only every Nth frame is dreamed. There both neighbors are
warped and mixed as pictures; here only their detail is, so that sources stay sharp, places that one of them does not
show are filled from the other, and the mixture is held to the strength of both.
"""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from typing import TYPE_CHECKING

import cv2
import numpy as np

from dreamvid.flow.detail_statistics import hold_statistics, measure_statistics, mix
from dreamvid.flow.warp import resize_flow, warp_cubic, warp_linear
from dreamvid.image.resize import resize
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dreamvid.types import RGB, Carry, Flow, Mask, Motion

# Weight of a neighbor that does not show a place, beside one that does.
_HIDDEN = 1e-3


def compose(motions: Sequence[Motion]) -> Motion:
    """Return the motion over several frames, given that of each, in order; there is at least one."""
    return reduce(_compose_two, motions)


def interpolate(
    pictures: Sequence[RGB], before: Carry, after: Carry | None, motions: Sequence[Motion]
) -> Iterator[RGB]:
    """Yield the dreams of the frames between two dreamed ones, ``[H, W, 3]`` each.

    Parameters
    ----------
    pictures
        The frames between.
    before, after
        The dreamed frames; None where the dream after failed.
    motions
        The motion since the previous frame, for each frame after ``before`` up to ``after``. Each has a ``forward``.
    """
    detail_before = before.detail
    detail_after = detail_before if after is None else after.detail
    statistics = measure_statistics(detail_before), measure_statistics(detail_after)
    forwards = _forwards(motions)
    since: Motion | None = None
    for position, picture in enumerate(pictures):
        since = motions[position] if since is None else _compose_two(since, motions[position])
        share = (position + 1) / len(motions)
        # Bicubic interpolation does: this detail is carried no further.
        detail = warp_cubic(detail_before, since.flow)
        if after is not None:
            flow, visible = _enlarge(*forwards[position + 1], Size(*picture.shape[:2]))
            weight_before = (1.0 - share) * (since.visible_mask + _HIDDEN)
            weight_after = share * (visible + _HIDDEN)
            part_after = weight_after / (weight_before + weight_after)
            detail = cv2.blendLinear(detail, warp_cubic(detail_after, flow), 1.0 - part_after, part_after)
        detail = hold_statistics(detail, mix(*statistics, share))
        detail += picture
        yield np.clip(detail, 0.0, 1.0, out=detail)


def _compose_two(first: Motion, second: Motion) -> Motion:
    return replace(
        second,
        flow=second.flow + warp_linear(first.flow, second.flow),
        visible_mask=second.visible_mask * warp_linear(first.visible_mask, second.flow),
        static_mask=None
        if first.static_mask is None or second.static_mask is None
        else first.static_mask * second.static_mask,
        frames=first.frames + second.frames,
    )


def _enlarge(flow: Flow, mask: Mask, size: Size) -> tuple[Flow, Mask]:
    return resize_flow(flow, size), np.clip(resize(mask, size), 0.0, 1.0)


def _forwards(motions: Sequence[Motion]) -> list[tuple[Flow, Mask]]:
    """Return, for the frame before each motion, the flow to the last frame, and where that shows what it does."""
    result: list[tuple[Flow, Mask]] = []
    for motion in reversed(motions):
        assert motion.forward is not None
        step, visible = motion.forward
        if result:
            flow, mask = result[-1]
            step, visible = step + warp_linear(flow, step), visible * warp_linear(mask, step)
        result.append((step, visible))
    return result[::-1]
