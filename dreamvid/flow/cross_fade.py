"""Cross-fade two dreams of one picture, with the strength of their detail held."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dreamvid.flow.detail_statistics import hold_statistics, measure_statistics, mix

if TYPE_CHECKING:
    from dreamvid.types import RGB

_MAX_GAIN = 1.5
"""Two dreams that have nothing in common are weaker by the root of 2 where they are mixed half and half."""


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
    result = mix_and_hold(before - picture, after - picture, share)
    result += picture
    return np.clip(result, 0.0, 1.0, out=result)


def mix_and_hold(before: RGB, after: RGB, share: float) -> RGB:
    """Return a mixture of two pictures or details ``[H, W, 3]``, each band between the strengths that it has in both.

    ``share`` is that of ``after``, in [0, 1].
    """
    statistics = mix(measure_statistics(before), measure_statistics(after), share)
    mixed = np.asarray(before + np.float32(share) * (after - before), np.float32)
    return hold_statistics(mixed, statistics, max_gain=_MAX_GAIN)
