"""What a Ray task returns: errors and warnings are for the user of the process that began it."""

from __future__ import annotations

import logging
import os
import platform
from typing import TYPE_CHECKING, Any, NamedTuple

from dreamvid.errors import DreamvidError, WorkError
from dreamvid.pipelines.plan.holder import Holder

if TYPE_CHECKING:
    from collections.abc import Callable

RETRIES = 8
"""Times that a task is begun again whose process or machine has died."""


class TaskEnd(NamedTuple):
    """How a task has ended.

    Attributes
    ----------
    worker
        The process that it was.
    is_done
        Whether all is done; where that is not so for want of an ``error``, it was interrupted.
    error
        The line that says why it cannot be done, or nothing.
    warnings
        Each once.
    """

    worker: str
    is_done: bool = False
    error: str = ""
    warnings: tuple[str, ...] = ()


def run_task(work: Callable[[], object], device: str) -> TaskEnd:
    """Do the work of a task; errors of other kinds than dreamvid's own are raised."""
    log, warnings = logging.getLogger("dreamvid"), _Warnings()
    log.addHandler(warnings)
    is_done, error = False, ""
    try:
        work()
        is_done = True
    except KeyboardInterrupt:
        pass
    except DreamvidError as caught:
        error = f"{platform.node()}: {' '.join(str(caught).split())}"
    finally:
        log.removeHandler(warnings)
    worker = Holder(platform.node(), os.getpid(), device)
    return TaskEnd(str(worker), is_done, error, tuple(warnings.texts))


def end_of(ray: Any, reference: Any, name: str) -> TaskEnd:
    """Return the end of a task; raise a ``WorkError`` that begins with ``name`` where it has died or failed."""
    try:
        end: TaskEnd = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        line = f"{type(error.cause).__name__}: {' '.join(str(error.cause).split())}"
        raise WorkError(f"{name}: {line}") from None
    except ray.exceptions.RayError as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        line = f"the process or machine died {RETRIES + 1} times ({lines[0]})"
        raise WorkError(f"{name}: {line}") from None
    return end


class _Warnings(logging.Handler):
    """Collects the texts of warnings, as the keys of ``texts``."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Take a warning; errors are raised, too."""
        if record.levelno == logging.WARNING:
            self.texts[record.getMessage()] = None
