"""(n) Cadence: every fourth frame dreamed, or as many as ``auto`` chooses, against all of them.

The same frames in memory, in turns, with the default settings; decoding and encoding are left out. The time is that
of a frame after the first, which is dreamed in full with every cadence. Flicker is scored against pure advection, by
another optical flow than the one that rendered. The clip is made here; those of ``--clips FOLDER`` come in addition.
"""

from __future__ import annotations

import math
import statistics
import time
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from figures import Figure, ratios
from pictures import moving_pictures
from steadiness import Clip, MemoryWriter, read_clip

from dreamvid.config.preset import Preset
from dreamvid.flow.stability import StabilityMeter
from dreamvid.pipelines.build import build_dreamer, build_stabilizer
from dreamvid.pipelines.frame_loop import dream_video
from dreamvid.pipelines.options import RunOptions
from dreamvid.types import Size, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dreamvid.engine.dreamer import DreamEngine
    from dreamvid.types import RGB, Stabilizer

PART = "n cadence"
SIZE = Size(360, 640)
RATE = 24
_CADENCES = (1, 4, "auto")
_SPEED_BAR = 2.5


def measure(clips: Path | None, *, rounds: int, frames: int, size: Size = SIZE) -> list[Figure]:
    """Return speed and flicker of each cadence against 1."""
    preset = Preset()
    dreamer = build_dreamer(preset, RunOptions()).dreamer
    figures: list[Figure] = []
    for clip in _clips(clips, frames, size):
        rate = clip.info.rate
        methods = {
            cadence: build_stabilizer(Preset.build({"stability": {"cadence": cadence}}), rate=rate)
            for cadence in _CADENCES
        }
        dreamer.dream(clip.pictures[0], steps=1)  # pays for compilation
        seconds: dict[int | str, list[float]] = {cadence: [] for cadence in methods}
        dreams: dict[int | str, list[RGB]] = {}
        for _ in range(rounds):
            for cadence, method in methods.items():
                spent, dreams[cadence] = seconds_a_frame(clip, dreamer, method)
                seconds[cadence].append(spent)
        figures += _figures(clip, seconds, dreams)
    return figures


def _clips(folder: Path | None, frames: int, size: Size) -> Iterator[Clip]:
    yield Clip("landscape", moving_pictures(size, frames=frames, rate=RATE), VideoInfo(size, Fraction(RATE)))
    for path in sorted(folder.glob("*.mp4")) if folder else ():
        yield read_clip(path, frames, width=size.width)


def seconds_a_frame(clip: Clip, dreamer: DreamEngine, stabilizer: Stabilizer) -> tuple[float, list[RGB]]:
    """Return the mean time of the frames after the first, in seconds, and the dreams."""
    writer, times = MemoryWriter(), list[float]()
    dream_video(clip, dreamer, stabilizer, writer, on_frame=lambda _: times.append(time.perf_counter()))
    return (time.perf_counter() - times[0]) / (len(times) - 1), writer.pictures


def _figures(
    clip: Clip, seconds: dict[int | str, list[float]], dreams: dict[int | str, list[RGB]]
) -> Iterator[Figure]:
    flicker = {cadence: _flicker(clip, pictures) for cadence, pictures in dreams.items()}
    for cadence, each in seconds.items():
        middle = statistics.median(each)
        what = f"{clip.name}: frame, cadence {cadence}"
        note = f"{Size(*clip.pictures[0].shape[:2])}, {len(clip.pictures)} frames"
        yield Figure(PART, what, middle, "s", low=min(each), high=max(each), note=note)
    for cadence in (cadence for cadence in seconds if cadence != 1):
        ratio, low, high = ratios(seconds[1], seconds[cadence])
        bar = _SPEED_BAR if cadence == 4 else None
        yield Figure(
            PART,
            f"{clip.name}: 1 / {cadence}, time",
            ratio,
            "x",
            "at least",
            bar,
            low,
            high,
            "frames a second",
        )
        against = flicker[cadence][0] / flicker[1][0]
        note = f"F / F advected: {flicker[cadence][1]:.2f} against {flicker[1][1]:.2f}"
        bar = 1.0 if cadence == 4 else None
        yield Figure(PART, f"{clip.name}: {cadence} / 1, flicker", against, "x", "at most", bar, note=note)
        pumping = _pumping(clip, dreams[cadence]) / _pumping(clip, dreams[1])
        note = "of the detail's energy from frame to frame"
        yield Figure(PART, f"{clip.name}: {cadence} / 1, change", pumping, "x", note=note)


def _flicker(clip: Clip, dreams: list[RGB]) -> tuple[float, float]:
    """Return F at a distance of one frame, and as a multiple of pure advection's."""
    meter = StabilityMeter()
    for source, dreamed in zip(clip.pictures, dreams, strict=True):
        meter.add(source, dreamed)
    near = meter.report().lags[0]
    return near.flicker or math.nan, near.ratio or math.nan


def _pumping(clip: Clip, dreams: list[RGB]) -> float:
    """Return the mean change of the detail's RMS from one frame to the next, as a share of it."""
    strength = [
        float(np.sqrt(np.mean(np.square(dreamed - source))))
        for source, dreamed in zip(clip.pictures, dreams, strict=True)
    ]
    return float(np.mean(np.abs(np.diff(strength))) / np.mean(strength))
