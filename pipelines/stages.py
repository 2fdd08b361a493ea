"""Threads with bounded queues between them: the first failure of any stops all, and is the one that is raised."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")

_QUEUE_FRAMES = 2
_POLL_SECONDS = 0.2


class StoppedError(Exception):
    """Another stage failed; this one has nothing more to do."""


class Line(Generic[T]):
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


class Stages:
    """Threads that share one stop signal; the first error wins."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self._errors: list[BaseException] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def start(self, name: str, work: Callable[[], None]) -> None:
        """Run ``work`` in a thread of that name."""

        def guarded() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001  handed to the main thread, whatever it is
                self.fail(error)

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
        """Wait until the stage of this name has done all that it was given, or has failed."""
        for thread in self._threads:
            if thread.name == f"dreamvid-{name}":
                thread.join()

    def join(self) -> None:
        """Wait for all threads, then raise the first error, if any."""
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise self._errors[0]


def ahead(items: Iterable[T]) -> Iterator[T]:
    """Yield items that are made a few ahead, in a thread; its error is raised here."""
    stages = Stages()
    line: Line[T] = Line(stages.stop)

    def make() -> None:
        for item in items:
            line.put(item)
        line.put(None)

    stages.start("ahead", make)
    try:
        yield from line
    except StoppedError:
        pass  # join says why
    finally:
        stages.stop.set()
        stages.join()
