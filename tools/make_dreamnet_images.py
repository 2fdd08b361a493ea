"""Make the sheets of dreamnet from scenes that the project generates itself, and from noise.

    python tools/make_dreamnet_images.py [MODEL.keras] [--folder docs/images]

Writes ``dreamnet.jpg``, what each layer dreams into two landscapes, noise and gray, and
``dreamnet_classes.jpg``, what 24 of its classes look like, dreamed from noise.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from PIL import Image, ImageDraw, ImageFont

from dreamvid.config.preset import Preset
from dreamvid.config.settings import ModelSettings
from dreamvid.objective import parse
from dreamvid.pipelines.landscape import Landscape, fractal_noise
from dreamvid.types import RGB, Size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dreamvid.engine.network import Network

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
SIZE = Size(216, 384)
SIDE = 208
COLUMNS = 6
CLASSES = (
    "goldfish", "European fire salamander", "bullfrog", "American alligator", "tarantula", "king penguin",
    "koala", "jellyfish", "brain coral", "snail", "golden retriever", "tabby",
    "lion", "lesser panda", "ladybug", "monarch", "lemon", "pomegranate",
    "bell pepper", "school bus", "barn", "lighthouse", "triumphal arch", "mushroom",
)  # fmt: skip


def main(
    model: Annotated[
        str, typer.Argument(help="A .keras file; the embedded network if left out.")
    ] = "dreamnet",
    folder: Annotated[Path, typer.Option(help="Where the pictures go.")] = IMAGES,
) -> None:
    """Make both sheets."""
    from dreamvid.engine.network import load_network  # noqa: PLC0415  TensorFlow is slow to import

    network = load_network(
        ModelSettings(name=model, input_range="auto" if model == "dreamnet" else "-1,1"), with_classes=True
    )
    save(layer_sheet(network), folder / "dreamnet.jpg")
    save(class_sheet(network), folder / "dreamnet_classes.jpg")


def layer_sheet(network: Network) -> RGB:
    """Return what each mixed layer, and the default objective, make of four pictures: a row each."""
    from dreamvid.engine.architectures import find_model  # noqa: PLC0415

    pictures = [Landscape(SIZE).frame(2.0), Landscape(SIZE, seed=3).frame(0.0), noise(SIZE), flat(SIZE)]
    rows = []
    layers = [item.name for item in network.layers if item.kind == "Concatenate"]
    for objective in (*layers, find_model("dreamnet").objective):
        row = [dream(network, objective, picture, {}) for picture in pictures]
        rows.append(labelled(np.hstack(row), objective))
    return np.vstack(rows)


def class_sheet(network: Network) -> RGB:
    """Return what classes look like, dreamed from noise: a square a class."""
    look = {"octaves": {"count": 5, "scale": 1.4}, "ascent": {"steps": 24, "step_size": 0.012}}
    squares = [
        labelled(dream(network, f"class:{name}", noise(Size(SIDE, SIDE), seed=index), look), name)
        for index, name in enumerate(CLASSES)
    ]
    rows = [np.hstack(squares[start : start + COLUMNS]) for start in range(0, len(squares), COLUMNS)]
    return np.vstack(rows)


def dream(network: Network, objective: str, picture: RGB, look: Mapping[str, object]) -> RGB:
    """Return a picture dreamed with the default look, but for what ``look`` says."""
    from dreamvid.engine.dreamer import DreamEngine  # noqa: PLC0415

    preset = Preset.build(look)
    engine = DreamEngine(
        network, parse(objective), octaves=preset.octaves, ascent=preset.ascent, run=preset.run
    )
    return engine.dream(picture)


def noise(size: Size, seed: int = 1) -> RGB:
    """Return colored 1/f noise around middle gray."""
    random = np.random.default_rng(seed)
    planes = [fractal_noise(random, 1.0)[: size.height, : size.width] for _ in range(3)]
    picture = np.stack(planes, axis=-1)
    picture = 0.5 + 0.12 * (picture - picture.mean()) / picture.std()
    result: RGB = np.clip(picture, 0.0, 1.0).astype(np.float32)
    return result


def flat(size: Size) -> RGB:
    """Return middle gray."""
    return np.full((size.height, size.width, 3), 0.5, np.float32)


def labelled(picture: RGB, text: str) -> RGB:
    """Return a picture with a caption in its upper left corner."""
    image = Image.fromarray(np.round(picture * 255.0).astype(np.uint8))
    pen = ImageDraw.Draw(image)
    pen.text((6, 3), text, font=ImageFont.load_default(15), fill="white", stroke_width=2, stroke_fill="black")
    return np.asarray(image, np.float32) / 255.0


def save(picture: RGB, path: Path) -> None:
    """Write a picture as a JPEG."""
    Image.fromarray(np.round(picture * 255.0).astype(np.uint8)).save(path, quality=88)
    print(f"{path}: {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    typer.run(main)
