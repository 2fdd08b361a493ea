"""Frames into chunks: each is closed and recorded after some seconds of video, or of work."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dreamvid.checkpoint.chunk import Times

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction

    from dreamvid.checkpoint.chunk import ChunkRecord, ChunkSink
    from dreamvid.checkpoint.state import State
    from dreamvid.checkpoint.store import Store
    from dreamvid.types import Frame

LONGEST_WORK = 60.0
"""Seconds of work after which a chunk is closed, however short it is."""


@dataclass(slots=True)
class _Open:
    """The chunk that is being written."""

    sink: ChunkSink
    began: float
    times: list[Times] = field(default_factory=list)
    snapshot: Callable[[], State] | None = None


class ChunkWriter:
    """Takes frames in order and keeps them.

    Where chunks end makes no difference to any frame: they are lossless and each frame stands alone in them.

    Parameters
    ----------
    store
        Where they are kept.
    seconds
        Length of a chunk's video.
    on_frame
        Called with every frame, its picture as reading will give it back.
    on_chunk
        Called when a chunk is whole.
    check
        Called before a chunk counts; what it raises makes it count for nothing.
    clock
        Tells the time in seconds.
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
        self._open: _Open | None = None

    def take(self, frame: Frame, state: Callable[[], State]) -> None:
        """Append a frame; ``state`` is called where a chunk ends with it, and returns what the next frame needs.

        Raises
        ------
        WriteError
            In one line, such as for a full disk.
        """
        if self._open is None:
            self._open = _Open(self._store.begin(), self._clock())
        chunk = self._open
        rgb, alpha = chunk.sink.write(frame)
        chunk.times.append(Times(frame.pts, frame.duration))
        chunk.snapshot = state
        self._on_frame(replace(frame, rgb=rgb, alpha=alpha))
        shown = frame.pts - chunk.times[0].pts
        length = shown + (frame.duration or shown / max(1, len(chunk.times) - 1))
        if length >= self._seconds or self._clock() - chunk.began >= LONGEST_WORK:
            self.close()

    def close(self) -> None:
        """End the chunk that is open, if any; errors as for :meth:`take`."""
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
        """Give up the frames of the chunk that is open."""
        chunk, self._open = self._open, None
        if chunk is not None:
            chunk.sink.abandon()
