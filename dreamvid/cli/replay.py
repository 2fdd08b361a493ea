"""``dreamvid replay``: dream again from the settings that are embedded in a dream."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dreamvid.cli.options import CommonOptions, dreaming_command, output_option
from dreamvid.cli.run import run_command


@dreaming_command("video")
def replay(
    dreamed: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", readable=False, help="A video, animation, folder or still that dreamvid made."
        ),
    ],
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="[SOURCE]",
            readable=False,
            help=(
                "The source; default: searched beside the dream and in the current folder by name"
                " and fingerprint."
            ),
        ),
    ] = None,
    output: Annotated[
        Path | None,
        output_option("Output; default: <name>.again beside the dream."),
    ] = None,
    *,
    changes: dict[str, object],
    common: CommonOptions,
) -> None:
    """Render a dream again from its embedded settings; options override them."""
    with run_command(common) as run:
        from dreamvid.pipelines.replay import replay  # noqa: PLC0415  loads OpenCV and PyAV

        run.finish(replay(dreamed, source, output, changes, run.options))
