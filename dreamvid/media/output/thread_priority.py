"""Keep an encoder from taking the machine for itself."""

from __future__ import annotations

import os
import sys
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
    before = {thread: _scheduling(thread) for thread in _threads()}
    usual = _scheduling(0)
    try:
        yield
    finally:
        for thread in _threads():
            wanted = before.get(thread, usual)
            with suppress(ProcessLookupError):  # it has ended
                if _scheduling(thread) != wanted:
                    policy, priority = wanted
                    os.sched_setscheduler(thread, policy, os.sched_param(priority))


def _threads() -> list[int]:
    return [int(thread.name) for thread in Path("/proc/self/task").iterdir()]


def _scheduling(thread: int) -> tuple[int, int]:
    """Return a thread's policy and priority; 0 is the thread that asks."""
    return os.sched_getscheduler(thread), os.sched_getparam(thread).sched_priority
