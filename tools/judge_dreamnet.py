"""Numbers beside the pictures: what the embedded network, or one that may take its place, is worth.

    python tools/judge_dreamnet.py SHARDS [MODEL.keras]

SHARDS is the folder with ``val_*.npz``. Prints JSON: accuracy, the share of channels that never wake, the
objective gain of the default dream, and its variety.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from dreamvid.config.preset import Preset
from dreamvid.config.settings import ModelSettings
from dreamvid.image.resize import resize
from dreamvid.objective import parse
from dreamvid.types import Size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamnet.photographs import Photographs
    from dreamvid.engine.network import Network

_SEEN = 1000
_DREAMED = 100
_SIDE = 256


def main(
    shards: Annotated[Path, typer.Argument(help="Folder of val_*.npz.", exists=True)],
    model: Annotated[
        str, typer.Argument(help="A .keras file; the embedded network if left out.")
    ] = "dreamnet",
) -> None:
    """Judge a network."""
    from dreamnet.photographs import read_shards  # noqa: PLC0415  OpenCV and TensorFlow are slow to import
    from dreamvid.engine.network import load_network  # noqa: PLC0415

    photographs = read_shards(shards, "val_*.npz")
    network = load_network(
        ModelSettings(name=model, input_range="auto" if model == "dreamnet" else "-1,1"), with_classes=True
    )
    print(json.dumps(judge(network, photographs), indent=2))


def judge(network: Network, photographs: Photographs) -> dict[str, object]:
    """Return all numbers of a network, from validation photographs of 64 x 64."""
    first, fifth = _accuracy(network, photographs)
    return {
        "photographs": len(photographs),
        "top1": round(first, 4),
        "top5": round(fifth, 4),
        "dead": _dead(network, photographs),
        **_dreams(network, photographs),
    }


def _pictures(photographs: Photographs, start: int, end: int) -> NDArray[np.float32]:
    return photographs.pictures[start:end].astype(np.float32) / 255.0


def _accuracy(network: Network, photographs: Photographs) -> tuple[float, float]:
    """Return the shares of photographs whose label is the first guess, and among the first five."""
    extractor = network.extractor(["logits"])
    first = fifth = 0
    for start in range(0, len(photographs), 250):
        logits = np.mean(extractor(_pictures(photographs, start, start + 250))[0], axis=(1, 2))
        best = np.argsort(-logits, axis=-1)[:, :5] == photographs.labels[start : start + 250, None]
        first += int(best[:, 0].sum())
        fifth += int(best.sum())
    return first / len(photographs), fifth / len(photographs)


def _mixed(network: Network) -> list[str]:
    return [layer.name for layer in network.layers if layer.kind == "Concatenate"]


def _dead(network: Network, photographs: Photographs) -> dict[str, float]:
    """Return the share of each mixed layer's channels that no one of 1,000 photographs wakes."""
    names = _mixed(network)
    extractor = network.extractor(names)
    peaks = [np.zeros(network.layer(name).channels) for name in names]
    for start in range(0, _SEEN, 250):
        for peak, value in zip(peaks, extractor(_pictures(photographs, start, start + 250)), strict=True):
            np.maximum(peak, np.max(value, axis=(0, 1, 2)), out=peak)
    return {name: round(float(np.mean(peak <= 0.0)), 4) for name, peak in zip(names, peaks, strict=True)}


def _dreams(network: Network, photographs: Photographs) -> dict[str, float]:
    """Return what the default dream makes of 100 photographs, enlarged to 256 x 256.

    ``gain`` is the median ratio of the objective after and before, ``rms`` the median dream RMS, ``variety`` how
    many different channels of the objective's layer dominate: the one whose mean rose most, measured in its own
    typical mean.
    """
    from dreamvid.engine.dreamer import DreamEngine  # noqa: PLC0415

    preset = Preset.build({})
    text = _objective(network)
    engine = DreamEngine(
        network,
        parse(text),
        octaves=preset.octaves,
        ascent=preset.ascent,
        run=preset.run,
        precision="bfloat16",
    )
    layer = next(term.layer for term in parse(text).terms)
    extractor = network.extractor([layer])
    gains: list[float] = []
    changes: list[float] = []
    before: list[NDArray[np.float32]] = []
    after: list[NDArray[np.float32]] = []
    for picture in _pictures(photographs, 0, _DREAMED):
        source = np.clip(resize(picture, Size(_SIDE, _SIDE)), 0.0, 1.0)
        dreamed = engine.dream(source)
        gains.append(engine.score(dreamed) / max(engine.score(source), 1e-12))
        changes.append(float(np.sqrt(np.mean((dreamed - source) ** 2))))
        for image, means in ((source, before), (dreamed, after)):
            means.append(np.mean(extractor(image[None])[0], axis=(0, 1, 2)))
    rise = (np.array(after) - np.array(before)) / (np.mean(before, axis=0) + 1e-6)
    return {
        "gain": round(float(np.median(gains)), 2),
        "rms": round(float(np.median(changes)), 3),
        "variety": len(set(np.argmax(rise, axis=1).tolist())),
    }


def _objective(network: Network) -> str:
    from dreamvid.engine.architectures import find_model  # noqa: PLC0415

    return find_model("dreamnet").objective if "mixed5" in _mixed(network) else _mixed(network)[-1]


if __name__ == "__main__":
    typer.run(main)
