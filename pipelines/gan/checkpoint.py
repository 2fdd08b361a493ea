"""The ``.gan`` file as a checkpoint: begin it, or go on from it, and replace it with a later one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Self

from dreamvid._version import __version__
from dreamvid.atomic import AtomicOutput, FileLock, remove, write_error
from dreamvid.checkpoint.layout import pack_arrays
from dreamvid.errors import ModelError, WorkError, WriteError
from dreamvid.gan_file import (
    DISCRIMINATOR,
    GENERATOR,
    LOG,
    SUFFIX,
    TRAINING,
    GanFile,
    GanSettings,
    open_gan,
    write_gan,
)
from dreamvid.pipelines.gan.log import from_csv, to_csv
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dreamvid.pipelines.gan.log import Row
    from dreamvid.pipelines.gan.trainer import Trainer
    from dreamvid.pipelines.options import RunOptions

_FIXED = ("size", "channels", "width", "latent_size", "batch", "seed")
"""Settings that a training keeps."""


def preview_path(output: Path) -> Path:
    """Return the path of the preview sheet of a ``.gan``."""
    return output.with_suffix(".preview.png")


def chart_path(output: Path) -> Path:
    """Return the path of the chart of a ``.gan``'s training."""
    return output.with_suffix(".training.png")


def check_output(output: Path, source: Path, options: RunOptions) -> None:
    """Check where a ``.gan`` goes, before any work is done for it.

    Raises
    ------
    WriteError
        Where it cannot be written, or something else is there that may not be replaced.
    """
    if output.suffix.lower() != SUFFIX:
        raise WriteError(f"{printable(output)}: a trained GAN is a {SUFFIX} file; name it so")
    for path in (output, preview_path(output), chart_path(output)):
        AtomicOutput(path, inputs=[source], overwrite=True)
    if output.exists():
        try:
            open_gan(output)
        except ModelError:
            if not options.fresh or not options.confirm_overwrite(output):
                raise WriteError(
                    f"{printable(output)} is damaged or something else; name another output, "
                    "or replace it with --fresh --yes"
                ) from None
        return
    for path in (preview_path(output), chart_path(output)):
        if path.exists() and not options.confirm_overwrite(path):
            raise WriteError(f"{printable(path)} exists; use --yes to replace it")


class Checkpoint:
    """A ``.gan`` that is being trained, locked against other runs.

    Parameters
    ----------
    settings
        Those of the training, as it begins.
    fresh
        Begin anew, whatever is there.

    Raises
    ------
    WorkError
        Where the file is of another training, or another run is at it.
    """

    def __init__(self, path: Path, settings: GanSettings, *, fresh: bool) -> None:
        self.path, self.settings = path, settings
        self._name = printable(path)
        self._lock_path = path.with_name(f".{path.name}.lock")
        try:
            self._lock = FileLock(self._lock_path, create=True)
        except BlockingIOError:
            raise WorkError(f"{self._name}: another run is training it; wait for that one") from None
        except OSError as error:
            raise write_error(path, error) from None
        self._earlier: GanFile | None = None
        try:
            if path.exists() and not fresh:
                self._earlier = open_gan(path)
                self._check(self._earlier.settings)
                self.settings = replace(self._earlier.settings, version=__version__)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def restore(self, trainer: Trainer) -> list[Row]:
        """Set the trainer's variables to those of the file, if there is one; return the rows of its log.

        Raises
        ------
        ModelError
            Where the file is damaged.
        """
        if self._earlier is None:
            return []
        try:
            trainer.restore(self._earlier.arrays())
            return from_csv(self._earlier.read(LOG))
        except ValueError:
            raise ModelError(f"{self._name}: is damaged (its log cannot be read)") from None
        except ModelError as error:
            text = str(error)
            raise ModelError(text if text.startswith(self._name) else f"{self._name}: {text}") from None

    def save(
        self, trainer: Trainer, rows: Sequence[Row], *, steps: int, pictures_seen: int, seconds: float
    ) -> None:
        """Write the file anew; where that fails (``WriteError``), the one before stays."""
        self.settings = replace(
            self.settings, steps=steps, pictures_seen=pictures_seen, seconds=round(seconds, 3)
        )
        members = {
            GENERATOR: trainer.generator_bytes(),
            DISCRIMINATOR: trainer.discriminator_bytes(),
            TRAINING: pack_arrays(trainer.arrays()),
            LOG: to_csv(rows),
        }
        write_gan(self.path, self.settings, members)

    def close(self) -> None:
        """Release the lock."""
        remove(self._lock_path)
        self._lock.release()

    def _check(self, earlier: GanSettings) -> None:
        way = "name another output, or begin anew with --fresh"
        for name in _FIXED:
            was, wanted = getattr(earlier, name), getattr(self.settings, name)
            if was != wanted:
                raise WorkError(f"{self._name} was begun with {name} {was}, not {wanted}; {way}")
        if earlier.fingerprint != self.settings.fingerprint:
            raise WorkError(f"{self._name} was begun with other pictures (of {earlier.source}); {way}")
