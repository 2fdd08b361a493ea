"""The frame around a dreaming command: progress, log, report, questions and the closing line."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import typer

from dreamvid.cli import progress as progress_module
from dreamvid.cli.interrupt import Interrupted
from dreamvid.cli.notices import NoticeHandler, notices_to
from dreamvid.cli.records import check_report, write_report
from dreamvid.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dreamvid.cli.options import CommonOptions
    from dreamvid.pipelines.result import RunResult


_log = logging.getLogger("dreamvid")


class Recorded:
    """Passes a run's events on to what is shown, and writes them into the log."""

    def __init__(self, shown: progress_module.Progress) -> None:
        self._shown = shown

    def start(self, frames: int | None, label: str, resumed_at: int = 0) -> None:
        """Say that dreaming begins."""
        _log.info(
            "dreaming %s, %s frames, from frame %d", label, "?" if frames is None else frames, resumed_at
        )
        self._shown.start(frames, label, resumed_at)

    def frame(self, index: int) -> None:
        """Say that a frame is dreamed."""
        _log.debug("frame %d", index)
        self._shown.frame(index)

    def chunk(self, number: int, frames: int) -> None:
        """Say that a chunk is kept."""
        _log.info("chunk %d is kept, %d frames in all", number, frames)
        self._shown.chunk(number, frames)

    def encode(self, frames: int, label: str) -> None:
        """Say that all frames are dreamed."""
        _log.info("encoding %s, %d frames", label, frames)
        self._shown.encode(frames, label)

    def encoded(self, index: int) -> None:
        """Say that a frame is encoded."""
        self._shown.encoded(index)

    def notice(self, text: str) -> None:
        """Log something that the user may want to know, which shows it."""
        _log.warning("%s", text)

    def done(self, outcome: RunResult) -> None:
        """Say that an output is in place."""
        _log.info("%s", outcome.line())
        self._shown.done(outcome.summary())


@dataclass(slots=True)
class Session:
    """What a command uses to talk to its user."""

    common: CommonOptions
    progress: Recorded
    notices: NoticeHandler | None = None
    outcomes: list[RunResult] = field(default_factory=list)

    def may_replace(self, path: Path) -> bool:
        """Return whether an existing output may be replaced; asks on a terminal."""
        return self.common.yes or self.confirms(f"{path} exists. Replace it?")

    def confirms(self, question: str) -> bool:
        """Ask on a terminal; elsewhere the answer is no."""
        if not (sys.stdin.isatty() and sys.stderr.isatty()) or self.common.quiet:
            return False
        return typer.confirm(question, default=False, err=True)

    def line(self, text: str) -> None:
        """Print a line of result; that nobody listens any more is no error, with the output in place."""
        if self.common.quiet or self.common.progress == "json":
            return
        try:
            typer.echo(text)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as error:
            raise WriteError(f"the output is in place, but standard output fails: {error.strerror}") from None

    def finished(self, outcome: RunResult) -> None:
        """Print the closing line of an output."""
        self.outcomes.append(outcome)
        self.progress.done(outcome)
        self.line(outcome.line())
        if self.notices is not None:
            self.notices.repeats.clear()  # the next output has its own


@contextmanager
def session(common: CommonOptions) -> Iterator[Session]:
    """Run a command inside its frame; the report is written when it has ended well."""
    if common.report is not None:
        check_report(common.report)
    with progress_module.choose(common) as shown, notices_to(shown, common.log_file) as notices:
        current = Session(common, Recorded(shown), notices)
        try:
            yield current
        except Exception as error:
            _log.error("failed: %s", error)
            raise
        except KeyboardInterrupt as error:
            _log.error("interrupted")
            if error.args:  # what was dreamed is kept, and the text says where
                raise Interrupted(*error.args) from None
            raise
    if common.report is not None:
        write_report(common.report, [outcome.report() for outcome in current.outcomes])
