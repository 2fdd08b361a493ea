"""``dreamvid models``: list networks and their layers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from dreamvid.cli.output import show_table
from dreamvid.config.preset import Preset
from dreamvid.objective import layer_text

app = typer.Typer(help="List networks and their layers.")


@app.command("list")
def list_models(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the built-in networks."""
    from dreamvid.pipelines.build import known_models  # noqa: PLC0415  loads OpenCV

    rows = [
        (model.name, model.objective, _weights(model.megabytes), model.summary) for model in known_models()
    ]
    show_table(("name", "objective", "weights", "summary"), rows, as_json=as_json)


def _weights(megabytes: int) -> str:
    return f"{megabytes} MB download" if megabytes else "in the package"


@app.command("layers")
def list_layers(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A name from 'models list', or a file.")],
    *,
    weights: Annotated[
        Path | None, typer.Option("--weights", metavar="FILE", help="Weights file for a named network.")
    ] = None,
    trust_model: Annotated[
        bool, typer.Option("--trust-model", help="Load a model file that contains code (Lambda layers).")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the layers of a network that an objective can use."""
    from dreamvid.pipelines.build import describe_layers  # noqa: PLC0415  loads OpenCV

    settings = Preset.build({"model": {"name": model, "weights": weights}}).model
    layers = describe_layers(settings, trust=trust_model)
    if as_json:
        typer.echo(json.dumps(layers, indent=2))
        return
    rows = [
        (layer_text(str(name)), *(str(value) for value in values))
        for name, *values in (layer.values() for layer in layers)
    ]
    show_table(("layer", "kind", "shape", "channels", "stride", "depth"), rows)
