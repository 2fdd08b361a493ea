"""Keep an encoder from taking the machine for itself."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def ordinary_threads() -> Iterator[None]:
    """Give threads that become real-time within the block the scheduling of before, on Linux.

    Run as root, SVT-AV1 (4.1) makes its threads and the one that opens it real-time (``SCHED_FIFO``, 99), which every
    thread and process inherits that it begins afterwards. TensorFlow's, which spin while they wait, then hold all
    processors: a machine of two cores stood still for an hour.
    """
    if sys.platform != "linux":
        yield
        return
    before = scheduling()
    usual = before[threading.get_native_id()]
    try:
        yield
    finally:
        for thread, found in scheduling().items():
            wanted = before.get(thread, usual)
            if found != wanted:
                with suppress(ProcessLookupError):
                    os.sched_setscheduler(thread, wanted[0], os.sched_param(wanted[1]))


def scheduling() -> dict[int, tuple[int, int]]:
    """Return policy and priority of each thread of the process, but those that end meanwhile."""
    found = {}
    for folder in Path("/proc/self/task").iterdir():
        thread = int(folder.name)
        with suppress(ProcessLookupError):
            found[thread] = os.sched_getscheduler(thread), os.sched_getparam(thread).sched_priority
    return found
