"""The frame around a dreaming command: progress, log, report, questions and the closing line."""

from __future__ import annotations

import json
import logging
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from dreamvid.cli import progress as progress_module
from dreamvid.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dreamvid.cli.options import Common
    from dreamvid.pipelines.outcome import Outcome


@dataclass(slots=True)
class Session:
    """What a command uses to talk to its user."""

    common: Common
    progress: progress_module.Progress

    def may_replace(self, path: Path) -> bool:
        """Return whether an existing output may be replaced; asks on a terminal."""
        if self.common.yes:
            return True
        if not (sys.stdin.isatty() and sys.stderr.isatty()) or self.common.quiet:
            return False
        return typer.confirm(f"{path} exists. Replace it?", default=False, err=True)

    def line(self, text: str) -> None:
        """Print a line of result."""
        if not self.common.quiet and self.common.progress != "json":
            typer.echo(text)

    def finished(self, outcome: Outcome) -> None:
        """Print the closing line and write the report."""
        self.progress.done(outcome.summary())
        self.line(outcome.line())
        if self.common.report is not None:
            _write_report(self.common.report, outcome)


@contextmanager
def session(common: Common) -> Iterator[Session]:
    """Run a command inside its frame."""
    _start_log(common)
    with progress_module.choose(common) as shown:
        yield Session(common, shown)


def _start_log(common: Common) -> None:
    logger = logging.getLogger("dreamvid")
    logger.setLevel(logging.INFO)
    if common.log_file is None:
        logger.addHandler(logging.NullHandler())
        return
    try:
        handler = logging.FileHandler(common.log_file, encoding="utf-8")
    except OSError as error:
        raise WriteError(f"--log-file {common.log_file}: {error.strerror}") from None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)


def _write_report(path: Path, outcome: Outcome) -> None:
    try:
        path.write_text(json.dumps(outcome.report(), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise WriteError(f"--report {path}: {error.strerror}") from None
