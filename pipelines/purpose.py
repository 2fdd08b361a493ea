"""Fill in what a video is made for: frame rate, loop and codec, as far as they are not given."""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.config.preset import Preset
    from dreamvid.types import VideoInfo

_log = logging.getLogger(__name__)

_STAGE_RATES = (25, 30, 50, 60)
"""Frames a second that VJ programs and projectors run at."""
_TRIP_RATE = Fraction(30)
_NTSC_TOLERANCE = Fraction(1, 500)
"""29.97 frames a second are 30 frames a second, as far as anyone sees."""


def for_purpose(preset: Preset, output: Path | None, info: VideoInfo | None) -> Preset:
    """Return the preset with what ``output.purpose`` asks for, where nothing else was said.

    Parameters
    ----------
    output
        The output; None is one that is named by the codec.
    info
        Of the source; None is a trip, which has none.
    """
    if preset.output.purpose == "any":
        return preset
    given = preset.output.model_fields_set
    changes: dict[str, object] = {}
    if preset.output.fps is None:
        rate = _TRIP_RATE if info is None else stage_rate(info.rate)
        changes["output.fps"] = rate
        if info is not None and abs(rate / info.rate - 1) > _NTSC_TOLERANCE:
            _log.warning(
                "%.5g frames a second become %s for the stage: some are shown twice or left out; "
                "--fps %.5g keeps them",
                float(info.rate),
                rate,
                float(info.rate),
            )
    if "codec" not in given and (output is None or output.suffix.lower() == ".mov"):
        changes["output.codec"] = "hap-alpha" if info is not None and info.has_alpha else "hap"
    group, field = (preset.trip, "trip.loop") if info is None else (preset.input, "input.loop")
    if preset.pipeline != "walk" and "loop" not in group.model_fields_set:  # walks are loops
        changes[field] = True
    return preset.override(changes) if changes else preset


def stage_rate(rate: Fraction) -> Fraction:
    """Return the nearest rate, in frames a second, that stages run at."""
    return Fraction(min(_STAGE_RATES, key=lambda each: abs(each - rate)))
