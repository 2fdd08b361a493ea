"""(l) pytorch-deepdream's default against ours on the same network, octaves and steps: time for a frame of a video.

VGG16 to ``relu4_3``, 600x338, four octaves of ratio 1.8, ten steps each; random weights, which do not affect speed.
The baseline (``torch_baseline.py``) dreams each frame alone, in float32, as the tool does; it has no other way that
is steady. Ours has its defaults otherwise: each frame alone; steady, which carries the detail of the last frame along
and adds a few steps; and steady with a cadence of 4. Decoding and encoding are left out on both sides. The steady
times are those of a frame after the first.
"""

from __future__ import annotations

import statistics
import time
from contextlib import ExitStack
from fractions import Fraction
from typing import TYPE_CHECKING

from cadence import seconds_a_frame
from figures import Figure, ratios
from pictures import moving_pictures
from steadiness import Clip
from vgg import LAYER, Contestant, prepare

from dreamvid.config.preset import Preset
from dreamvid.pipelines.build import build_dreamer, build_stabilizer
from dreamvid.pipelines.options import RunOptions
from dreamvid.types import Size, VideoInfo

if TYPE_CHECKING:
    from pathlib import Path

PART = "l peer's default"
SIZE = Size(338, 600)
_OCTAVES, _SCALE, _STEPS = 4, 1.8, 10
_RATE = 24
_FRAMES = {1: 3, 4: 5}
"""Frames of the clip by cadence: one in full, then two carried, or one dreamed and three between."""


def measure(folder: Path, torch_python: Path | None, *, rounds: int, size: Size = SIZE) -> list[Figure]:
    """Return seconds a frame by method, and the ratios theirs / ours."""
    frames = moving_pictures(size, frames=max(_FRAMES.values()), rate=_RATE)
    weights = prepare(folder, frames[0])
    dreamers = {}
    for precision in ("float32", "auto"):
        built = build_dreamer(_preset(weights, precision), RunOptions())
        dreamers[str(built.resolved(size)["precision"])] = built.dreamer
    seconds: dict[str, list[float]] = {}
    with ExitStack() as stack:
        theirs = None
        if torch_python is None:
            print("l: no PyTorch to compare with; --torch-python PATH names a Python that has it")
        else:
            theirs = stack.enter_context(Contestant(torch_python, "torch_baseline.py", folder))
            theirs.run(work="frame", octaves=1, scale=_SCALE, steps=1)
        for dreamer in dreamers.values():
            dreamer.dream(frames[0], steps=1)  # pays for compilation
        for _ in range(rounds):
            if theirs is not None:
                spent, _ = theirs.run(work="frame", octaves=_OCTAVES, scale=_SCALE, steps=_STEPS)
                seconds.setdefault("pytorch-deepdream's loop", []).append(spent)
            for precision, dreamer in dreamers.items():
                started = time.perf_counter()
                dreamer.dream(frames[0])
                seconds.setdefault(f"each frame alone, {precision}", []).append(time.perf_counter() - started)
                for cadence, count in _FRAMES.items():
                    clip = Clip("landscape", frames[:count], VideoInfo(size, Fraction(_RATE)))
                    stabilizer = build_stabilizer(_preset(weights, precision, cadence), rate=_RATE)
                    name = f"steady, {precision}" if cadence == 1 else f"cadence {cadence}, {precision}"
                    seconds.setdefault(name, []).append(seconds_a_frame(clip, dreamer, stabilizer)[0])
    figures = [
        Figure(
            PART,
            f"{name}: a frame",
            statistics.median(each),
            "s",
            low=min(each),
            high=max(each),
            note=f"{size}",
        )
        for name, each in seconds.items()
    ]
    baseline = seconds.pop("pytorch-deepdream's loop", None)
    if baseline is not None:
        for name, each in seconds.items():
            ratio, low, high = ratios(baseline, each)
            figures.append(Figure(PART, f"theirs / {name}", ratio, "x", low=low, high=high))
    return figures


def _preset(weights: Path, precision: str, cadence: int = 1) -> Preset:
    """Return our defaults on the peer's network, layer, octaves and steps."""
    return Preset.build(
        {
            "model": {"name": "vgg16", "weights": weights},
            "objective": LAYER,
            "octaves": {"count": _OCTAVES, "scale": _SCALE},
            "ascent": {"steps": _STEPS},
            "stability": {"cadence": cadence},
            "run": {"precision": precision},
        }
    )
