"""``dreamvid gan walk`` and ``dreamvid gan grid``: films and sheets of a generator's pictures."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from dreamvid.cli.options import CommonOptions, common_command, dreaming_command, output_option
from dreamvid.cli.run import run_command
from dreamvid.config.preset import Preset
from dreamvid.media.containers import SUFFIXES

_log = logging.getLogger(__name__)

_GENERATOR = typer.Argument(
    metavar="GENERATOR",
    readable=False,
    help="A .gan file of 'gan train', or a Keras generator (.keras or .h5).",
)
_IMPLY_DREAM = ("model.name", "objective", "look.strength")
_DREAM_GROUPS = {"octaves", "ascent", "look", "mask", "stability"}


@dreaming_command("walk")
def walk(
    generator: Annotated[Path, _GENERATOR],
    output: Annotated[
        Path | None,
        output_option(
            f"Output file ({SUFFIXES}), or a folder of PNGs: name/; default: <name>.walk.mp4 beside the generator."
        ),
    ] = None,
    *,
    preset: Preset,
    changes: dict[str, object],
    common: CommonOptions,
) -> None:
    """Walk through the pictures of a trained generator: a film, enlarged smoothly, and dreamed with --dream."""
    values: dict[str, object] = {"pipeline": "walk", "walk.generator": str(generator)}
    if "walk.dream" not in changes and _is_dream(preset, changes):
        values["walk.dream"] = True
    with run_command(common, action="walking") as run:
        from dreamvid.pipelines.walk.run import run_walk  # noqa: PLC0415  loads OpenCV and PyAV

        preset = preset.override(values)
        if not preset.walk.dream and any(path.partition(".")[0] in _DREAM_GROUPS for path in changes):
            _log.warning("the walk is not dreamed, so that options of the dream do nothing; add --dream")
        run.finish(run_walk(output, preset, run.options))


def _is_dream(preset: Preset, changes: dict[str, object]) -> bool:
    """Return whether what was given is for dreams: a look for other pipelines, or what to dream and how strongly."""
    has_look = preset.pipeline != "walk" and preset.values() != Preset().override(changes).values()
    return has_look or not changes.keys().isdisjoint(_IMPLY_DREAM)


@common_command("yes", "trust_model", "device", "threads", "quiet")
def grid(
    generator: Annotated[Path, _GENERATOR],
    output: Annotated[
        Path | None,
        output_option(
            "Picture to write (.png .jpg .tiff ...); default: <name>.grid.png beside the generator."
        ),
    ] = None,
    *,
    seeds: Annotated[
        str,
        typer.Option(
            "--seeds", metavar="TEXT", help="Seeds: 40 (the first 40 from --seed on), 1,5,9 or 4-9."
        ),
    ] = "48",
    seed: Annotated[str, typer.Option("--seed", metavar="N", help="First seed.")] = "0",
    truncation: Annotated[
        str,
        typer.Option(
            "--truncation", metavar="X", help="Length of the latent vectors as a multiple of their own."
        ),
    ] = "1.0",
    common: CommonOptions,
) -> None:
    """Show the pictures of seeds with their numbers on one sheet, to choose those of a walk."""
    values = {
        "walk": {"generator": str(generator), "seeds": seeds, "truncation": truncation},
        "run": {"seed": seed},
    }
    preset = Preset.build({"pipeline": "walk", **values})
    with run_command(common, action="making", unit="pictures/s") as run:
        from dreamvid.pipelines.walk.grid import make_grid  # noqa: PLC0415  loads OpenCV

        run.finish(make_grid(output, preset, run.options))
