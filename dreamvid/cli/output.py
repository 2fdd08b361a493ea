"""Output of the commands: tables for people, and the report of a run."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import typer

from dreamvid.atomic import AtomicOutput
from dreamvid.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_HEAD_BYTES = 4096  # enough to tell a report from anything else


def show_table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]], *, as_json: bool = False) -> None:
    """Print rows under a header, as wide as the terminal, 200 characters in a pipe; or a JSON list of objects."""
    if as_json:
        typer.echo(json.dumps([dict(zip(header, row, strict=True)) for row in rows], indent=2))
        return
    from rich import box  # noqa: PLC0415  rich is slow to import, and only tables need it
    from rich.console import Console  # noqa: PLC0415  the same
    from rich.table import Table  # noqa: PLC0415  the same

    table = Table(*header, box=box.SIMPLE_HEAD, highlight=False)
    for row in rows:
        table.add_row(*row)
    width = None if sys.stdout.isatty() else 200
    Console(width=width, markup=False).print(table)


def check_report(path: Path) -> None:
    """Raise a ``WriteError`` where a report cannot be written, or where a file that is no report exists."""
    try:
        if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
            raise WriteError(f"--report {path}: cannot be written; name a file in a folder that can")
        if path.is_file() and not _is_json(path):
            raise WriteError(f"--report {path}: is no report but something else; name another file")
    except OSError as error:
        raise WriteError(f"--report {path}: {error.strerror}") from None


def write_report(path: Path, reports: Sequence[dict[str, Any]]) -> None:
    """Write one report, or a list of several; where that fails (``WriteError``), an older report stays."""
    check_report(path)  # the run may have written something there
    text = json.dumps(reports[0] if len(reports) == 1 else reports, indent=2) + "\n"
    try:
        if path.exists() and not path.is_file():  # a pipe or a device
            path.write_text(text, encoding="utf-8")
        else:
            AtomicOutput(path, overwrite=True).write(text.encode())
    except (OSError, WriteError) as error:
        reason = f"{path}: {error.strerror}" if isinstance(error, OSError) else error
        raise WriteError(f"the dream is finished, but not its report (--report): {reason}") from None


def _is_json(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES).lstrip()[:1] in {b"", b"{", b"["}
