"""Judge pictures of classes by another network: the share that it takes for what they are made to be.

    python tools/judge_visualization.py JUDGE.keras [--model MODEL] [--classes 200]

For each parameterization, classes of MODEL are made visible from noise and shown to JUDGE, which must have the same
classes. ``plain pixels`` is pixel ascent without random transforms, the baseline. Prints JSON: shares of pictures
whose class is the judge's first guess and among its first five, and the mean objective of MODEL.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from dreamvid.config.settings import ModelSettings
from dreamvid.config.visualization import VisualizationSettings
from dreamvid.image.resize import resize
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dreamvid.engine.network import Network
    from dreamvid.engine.visualizer import UnitPicture

_CONTESTANTS: dict[str, dict[str, Any]] = {
    "fourier": {},
    "maco": {"parameterization": "maco"},
    "pixels": {"parameterization": "pixels"},
    "plain pixels": {"parameterization": "pixels", "jitter": 0, "scaling": 0.0, "rotation": 0.0},
}
_SIDE = 64
"""The judge was trained on photographs of this side."""


def main(
    judge: Annotated[Path, typer.Argument(help="A .keras file of another network.", exists=True)],
    *,
    model: Annotated[str, typer.Option(help="The network that is made visible.")] = "dreamnet",
    classes: Annotated[int, typer.Option(help="How many classes, evenly spread.")] = 200,
    steps: Annotated[int | None, typer.Option(help="Gradient steps; default: the settings'.")] = None,
    size: Annotated[int | None, typer.Option(help="Side (px); default: the settings'.")] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="A contestant; default: all; may be repeated.")
    ] = None,
) -> None:
    """Judge pictures of classes."""
    from dreamvid.engine.visualizer import FeatureVisualizer  # noqa: PLC0415  TensorFlow is slow to import

    shown, judging = _load(model), _load(str(judge))
    units = np.linspace(0, len(shown.classes) - 1, classes).round().astype(int).tolist()
    results: dict[str, Any] = {}
    given = {name: value for name, value in (("steps", steps), ("size", size)) if value is not None}
    for name in only or _CONTESTANTS:
        settings = VisualizationSettings(**_CONTESTANTS[name], **given)
        visualizer = FeatureVisualizer(shown, "logits", settings, precision="bfloat16")
        results[name] = recognized(judging, visualizer.visualize(units), units)
        print(name, results[name], flush=True)
    print(json.dumps(results, indent=2))


def _load(name: str) -> Network:
    from dreamvid.engine.network import load_network  # noqa: PLC0415  the same

    return load_network(
        ModelSettings(name=name, input_range="auto" if name == "dreamnet" else "-1,1"), with_classes=True
    )


def recognized(judge: Network, made: Sequence[UnitPicture], units: Sequence[int]) -> dict[str, float]:
    """Return how many of the pictures a network recognizes."""
    small = np.stack([np.clip(resize(each.picture, Size(_SIDE, _SIDE)), 0.0, 1.0) for each in made])
    logits = np.mean(judge.extractor(["logits"])(small)[0], axis=(1, 2))
    hits = np.argsort(-logits, axis=-1)[:, :5] == np.array(units)[:, None]
    return {
        "top1": round(float(hits[:, 0].mean()), 4),
        "top5": round(float(hits.any(axis=1).mean()), 4),
        "objective": round(float(np.mean([each.score for each in made])), 2),
    }


if __name__ == "__main__":
    typer.run(main)
