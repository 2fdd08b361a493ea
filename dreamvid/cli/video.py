"""``dreamvid video``: dream a whole video."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dreamvid.cli.options import CommonOptions, dreaming_command, output_option
from dreamvid.cli.run import run_command
from dreamvid.config.preset import Preset
from dreamvid.errors import SettingsError
from dreamvid.media.containers import SUFFIXES
from dreamvid.media.remote import is_url

_MAX_PREVIEW_FRAMES = 100


@dreaming_command("video")
def video(
    source: Annotated[
        str,
        typer.Argument(
            metavar="IN", help="A video, GIF, APNG, WebP or AVIF animation, a URL, or a folder of pictures."
        ),
    ],
    output: Annotated[
        str | None,
        output_option(
            f"Output file ({SUFFIXES}), URL, or a folder of PNGs: name/; <name>.dream beside the input.",
            takes_urls=True,
        ),
    ] = None,
    preview: Annotated[
        str | None,
        typer.Option(
            "--preview",
            metavar="N",
            help=(
                "First dream N frames into <output>.preview.png and estimate time, disk and "
                "memory of the whole."
            ),
        ),
    ] = None,
    *,
    preset: Preset,
    common: CommonOptions,
) -> None:
    """Dream a video; frames, timing and audio stay those of the source."""
    count = _preview_count(preview)
    with run_command(common) as run:
        if is_url(source) or is_url(output):
            from dreamvid.pipelines.remote_video import dream_url  # noqa: PLC0415  loads OpenCV

            if count or common.output_is_folder:
                raise SettingsError("--preview and folders of pictures are for names that are no URLs")
            run.finish(dream_url(source, None if output is None else str(output), preset, run.options))
            return
        from dreamvid.pipelines.video import prepare  # noqa: PLC0415  loads OpenCV and PyAV

        target = None if output is None else Path(output)
        prepared = prepare(Path(source), target, preset, run.options)
        if count:
            run.print(prepared.preview(count).line())
            if not run.confirm("Dream the whole?"):
                return
        run.finish(prepared.run())


def _preview_count(text: str | None) -> int:
    if text is None:
        return 0
    if not text.isdecimal() or not 1 <= int(text) <= _MAX_PREVIEW_FRAMES:
        raise SettingsError(f"--preview: must be a number from 1 to {_MAX_PREVIEW_FRAMES}, not '{text}'")
    return int(text)
