"""``dreamvid models``: list networks and their layers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dreamvid.cli.output import show_table
from dreamvid.config.preset import Preset

if TYPE_CHECKING:
    from dreamvid.engine.network import LayerInfo

app = typer.Typer(help="List networks and their layers.")


@app.command("list")
def list_models(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the built-in networks."""
    from dreamvid.engine.architectures import known_models

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
    from dreamvid.engine.network import load_network

    settings = Preset.build({"model": {"name": model, "weights": weights}}).model
    network = load_network(settings, trust=trust_model, seed_weights=weights is None)
    if as_json:
        typer.echo(json.dumps([_describe(layer) for layer in network.layers], indent=2))
        return
    rows = [tuple(str(value) for value in _describe(layer).values()) for layer in network.layers]
    show_table(("layer", "kind", "shape", "channels", "stride", "depth"), rows)


def _describe(layer: LayerInfo) -> dict[str, object]:
    return {
        "name": layer.name,
        "kind": layer.kind,
        "shape": layer.shape,
        "channels": layer.channels,
        "stride": layer.stride,
        "depth": layer.depth,
    }
