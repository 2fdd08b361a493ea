"""Log records for the user: warnings become notices of the progress display, all records go into ``--log-file``."""

from __future__ import annotations

import logging
import re
from collections import Counter
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from dreamvid.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dreamvid.cli.progress import Display

_NUMBER = re.compile(
    r"(?<![^\s(])\d+(?:\.\d+)?(?=[\s,;:)%]|$)"
)  # a word of its own, not a part of a file's name
_HEAD_BYTES = 4096  # enough to tell a text


class RepeatFilter(logging.Filter):
    """Passes each warning of a logger once; warnings that differ in numbers only count as the same.

    One that is logged with ``extra={"repeats": 3}`` passes three times.
    """

    def __init__(self) -> None:
        super().__init__()
        self._counts: Counter[tuple[str, str]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record passes."""
        if record.levelno != logging.WARNING:
            return True
        key = record.name, _NUMBER.sub("", record.getMessage())
        self._counts[key] += 1
        return self._counts[key] <= getattr(record, "repeats", 1)

    def clear(self) -> None:
        """Let every warning pass again."""
        self._counts.clear()


class NoticeHandler(logging.Handler):
    """Shows warnings as notices of the progress display, and writes all records into the log file.

    Errors are not shown: the command prints them itself.
    """

    def __init__(self, display: Display, log_file: logging.Handler | None) -> None:
        super().__init__()
        self._display = display
        self._log_file = log_file
        self.repeats = RepeatFilter()
        self.addFilter(self.repeats)

    def emit(self, record: logging.LogRecord) -> None:
        """Show and log a record."""
        if self._log_file is not None:
            self._log_file.handle(record)
        if record.levelno == logging.WARNING:
            self._display.notice(record.getMessage())

    def close(self) -> None:
        """Close the log file, too."""
        if self._log_file is not None:
            self._log_file.close()
        super().close()


class LogFile(logging.FileHandler):
    """A log that ends, with a notice, where it cannot be written: no reason to lose a dream."""

    def __init__(self, path: Path, display: Display) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace")
        self._path = path
        self._display: Display | None = display
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Append a line."""
        if self._display is not None:
            super().emit(record)

    def close(self) -> None:
        """Close; what a full disk cannot take is lost, as the notice has said."""
        with suppress(OSError):
            super().close()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802  logging's own name
        """Stop logging."""
        display, self._display = self._display, None
        if display is not None:
            display.notice(f"--log-file {self._path}: cannot be written any more; the log ends here")


@contextmanager
def notices_to(display: Display, log_file: Path | None = None) -> Iterator[NoticeHandler]:
    """Send the log records of dreamvid to a progress display and a log file, and nowhere else.

    Raises
    ------
    WriteError
        Where the log file cannot be opened, or is something else than a text.
    """
    logger = logging.getLogger("dreamvid")
    handler = NoticeHandler(display, None if log_file is None else _open_log(log_file, display))
    handlers, level, propagate = logger.handlers, logger.level, logger.propagate
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False  # libraries may have set up a root logger that prints
    try:
        yield handler
    finally:
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)
        handler.close()


def _open_log(path: Path, display: Display) -> logging.Handler:
    try:
        if path.is_file():
            with path.open("rb") as file:
                if b"\0" in file.read(_HEAD_BYTES):
                    raise WriteError(f"--log-file {path}: is no log but something else; name another file")
        return LogFile(path, display)
    except OSError as error:
        raise WriteError(f"--log-file {path}: {error.strerror}") from None
