"""``dreamvid demo``: make a short clip and dream it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dreamvid.cli.options import CommonOptions, dreaming_command
from dreamvid.cli.run import run_command
from dreamvid.config.preset import Preset


@dreaming_command("video")
def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for the two clips.")] = Path(),
    *,
    preset: Preset,
    common: CommonOptions,
) -> None:
    """Make a short clip with audio and dream it; needs no input and no download, takes under two minutes."""
    with run_command(common) as run:
        from dreamvid.pipelines.demo import run_demo  # noqa: PLC0415  loads OpenCV and PyAV

        source, result = run_demo(folder, preset, run.options)
        run.print(f"made {source}")
        run.finish(result)
