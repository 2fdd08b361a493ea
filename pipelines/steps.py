"""Say how many gradient steps ``ascent.steps`` becomes, for each use of a dream."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from dreamvid.schedule.fields import constant

if TYPE_CHECKING:
    from fractions import Fraction

    from dreamvid.config.preset import Preset

Use = Literal["still", "first frame", "carried frame", "zoom start", "zoom frame"]

_FIRST_FRAME = 1.25
"""A shot's first frame gets more steps, because the frames after it carry its detail on and add little."""
_ZOOM_START = 1.5
"""So do the first picture and the keyframes of a zoom, from which all others grow."""


def gradient_steps(preset: Preset, use: Use, *, fps: Fraction | float = 1) -> float:
    """Return the gradient steps per octave that a picture is dreamed by.

    ================  =====================================================================================
    use               steps per octave
    ================  =====================================================================================
    still             ``steps``
    first frame       1.25 x ``steps``, rounded up: a video's first frame of a shot, and what comes into view
    carried frame     ``stability.steps``; by default ``steps`` x (1 - ``steadiness``), from 1 to ``steps``
    zoom start        1.5 x ``steps``, rounded up: the first picture and each keyframe of a trip
    zoom frame        ``trip.rate`` x ``steps`` x ``strength`` / ``fps``, the average over pixels; a fraction
    ================  =====================================================================================

    A video without steadiness dreams each frame as a still. The preset's settings must be constants.
    """
    steps = constant(preset.ascent.steps)
    if use == "first frame":
        return math.ceil(_FIRST_FRAME * steps)
    if use == "carried frame":
        carried = preset.stability.steps
        freedom = 1.0 - constant(preset.stability.steadiness)
        return min(max(1, round(steps * freedom)) if carried is None else constant(carried), steps)
    if use == "zoom start":
        return math.ceil(_ZOOM_START * steps)
    if use == "zoom frame":
        return constant(preset.trip.rate) * steps * constant(preset.look.strength) / float(fps)
    return steps
