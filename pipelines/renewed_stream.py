"""Dream the frames of a video in one stream, or at renewal points in two, of which the new one replaces the old.

The new dream begins in the frame where its warm-up does, from nothing, whatever the old one is like. So the frames
from a renewal point on are the same whether those before it were dreamed in this run or in none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dreamvid.pipelines.dream_stream import DreamStream
from dreamvid.pipelines.loop_state import StreamState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dreamvid.errors import NonFiniteDreamError
    from dreamvid.pipelines.dream_stream import DreamedTask
    from dreamvid.pipelines.frame_task import FrameTask
    from dreamvid.pipelines.loop_state import LoopState
    from dreamvid.pipelines.renewal import Renewal
    from dreamvid.types import RGB


class ShownFrame(NamedTuple):
    """A frame as it shows in each of its scenes, and what is known after it; see :class:`LoopState` for the rest."""

    task: FrameTask
    dreams: tuple[RGB, ...]
    shot_start: int
    stream: StreamState
    new: StreamState | None
    dreamed: int
    failed: int
    error: NonFiniteDreamError | None


class _Place(NamedTuple):
    """Where a frame is: in which shot, what share a new dream has in it, and whether a renewal point is next."""

    shot_start: int
    share: float | None
    is_last: bool


class RenewedStream:
    """Dreams frames from a state on.

    Parameters
    ----------
    state
        That of the loop after the frame before.
    renewal
        The renewal points; None for none.
    end
        Index of the frame before which to end: a shot's first one, a renewal point, or any where nothing is carried.
        None is the end of the video.
    """

    def __init__(self, state: LoopState, renewal: Renewal | None, end: int | None = None) -> None:
        self._begin = self._next = state.frames
        self._first = state.first_needed
        self._shot_start = state.shot_start
        self._renewal = renewal
        self._end = end
        self._point = 0
        self._old = DreamStream(state.frames, state.stream)
        self._new = None if state.new is None else DreamStream(state.frames, state.new)
        self._places: dict[int, _Place] = {}
        self._old_dreams: dict[int, DreamedTask] = {}
        self._new_dreams: dict[int, DreamedTask] = {}

    def over(self, tasks: Iterable[FrameTask]) -> Iterator[ShownFrame]:
        """Yield each frame, in order."""
        for task in tasks:
            if task.frame.index < self._first:
                continue
            if task.frame.index >= self._begin:
                yield from self._prepare(task)
            if self._next == self._end:
                return
            yield from self._feed(task)
            if self._next == self._end:
                return
        yield from self._finish()

    def _prepare(self, task: FrameTask) -> Iterator[ShownFrame]:
        """End what ends before a frame, a shot or a dream that was replaced; begin a new dream where it is time."""
        index = task.frame.index
        if task.starts_shot:
            yield from self._finish()
            self._new, self._shot_start = None, index
        position = index - self._shot_start
        share = None
        if self._renewal is not None:
            if self._new is not None and self._renewal.is_point(position):
                yield from self._show(self._old.finish())
                self._point, self._old, self._new = index, self._new, None
            if self._renewal.begins(position):
                self._new = DreamStream(index, StreamState())
            share = self._renewal.share(position)
        is_last = self._renewal is not None and self._renewal.is_point(position + 1)
        self._places[index] = _Place(self._shot_start, share, is_last)

    def _feed(self, task: FrameTask) -> Iterator[ShownFrame]:
        yield from self._show(self._old.feed(task))
        if self._new is not None:
            yield from self._show(self._new.feed(task), is_new=True)

    def _finish(self) -> Iterator[ShownFrame]:
        yield from self._show(self._old.finish())
        if self._new is not None:
            yield from self._show(self._new.finish(), is_new=True)

    def _show(self, dreams: Iterator[DreamedTask], *, is_new: bool = False) -> Iterator[ShownFrame]:
        """Take dreams of one of the streams; yield the frames that all their dreams are there for."""
        for dream in dreams:
            # Where frames wait for a dreamed one, some before a point come when their dream has replaced the old one.
            ours = self._new_dreams if is_new or dream.index < self._point else self._old_dreams
            ours[dream.index] = dream
            while self._next != self._end and self._next in self._old_dreams:
                place = self._places[self._next]
                if place.share is not None and self._next not in self._new_dreams:
                    break
                del self._places[self._next]
                old = self._old_dreams.pop(self._next)
                new = None if place.share is None else self._new_dreams.pop(self._next)
                self._next += 1
                yield _shown(place, old, new)


def _shown(place: _Place, old: DreamedTask, new: DreamedTask | None) -> ShownFrame:
    """Return a frame with the new dream over the old one, and the state after it."""
    if new is None or place.share is None:
        return ShownFrame(
            old.task, old.dreams, place.shot_start, old.state, None, old.dreamed, old.failed, old.error
        )
    from dreamvid.flow.cross_fade import cross_fade  # noqa: PLC0415  OpenCV loads only when something is dreamed

    share = place.share
    return ShownFrame(
        old.task,
        tuple(
            cross_fade(old.task.picture, before, after, share)
            for before, after in zip(old.dreams, new.dreams, strict=True)
        ),
        place.shot_start,
        new.state if place.is_last else old.state,
        None if place.is_last else new.state,
        old.dreamed + new.dreamed,
        old.failed + new.failed,
        old.error or new.error,
    )
