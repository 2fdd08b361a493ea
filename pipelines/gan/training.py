"""Train a GAN on the user's pictures, with a checkpoint, a preview and a chart each minute.

The ``.gan`` file is the checkpoint: it holds all that the training needs to go on, replaces the one before as a
whole, and can be used meanwhile. The same command goes on from it, with the same weights as if it had never been
interrupted.
"""

from __future__ import annotations

import logging
import math
import shlex
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dreamvid._version import __version__
from dreamvid.errors import EngineError, SettingsError
from dreamvid.gan_file import GanSettings, latent_vectors
from dreamvid.media.still.reader import Still
from dreamvid.media.still.writer import write_still
from dreamvid.pipelines.build import build_gan_trainer
from dreamvid.pipelines.charts import write_training_chart
from dreamvid.pipelines.gan.batches import Batches
from dreamvid.pipelines.gan.checkpoint import Checkpoint, chart_path, check_output, preview_path
from dreamvid.pipelines.gan.log import COLUMNS
from dreamvid.pipelines.gan.pictures import read_training_pictures
from dreamvid.pipelines.gan.sheet import SEEDS, draw_sheet
from dreamvid.pipelines.options import RunOptions
from dreamvid.text import byte_size, printable

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.pipelines.gan.log import Row
    from dreamvid.pipelines.gan.pictures import TrainingPictures
    from dreamvid.pipelines.gan.request import TrainingRequest
    from dreamvid.pipelines.gan.trainer import Trainer

_log = logging.getLogger(__name__)

ROW_STEPS = 50
"""Steps of a row of the log; checkpoints lie at their ends."""
SAVE_SECONDS = 60.0
_MEASURED_SECONDS = 2.0
_MAPPING = {16: 2}
"""Hidden layers of the mapping network by the side of the pictures; none at other sizes."""
_FEW = 100
"""Different pictures below which the generator mostly repeats them."""


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """A trained GAN: where it is, and how long it was trained over all its runs."""

    output: Path
    settings: GanSettings
    resumed_at: int

    def line(self) -> str:
        """Return the closing line."""
        settings = self.settings
        if self.resumed_at == settings.steps:
            return f"{printable(self.output)} has {settings.steps:,} steps already; give more --minutes or --steps"
        minutes, seconds = divmod(round(settings.seconds), 60)
        passes = settings.pictures_seen / settings.pictures
        return (
            f"trained {settings.steps:,} steps of {settings.batch} pictures ({passes:,.1f} passes) in "
            f"{minutes}:{seconds:02d}, {byte_size(self.output.stat().st_size)}: {printable(self.output)}"
        )

    def summary(self) -> dict[str, Any]:
        """Return the facts of the closing line as JSON values."""
        settings = self.settings
        return {
            "steps": settings.steps,
            "pictures_seen": settings.pictures_seen,
            "pictures": settings.pictures,
            "different": settings.different,
            "seconds": settings.seconds,
            "bytes": self.output.stat().st_size,
            "output": str(self.output).encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
        }

    def report(self) -> dict[str, Any]:
        """Return all facts as JSON values."""
        return {**self.summary(), "resumed_at": self.resumed_at}


def train_gan(request: TrainingRequest, output: Path, options: RunOptions = RunOptions()) -> TrainingResult:
    """Train a GAN, or go on with a training.

    Beside ``NAME.gan`` are written ``NAME.preview.png``, pictures of the seeds 0, 1, 2, ..., and
    ``NAME.training.png``, a chart of losses, scores and the strength of the augmentation.

    Raises
    ------
    DreamvidError
        In one line. The last checkpoint stays, and the same call goes on from there.
    KeyboardInterrupt
        Where the run was asked to stop; its text says how to go on.
    """
    if request.minutes is None and request.steps is None:
        raise SettingsError("give a training --minutes or --steps")
    check_output(output, request.source, options)
    pictures = read_training_pictures(
        request.source,
        request.settings.size,
        start=request.start,
        duration=request.duration,
        keep_going=options.keep_going,
    )
    with Checkpoint(output, _settings(request, pictures), fresh=options.fresh) as checkpoint:
        resumed_at = checkpoint.settings.steps
        _Training(request, pictures, checkpoint, options).run()
        return TrainingResult(output, checkpoint.settings, resumed_at)


def _settings(request: TrainingRequest, pictures: TrainingPictures) -> GanSettings:
    chosen = request.settings
    return GanSettings(
        size=pictures.codes.shape[1],
        channels=pictures.codes.shape[3],
        latent_size=chosen.latent_size,
        width=chosen.width_at(pictures.codes.shape[1]),
        mapping=_MAPPING.get(pictures.codes.shape[1], 0),
        batch=chosen.batch,
        seed=chosen.seed,
        source=pictures.name,
        fingerprint=pictures.fingerprint,
        pictures=len(pictures.codes),
        different=pictures.different,
        version=__version__,
    )


