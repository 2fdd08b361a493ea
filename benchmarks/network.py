"""(e) What a gradient step to dreamnet's deepest mixed layer costs, against InceptionV3's to ``mixed5``.

The same engine, picture, precision and number of steps, in turns; InceptionV3 with random weights, since time does
not depend on them.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from figures import Figure, interleave, ratios
from pictures import picture
from tutorial import save_random_inception

from dreamvid.config.preset import Preset
from dreamvid.config.settings import ModelSettings
from dreamvid.pipelines.build import build_dreamer
from dreamvid.pipelines.options import RunOptions
from dreamvid.types import Size

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.engine.dreamer import DreamEngine

PART = "e network"
_SIZE = Size(384, 512)
_STEPS = 4
_BAR = 0.5


def measure(folder: Path, *, rounds: int) -> list[Figure]:
    """Return the ratios dreamnet / InceptionV3 of time a step, by precision."""
    from dreamvid.engine.network import load_network

    weights = folder / "inception.weights.h5"
    if not weights.exists():
        save_random_inception(weights)
    deepest = [layer.name for layer in load_network(ModelSettings()).layers if layer.kind == "Concatenate"][
        -1
    ]
    base = picture(_SIZE)
    figures = []
    for precision in ("float32", "bfloat16"):
        runs = {
            "dreamnet": _dreamer({"name": "dreamnet"}, deepest, precision),
            "inceptionv3": _dreamer({"name": "inceptionv3", "weights": weights}, "mixed5", precision),
        }
        seconds = interleave(
            {name: functools.partial(dreamer.dream, base) for name, dreamer in runs.items()}, rounds
        )
        ratio, low, high = ratios(seconds["dreamnet"], seconds["inceptionv3"])
        note = f"{_SIZE}; a step of ours takes {1000 * min(seconds['dreamnet']) / _STEPS:.0f} ms at best"
        what = f"dreamnet {deepest} / InceptionV3 mixed5, {precision}"
        figures.append(Figure(PART, what, ratio, "x", "at most", _BAR, low, high, note))
    return figures


def _dreamer(model: dict[str, object], objective: str, precision: str) -> DreamEngine:
    preset = Preset.build(
        {
            "model": model,
            "objective": objective,
            "octaves": {"count": 1},
            "ascent": {"steps": _STEPS},
            "run": {"precision": precision, "tile": "off"},
        }
    )
    return build_dreamer(preset, RunOptions()).dreamer
