"""The log and the report of a run: files beside the dream, and never over anything but an older log or report."""

from __future__ import annotations

import json
import logging
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dreamvid.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dreamvid.types import Notify

_HEAD = 4096


class LogFile(logging.FileHandler):
    """A log that ends, with a notice, where it cannot be written: no reason to lose a dream."""

    def __init__(self, path: Path, notify: Notify) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace")
        self._path = path
        self._notify: Notify | None = notify
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Append a line."""
        if self._notify is not None:
            super().emit(record)

    def close(self) -> None:
        """Close; what could not be written then is lost, as was said."""
        with suppress(OSError):
            super().close()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802  logging's own name
        """End the log."""
        notify, self._notify = self._notify, None
        if notify is not None:
            notify(f"--log-file {self._path}: cannot be written any more; the log ends here")


def open_log(path: Path, notify: Notify) -> logging.Handler:
    """Return what appends to a log.

    Raises
    ------
    WriteError
        Where it cannot be opened, or is something else than a text.
    """
    try:
        if path.is_file() and not _is_text(path):
            raise WriteError(f"--log-file {path}: is no log but something else; name another file")
        return LogFile(path, notify)
    except OSError as error:
        raise WriteError(f"--log-file {path}: {error.strerror}") from None


def check_report(path: Path) -> None:
    """Refuse a report that could not be written, before any work is done.

    Raises
    ------
    WriteError
        Where a file cannot be written there, or is there already and is no report.
    """
    try:
        if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
            raise WriteError(f"--report {path}: cannot be written; name a file in a folder that can")
        if path.is_file() and not _is_json(path):
            raise WriteError(f"--report {path}: is no report but something else; name another file")
    except OSError as error:
        raise WriteError(f"--report {path}: {error.strerror}") from None


def write_report(path: Path, reports: Sequence[dict[str, Any]]) -> None:
    """Write one report, or a list of several.

    Raises
    ------
    WriteError
        Where it cannot be written; an older report then stays.
    """
    from dreamvid.media.output.atomic import Target  # noqa: PLC0415  a run has loaded it; help must not
    from dreamvid.media.output.part_file import write_whole  # noqa: PLC0415  the same

    check_report(path)  # the run may have written something there
    text = json.dumps(reports[0] if len(reports) == 1 else reports, indent=2) + "\n"
    try:
        if path.exists() and not path.is_file():  # a pipe or a device
            path.write_text(text, encoding="utf-8")
        else:
            write_whole(Target(path, inputs=(), overwrite=True), text.encode())
    except (OSError, WriteError) as error:
        reason = f"{path}: {error.strerror}" if isinstance(error, OSError) else error
        raise WriteError(f"the dream is finished, but not its report (--report): {reason}") from None


def _is_text(path: Path) -> bool:
    with path.open("rb") as file:
        return b"\0" not in file.read(_HEAD)


def _is_json(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(_HEAD).lstrip()[:1] in {b"", b"{", b"["}
