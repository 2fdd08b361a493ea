"""``dreamvid presets``: list, show and check presets."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dreamvid.cli.notices import notices_to
from dreamvid.cli.output import show_table
from dreamvid.cli.progress import Lines
from dreamvid.config.preset import load_preset
from dreamvid.errors import SettingsError
from dreamvid.text import printable

if TYPE_CHECKING:
    from dreamvid.config.preset import Preset

app = typer.Typer(help="List, show and check presets.")

_REFERENCE = typer.Argument(metavar="NAME", help="A name from 'presets list', or a .yaml file.")


@app.command("list")
def list_all(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the built-in presets and your own."""
    from dreamvid.pipelines.preset_check import list_presets, speed_class  # noqa: PLC0415  only this needs it

    rows = []
    for entry in list_presets():
        columns = ("?", "?", entry.problem)
        if entry.preset is not None:
            columns = (entry.preset.pipeline, speed_class(entry.preset), entry.preset.description)
        rows.append((printable(entry.name), *(printable(column) for column in columns)))
    show_table(("name", "pipeline", "speed", "description"), rows, as_json=as_json)


@app.command("show")
def show(
    name: Annotated[str, _REFERENCE],
    *,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Plot its schedules (.png .svg .pdf).")
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--input",
            "-i",
            metavar="FILE",
            help="The clip for the plot, where signals are measured of it, or the tempo.",
        ),
    ] = None,
    duration: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Length of the video in the plot (s); default: that of the trip or walk, else 10.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", metavar="", help="Replace an existing chart.")] = False,
) -> None:
    """Print a preset as YAML, with what it extends and all defaults."""
    preset = load_preset(name).preset
    if plot is None:
        given = {"--duration": duration, "--input": source}
        for option in [name for name, value in given.items() if value is not None]:
            raise SettingsError(f"{option}: is for the chart; name its file with --plot FILE")
        typer.echo(_to_yaml(_values(preset)), nl=False)
        return
    from dreamvid.pipelines.schedule_chart import write_schedule_chart  # noqa: PLC0415  loads what pictures need

    write_schedule_chart(plot, preset, source=source, duration=duration, overwrite=yes)
    typer.echo(str(plot))


@app.command("check")
def check(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Preset files, or names.")],
    *,
    text_only: Annotated[
        bool, typer.Option("--text-only", help="Do not load networks: fast, but layer names are not checked.")
    ] = False,
) -> None:
    """Check presets without dreaming: print each mistake with its line; exit code 0 only if all are valid."""
    failed = 0
    for name in files:
        try:
            _check(name, text_only=text_only)
        except SettingsError as error:
            failed += 1
            sys.stderr.write(f"{error}\n")
        else:
            typer.echo(f"{printable(name)}: good")
    if failed:
        raise typer.Exit(1)


@app.command("schema")
def schema() -> None:
    """Print the JSON Schema of preset files, for editors."""
    from dreamvid.config.schema import preset_schema  # noqa: PLC0415  only this needs it

    typer.echo(json.dumps(preset_schema(), indent=2))


def _check(name: str, *, text_only: bool) -> None:
    if text_only:
        load_preset(name)
        return
    from dreamvid.pipelines.preset_check import check_preset  # noqa: PLC0415  loads TensorFlow

    with notices_to(Lines(f"{printable(name)}: ")):
        check_preset(name)


def _values(preset: Preset) -> dict[str, Any]:
    """Return all values of a preset; of its scenes, only those that they set."""
    values: dict[str, Any] = preset.model_dump(mode="json", exclude_none=True)
    scenes: dict[str, Any] = preset.model_dump(mode="json", exclude_unset=True, include={"scenes"})
    return {**values, **scenes}


def _to_yaml(values: dict[str, Any]) -> str:
    from ruamel.yaml import YAML  # noqa: PLC0415  only this writes

    yaml, text = YAML(), io.StringIO()
    yaml.width = 100
    yaml.dump(values, text)
    return text.getvalue()
