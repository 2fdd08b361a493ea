"""A video's dreamed frames, from any frame on: what :mod:`dreamvid.pipelines.resume` keeps of a video."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dreamvid.pipelines.frame_loop import LEAD_IN, DreamedFrame, dream_scenes
from dreamvid.pipelines.position import Position

if TYPE_CHECKING:
    from dreamvid.pipelines.known import KnownDreams
    from dreamvid.pipelines.masks import Masks
    from dreamvid.pipelines.options import StopRequested
    from dreamvid.pipelines.progress import Progress
    from dreamvid.pipelines.resume import FrameSink, ResumePoint
    from dreamvid.pipelines.scenes import BuiltLooks
    from dreamvid.types import RGB, Frame, SeekableSource


@dataclass(slots=True)
class VideoFrames:
    """A :class:`dreamvid.pipelines.resume.Producer` of a video's frames.

    ``measure`` asks for the objective gain; ``known`` dreams are not made again; ``stages`` are seconds by stage
    afterwards.
    """

    source: SeekableSource
    built: BuiltLooks
    masks: Masks | None
    cuts: bool
    measure: bool
    progress: Progress
    known: KnownDreams | None = None
    stages: dict[str, float] = field(default_factory=dict)
    _first: tuple[RGB, RGB] | None = None

    def __call__(self, begin: ResumePoint, write: FrameSink, stop_requested: StopRequested) -> None:
        """Dream the frames from ``begin`` on.

        Those before are decoded, so that times and indices are exact, and the last few of them looked at for cuts,
        motion and masks; none is dreamed.
        """
        carries = self.built.carries

        def hand_on(frame: Frame, position: Position) -> None:
            write(frame, (position if carries else position.without_carries()).to_state)

        report = dream_scenes(
            self.source.from_frame(max(0, begin.frame - LEAD_IN)),
            self.built.looks,
            hand_on,
            begin=Position.from_state(begin.state),
            asked=stop_requested,
            detect_cuts=self.cuts and (carries or (self.masks is not None and self.masks.follows_motion)),
            masks=self.masks,
            on_frame=self._dreamed,
            known=self.known,
        )
        self.stages.update(report.stages)

    def gain(self) -> float | None:
        """Return the ratio of the objective's score after and before, on the first frame that was dreamed here."""
        if self._first is None:
            return None
        before, after = (self.built.first.dreamer.score(picture) for picture in self._first)
        return after / before if before > 0 else None

    def _dreamed(self, done: DreamedFrame) -> None:
        if self.measure and self._first is None:
            self._first = done.source, done.dreamed
        self.progress.frame(done.index)
