"""Divide frames into chunks, each closed and recorded after some seconds of video or of work."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dreamvid.checkpoint.chunk import Times

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction

    from dreamvid.checkpoint.chunk import ChunkRecord, ChunkSink
    from dreamvid.checkpoint.layout import State
    from dreamvid.checkpoint.store import Store
    from dreamvid.types import Frame

# Seconds of work after which a chunk is closed, however short its video is.
MAX_WORK = 60.0


@dataclass(slots=True)
class _OpenChunk:
    """The chunk that is being written."""

    sink: ChunkSink
    started: float
    times: list[Times] = field(default_factory=list)
    snapshot: Callable[[], State] | None = None


class ChunkWriter:
    """Writes frames, in order, to the chunks of a store.

    Where chunks end makes no difference to any frame: they are lossless, and all frames are key frames.

    Parameters
    ----------
    store
        Where the chunks go.
    seconds
        Length of a chunk's video.
    on_frame
        Called with every frame, its picture as reading will return it.
    on_chunk
        Called with the record of every complete chunk.
    check
        Called before a chunk is recorded; if it raises, the chunk is removed.
    clock
        Returns the time in seconds.
    """

    def __init__(
        self,
        store: Store,
        seconds: Fraction,
        on_frame: Callable[[Frame], None],
        on_chunk: Callable[[ChunkRecord], None],
        *,
        check: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._seconds = seconds
        self._on_frame = on_frame
        self._on_chunk = on_chunk
        self._check = check
        self._clock = clock
        self._open: _OpenChunk | None = None

    def write(self, frame: Frame, state: Callable[[], State]) -> None:
        """Append a frame; raises ``WriteError``, such as for a full disk.

        ``state`` returns the state after the frame; it is called if a chunk ends with it.
        """
        if self._open is None:
            self._open = _OpenChunk(self._store.begin(), self._clock())
        chunk = self._open
        rgb, alpha = chunk.sink.write(frame)
        chunk.times.append(Times(frame.pts, frame.duration))
        chunk.snapshot = state
        self._on_frame(replace(frame, rgb=rgb, alpha=alpha))
        elapsed = frame.pts - chunk.times[0].pts
        length = elapsed + (frame.duration or elapsed / max(1, len(chunk.times) - 1))
        if length >= self._seconds or self._clock() - chunk.started >= MAX_WORK:
            self.close()

    def close(self) -> None:
        """End the open chunk, if any; errors as for :meth:`write`."""
        chunk, self._open = self._open, None
        if chunk is None or chunk.snapshot is None:
            return
        try:
            self._check()
        except BaseException:
            chunk.sink.abandon()
            raise
        chunk.sink.close()
        self._on_chunk(self._store.add(chunk.times, chunk.snapshot()))

    def abandon(self) -> None:
        """Remove the open chunk."""
        chunk, self._open = self._open, None
        if chunk is not None:
            chunk.sink.abandon()
