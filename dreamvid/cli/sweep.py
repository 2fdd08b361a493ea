"""``dreamvid sweep``: one picture through the layers, channels or classes of a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dreamvid.cli.options import CommonOptions, dreaming_command
from dreamvid.cli.run import run_command
from dreamvid.config.preset import Preset
from dreamvid.media.containers import SUFFIXES


@dreaming_command("sweep")
def sweep(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A name from 'models list', or a model file.")
    ],
    image: Annotated[Path, typer.Argument(metavar="IMAGE", readable=False, help="Still picture.")],
    output: Annotated[
        Path | None,
        typer.Argument(
            metavar="[OUT]",
            parser=str,  # as a path, it would lose a slash at its end
            help=f"Animation or video ({SUFFIXES}), contact sheet (.png .jpg), or folder of PNGs: name/; default: "
            "<name>.dream.gif beside the picture.",
        ),
    ] = None,
    *,
    preset: Preset,
    common: CommonOptions,
) -> None:
    """Dream one picture by each layer, channel or class in turn, and show the dreams one after another."""
    preset = preset.override({"model.name": model})
    with run_command(common) as run:
        from dreamvid.pipelines.sweep import run_sweep  # noqa: PLC0415  loads OpenCV and PyAV

        run.finish(run_sweep(image, output, preset, run.options))
