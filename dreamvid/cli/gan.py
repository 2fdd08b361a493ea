"""``dreamvid gan``: train a generative adversarial network on pictures of one's own."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from dreamvid.cli.options import CommonOptions, common_command, output_option
from dreamvid.cli.run import run_command
from dreamvid.cli.settings import read_assignments, read_settings, setting_option
from dreamvid.config.gan import GanTrainingSettings
from dreamvid.config.preset import Preset
from dreamvid.errors import SettingsError
from dreamvid.gan_file import SUFFIX
from dreamvid.pipelines.gan.request import DEFAULT_MINUTES, TrainingRequest
from dreamvid.schedule.lengths import known_seconds

app = typer.Typer(
    help="Train a network that invents pictures like yours, and walk through them.", no_args_is_help=True
)

_LENGTH, _PICTURES, _NETWORKS = "How long", "The pictures", "The networks"
_MAX_MINUTES = 100_000.0
_MAX_STEPS = 1_000_000_000


@app.command("train")
@common_command(
    "yes",
    "device",
    "threads",
    "progress",
    "log_file",
    "quiet",
    keep_going="Use the frames before any damage, and warn.",
    report="Write the steps, pictures and time as JSON.",
    fresh="Discard an earlier training of the same name and start from scratch.",
)
def train(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="VIDEO|FOLDER|digits",
            readable=False,
            help="What to learn from: a video, a folder of pictures, MNIST as an IDX file or mnist.npz, or digits, "
            "small handwritten ones that need no download.",
        ),
    ],
    output: Annotated[
        Path | None,
        output_option("The .gan file, checkpoint and result in one; default: <name>.gan beside the source."),
    ] = None,
    *,
    minutes: Annotated[
        str | None,
        typer.Option(
            metavar="X",
            help=f"Minutes of training in all, over all runs (default {DEFAULT_MINUTES:g}).",
            rich_help_panel=_LENGTH,
        ),
    ] = None,
    steps: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help="Steps of training in all: the same number gives the same weights on the same machine.",
            rich_help_panel=_LENGTH,
        ),
    ] = None,
    size: Annotated[str | None, setting_option(GanTrainingSettings, "--size", "size", "N", _PICTURES)] = None,
    start: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Start of the part of a video (s).", rich_help_panel=_PICTURES),
    ] = None,
    duration: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Length of the part of a video (s).", rich_help_panel=_PICTURES),
    ] = None,
    seed: Annotated[str | None, setting_option(GanTrainingSettings, "--seed", "seed", "N", _NETWORKS)] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help=f"Set any of {', '.join(GanTrainingSettings.model_fields)}; may be repeated.",
            rich_help_panel=_NETWORKS,
        ),
    ] = None,
    common: CommonOptions,
) -> None:
    """Train a generator of pictures like those of a video or folder, and a discriminator that tells them apart.

    The same command goes on with an interrupted training; more --minutes or --steps go on with a finished one.
    """
    given = {"input.start": start, "input.duration": duration}
    part = Preset().override({path: text for path, text in given.items() if text is not None}).input
    values = {name: text for name, text in (("size", size), ("seed", seed)) if text is not None}
    request = TrainingRequest(
        source,
        read_settings(GanTrainingSettings, {**values, **read_assignments(assignments or [])}),
        minutes=_minutes(minutes, default=DEFAULT_MINUTES if steps is None else None),
        steps=None if steps is None else _steps(steps),
        start=part.start,
        duration=known_seconds(part.duration),
    )
    with run_command(common, action="training", unit="steps/s") as run:
        from dreamvid.pipelines.gan.training import train_gan  # noqa: PLC0415  loads OpenCV and PyAV

        run.finish(train_gan(request, output or _default_output(source), run.options))


def _default_output(source: Path) -> Path:
    name = source.name if source.is_dir() else source.stem
    return source.with_name(f"{name}{SUFFIX}")


def _minutes(text: str | None, *, default: float | None) -> float | None:
    if text is None:
        return default
    try:
        minutes = float(Fraction(text))
    except (ValueError, ZeroDivisionError, OverflowError):
        minutes = 0.0
    if not 0.0 < minutes <= _MAX_MINUTES:
        raise SettingsError(
            f"--minutes: must be a number above 0 and up to {_MAX_MINUTES:,.0f}, not '{text}'"
        )
    return minutes


def _steps(text: str) -> int:
    if not (text.isdecimal() and len(text) <= len(str(_MAX_STEPS)) and 1 <= int(text) <= _MAX_STEPS):
        raise SettingsError(f"--steps: must be a number from 1 to {_MAX_STEPS:,}, not '{text}'")
    return int(text)
