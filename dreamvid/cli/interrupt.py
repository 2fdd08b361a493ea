"""Interruptions (Ctrl-C, SIGTERM, a closed terminal): the first asks a run to stop, the second ends it at once."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from dreamvid.pipelines.options import StopRequested

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
_active: list[StopRequested] = []


class Interrupted(BaseException):
    """A command has stopped because it was interrupted; the message says how to go on."""


@contextmanager
def defer_interrupts(*, quiet: bool) -> Iterator[StopRequested]:
    """Defer the first interruption; yield a function that returns whether there was one.

    ``quiet`` suppresses the line that says so. Within another such context, that one's function is yielded.
    """
    if _active:
        yield _active[-1]
        return
    interrupted = False

    def handler(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  a signal handler's signature
        nonlocal interrupted
        if interrupted:
            raise KeyboardInterrupt
        interrupted = True
        if not quiet:
            with suppress(OSError):  # past Python's buffers, which may be in use just now
                os.write(2, b"\ndreamvid: finishing this frame; once more stops at once\n")

    previous = set_handler(_SIGNALS, handler)
    _active.append(lambda: interrupted)
    try:
        yield _active[-1]
    finally:
        _active.pop()
        for number, previous_handler in previous.items():
            signal.signal(number, previous_handler)


def read_input(take: Callable[[str], None]) -> None:
    """Call ``take`` with each line of standard input; at its end, where who wrote it has died, stop this process."""
    rest = b""
    while data := os.read(0, 1 << 16):  # past Python's buffer, whose lock would be held at exit
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            take(line.decode())
    os.kill(os.getpid(), signal.SIGTERM)


def set_handler(names: tuple[str, ...], handler: Callable[[int, FrameType | None], None]) -> dict[int, Any]:
    """Set the handler of the signals that this system has and that are not ignored; return the previous ones."""
    previous: dict[int, Any] = {}
    for name in names:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores SIGHUP
            previous[number] = signal.signal(number, handler)
    return previous
