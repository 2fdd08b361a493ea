"""``dreamvid render``: render presets over inputs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dreamvid.cli.explain import explain
from dreamvid.cli.options import CommonOptions, dreaming_command, output_option
from dreamvid.cli.output import show_table
from dreamvid.cli.run import run_command
from dreamvid.config.preset import load_preset
from dreamvid.errors import DreamvidError, SettingsError

if TYPE_CHECKING:
    from dreamvid.config.preset import Preset
    from dreamvid.pipelines.render_jobs import Result


@dreaming_command("video")
def render(
    presets: Annotated[
        list[str],
        typer.Argument(metavar="PRESET...", help="Presets: names from 'presets list', or .yaml files."),
    ],
    inputs: Annotated[
        list[Path] | None,
        typer.Option(
            "-i",
            "--input",
            metavar="FILE",
            readable=False,
            help="Input file; may be repeated. Default: the inputs of each preset.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        output_option(
            "Output file, or a folder for several: name/; default: <input>.<preset> beside each input."
        ),
    ] = None,
    *,
    changes: dict[str, object],
    common: CommonOptions,
) -> None:
    """Render each preset over each input; failures are listed at the end, and the rest goes on."""
    loaded, failed = _load(presets, changes)
    with run_command(common) as run:
        from dreamvid.pipelines.render import render  # noqa: PLC0415  loads OpenCV and PyAV
        from dreamvid.pipelines.render_jobs import plan_jobs  # noqa: PLC0415  the same

        results: list[Result] = []
        folder = common.output_is_folder
        jobs = plan_jobs(loaded, inputs or [], output, folder=folder) if loaded else []
        for result in render(jobs, run.options, again=common.yes):
            results.append(result)
            if result.result is not None:
                run.finish(result.result)
        if len(results) == 1 and results[0].error is not None and not failed:
            raise results[0].error
        if len(results) + len(failed) > 1 and not common.quiet and common.progress != "json":
            _show_summary(results, failed)
    errors = [result.error for result in results if result.error is not None]
    if len(presets) == 1 and failed:
        raise failed[presets[0]]
    if errors or failed:
        total = len(results) + len(failed)
        raise SettingsError(f"{len(errors) + len(failed)} of {total} could not be rendered; see the table")


def _load(
    references: list[str], changes: dict[str, object]
) -> tuple[list[tuple[str, Preset]], dict[str, DreamvidError]]:
    """Return the presets that can be read, and why the others cannot."""
    loaded: list[tuple[str, Preset]] = []
    failed: dict[str, DreamvidError] = {}
    for reference in references:
        try:
            file = load_preset(reference)
            loaded.append((file.name, file.preset.override(changes)))
        except DreamvidError as error:
            failed[reference] = error
    return loaded, failed


def _show_summary(results: list[Result], failed: dict[str, DreamvidError]) -> None:
    rows = [
        (result.job.name, str(result.job.source), "failed", explain(result.error))
        if result.error is not None
        else (
            result.job.name,
            str(result.job.source),
            "there already" if result.result is None else "done",
            str(result.job.output if result.result is None else result.result.place),
        )
        for result in results
    ]
    rows += [(reference, "", "failed", explain(error)) for reference, error in failed.items()]
    show_table(("preset", "input", "", "output, or what is wrong"), rows)
