"""A trip's frames, from any frame on: what :mod:`dreamvid.pipelines.resume` keeps of a trip."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from dreamvid.pipelines.threads import Line, Stages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dreamvid.checkpoint.state import State
    from dreamvid.pipelines.options import StopRequested
    from dreamvid.pipelines.progress import Progress
    from dreamvid.pipelines.resume import FrameSink, ResumePoint
    from dreamvid.types import RGB, Frame

S = TypeVar("S")


class ZoomMode(Protocol[S]):
    """A way to make a trip's frames, each from an explicit state, so that it can be cut and go on anywhere."""

    def begin(self, start: RGB, *, bare: bool, palette: RGB | None = None) -> S:
        """Return the first state."""
        ...

    def states(self, state: S) -> Iterator[S]:
        """Yield the given state and all that follow."""
        ...

    def advance(self, state: S) -> S:
        """Return the state after one."""
        ...

    def frame(self, state: S) -> Frame | None:
        """Return what is written of a state, if anything is."""
        ...

    def to_state(self, state: S) -> State:
        """Return what is kept of a state."""
        ...

    def from_state(self, state: State) -> S:
        """Return the state that was kept."""
        ...


@dataclass(slots=True)
class ZoomFrames(Generic[S]):
    """A :class:`dreamvid.pipelines.resume.Producer` of a trip's frames.

    ``frames`` is how many there are in all. ``start``, ``bare`` and ``palette`` are as for :meth:`Travel.begin`;
    ``stages`` are seconds by stage afterwards.
    """

    trip: ZoomMode[S]
    frames: int
    start: RGB
    bare: bool
    palette: RGB | None
    progress: Progress
    stages: dict[str, float] = field(default_factory=lambda: {"dream": 0.0, "encode": 0.0})

    def __call__(self, begin: ResumePoint, take: FrameSink, asked: StopRequested) -> None:
        """Make the frames from ``begin`` on; they are taken in a thread of their own, beside the dreaming."""
        stages = Stages()
        line: Line[tuple[Frame, Callable[[], State]]] = Line(stages.stop)
        stages.start("take", lambda: self._hand_on(line, take))
        try:
            before = time.perf_counter()
            for state in self._states(begin):
                frame = self.trip.frame(state)
                self.stages["dream"] += time.perf_counter() - before
                if frame is not None:
                    line.put((frame, partial(self.trip.to_state, state)))
                    self.progress.frame(frame.index)
                if asked():
                    break
                before = time.perf_counter()
            line.put(None)
        except BaseException as error:  # noqa: BLE001  raised again by join, or overruled by an earlier one
            stages.fail(error)
        stages.join()

    def _states(self, begin: ResumePoint) -> Iterator[S]:
        if begin.state is None:
            return self.trip.states(self.trip.begin(self.start, bare=self.bare, palette=self.palette))
        if begin.frame >= self.frames:
            return iter(())
        return self.trip.states(self.trip.advance(self.trip.from_state(begin.state)))

    def _hand_on(self, line: Line[tuple[Frame, Callable[[], State]]], take: FrameSink) -> None:
        for frame, state in line:
            before = time.perf_counter()
            take(frame, state)
            self.stages["encode"] += time.perf_counter() - before
