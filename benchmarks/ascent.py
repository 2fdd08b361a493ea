"""(a) Gradient ascent: the TensorFlow tutorial's loop against ours, the same work on the same network.

Same InceptionV3 (random weights: time does not depend on them), same layers, octaves, sizes and steps, in one
process and in turns. Untiled, the tutorial runs a whole octave in one compiled function, its fastest form. Tiled,
it leaves out the last row and column of tiles, so two ratios are shown: of plain times, and per pixel that gets
gradient, which is the same work. A first line shows that both climb the same hill.
"""

from __future__ import annotations

import functools
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from figures import Figure, interleave, machine, ratios
from pictures import picture
from tutorial import (
    OCTAVE_SCALE,
    OCTAVES,
    STEP_SIZE,
    TILE,
    TutorialDream,
    covered_share,
    save_random_inception,
)

from dreamvid.config.preset import Preset
from dreamvid.pipelines.build import build_dreamer
from dreamvid.pipelines.options import RunOptions
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dreamvid.types import Dreamer

PART = "a ascent"
BASE = Size(375, 500)
_BARS = {"float32": 1.0, "bfloat16": 2.5}
"""Least ratio by precision; bfloat16's holds where ``auto`` chooses it and the processor has AMX.

AVX-512 alone multiplies bfloat16 at most twice as fast as float32, which leaves no room for such a bar.
"""
_SAME_BAR = 0.99
_BORDER = 64


@dataclass(frozen=True, slots=True)
class Ours:
    """A dreamer, and what the automatic choice of precision came to."""

    dreamer: Dreamer
    precision: str


def our_dreamer(
    weights: Path, *, precision: str, octaves: int = len(OCTAVES), steps: int, tile: int | str = "off"
) -> Ours:
    """Return the engine set to the tutorial's work; 0.01 of [-1, 1] is half as much of [0, 1]."""
    preset = Preset.build(
        {
            "model": {"name": "inceptionv3", "weights": weights},
            "objective": "mean(mixed3), mean(mixed5)",
            "octaves": {"count": octaves, "scale": OCTAVE_SCALE},
            "ascent": {
                "steps": steps,
                "step_size": STEP_SIZE / 2,
                "normalize": "std",
                "jitter": 0 if tile == "off" else TILE,
                "smoothing": 0,
                "laplacian": 0,
                "total_variation": 0,
                "l2": 0,
                "color": 0,
                "precondition": 0,
            },
            "run": {"precision": precision, "tile": tile},
        }
    )
    built = build_dreamer(preset, RunOptions())
    return Ours(built.dreamer, str(built.resolved(BASE)["precision"]))


def measure(folder: Path, *, rounds: int, steps: int) -> list[Figure]:
    """Return the ratios tutorial / ours: above 1 we are faster."""
    weights = folder / "inception.weights.h5"
    save_random_inception(weights)
    tutorial = TutorialDream(weights)
    auto = our_dreamer(weights, precision="auto", steps=steps).precision
    figures = [_same_hill(weights, tutorial, auto)]
    for tile in ("off", TILE):
        figures += _race(weights, tutorial, tile=tile, rounds=rounds, steps=steps, auto=auto)
    return figures


def _same_hill(weights: Path, tutorial: TutorialDream, auto: str) -> Figure:
    """Return the cosine between what one step adds in the tutorial and in dreamvid.

    Border pixels are left out: the network's unpadded layers hardly see them, so the tutorial's gradient fades
    there, while dreamvid gives it a margin to see them by.
    """
    base = picture(BASE)
    tutorial_step = tutorial.dream(base, 1, octaves=range(1)) - base
    dreamvid_step = our_dreamer(weights, precision="float32", octaves=1, steps=1).dreamer.dream(base) - base
    inner = (slice(_BORDER, -_BORDER),) * 2
    tutorial_step, dreamvid_step = tutorial_step[inner], dreamvid_step[inner]
    cosine = float(
        np.vdot(tutorial_step, dreamvid_step)
        / (np.linalg.norm(tutorial_step) * np.linalg.norm(dreamvid_step))
    )
    note = f"{_BORDER} px of border left out; auto chooses {auto} here"
    return Figure(PART, "same step: cosine, float32", cosine, "", "at least", _SAME_BAR, note=note)


def _race(
    weights: Path, tutorial: TutorialDream, *, tile: int | str, rounds: int, steps: int, auto: str
) -> list[Figure]:
    """Return the times of one kind of loop, and the ratios of ours in each precision."""
    tiled = tile != "off"
    base = picture(BASE)
    largest = Size(*(int(side * OCTAVE_SCALE ** OCTAVES[-1]) for side in BASE))
    whole = picture(largest)
    runs: dict[str, Callable[[], object]] = {"tutorial": lambda: tutorial.dream(base, steps, tiled=tiled)}
    for precision in _BARS:
        dreamer = our_dreamer(weights, precision=precision, steps=steps, tile=tile).dreamer
        runs[precision] = functools.partial(dreamer.dream, whole)
    seconds = interleave(runs, rounds)
    label = f"tiles of {tile}" if tiled else "untiled"
    tutorial_seconds = seconds["tutorial"]
    what = f"{label}: tutorial, {steps * len(OCTAVES)} steps"
    middle = statistics.median(tutorial_seconds)
    figures = [
        Figure(
            PART,
            what,
            middle,
            "s",
            low=min(tutorial_seconds),
            high=max(tutorial_seconds),
            note=f"up to {largest}",
        )
    ]
    for precision, bar in _BARS.items():
        fast = precision == "float32" or (precision == auto and "amx" in machine()["bfloat16"])
        barred = bar if fast else None
        figures += _ratios(tutorial_seconds, seconds[precision], label, precision, barred, tiled=tiled)
    return figures


def _ratios(
    tutorial_seconds: list[float],
    ours: list[float],
    label: str,
    precision: str,
    bar: float | None,
    *,
    tiled: bool,
) -> list[Figure]:
    """Return tutorial / ours; tiled, of plain times and for the same pixels."""
    what = f"{label}: tutorial / ours, {precision}"
    ratio, low, high = ratios(tutorial_seconds, ours)
    best = min(tutorial_seconds) / min(ours)
    if not tiled:
        note = f"best of each: {best:.2f}"
        return [Figure(PART, what, ratio, "x", "at least", bar, low, high, note)]
    share = covered_share(BASE)
    missing = f"the tutorial leaves out {1 - share:.0%} of pixels"
    note = f"best of each: {best / share:.2f}"
    return [
        Figure(PART, what, ratio, "x", low=low, high=high, note=missing),
        Figure(
            PART, f"{what}, per pixel", ratio / share, "x", "at least", bar, low / share, high / share, note
        ),
    ]
