"""Turn one picture into another: both are warped along the flow between them, and mixed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dreamvid.flow.cross_fade import mix_and_hold
from dreamvid.flow.occlusion import carry_mask
from dreamvid.flow.warp import warp_cubic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.types import RGB, Flow, FlowEstimator

# Width of the soft edge between what moves from one picture to the other and what only dissolves, as a share of the
# longer side.
_EDGE_WIDTH = 0.03


class MorphFlows(NamedTuple):
    """Backward flows ``[H, W, 2]``: at the later picture, to the earlier one, and the other way around."""

    to_before: Flow
    to_after: Flow


def morph_flows(before: RGB, after: RGB, estimator: FlowEstimator) -> MorphFlows:
    """Return the flows between two pictures, 0 where they do not agree: there, pictures dissolve."""
    to_before, to_after = estimator.estimate(after, before), estimator.estimate(before, after)
    edge = _EDGE_WIDTH * max(before.shape[:2])
    return MorphFlows(
        to_before * carry_mask(to_before, to_after, edge=edge)[..., None],
        to_after * carry_mask(to_after, to_before, edge=edge)[..., None],
    )


def morph(
    before: NDArray[np.float32], after: NDArray[np.float32], flows: MorphFlows, share: float
) -> NDArray[np.float32]:
    """Return what lies a share, in [0, 1], of the way from one picture ``[H, W(, C)]`` to another, in [0, 1].

    At 0 and 1 that is one of the two, as it is.
    """
    early = warp_cubic(before, np.float32(share) * flows.to_before)
    late = warp_cubic(after, np.float32(1.0 - share) * flows.to_after)
    return np.clip(early + np.float32(share) * (late - early), 0.0, 1.0)


def dissolve(before: RGB, after: RGB, share: float) -> RGB:
    """Return a mixture of two dreams of one picture, ``[H, W, 3]`` in [0, 1], each band as strong as in both.

    A plain mixture would be pale midway.
    """
    return np.clip(mix_and_hold(before, after, share), 0.0, 1.0)
