"""``dreamvid plan``, ``part`` and ``join``: dream a video in parts, on any number of machines."""

from __future__ import annotations

import shlex
import threading
from pathlib import Path
from typing import Annotated

import typer

from dreamvid.cli.interrupt import read_input
from dreamvid.cli.options import CommonOptions, common_command, dreaming_command, output_option
from dreamvid.cli.run import run_command
from dreamvid.config.preset import Preset
from dreamvid.errors import SettingsError
from dreamvid.pipelines.plan.export import FARMS, export
from dreamvid.text import printable, quoted

PlanArgument = Annotated[
    Path,
    typer.Argument(metavar="PLAN", readable=False, help="Folder that 'dreamvid plan' made."),
]


@dreaming_command(
    "video", omit=("devices", "cluster", "cluster_resources", "allow_mixed", "keep_work", "yes", "report")
)
def plan(
    source: Annotated[
        Path,
        typer.Argument(metavar="IN", readable=False, help="A video, animation, or folder of pictures."),
    ],
    output: Annotated[
        Path | None,
        output_option("Folder of the plan; default: <name>.dream.mp4.work beside the input."),
    ] = None,
    farm: Annotated[
        str | None,
        typer.Option(
            "--export",
            metavar="slurm|openjd|flamenco",
            help="Print a job for a render farm that dreams the parts and joins them.",
        ),
    ] = None,
    *,
    preset: Preset,
    common: CommonOptions,
) -> None:
    """Divide a video into parts that 'dreamvid part' dreams, on any number of machines, and 'dreamvid join' joins."""
    if farm not in {None, *FARMS}:
        raise SettingsError(f"--export: must be slurm, openjd or flamenco, not {quoted(farm)}")
    with run_command(common, "planning") as run:
        from dreamvid.pipelines.plan.make import make_plan  # noqa: PLC0415  loads OpenCV and PyAV

        made = make_plan(source, output, preset, run.options)
        folder = shlex.quote(printable(made.folder))
        if farm is not None:
            typer.echo(export(made, farm), nl=False)
            return
        run.print(made.line())
        run.print(f"dream them with: dreamvid part {folder} [NUMBER...]; then: dreamvid join {folder}")


@common_command("chunk", "allow_mixed", "trust_model", "device", "threads", "progress", "log_file", "quiet")
def part(
    folder: PlanArgument,
    numbers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NUMBER...]", help="Parts to dream: 7, or 3-5; default: all that no other worker is at."
        ),
    ] = None,
    *,
    until_input_ends: Annotated[
        bool, typer.Option("--until-input-ends", hidden=True, help="Stop when standard input ends.")
    ] = False,
    common: CommonOptions,
) -> None:
    """Dream parts of a plan; what is done is not done again, and what was interrupted goes on."""
    if until_input_ends:  # the process that started this one has died
        threading.Thread(target=read_input, args=(lambda _: None,), daemon=True).start()
    with run_command(common) as run:
        from dreamvid.pipelines.plan.plan import describe, read_plan  # noqa: PLC0415  loads PyAV
        from dreamvid.pipelines.plan.worker import dream_free_parts, dream_parts, prepare_worker  # noqa: PLC0415

        plan = read_plan(folder)
        wanted = plan.numbers(numbers or [])
        name, where = describe(wanted) if wanted else "all parts", printable(folder)
        if plan.is_joined or all(map(plan.is_done, wanted or plan.missing())):
            run.print(f"{name}: there already in {where}")
            return
        worker = prepare_worker(plan, run.options)
        done = list(dream_parts(worker, wanted) if wanted else dream_free_parts(worker))
        run.print(f"{describe(done)}: dreamed; {len(plan.missing())} of {len(plan.parts)} to go in {where}")


@common_command("yes", "keep_work", "progress", "report", "log_file", "quiet")
def join(
    folder: PlanArgument,
    output: Annotated[
        Path | None,
        output_option("Output file, or a folder of PNGs: name/; default: that of the plan."),
    ] = None,
    *,
    common: CommonOptions,
) -> None:
    """Join the parts of a plan to the dreamed video, with the sound of its source."""
    with run_command(common) as run:
        from dreamvid.pipelines.plan.join import join as join_parts  # noqa: PLC0415  loads OpenCV and PyAV
        from dreamvid.pipelines.plan.plan import read_plan  # noqa: PLC0415  the same

        made = read_plan(folder)
        result = join_parts(made, output, run.options)
        if result is None:
            run.print(f"there already: {printable(output or made.output)}")
        else:
            run.finish(result)
