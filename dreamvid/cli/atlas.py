"""``dreamvid atlas``: pictures of what the units of a network respond to, as a web page and a contact sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import typer

from dreamvid.cli.options import CommonOptions, common_command, output_option
from dreamvid.cli.run import run_command
from dreamvid.cli.settings import read_assignments, read_settings, setting_option
from dreamvid.config.preset import Preset
from dreamvid.config.settings import AscentSettings
from dreamvid.config.visualization import ParameterizationName, VisualizationSettings
from dreamvid.errors import SettingsError
from dreamvid.pipelines.atlas.request import IMAGE_SIZE, AtlasRequest

_CHOICE, _PICTURES, _NETWORK = "What is shown", "The pictures", "The network"
_DEFAULT_SIZE = VisualizationSettings.model_fields["size"].default
_DEFAULT_STEPS = VisualizationSettings.model_fields["steps"].default
_OF_DREAM = ("octaves.", "ascent.")
_FROM_NOISE = {"parameterization", "learning_rate", "jitter", "scaling", "rotation", "diversity"}
_MAX_COLUMNS = 100
_MAX_EXAMPLES = 32
_MAX_VARIANTS = 9


@common_command(
    "yes",
    "trust_model",
    "device",
    "threads",
    "progress",
    "log_file",
    "quiet",
    "keep_work",
    report="Write the number of pictures, the time and the dead units as JSON.",
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
    variants: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            max=_MAX_VARIANTS,
            help="Pictures of each unit, side by side, as different as may be (see diversity).",
            rich_help_panel=_PICTURES,
        ),
    ] = 1,
    transparent: Annotated[
        bool,
        typer.Option(
            "--transparent",
            metavar="",
            help="Tiles are transparent where no gradient has been, to lay them over other pictures.",
            rich_help_panel=_PICTURES,
        ),
    ] = False,
    parameterization: Annotated[
        str | None,
        setting_option(
            VisualizationSettings,
            "--parameterization",
            "parameterization",
            "|".join(get_args(ParameterizationName)),
            _PICTURES,
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help=f"Side of a tile, of an IMAGE the longer one (px, default {_DEFAULT_SIZE}, of an IMAGE 256).",
            rich_help_panel=_PICTURES,
        ),
    ] = None,
    steps: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help=f"Gradient steps (default {_DEFAULT_STEPS}; of an IMAGE in each octave, "
            f"{AscentSettings.model_fields['steps'].default}).",
            rich_help_panel=_PICTURES,
        ),
    ] = None,
    octaves: Annotated[
        str | None,
        typer.Option(metavar="N", help="Octaves in which an IMAGE is dreamed.", rich_help_panel=_PICTURES),
    ] = None,
    seed: Annotated[
        str | None, setting_option(VisualizationSettings, "--seed", "seed", "N", _PICTURES)
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help=f"Set any of {', '.join(VisualizationSettings.model_fields)}, or with an IMAGE of octaves.* and "
            "ascent.*; may be repeated.",
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
    values: dict[str, object] = read_assignments(assignments or []) | {
        name: value
        for name, value in (
            ("parameterization", parameterization),
            ("size", size),
            ("steps", steps),
            ("octaves.count", octaves),
            ("seed", seed),
        )
        if value is not None
    }
    if variants > 1 and image is not None:
        raise SettingsError("--variants: is for pictures from noise, and there is an IMAGE")
    settings, dream = _split(values, has_image=image is not None)
    network = Preset.build({"model": {"name": model, "weights": weights, "input_range": input_range}}).model
    with run_command(common, action="making", unit="pictures/s") as run:
        from dreamvid.pipelines.atlas.run import make_atlas  # noqa: PLC0415  loads OpenCV
        from dreamvid.pipelines.scenes import first_still  # noqa: PLC0415  the same

        dream = first_still(dream)
        request = AtlasRequest(
            network,
            settings,
            octaves=dream.octaves,
            ascent=dream.ascent,
            image=image,
            layers=layers,
            channels=channels,
            classes=classes,
            sort="activation" if sort == "activation" else "unit",
            examples=examples,
            example_count=example_count,
            columns=columns,
            variants=variants,
            transparent=transparent,
        )
        run.finish(make_atlas(request, output, run.options))


def _split(values: dict[str, object], *, has_image: bool) -> tuple[VisualizationSettings, Preset]:
    """Return the settings of pictures from noise, and those of the dream of an image."""
    of_dream = {name: value for name, value in values.items() if name.startswith(_OF_DREAM)}
    of_pictures = {name: value for name, value in values.items() if name not in of_dream}
    if has_image:
        if "steps" in of_pictures:
            of_dream["ascent.steps"] = of_pictures.pop("steps")
        if unused := sorted(of_pictures.keys() & _FROM_NOISE):
            raise SettingsError(f"{unused[0]}: is for pictures from noise, and there is an IMAGE")
        of_pictures = {"size": IMAGE_SIZE, **of_pictures}
    elif of_dream:
        raise SettingsError(f"{min(of_dream)}: is for the dream of an IMAGE, and there is none")
    return read_settings(VisualizationSettings, of_pictures), Preset().override(of_dream)
