"""Measure how often a video flashes, as it is or played in a loop."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dreamvid.image.flashes import FlashMeter, FlashReport
from dreamvid.pipelines.options import RunOptions

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class MeasuredFlashes:
    """How often a video flashes, by ``frames`` of it; ``until`` is how far they go (s), None where to the end."""

    report: FlashReport
    frames: int
    until: float | None = None


def measure_flashes(
    video: Path,
    options: RunOptions = RunOptions(),
    *,
    loops: bool = False,
    patience: float | None = None,
) -> MeasuredFlashes:
    """Measure how often a video flashes; what is transparent counts as black.

    Parameters
    ----------
    video
        A video, an animation or a folder of pictures.
    loops
        Whether it is played in a loop, so that its beginning follows its end.
    patience
        Seconds after which the rest is left out; None is never.

    Raises
    ------
    DreamvidError
        Where it cannot be read.
    """
    from dreamvid.media.input.source import open_source  # noqa: PLC0415  PyAV loads only when media is touched

    source = open_source(video, keep_going=options.keep_going)
    until = None if patience is None else time.monotonic() + patience
    meter, length, frames = FlashMeter(), 1 / source.info.rate, 0
    options.progress.start(source.info.frames, video.name)
    for frame in source:
        picture = frame.rgb if frame.alpha is None else frame.rgb * frame.alpha[..., None]
        meter.add(picture, frame.pts)
        options.progress.frame(frame.index)
        length, frames = frame.pts + (frame.duration or 1 / source.info.rate), frames + 1
        if until is not None and time.monotonic() > until:
            return MeasuredFlashes(meter.report(), frames, float(frame.pts))
    if loops:
        meter.repeat(length)
    return MeasuredFlashes(meter.report(), frames)


def find_flashes(video: Path, patience: float) -> dict[str, Any]:
    """Return how often a video flashes that is played in a loop, as plain values; ``until`` as in MeasuredFlashes.

    Raises
    ------
    DreamvidError
        Where it cannot be read.
    """
    measured = measure_flashes(video, RunOptions(keep_going=True), loops=True, patience=patience)
    return {**measured.report.to_dict(), "until": measured.until}
