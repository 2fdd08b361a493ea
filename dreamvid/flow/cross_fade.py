"""Cross-fade two dreams of one picture, with the strength of their detail held."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dreamvid.flow.detail_statistics import hold_statistics, measure_statistics, mix

if TYPE_CHECKING:
    from dreamvid.types import RGB

_MAX_GAIN = 1.5
"""Detail of two dreams that have nothing in common is weaker by the root of 2 where they are mixed half and half."""


def cross_fade(picture: RGB, before: RGB, after: RGB, share: float) -> RGB:
    """Return the dream of a picture between two others of it, ``[H, W, 3]`` in [0, 1].

    Only detail is mixed, so that the source stays sharp, and each band of its frequencies is held between the
    strengths that it has in both: a plain mixture of two dreams would be pale midway.

    Parameters
    ----------
    picture
        What was dreamed, ``[H, W, 3]`` in [0, 1].
    before, after
        Two dreams of it.
    share
        Share of ``after``, in [0, 1]; at 0 and 1 one of the dreams comes back as it is.
    """
    if share <= 0.0:
        return before
    if share >= 1.0:
        return after
    detail_before, detail_after = before - picture, after - picture
    statistics = mix(measure_statistics(detail_before), measure_statistics(detail_after), share)
    mixed = np.asarray(detail_before + np.float32(share) * (detail_after - detail_before), np.float32)
    result = hold_statistics(mixed, statistics, max_gain=_MAX_GAIN)
    result += picture
    return np.clip(result, 0.0, 1.0, out=result)
