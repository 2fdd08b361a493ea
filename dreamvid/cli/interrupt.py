"""Ctrl-C, SIGTERM and a closed terminal while frames are dreamed: one asks to stop, a second one stops at once."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from dreamvid.pipelines.options import StopRequested

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


_OPEN: list[StopRequested] = []


class Interrupted(BaseException):
    """A command has stopped because it was asked to; its message says how to go on."""


@contextmanager
def defer_interrupts(*, quiet: bool) -> Iterator[StopRequested]:
    """Let the first interruption only be noted; what is given tells whether there was one.

    ``quiet`` leaves away the line that says so. Signals that are ignored (``nohup``) stay so. Within another one,
    it is that one.
    """
    if _OPEN:
        yield _OPEN[-1]
        return
    asked = False

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  a signal handler's signature
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        if not quiet:
            with suppress(OSError):  # past Python's buffers, which may be in use just now
                os.write(2, b"\ndreamvid: finishing this frame; once more stops at once\n")

    before = {}
    for name in SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, note)
    _OPEN.append(lambda: asked)
    try:
        yield _OPEN[-1]
    finally:
        _OPEN.pop()
        for number, handler in before.items():
            signal.signal(number, handler)
