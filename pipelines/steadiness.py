"""Measure how steady a dream is within a given time: at a smaller size, and only its beginning where it is long."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from dreamvid.pipelines.measure import DreamedPart, open_pair

if TYPE_CHECKING:
    from pathlib import Path

LONGEST_SIDE = 640
"""Of the frames that are measured, in px."""


def measure_steadiness(source: Path, dreamed: Path, patience: float) -> dict[str, Any]:
    """Return the figures of ``dreamvid measure`` as plain values.

    ``until`` is where the time was over (seconds), None where all was measured.

    Parameters
    ----------
    source, dreamed
        As in :func:`dreamvid.pipelines.measure.measure_files`.
    patience
        Seconds after which the rest is left out.

    Raises
    ------
    DreamvidError
        As :func:`dreamvid.pipelines.measure.measure_files`.
    """
    from dreamvid.flow.stability import StabilityMeter  # noqa: PLC0415  OpenCV loads only when asked
    from dreamvid.pipelines.preview_frame import shrink  # noqa: PLC0415  the same

    meter, end, until = StabilityMeter(), time.monotonic() + patience, None
    pair = open_pair(source, dreamed, DreamedPart(), keep_going=True)
    for source_rgb, dreamed_rgb, frame in pair:
        meter.add(*(shrink(picture, LONGEST_SIDE) for picture in (source_rgb, dreamed_rgb)))
        if time.monotonic() > end:
            until = float(frame.pts)
            break
    return {**meter.report().to_dict(), "until": until}
