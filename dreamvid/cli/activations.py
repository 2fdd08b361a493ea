"""``dreamvid activations``: see where the layers, channels and classes of a network fire, and when."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dreamvid.cli.options import CommonOptions, common_command, output_option
from dreamvid.cli.output import show_table
from dreamvid.cli.run import run_command
from dreamvid.config.preset import Preset
from dreamvid.schedule.lengths import known_seconds

if TYPE_CHECKING:
    from dreamvid.pipelines.activity import ActivityReport, ShownChannel

_CHOICE, _FILES, _PART = "What is seen", "Files", "Part of a video"
_MOST_ONSETS = 3


@common_command(
    "yes",
    "trust_model",
    "device",
    "threads",
    "progress",
    keep_going="Read the part before any damage, and warn.",
    quiet="Print nothing but the figures.",
)
def activations(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A name from 'models list', or a model file.")
    ],
    source: Annotated[
        Path,
        typer.Argument(
            metavar="IMAGE|VIDEO", readable=False, help="A picture, a video, or a folder of frames."
        ),
    ],
    output: Annotated[
        Path | None,
        output_option("Write the heat maps: of a video a video with its sound, of a picture a picture."),
    ] = None,
    *,
    layers: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Layers by name, glob or depth: mixed4, 'mixed?', 1,5,18, 2-9; default: the main layers and the "
            "classes.",
            rich_help_panel=_CHOICE,
        ),
    ] = None,
    channels: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Channels of each layer: 0,3,7, 4-9, 16 (the first 16), random:8 or, for one, 35,; default: all.",
            rich_help_panel=_CHOICE,
        ),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Classes by name, glob or number: tabby,bullfrog, 0-9, all.",
            rich_help_panel=_CHOICE,
        ),
    ] = None,
    top: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            help="Show the N channels of each layer that fire most; 0: the layers alone.",
            rich_help_panel=_CHOICE,
        ),
    ] = 8,
    width: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=16,
            max=8192,
            help="Longer side at which the network sees pictures (px); smaller ones stay as they are.",
            rich_help_panel=_CHOICE,
        ),
    ] = 640,
    weights: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Weights file for a named network.", rich_help_panel=_CHOICE),
    ] = None,
    input_range: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Pixel range of your own network, as LOW,HIGH (-1,1 or 0,255).",
            rich_help_panel=_CHOICE,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", metavar="", help="Print JSON.")] = False,
    sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write a contact sheet: what fires most, each in the frame where it does (.png .jpg .webp).",
            rich_help_panel=_FILES,
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Draw a chart of a video over time (.png .svg .pdf).", rich_help_panel=_FILES
        ),
    ] = None,
    start: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Start (s).", rich_help_panel=_PART)
    ] = None,
    duration: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Length (s).", rich_help_panel=_PART)
    ] = None,
    fps: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Frames a second to read (fps).", rich_help_panel=_PART)
    ] = None,
    common: CommonOptions,
) -> None:
    """See where layers, channels and classes fire in a picture or video, which most, and when they wake."""
    values = {
        "model.name": model,
        "model.weights": weights,
        "model.input_range": input_range,
        "input.start": start,
        "input.duration": duration,
        "output.fps": fps,
    }
    settings = Preset().override({path: value for path, value in values.items() if value is not None})
    with run_command(common, action="reading") as run:
        from dreamvid.pipelines.activations import ActivationRequest, see_activations  # noqa: PLC0415  loads OpenCV

        request = ActivationRequest(
            layers=layers,
            channels=channels,
            classes=classes,
            top=top,
            width=width,
            start=settings.input.start,
            duration=known_seconds(settings.input.duration),
            fps=settings.output.fps,
            output=output,
            sheet=sheet,
            plot=plot,
        )
        report = see_activations(source, settings.model, request, run.options)
        run.display.done({"frames": 1 if report.times is None else len(report.times)})
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=2))
    else:
        _show(report)


def _show(report: ActivityReport) -> None:
    times = report.times
    header = ("objective", "strength", "mean", "x", "y")
    header_of_time = () if times is None else ("strongest at", "wakes at")
    rows: list[tuple[str, ...]] = []
    for shown in (shown for channels in report.layers.values() for shown in channels):
        activity = shown.activity
        row: tuple[str, ...] = (
            shown.objective,
            f"{activity.strength:.3g}",
            f"{activity.mean:.3g}",
            *map(str, shown.place),
        )
        if times is not None:
            row = (*row, f"{times[activity.frame]:.2f} s", _onsets(shown, times))
        rows.append(row)
    show_table((*header, *header_of_time), rows)


def _onsets(shown: ShownChannel, times: tuple[float, ...]) -> str:
    """Return when a channel wakes; a dash where it fires throughout."""
    onsets = [f"{times[frame]:.2f}" for frame in shown.activity.onsets]
    more = ", ..." if len(onsets) > _MOST_ONSETS else ""
    return f"{', '.join(onsets[:_MOST_ONSETS])}{more} s" if onsets else "-"
