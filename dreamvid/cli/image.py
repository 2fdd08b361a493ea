"""``dreamvid image``: dream still images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dreamvid.cli.options import CommonOptions, dreaming_command, output_option
from dreamvid.cli.run import run_command
from dreamvid.config.preset import Preset


@dreaming_command("image")
def image(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="IN...", readable=False, help="Still images: PNG, JPEG, WebP, AVIF, TIFF or BMP."
        ),
    ],
    output: Annotated[
        Path | None,
        output_option(
            "Output image, or a folder for several: name/; default: <name>.dream.png beside each input."
        ),
    ] = None,
    *,
    preset: Preset,
    common: CommonOptions,
) -> None:
    """Dream still images."""
    with run_command(common) as run:
        from dreamvid.pipelines.image import dream_images  # noqa: PLC0415  loads OpenCV and imageio

        for result in dream_images(sources, output, preset, run.options):
            run.finish(result)
