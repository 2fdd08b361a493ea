"""The frame around a dreaming command: progress, log, report, questions and the closing line."""

from __future__ import annotations

import json
import logging
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import typer

from dreamvid.cli import progress as progress_module
from dreamvid.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dreamvid.cli.options import Common
    from dreamvid.pipelines.outcome import Outcome


_log = logging.getLogger("dreamvid")


class Recorded:
    """Passes a run's events on to what is shown, and writes them into the log."""

    def __init__(self, shown: progress_module.Progress) -> None:
        self._shown = shown

    def start(self, frames: int | None, label: str) -> None:
        """Say that dreaming begins."""
        _log.info("dreaming %s, %s frames", label, "?" if frames is None else frames)
        self._shown.start(frames, label)

    def frame(self, index: int) -> None:
        """Say that a frame is dreamed."""
        _log.debug("frame %d", index)
        self._shown.frame(index)

    def notice(self, text: str) -> None:
        """Say something that the user may want to know."""
        _log.warning("%s", text)
        self._shown.notice(text)

    def done(self, outcome: Outcome) -> None:
        """Say that an output is in place."""
        _log.info("%s", outcome.line())
        self._shown.done(outcome.summary())


@dataclass(slots=True)
class Session:
    """What a command uses to talk to its user."""

    common: Common
    progress: Recorded
    outcomes: list[Outcome] = field(default_factory=list)

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
        """Print the closing line of an output."""
        self.outcomes.append(outcome)
        self.progress.done(outcome)
        self.line(outcome.line())


@contextmanager
def session(common: Common) -> Iterator[Session]:
    """Run a command inside its frame; the report is written when it has ended well."""
    _start_log(common)
    _check_report(common.report)
    try:
        with progress_module.choose(common) as shown:
            current = Session(common, Recorded(shown))
            yield current
    except Exception as error:
        _log.warning("failed: %s", error)
        raise
    if common.report is not None:
        _write_report(common.report, [outcome.report() for outcome in current.outcomes])


def _start_log(common: Common) -> None:
    _log.setLevel(logging.INFO)
    if common.log_file is None:
        _log.addHandler(logging.NullHandler())
        return
    try:
        handler = logging.FileHandler(common.log_file, encoding="utf-8")
    except OSError as error:
        raise WriteError(f"--log-file {common.log_file}: {error.strerror}") from None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    _log.addHandler(handler)


def _check_report(path: Path | None) -> None:
    """Refuse a report that could not be written, before any work is done."""
    if path is not None and (path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK)):
        raise WriteError(f"--report {path}: cannot be written; name a file in a folder that can")


def _write_report(path: Path, reports: list[dict[str, Any]]) -> None:
    """Write one report, or a list of several."""
    content = reports[0] if len(reports) == 1 else reports
    try:
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise WriteError(f"--report {path}: {error.strerror}") from None
