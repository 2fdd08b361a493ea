"""A sheet of a generator's pictures, each with the number of its seed."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from dreamvid.config.walk import choose_seeds
from dreamvid.gan_file import latent_vectors
from dreamvid.pipelines.build import load_generator
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.output_path import check_target
from dreamvid.pipelines.sweep_output import ContactSheet, plan_sheet
from dreamvid.pipelines.walk.plan import generator_file
from dreamvid.pipelines.walk.source import enlarge
from dreamvid.schedule.fields import constant
from dreamvid.schedule.times import START
from dreamvid.text import byte_size, printable
from dreamvid.types import Frame, Size

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.config.preset import Preset
    from dreamvid.pipelines.walk.run import LoadGenerator

# Longer side of a picture on the sheet, in px, at least, where there is room.
_TILE = 160


@dataclass(frozen=True, slots=True)
class GridResult:
    """A finished sheet: where it is, and facts for people and programs; ``size`` is that of the sheet."""

    source: Path
    output: Path
    pictures: int
    size: Size

    def line(self) -> str:
        """Return the closing line."""
        pictures = "1 picture" if self.pictures == 1 else f"{self.pictures} pictures"
        return (
            f"drew {pictures}, {self.size}, {byte_size(self.output.stat().st_size)}: {printable(self.output)}"
        )

    def summary(self) -> dict[str, Any]:
        """Return the facts of the closing line as JSON values."""
        return {
            "pictures": self.pictures,
            "width": self.size.width,
            "height": self.size.height,
            "bytes": self.output.stat().st_size,
            "output": str(self.output).encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
        }

    def report(self) -> dict[str, Any]:
        """Return all facts as JSON values."""
        return {**self.summary(), "source": self.source.name}


def make_grid(
    output: Path | None,
    preset: Preset,
    options: RunOptions = RunOptions(),
    *,
    load: LoadGenerator = load_generator,
) -> GridResult:
    """Draw the pictures of ``walk.seeds`` with their numbers; a walk through them goes by the same pictures.

    Parameters
    ----------
    output
        The picture to write; None is ``<name>.grid.png`` beside the generator.
    preset
        ``walk.generator``, ``walk.seeds``, ``walk.truncation`` and ``run.seed`` count.
    load
        Returns the generator in a file.

    Raises
    ------
    DreamvidError
        In one line; nothing half-written is left.
    """
    from dreamvid.media.still.writer import check_suffix  # noqa: PLC0415  imageio loads only when media is touched

    file = generator_file(preset)
    output = output or file.with_name(f"{file.stem}.grid.png")
    check_suffix(output)
    check_target(output, [file], options.confirm_overwrite)
    generator = load(file, options)
    seeds = choose_seeds(preset.walk.seeds, preset.run.seed)
    scale = max(1.0, _TILE / max(generator.size))
    layout = plan_sheet([""] * len(seeds), Size(*(round(side * scale) for side in generator.size)))
    truncation = np.float32(constant(preset.at(START).walk.truncation))
    options.progress.start(len(seeds), output.name)
    with ContactSheet(output, layout, [str(seed) for seed in seeds], {}) as sheet:
        for index, latent in enumerate(latent_vectors(seeds, generator.latent_size)):
            picture = enlarge(generator.picture(latent * truncation), layout.cell)
            sheet.write(Frame(index, Fraction(index), picture))
            options.progress.frame(index)
    return GridResult(file, output, len(seeds), layout.size)
