"""Close the dream of a loop: detail is carried from frame to frame, so that the last one must lead into the first.

The loop is begun a little before its first frame, with the pictures of its end, so that the first frame is dreamed
on detail that has come that far already. At the end the same pictures are dreamed again, and fade into those dreams:
both are of the same walk, only their detail differs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dreamvid.checkpoint.layout import State
from dreamvid.pipelines.resume import ResumePoint
from dreamvid.pipelines.scenes import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from dreamvid.pipelines.options import StopRequested
    from dreamvid.pipelines.resume import FrameProducer, FrameSink
    from dreamvid.pipelines.scenes import SceneShare
    from dreamvid.types import RGB, Frame

_UINT16_MAX = np.float32(65535.0)
_KEY = "preroll"


@dataclass(frozen=True, slots=True)
class LoopTimeline(Timeline):
    """A timeline whose first ``preroll`` frames are the last ones of a loop of ``frames`` frames."""

    preroll: int = 0
    frames: int = 1

    def at(self, frame: Frame) -> tuple[SceneShare, ...]:
        """Return the scenes that show in a frame; see :meth:`Timeline.at`."""
        place = (frame.index - self.preroll) % self.frames
        return Timeline.at(self, replace(frame, index=place, pts=place / self.clock.fps))


@dataclass(slots=True)
class ClosedLoop:
    """A :class:`dreamvid.pipelines.resume.FrameProducer` of a loop, from one of a pre-roll and the loop.

    ``preroll`` and ``frames`` count the frames of both.
    """

    produce: FrameProducer
    preroll: int
    frames: int

    def __call__(self, begin: ResumePoint, write: FrameSink, stop_requested: StopRequested) -> None:
        """Make the frames of the loop from ``begin`` on."""
        kept: list[NDArray[np.uint16]] = []
        if begin.state is not None:
            kept = list(begin.state.arrays[_KEY])
            begin = ResumePoint(begin.frame + self.preroll, begin.state)

        def sink(frame: Frame, state: Callable[[], State]) -> None:
            place = frame.index - self.preroll
            if place < 0:
                kept.append(np.asarray(np.rint(frame.rgb * _UINT16_MAX), np.uint16))
                return
            until_end = self.frames - place
            if until_end <= self.preroll:
                share = 1.0 - (until_end - 1) / self.preroll
                frame = replace(frame, rgb=_mix(frame.rgb, kept[self.preroll - until_end], share))
            write(replace(frame, index=place), lambda: _with_preroll(state(), kept))

        self.produce(begin, sink, stop_requested)


def _mix(picture: RGB, kept: NDArray[np.uint16], share: float) -> RGB:
    target = kept.astype(np.float32) / _UINT16_MAX
    return picture + np.float32(share) * (target - picture)


def _with_preroll(state: State, kept: list[NDArray[np.uint16]]) -> State:
    return State(state.values, {**state.arrays, _KEY: np.stack(kept)})
