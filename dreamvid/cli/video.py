"""``dreamvid video``: dream a whole video."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dreamvid.cli.options import Common, dreaming_command
from dreamvid.cli.session import session
from dreamvid.preset import Preset


@dreaming_command(video=True)
def video(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="IN", readable=False, help="A video, GIF, APNG or WebP animation, or a folder of PNGs."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT",
            help="Output file (.mp4 .mov .mkv .webm .gif .apng .webp) or folder; <name>.dream beside the input.",
        ),
    ] = None,
    *,
    preset: Preset,
    common: Common,
) -> None:
    """Dream a whole video: the same frames, the same time, the same sound."""
    with session(common) as tell:
        from dreamvid.pipelines.video import dream_file  # noqa: PLC0415  loads OpenCV and PyAV

        result = dream_file(
            source,
            output,
            preset,
            common.machine(),
            overwrite=tell.may_replace,
            keeping=common.keeping(),
            tell=tell.progress,
        )
        tell.finished(result)
