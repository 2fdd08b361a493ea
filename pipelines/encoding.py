"""The output, encoded beside the dreaming: frames as they are kept, and from the chunks where it falls behind."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Self

from dreamvid.pipelines.threads import Stages, StoppedError, prefetch
from dreamvid.types import Frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from dreamvid.checkpoint.chunk import ChunkRecord
    from dreamvid.checkpoint.store import Store
    from dreamvid.types import FrameWriter

_WAITING = 2
"""Frames that may wait in memory."""

_POLL_SECONDS = 0.2


class Encoding:
    """Encodes an output in one pass, in a thread of its own; leaving it early leaves no output.

    It is handed every frame as it is kept, and every chunk when it is whole. Frames that it cannot take at once are
    not waited for: from there on it reads the chunks, as it does with those of an earlier run. Either way it gets
    the same pictures.

    Parameters
    ----------
    store
        Where the chunks are; those that are there already come first.
    writer
        Encodes, verifies and renames the output; used in that thread only.
    """

    def __init__(self, store: Store, writer: FrameWriter) -> None:
        self._store = store
        self._writer = writer
        self._stages = Stages()
        self._waiting: queue.SimpleQueue[Frame | ChunkRecord | None] = queue.SimpleQueue()
        self._keeps_up = True
        self._delivered = False
        self._on_frame: Callable[[int], None] | None = None
        for record in store.records:
            self.add(record)

    def __enter__(self) -> Self:
        self._stages.start("output", self._encode)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the thread; after an error it gives the output up first."""
        self._stages.stop.set()
        self._stages.wait("output")

    def take(self, frame: Frame) -> None:
        """Hand over the next frame, as it was kept."""
        self._keeps_up = self._keeps_up and self._waiting.qsize() < _WAITING
        if self._keeps_up:
            self._waiting.put(frame)

    def add(self, record: ChunkRecord) -> None:
        """Hand over the next whole chunk."""
        self._waiting.put(record)

    @property
    def failed(self) -> bool:
        """Whether it has given up; :meth:`check` says why."""
        return self._stages.stop.is_set()

    def check(self) -> None:
        """Raise what made it give up, if anything has."""
        if self.failed:
            self._stages.join()

    def finish(self, on_frame: Callable[[int], None]) -> None:
        """Wait until the output of all chunks is in place; ``on_frame`` is told of frames encoded from here on.

        Raises
        ------
        WriteError, WorkError
            What the writer raises, and where a chunk is damaged.
        KeyboardInterrupt
            Where that came before the output was in place; otherwise it came too late.
        """
        self._on_frame = on_frame
        self._waiting.put(None)
        try:
            self._stages.join()
        except KeyboardInterrupt:
            if not self._delivered:
                raise

    def _encode(self) -> None:
        with self._writer:
            for frame in self._frames():
                self._writer.write(frame)
                if self._on_frame is not None:
                    self._on_frame(frame.index)
        self._delivered = True

    def _frames(self) -> Iterator[Frame]:
        """Yield every frame once, in order."""
        done = 0
        while (item := self._next()) is not None:
            if isinstance(item, Frame):
                yield item
                done += 1
            elif item.end > done:
                for frame in prefetch(self._store.read(item)):
                    self._go_on()
                    if frame.index >= done:
                        yield frame
                done = item.end

    def _next(self) -> Frame | ChunkRecord | None:
        while True:
            self._go_on()
            try:
                return self._waiting.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue

    def _go_on(self) -> None:
        if self._stages.stop.is_set():
            raise StoppedError
