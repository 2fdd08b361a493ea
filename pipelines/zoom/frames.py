"""Produce the frames of a zoom from any frame on, while a second thread writes them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import numpy as np

from dreamvid.image.resize import resize
from dreamvid.pipelines.threads import BoundedQueue, ThreadGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dreamvid.checkpoint.layout import State
    from dreamvid.pipelines.options import StopRequested
    from dreamvid.pipelines.progress import Progress
    from dreamvid.pipelines.resume import FrameSink, ResumePoint
    from dreamvid.pipelines.zoom.frame_by_frame import ZoomState
    from dreamvid.pipelines.zoom.keyframed import KeyframeState
    from dreamvid.types import RGB, Frame, Size

S = TypeVar("S", "ZoomState", "KeyframeState")


class ZoomMode(Protocol[S]):
    """A way to make the frames of a zoom, each from an explicit state ``S``, so that a run resumes at any frame."""

    def check(self, picture: RGB) -> None:
        """Raise a ``SettingsError`` where the camera moves too far at once; ``picture`` is any of the right size."""
        ...

    def begin(self, start: RGB, *, starts_from_picture: bool, palette: RGB | None = None) -> S:
        """Return the state of the first frame.

        Parameters
        ----------
        start
            The start image, ``[H, W, 3]`` float32 in [0, 1].
        starts_from_picture
            The first frame is the start image itself, rather than its dream.
        palette
            A picture whose colors are held; None is the start image's mean color with the spread of its dream.
        """
        ...

    def advance(self, state: S) -> S:
        """Return the state of the next frame."""
        ...

    def frame(self, state: S) -> Frame | None:
        """Return the written frame of a state; None where nothing is written."""
        ...

    def to_state(self, state: S) -> State:
        """Return the checkpoint of a state; every number comes back bit for bit."""
        ...

    def from_state(self, state: State) -> S:
        """Return the state of a checkpoint."""
        ...


@dataclass(slots=True)
class ZoomFrames(Generic[S]):
    """The :class:`~dreamvid.pipelines.resume.FrameProducer` of a zoom of ``frames`` frames.

    ``start``, ``starts_from_picture`` and ``palette`` are those of :meth:`ZoomMode.begin`; ``size`` is that of the
    written frames, None the one in which they are dreamed; ``stages`` are the seconds by stage afterwards.
    """

    mode: ZoomMode[S]
    frames: int
    start: RGB
    starts_from_picture: bool
    palette: RGB | None
    progress: Progress
    size: Size | None = None
    stages: dict[str, float] = field(default_factory=lambda: {"dream": 0.0, "encode": 0.0})

    def __call__(self, begin: ResumePoint, write: FrameSink, stop_requested: StopRequested) -> None:
        """Make the frames from ``begin`` on; a thread of its own writes each while the next one is dreamed."""
        threads = ThreadGroup()
        queue: BoundedQueue[tuple[Frame, Callable[[], State]]] = BoundedQueue(threads.stop)
        threads.start("write", lambda: self._write(queue, write))
        try:
            began = time.perf_counter()
            for state in self._states(begin):
                frame = self.mode.frame(state)
                self.stages["dream"] += time.perf_counter() - began
                if frame is not None:
                    queue.put((frame, partial(self.mode.to_state, state)))
                    self.progress.frame(frame.index)
                if stop_requested():
                    break
                began = time.perf_counter()
            queue.put(None)
        except BaseException as error:  # noqa: BLE001  raised again by join, unless a thread failed earlier
            threads.fail(error)
        threads.join()

    def _states(self, begin: ResumePoint) -> Iterator[S]:
        if begin.state is not None:
            state = self.mode.from_state(begin.state)
        else:
            state = self.mode.begin(
                self.start, starts_from_picture=self.starts_from_picture, palette=self.palette
            )
            yield state
        while state.index + 1 < self.frames:
            state = self.mode.advance(state)
            yield state

    def _write(self, queue: BoundedQueue[tuple[Frame, Callable[[], State]]], write: FrameSink) -> None:
        for frame, state in queue:
            began = time.perf_counter()
            write(self._upscaled(frame), state)
            self.stages["encode"] += time.perf_counter() - began

    def _upscaled(self, frame: Frame) -> Frame:
        if self.size is None or frame.rgb.shape[:2] == tuple(self.size):
            return frame
        return replace(frame, rgb=np.clip(resize(frame.rgb, self.size), 0.0, 1.0))
