"""Threads with bounded queues between them: the first failure of any stops all, and is the one that is raised."""

from __future__ import annotations

import math
import queue
import threading
import time
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")

_QUEUE_FRAMES = 2
_POLL_SECONDS = 0.02
_PATIENCE = 10.0
"""Seconds that stages have to end in after an interruption: one may hang on a disk that has gone."""


class StoppedError(Exception):
    """Another stage failed; this one has nothing more to do."""


class BoundedQueue(Generic[T]):
    """A bounded queue that lets go when the run is stopped."""

    def __init__(self, stop: threading.Event) -> None:
        self._queue: queue.Queue[T | None] = queue.Queue(_QUEUE_FRAMES)
        self._stop = stop

    def put(self, item: T | None) -> None:
        """Append an item, when there is room; None is the end."""
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=_POLL_SECONDS)
            except queue.Full:
                continue
            return
        raise StoppedError

    def __iter__(self) -> Iterator[T]:
        """Yield items until the end."""
        while not self._stop.is_set():
            try:
                item = self._queue.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
            if item is None:
                return
            yield item
        raise StoppedError


class ThreadGroup:
    """Threads that share one stop signal; the first error wins."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self._errors: list[BaseException] = []
        self._over: dict[str, threading.Event] = {}
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def start(self, name: str, work: Callable[[], None]) -> None:
        """Run ``work`` in a thread of that name."""
        over = self._over[name] = threading.Event()

        def guarded() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001  handed to the main thread, whatever it is
                self.fail(error)
            finally:
                over.set()

        thread = threading.Thread(target=guarded, name=f"dreamvid-{name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def fail(self, error: BaseException) -> None:
        """Note an error and stop everything."""
        with self._lock:
            if not isinstance(error, StoppedError):
                self._errors.append(error)
            self.stop.set()

    def wait(self, name: str) -> None:
        """Wait until the stage of this name has done all that it was given, or has failed.

        Raises
        ------
        KeyboardInterrupt
            Where that was interrupted: all stages are stopped, and this one has ended, or hangs. A second one comes
            at once.
        """
        self._wait_for([self._over[name]])

    def join(self) -> None:
        """Wait for all threads, then raise the first error, if any; interruptions as for :meth:`wait`."""
        self._wait_for(list(self._over.values()))
        for thread in self._threads:
            thread.join(_POLL_SECONDS)  # they have nothing more to do
        if self._errors:
            raise self._errors[0]

    def _wait_for(self, stages: list[threading.Event]) -> None:
        """Wait for events: a thread's own ``join`` returns early for good once it was interrupted (Python 3.11)."""
        interruption: KeyboardInterrupt | None = None
        until = math.inf
        for over in stages:
            while not over.is_set() and time.monotonic() < until:
                try:
                    over.wait(_POLL_SECONDS)
                except KeyboardInterrupt as error:
                    if interruption is not None:
                        raise
                    interruption, until = error, time.monotonic() + _PATIENCE
                    self.fail(error)
        if interruption is not None:
            raise interruption


def prefetch(items: Iterable[T]) -> Iterator[T]:
    """Yield items that are made a few ahead, in a thread; its error is raised here."""
    threads = ThreadGroup()
    buffer: BoundedQueue[T] = BoundedQueue(threads.stop)

    def make() -> None:
        for item in items:
            buffer.put(item)
        buffer.put(None)

    threads.start("ahead", make)
    try:
        yield from buffer
    except StoppedError:
        pass  # join says why
    finally:
        threads.stop.set()
        threads.join()
