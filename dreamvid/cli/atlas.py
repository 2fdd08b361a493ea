"""``dreamvid atlas``: pictures of what the units of a network respond to, as a web page and a contact sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from pydantic import ValidationError

from dreamvid.cli.options import CommonOptions, common_command, output_option
from dreamvid.cli.run import run_command
from dreamvid.config.messages import explain
from dreamvid.config.preset import Preset
from dreamvid.config.visualization import ParameterizationName, VisualizationSettings
from dreamvid.errors import SettingsError
from dreamvid.pipelines.atlas.request import IMAGE_SIZE, AtlasRequest

_CHOICE, _PICTURES, _NETWORK = "What is shown", "The pictures", "The network"
_DEFAULT_SIZE = VisualizationSettings.model_fields["size"].default
_MAX_COLUMNS = 100
_MAX_EXAMPLES = 32


def _setting(flag: str, field: str, metavar: str, panel: str = _PICTURES) -> Any:
    """Return the option of a field of the visualization's settings, with its help text."""
    info = VisualizationSettings.model_fields[field]
    default = "" if info.default is None else f" (default {info.default})"
    return typer.Option(
        flag, metavar=metavar, help=f"{info.description}{default}", rich_help_panel=panel, show_default=False
    )


@common_command(
    "yes",
    "trust_model",
    "device",
    "threads",
    "progress",
    "report",
    "log_file",
    "quiet",
    "keep_work",
    fresh="Discard the unfinished work of an earlier run and start from scratch.",
)
def atlas(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A name from 'models list', or a file.")],
    image: Annotated[
        Path | None,
        typer.Argument(
            metavar="[IMAGE]", readable=False, help="A picture that each unit dreams; else noise."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        output_option(
            "A folder (name/), a page in one file (.html), or the contact sheet alone (.png); "
            "default: <model>.atlas, or <image>.<model>.atlas beside the picture."
        ),
    ] = None,
    *,
    layers: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Layers by name, glob, depth or range: mixed4, 'mixed?', 1,5,18, 2-9; default: the main layers.",
            rich_help_panel=_CHOICE,
        ),
    ] = None,
    channels: Annotated[
        str,
        typer.Option(
            metavar="TEXT",
            help="Channels of each layer: 16 (the first 16), all, 0,3,7, 4-9 or random:16.",
            rich_help_panel=_CHOICE,
        ),
    ] = "16",
    classes: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Classes by name, glob, number or range, or all; without --layers, nothing else.",
            rich_help_panel=_CHOICE,
        ),
    ] = None,
    sort: Annotated[
        str,
        typer.Option(
            metavar="unit|activation",
            help="activation: those first that fire most on the picture or the examples; --channels 16 is then the "
            "strongest 16.",
            rich_help_panel=_CHOICE,
        ),
    ] = "unit",
    examples: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|FOLDER",
            help="A video or a folder of pictures: beside each tile, what in it fires the unit most, and when.",
            rich_help_panel=_CHOICE,
        ),
    ] = None,
    example_count: Annotated[
        int,
        typer.Option(
            "--example-count",
            metavar="N",
            min=1,
            max=_MAX_EXAMPLES,
            help="Examples of a unit.",
            rich_help_panel=_CHOICE,
        ),
    ] = 4,
    columns: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            max=_MAX_COLUMNS,
            help="Tiles in a row of the contact sheet.",
            rich_help_panel=_CHOICE,
        ),
    ] = 8,
    parameterization: Annotated[
        str | None,
        _setting("--parameterization", "parameterization", "|".join(get_args(ParameterizationName))),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help=f"Side of a tile, of an IMAGE the longer one (px, default {_DEFAULT_SIZE}, of an IMAGE 256).",
            rich_help_panel=_PICTURES,
        ),
    ] = None,
    steps: Annotated[str | None, _setting("--steps", "steps", "N")] = None,
    seed: Annotated[str | None, _setting("--seed", "seed", "N")] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help=f"Set any of {', '.join(VisualizationSettings.model_fields)}; may be repeated.",
            rich_help_panel=_PICTURES,
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Weights file for a named network, with its classifier or without.",
            rich_help_panel=_NETWORK,
        ),
    ] = None,
    input_range: Annotated[
        str,
        typer.Option(
            metavar="LOW,HIGH",
            help="Pixel range of your own network (-1,1 or 0,255).",
            rich_help_panel=_NETWORK,
        ),
    ] = "auto",
    common: CommonOptions,
) -> None:
    """Show what the channels and classes of a network respond to: a page to browse, and a contact sheet."""
    if sort not in {"unit", "activation"}:
        raise SettingsError(f"--sort: must be unit or activation, not '{sort}'")
    values: dict[str, object] = {
        name: value
        for name, value in (
            ("parameterization", parameterization),
            ("size", size),
            ("steps", steps),
            ("seed", seed),
        )
        if value is not None
    }
    settings = _visualization(values | _assigned(assignments or []), has_image=image is not None)
    network = Preset.build({"model": {"name": model, "weights": weights, "input_range": input_range}}).model
    with run_command(common, action="making", unit="pictures/s") as run:
        from dreamvid.pipelines.atlas.run import make_atlas  # noqa: PLC0415  loads OpenCV

        request = AtlasRequest(
            network,
            settings,
            image=image,
            layers=layers,
            channels=channels,
            classes=classes,
            sort="activation" if sort == "activation" else "unit",
            examples=examples,
            example_count=example_count,
            columns=columns,
        )
        run.finish(make_atlas(request, output, run.options))


def _assigned(texts: list[str]) -> dict[str, object]:
    values: dict[str, object] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or name.strip() not in VisualizationSettings.model_fields:
            known = ", ".join(VisualizationSettings.model_fields)
            raise SettingsError(f"--set {text}: must read NAME=VALUE, with one of {known}")
        values[name.strip()] = value.strip()
    return values


def _visualization(values: dict[str, object], *, has_image: bool) -> VisualizationSettings:
    if has_image:
        values = {"size": IMAGE_SIZE, **values}
    try:
        return VisualizationSettings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(f"--{explain(error, VisualizationSettings)}") from None
