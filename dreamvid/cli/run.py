"""The frame around a dreaming command: progress, log, report, questions and the closing line."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import typer

from dreamvid.cli.interrupt import Interrupted, defer_interrupts
from dreamvid.cli.notices import NoticeHandler, notices_to
from dreamvid.cli.output import check_report, write_report
from dreamvid.cli.progress import Display, choose_display
from dreamvid.errors import WriteError
from dreamvid.pipelines.options import RunOptions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dreamvid.cli.options import CommonOptions

_log = logging.getLogger("dreamvid")


class Result(Protocol):
    """What is said of a finished output; :class:`dreamvid.pipelines.result.RunResult` is one."""

    def line(self) -> str:
        """Return the closing line."""
        ...

    def summary(self) -> dict[str, Any]:
        """Return the facts of the closing line as JSON values."""
        ...

    def report(self) -> dict[str, Any]:
        """Return all facts as JSON values."""
        ...


@dataclass(frozen=True, slots=True)
class CommandRun:
    """A running command: its options, and how it talks to the user."""

    common: CommonOptions
    display: Display
    notices: NoticeHandler
    results: list[Result] = field(default_factory=list)

    @property
    def options(self) -> RunOptions:
        """The options for the pipelines."""
        common = self.common
        return RunOptions(
            device=common.device,
            devices=common.devices,
            cluster=common.cluster,
            cluster_resources=common.cluster_resources,
            allow_mixed=common.allow_mixed,
            threads=common.threads,
            trust_model=common.trust_model,
            keep_going=common.keep_going,
            measure=common.report is not None,
            confirm_overwrite=self.confirm_overwrite,
            output_is_folder=common.output_is_folder,
            fresh=common.fresh,
            keep_work=common.keep_work,
            chunk=common.chunk,
            command=common.command,
            interruptible=partial(defer_interrupts, quiet=common.quiet or common.progress == "json"),
            progress=self.display,
        )

    def confirm_overwrite(self, path: Path | str) -> bool:
        """Return whether an existing output may be replaced; asks on a terminal."""
        return self.common.yes or self.confirm(f"{path} exists. Replace it?")

    def confirm(self, question: str) -> bool:
        """Ask on a terminal; elsewhere the answer is no."""
        if not (sys.stdin.isatty() and sys.stderr.isatty()) or self.common.quiet:
            return False
        return typer.confirm(question, default=False, err=True)

    def print(self, text: str) -> None:
        """Print a line of result; that nobody listens any more is no error, with the output in place."""
        if self.common.quiet or self.common.progress == "json":
            return
        try:
            typer.echo(text)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as error:
            raise WriteError(f"the output is in place, but standard output fails: {error.strerror}") from None

    def finish(self, result: Result) -> None:
        """Print the closing line of an output."""
        self.results.append(result)
        _log.info("%s", result.line())
        self.display.done(result.summary())
        self.print(result.line())
        self.notices.repeats.clear()  # each output has its own notices


@contextmanager
def run_command(common: CommonOptions, action: str = "dreaming", unit: str = "fps") -> Iterator[CommandRun]:
    """Run a command inside its frame; the report is written when it has ended well."""
    if common.report is not None:
        check_report(common.report)
    display = choose_display(quiet=common.quiet, progress=common.progress, action=action, unit=unit)
    with display, notices_to(display, common.log_file) as notices:
        run = CommandRun(common, display, notices)
        try:
            yield run
        except Exception as error:
            _log.error("failed: %s", error)
            raise
        except KeyboardInterrupt as error:
            _log.error("interrupted")
            if error.args:  # what was dreamed is kept, and the text says where
                raise Interrupted(*error.args) from None
            raise
    if common.report is not None:
        write_report(common.report, [result.report() for result in run.results])
