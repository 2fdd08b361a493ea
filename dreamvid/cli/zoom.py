"""``dreamvid zoom``: make a zoom trip."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dreamvid.cli.options import CommonOptions, dreaming_command, output_option
from dreamvid.cli.run import run_command
from dreamvid.config.preset import Preset
from dreamvid.errors import SettingsError
from dreamvid.media.containers import SUFFIXES


@dreaming_command("zoom")
def zoom(
    image: Annotated[
        Path | None,
        typer.Argument(metavar="[IMAGE]", readable=False, help="Start image; default: 1/f noise."),
    ] = None,
    output: Annotated[
        Path | None,
        output_option(
            f"Output file ({SUFFIXES}), or a folder of PNGs: name/; <name>.dream.mp4 beside the image, "
            "or trip.dream.mp4 here."
        ),
    ] = None,
    from_video: Annotated[
        str | None,
        typer.Option(
            "--from-video", metavar="FILE@TIME", help="Start from a frame of a video: clip.mp4@12.5s."
        ),
    ] = None,
    *,
    preset: Preset,
    changes: dict[str, object],
    common: CommonOptions,
) -> None:
    """Make a zoom trip: each frame is the previous one, moved by the camera and dreamed further."""
    preset = preset.override({"pipeline": "zoom", **_start_change(image, from_video, changes)})
    with run_command(common) as run:
        from dreamvid.pipelines.zoom.run import run_zoom  # noqa: PLC0415  loads OpenCV and PyAV

        run.finish(run_zoom(output, preset, run.options))


def _start_change(
    image: Path | None, from_video: str | None, changes: dict[str, object]
) -> dict[str, object]:
    """Return the change of the preset that sets where the trip starts; empty for none."""
    starts = {"IMAGE": image, "--from-video": from_video, "--from": changes.get("trip.start")}
    used = [name for name, value in starts.items() if value is not None]
    if len(used) > 1:
        raise SettingsError(f"a trip starts from one thing; give {used[0]} or {used[1]}, not both")
    if image is not None:
        return {"trip.start": str(image)}
    return (
        {} if from_video is None else {"trip.start": from_video if "@" in from_video else f"{from_video}@0s"}
    )
