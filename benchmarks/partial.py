"""(k) Partial dreams: carried frames of a still camera with one moving thing, against frames dreamed as a whole.

A textured disk of a tenth of the picture moves over a still ground. Each carried frame is one gradient an octave, as
in a video of default settings: as a whole, with a step map that is the same everywhere, and in part, with one that is
0 where nothing is new. What is measured is the engine alone, without flow.
"""

from __future__ import annotations

import functools
import itertools
import math
import statistics
from typing import TYPE_CHECKING

import numpy as np
from figures import Figure, interleave, ratios
from pictures import picture

from dreamvid.config.preset import Preset
from dreamvid.pipelines.build import build_dreamer
from dreamvid.pipelines.options import RunOptions
from dreamvid.types import Size

if TYPE_CHECKING:
    from dreamvid.types import RGB, StepMap

PART = "k partial"
SIZES = Size(288, 512), Size(540, 960)
AREA = 0.1
_FRAMES = 4
_EDGE = 12.0
_STEP_LENGTH = 0.5


def measure(*, rounds: int) -> list[Figure]:
    """Return the time of both kinds of carried frames, and their ratio."""
    dreamer = build_dreamer(Preset(), RunOptions()).dreamer
    figures = []
    for size in SIZES:
        frames = [moving_disk(size, time) for time in range(_FRAMES)]
        detail = dreamer.dream(frames[0][0]) - frames[0][0]
        turns = {"whole": itertools.cycle(frames), "part": itertools.cycle(frames)}

        def carried(kind: str, turns: dict[str, itertools.cycle[tuple[RGB, StepMap]]], detail: RGB) -> None:
            shown, step_map = next(turns[kind])
            if kind == "whole":
                step_map = np.full_like(step_map, _STEP_LENGTH)
            dreamer.dream(shown, detail=detail, steps=1, step_map=step_map)

        seconds = interleave(
            {kind: functools.partial(carried, kind, turns, detail) for kind in turns}, rounds * _FRAMES
        )
        ratio, low, high = ratios(seconds["whole"], seconds["part"])
        figures += [
            *(
                Figure(
                    PART, f"{size}: carried frame, {kind}", statistics.median(each), "s", note="engine alone"
                )
                for kind, each in seconds.items()
            ),
            Figure(
                PART, f"{size}: whole / part", ratio, "x", low=low, high=high, note=f"{AREA:.0%} of it moves"
            ),
        ]
    return figures


def moving_disk(size: Size, time: int) -> tuple[RGB, StepMap]:
    """Return a frame ``[H, W, 3]`` of a disk that moves over still ground, and the step map of what is new."""
    radius = math.sqrt(AREA * size.height * size.width / math.pi)
    rows, columns = np.mgrid[: size.height, : size.width].astype(np.float32)
    distance = np.hypot(rows - 0.45 * size.height, columns - 0.4 * size.width - 6.0 * time)
    ground, texture = picture(size), picture(size, time=1.5)[::-1]
    shown = np.where((distance < radius)[..., None], texture, ground)
    step_map = _STEP_LENGTH * np.clip((radius + _EDGE - distance) / _EDGE, 0.0, 1.0)
    return shown, step_map.astype(np.float32)
