"""``dreamvid jobs``: list unfinished work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def jobs(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Folder with the outputs.")] = Path(),
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List unfinished runs: progress, what they need, and the command that resumes each."""
    from dreamvid.pipelines.jobs import unfinished_jobs  # noqa: PLC0415  loads NumPy

    unfinished = unfinished_jobs(folder)
    if as_json:
        typer.echo(json.dumps([job.to_dict() for job in unfinished], indent=2))
        return
    if not unfinished:
        typer.echo(f"no unfinished work in {folder}")
    for job in unfinished:
        typer.echo(f"{job.output}: {job.progress}{', running now' if job.running else ''}")
        for worker in job.workers:
            typer.echo(f"  {worker}")
        for need in job.needs:
            typer.echo(f"  needs {need}")
        if job.command and not job.running:
            typer.echo(f"  go on with: {job.command}")