class _Training:
    """One run of a training, from its checkpoint to the end."""

    def __init__(
        self,
        request: TrainingRequest,
        pictures: TrainingPictures,
        checkpoint: Checkpoint,
        options: RunOptions,
    ) -> None:
        self._request, self._pictures = request, pictures
        self._checkpoint, self._options = checkpoint, options
        settings = checkpoint.settings
        self._batches = Batches(pictures.codes, settings.batch, settings.seed)
        self._trainer: Trainer = build_gan_trainer(settings, options)
        self._rows: list[Row] = checkpoint.restore(self._trainer)
        self._step, self._seconds_before = settings.steps, settings.seconds
        self._figures: list[tuple[float, ...]] = []
        self._saves = 0

    def run(self) -> None:
        """Train until the end, or until asked to stop."""
        if not self._is_done(self._seconds_before):
            speed = self._measure_speed()
            self._announce(speed)
            self._options.progress.start(self._expected_steps(speed), self._checkpoint.path.name, self._step)
            with self._options.interruptible() as stop_requested:
                self._train(stop_requested)
                stopped = stop_requested()
            if stopped and not self._is_done(self._checkpoint.settings.seconds):
                raise KeyboardInterrupt(self._way_on())
        else:
            self._show()

    def _train(self, stop_requested: Any) -> None:
        began = saved = time.perf_counter()
        while True:
            now = time.perf_counter()
            seconds = self._seconds_before + now - began
            done = self._is_done(seconds) or stop_requested()
            if done or self._step % ROW_STEPS == 0:
                self._end_row(seconds)
                if done or now - saved >= SAVE_SECONDS:
                    self._save(seconds)
                    saved = now
                if done:
                    return
            report = self._trainer.step(self._batches[self._step], self._step)
            self._figures.append(report)
            self._options.progress.frame(self._step)
            self._step += 1

    def _is_done(self, seconds: float) -> bool:
        steps, minutes = self._request.steps, self._request.minutes
        return (steps is not None and self._step >= steps) or (
            minutes is not None and seconds >= 60.0 * minutes
        )

    def _end_row(self, seconds: float) -> None:
        """Add a row to the log; raise an ``EngineError`` where the training has diverged."""
        if not self._figures:
            return
        values = np.mean(self._figures, axis=0).tolist()
        values[-1] = self._figures[-1][-1]
        if not all(map(math.isfinite, values)):
            raise EngineError(
                f"the training has diverged at step {self._step}; "
                f"{printable(self._checkpoint.path)} holds step {self._checkpoint.settings.steps}; "
                "begin another with another --seed"
            )
        self._rows.append(dict(zip(COLUMNS, (float(self._step), seconds, *values), strict=True)))
        self._figures.clear()

    def _save(self, seconds: float) -> None:
        self._show()
        seen = self._step * self._checkpoint.settings.batch
        self._checkpoint.save(
            self._trainer, self._rows, steps=self._step, pictures_seen=seen, seconds=seconds
        )
        self._saves += 1
        self._options.progress.chunk(self._saves, self._step)

    def _show(self) -> None:
        """Write the preview and the chart."""
        latents = latent_vectors(SEEDS, self._checkpoint.settings.latent_size)
        sheet = draw_sheet(self._trainer.generate(latents))
        write_still(preview_path(self._checkpoint.path), Still(sheet), overwrite=True)
        write_training_chart(chart_path(self._checkpoint.path), self._rows)

    def _measure_speed(self) -> float:
        """Return steps per second; the variables are as they were afterwards."""
        before = self._trainer.arrays()
        self._trainer.step(self._batches[0], 0)  # compiles
        began, steps, elapsed = time.perf_counter(), 0, 0.0
        while steps == 0 or elapsed < _MEASURED_SECONDS:
            steps += 1
            self._trainer.step(self._batches[steps], steps)
            elapsed = time.perf_counter() - began
        self._trainer.restore(before)
        return steps / elapsed

    def _expected_steps(self, speed: float) -> int:
        counts = [] if self._request.steps is None else [self._request.steps]
        if self._request.minutes is not None:
            left = 60.0 * self._request.minutes - self._seconds_before
            counts.append(self._step + max(1, round(left * speed)))
        return min(counts)

    def _announce(self, speed: float) -> None:
        """Tell how many pictures there are, and how often the training will see them."""
        settings, name = self._checkpoint.settings, self._pictures.name
        total = self._expected_steps(speed)
        passes = total * settings.batch / settings.pictures
        minutes = (self._seconds_before + (total - self._step) / speed) / 60.0
        _log.warning(
            "%s: %s pictures of %d px, %s of them clearly different; about %.1f minutes for %s steps of %d pictures, "
            "%.0f passes over them",
            name,
            f"{settings.pictures:,}",
            settings.size,
            f"{settings.different:,}",
            minutes,
            f"{total:,}",
            settings.batch,
            passes,
        )
        if settings.different < _FEW:
            _log.warning(
                "only %d pictures are clearly different: the generator will repeat them more than invent others; "
                "take a longer or livelier clip, or more pictures",
                settings.different,
            )

    def _way_on(self) -> str:
        command = shlex.join(self._options.command)
        way = f"go on with: {command}" if command else "the same call goes on from there"
        return f"interrupted; {self._step:,} steps are kept in {printable(self._checkpoint.path)}; {way}"
