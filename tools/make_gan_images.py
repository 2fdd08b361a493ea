"""Make the pictures of docs/gan.md: the same seeds over a training on handwritten digits.

    python tools/make_gan_images.py WORK [--threads N]

WORK keeps the training, so that the script goes on where it was.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from PIL import Image

from dreamvid.gan_file import latent_vectors, open_gan
from dreamvid.image.caption import draw_caption
from dreamvid.pipelines.build import build_gan_trainer
from dreamvid.pipelines.gan.request import TrainingRequest
from dreamvid.pipelines.gan.sheet import draw_sheet
from dreamvid.pipelines.gan.training import train_gan
from dreamvid.pipelines.options import RunOptions

STAGES = (100, 400, 1500, 6000)
_IMAGES = Path(__file__).resolve().parent.parent / "docs/images/gan"
_SEEDS, _COLUMNS = range(24), 4
_GAP = 12
_QUALITY = 88


def main(
    work: Annotated[Path, typer.Argument(help="Folder of the training.")],
    threads: Annotated[int | None, typer.Option(help="CPU threads.")] = None,
) -> None:
    """Train on the digits, and draw a sheet of each stage, the first steps at the left."""
    work.mkdir(parents=True, exist_ok=True)
    options = RunOptions(threads=threads)
    sheets = []
    for stage in STAGES:
        sheet = work / f"{stage:05d}.png"
        if not sheet.exists():
            _train(work / "digits.gan", stage, sheet, options)
        sheets.append(np.asarray(Image.open(sheet), np.float32) / 255.0)
    row = np.concatenate(
        [np.pad(each, ((0, 0), (0, _GAP), (0, 0)), constant_values=1.0) for each in sheets], 1
    )
    _IMAGES.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(np.rint(row[:, :-_GAP] * 255.0).astype(np.uint8))
    picture.save(_IMAGES / "training.webp", quality=_QUALITY, method=6)


def _train(gan: Path, steps: int, sheet: Path, options: RunOptions) -> None:
    request = TrainingRequest(Path("digits"), minutes=None, steps=steps)
    train_gan(request, gan, options)
    file = open_gan(gan)
    trainer = build_gan_trainer(file.settings, options)
    trainer.restore(file.arrays())
    pictures = draw_sheet(trainer.generate(latent_vectors(_SEEDS, file.settings.latent_size)), _COLUMNS)
    half = cv2.resize(pictures, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    captioned = draw_caption(half, f"{steps:,} steps")
    Image.fromarray(np.rint(captioned * 255.0).astype(np.uint8)).save(sheet)


if __name__ == "__main__":
    typer.run(main)
