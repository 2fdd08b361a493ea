"""``dreamvid doctor``: show device, precision, codecs, packages and weights."""

from __future__ import annotations

import json
import platform
from typing import Annotated, Any

import typer

from dreamvid._version import __version__
from dreamvid.config.preset import Preset


def doctor(
    model: Annotated[
        str, typer.Option("--model", metavar="TEXT", help="Network to measure the precision of.")
    ] = "dreamnet",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show device, precision (and why it was chosen), codecs, packages and weights."""
    from dreamvid.pipelines.doctor import examine  # noqa: PLC0415  TensorFlow loads only when asked

    facts: dict[str, Any] = {
        "dreamvid": __version__,
        "python": platform.python_version(),
        **examine(Preset.build({"model": {"name": model}}).model),
    }
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    for name, value in facts.items():
        for line in _lines(name, value):
            typer.echo(line)


def _lines(name: str, value: Any, indent: str = "") -> list[str]:
    if isinstance(value, dict):
        inner = [line for key, item in value.items() for line in _lines(key, item, indent + "  ")]
        return [f"{indent}{name}", *inner]
    if isinstance(value, list | tuple):
        value = ", ".join(str(item) for item in value)
    return [f"{indent}{name:<{max(1, 22 - len(indent))}} {value}"]
