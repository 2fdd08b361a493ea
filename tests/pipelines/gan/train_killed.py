"""Trains a small GAN with a checkpoint every third step, to be killed at any moment.

``python train_killed.py FOLDER OUTPUT STEPS``; prints a line after each step.
"""

from __future__ import annotations

import sys
from pathlib import Path

from dreamvid.config.gan import GanTrainingSettings
from dreamvid.pipelines.gan import training
from dreamvid.pipelines.gan.request import TrainingRequest
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.progress import NullProgress


class Printed(NullProgress):
    """Prints each step."""

    def frame(self, index: int) -> None:
        """Print a line."""
        print(index, flush=True)  # noqa: T201  for whoever kills this


def no_chart(path: Path, rows: object) -> None:
    """Write no chart, which takes longest."""
    path.write_text(str(rows))


def train(folder: Path, output: Path, steps: int) -> None:
    """Train, or go on."""
    setattr(training, "write_training_chart", no_chart)  # noqa: B010  mypy knows it as another function
    training.ROW_STEPS, training.SAVE_SECONDS, training._MEASURED_SECONDS = 3, 0.0, 0.0
    settings = GanTrainingSettings(size=16, width=4, batch=4, latent_size=4)
    request = TrainingRequest(folder, settings, minutes=None, steps=steps)
    training.train_gan(request, output, RunOptions(threads=1, progress=Printed()))


if __name__ == "__main__":
    train(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
