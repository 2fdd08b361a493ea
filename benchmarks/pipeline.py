"""(b) The pipeline: decoding, dreaming and encoding a clip, against its gradient steps alone.

The clip goes through :func:`dreamvid.pipelines.video.dream_file`, from its first dreamed frame (which also pays
for compilation, see start-up) until the verified file is in place. The gradient steps alone are measured on the
same engine and size with nothing beside them: the time of 2 n steps less the time of n steps, which cancels
everything else, resizing of octaves included.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from figures import Figure, interleave, ratios
from pictures import picture, write_clip

from dreamvid.config.preset import Preset
from dreamvid.pipelines.build import build_dreamer
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.progress import NullProgress
from dreamvid.pipelines.video import dream_file
from dreamvid.types import Size

if TYPE_CHECKING:
    from pathlib import Path

PART = "b pipeline"
SIZE = Size(270, 480)
BAR = 1.15


class _Clock(NullProgress):
    """Notes when the first frame was dreamed."""

    def __init__(self) -> None:
        self.first: float | None = None

    def frame(self, index: int) -> None:  # noqa: ARG002  part of the protocol
        if self.first is None:
            self.first = time.perf_counter()


def measure(folder: Path, *, rounds: int, frames: int) -> list[Figure]:
    """Return pipeline time / gradient time, with the default look."""
    clip = folder / "pipeline.mp4"
    write_clip(clip, SIZE, frames=frames)
    preset = Preset.build({"stability": 0.0})  # every frame takes all its steps
    dreamer = build_dreamer(preset, RunOptions()).dreamer
    steps = preset.ascent.steps
    still = picture(SIZE)
    alone, dreams, whole = [], [], []
    for _ in range(rounds):
        seconds = interleave(
            {
                "once": lambda: dreamer.dream(still, steps=steps),
                "twice": lambda: dreamer.dream(still, steps=2 * steps),
            },
            3,
        )
        alone.append(statistics.median(b - a for a, b in zip(*seconds.values(), strict=True)))
        dreams.append(statistics.median(seconds["once"]))
        whole.append(_pipeline_seconds(clip, preset) / (frames - 1))
    ratio, low, high = ratios(whole, alone)
    return [
        Figure(PART, "gradient steps alone, a frame", statistics.median(alone), "s", note=f"{SIZE}"),
        Figure(
            PART, "dreaming alone, a frame", statistics.median(dreams), "s", note="with its octaves resized"
        ),
        Figure(PART, "whole pipeline, a frame", statistics.median(whole), "s", note=f"{frames} frames"),
        Figure(PART, "pipeline / gradient steps", ratio, "x", "at most", BAR, low, high),
    ]


def _pipeline_seconds(clip: Path, preset: Preset) -> float:
    """Return seconds from the first dreamed frame to the finished file."""
    clock = _Clock()
    out = clip.with_name("pipeline.dream.mp4")
    dream_file(clip, out, preset, RunOptions(confirm_overwrite=lambda _path: True, progress=clock))
    assert clock.first is not None
    return time.perf_counter() - clock.first
