"""Dream the frames of a video in four threads with bounded queues between them.

    decode -> estimate motion (and masks) -> dream and stabilize -> composite and write

Decoding, motion and writing run beside the dreaming, so that memory does not grow with the length of the video and
the accelerator never waits for a file. The first failure of any thread stops the others and is raised.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from dreamvid.errors import NothingDreamedError
from dreamvid.pipelines.compositing import Compositor
from dreamvid.pipelines.dream_stream import LOGGED
from dreamvid.pipelines.frame_task import FrameTask
from dreamvid.pipelines.loop_state import LoopState
from dreamvid.pipelines.renewed_stream import RenewedStream
from dreamvid.pipelines.resume import ResumePoint
from dreamvid.pipelines.scenes import FrameSettings, Timeline
from dreamvid.pipelines.threads import BoundedQueue, ThreadGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dreamvid.pipelines.masks import Masks
    from dreamvid.pipelines.options import StopRequested
    from dreamvid.pipelines.renewal import Renewal
    from dreamvid.pipelines.renewed_stream import ShownFrame
    from dreamvid.pipelines.resume import FrameSink
    from dreamvid.pipelines.scenes import SceneShare
    from dreamvid.types import (
        RGB,
        Dreamer,
        Frame,
        FrameSource,
        FrameWriter,
        Motion,
        SeekableSource,
        Stabilizer,
    )

_log = logging.getLogger(__name__)

NOTHING_DREAMED = "no frame came out as a picture; try --precision float32, or another model"

LEAD_IN = 24
"""Frames decoded before the first one that is written: cuts, motion and masks look back on up to 8, frames between
two dreamed ones on up to 8 more."""

_HOPELESS = 24
"""Frames after which a run that has not dreamed a single one is given up."""


@dataclass(frozen=True, slots=True)
class DreamedFrame:
    """What is reported of each dreamed frame; pictures are at the dreamed size."""

    index: int
    source: RGB
    dreamed: RGB


class _Dreams(NamedTuple):
    """A frame with its dream in each scene that shows it, and the state of the loop after it."""

    task: FrameTask
    dreams: tuple[RGB, ...]
    state: LoopState


@dataclass(slots=True)
class FrameLoop:
    """A :class:`dreamvid.pipelines.resume.FrameProducer` of a video's dreamed frames.

    Attributes
    ----------
    source
        The video; a :class:`dreamvid.types.SeekableSource` where a run is resumed.
    timeline
        The settings of each frame.
    masks
        Where dreams show; None is everywhere.
    detect_cuts
        Whether a new shot starts without the detail of the last one.
    renewal
        Where in a shot the dream is grown anew; None is nowhere.
    end
        Index of the frame before which to end; see :class:`~dreamvid.pipelines.renewed_stream.RenewedStream`. What
        ends there is a part of a video, so that nothing is said of failures. None is the end of the video.
    stores_carries
        Whether checkpoints hold what frames hand to the next; False where every frame is dreamed alone.
    on_frame
        Called in the calling thread after each dreamed frame.
    stages
        Seconds by stage; stages overlap.
    state
        The state after the last frame.
    """

    source: FrameSource
    timeline: Timeline
    masks: Masks | None = None
    detect_cuts: bool = False
    renewal: Renewal | None = None
    end: int | None = None
    stores_carries: bool = True
    on_frame: Callable[[DreamedFrame], None] = lambda _: None
    stages: dict[str, float] = field(default_factory=dict)
    state: LoopState = field(default_factory=LoopState)
    _started: float = 0.0
    _waited: float = 0.0

    def __call__(self, begin: ResumePoint, write: FrameSink, stop_requested: StopRequested) -> None:
        """Dream the frames from ``begin`` on.

        The last few frames before are searched for cuts, motion and masks, not dreamed. Ends early, without an error,
        after the frame at which a stop is requested.
        """
        self.state = LoopState.from_checkpoint(begin.state)
        threads = ThreadGroup()
        decoded: BoundedQueue[FrameTask] = BoundedQueue(threads.stop)
        prepared: BoundedQueue[FrameTask] = BoundedQueue(threads.stop)
        dreamed: BoundedQueue[_Dreams] = BoundedQueue(threads.stop)
        frames = self.source
        first = max(0, self.state.first_needed - LEAD_IN)
        if first:
            first = max((index for index in begin.times if index <= first), default=first)
            frames = cast("SeekableSource", self.source).from_frame(first, begin.times.get(first))
        moving = self._estimate_motion(decoded, self.state.first_needed)
        masked = moving if self.masks is None else self.masks.over(moving)
        threads.start("decode", lambda: _feed(self._decode(frames), decoded))
        threads.start("observe", lambda: _feed(masked, prepared))
        threads.start("encode", lambda: self._write(dreamed, write))
        try:
            for result in self._dream(prepared):
                dreamed.put(result)
                self.on_frame(DreamedFrame(result.task.frame.index, result.task.picture, result.dreams[-1]))
                if stop_requested():
                    break
            dreamed.put(None)
            threads.wait("encode")
            threads.stop.set()
        except BaseException as error:  # noqa: BLE001  raised again by join, or overruled by an earlier one
            threads.fail(error)
        threads.join()

    def _decode(self, frames: Iterable[Frame]) -> Iterator[FrameTask]:
        before = time.perf_counter()
        for frame in frames:
            parts = self.timeline.at(frame)
            task = FrameTask(frame, parts[0].settings.compositor.prepare(frame.rgb), parts)
            self._count("decode", before)
            yield task
            before = time.perf_counter()

    def _estimate_motion(self, tasks: Iterable[FrameTask], first: int) -> Iterator[FrameTask]:
        """Find cuts, and the motion from frame ``first`` on; those before it are not dreamed."""
        from dreamvid.flow.shot_detection import mark_cuts  # noqa: PLC0415  OpenCV loads only when something is dreamed

        last: FrameTask | None = None
        for task, is_cut in mark_cuts(tasks, lambda task: task.picture, detect=self.detect_cuts):
            before = time.perf_counter()
            rests = is_cut or task.frame.index < first
            motions = tuple(None if rests else _motion(part, task, last) for part in task.parts)
            last = task
            self._count("observe", before)
            yield replace(task, motions=motions, starts_shot=is_cut)

    def _dream(self, tasks: Iterable[FrameTask]) -> Iterator[_Dreams]:
        """Dream the frames from the loop's state on, each in every scene that shows it."""
        self._started = time.perf_counter() - self.state.seconds
        frames = RenewedStream(self.state, self.renewal, self.end).over(self._arriving(tasks))
        while True:
            began, self._waited = time.perf_counter(), 0.0
            shown = next(frames, None)
            self._count("dream", began + self._waited)
            if shown is None:
                break
            yield self._done(shown)
        state = self.state
        if self.end is not None:
            return
        if state.failed and not state.dreamed:
            raise NothingDreamedError(NOTHING_DREAMED)
        if state.failed > LOGGED:
            _log.warning("%d frames in all came out as no picture", state.failed)

    def _arriving(self, tasks: Iterable[FrameTask]) -> Iterator[FrameTask]:
        """Yield frames; note how long they were waited for."""
        before = time.perf_counter()
        for task in tasks:
            self._waited += time.perf_counter() - before
            yield task
            before = time.perf_counter()

    def _done(self, shown: ShownFrame) -> _Dreams:
        """Return a frame's dreams, with the state after it, which is now the loop's; give up a run of failures."""
        task, state = shown.task, self.state
        self.state = LoopState(
            frames=state.frames + 1,
            interval=shown.stream.interval,
            shots=state.shots + task.starts_shot,
            squares=state.squares + float(np.mean(np.square(shown.dreams[-1] - task.picture))),
            seconds=time.perf_counter() - self._started,
            dreamed=state.dreamed + shown.dreamed,
            failed=state.failed + shown.failed,
            carries=shown.stream.carries,
            shot_start=shown.shot_start,
            new=shown.new,
        )
        if shown.error and self.end is None and not self.state.dreamed and self.state.failed >= _HOPELESS:
            raise NothingDreamedError(str(shown.error)) from shown.error
        return _Dreams(replace(task, motions=()), shown.dreams, self.state)

    def _write(self, frames: Iterable[_Dreams], write: FrameSink) -> None:
        for task, dreams, state in frames:
            before = time.perf_counter()
            stored = state if self.stores_carries else replace(state, carries={}, new=None)
            write(replace(task.frame, rgb=composite(task, dreams)), stored.to_checkpoint)
            self._count("encode", before)

    def _count(self, stage: str, since: float) -> None:
        self.stages[stage] = self.stages.get(stage, 0.0) + time.perf_counter() - since


def dream_video(
    source: FrameSource,
    dreamer: Dreamer,
    stabilizer: Stabilizer,
    writer: FrameWriter,
    *,
    detect_cuts: bool = False,
    masks: Masks | None = None,
    on_frame: Callable[[DreamedFrame], None] = lambda _: None,
) -> LoopState:
    """Dream every frame of ``source`` into ``writer`` with one dreamer, without checkpoints."""
    timeline = Timeline.single(FrameSettings(dreamer, stabilizer, Compositor()))
    loop = FrameLoop(source, timeline, masks, detect_cuts, stores_carries=False, on_frame=on_frame)
    with writer:
        loop(ResumePoint(), lambda frame, _: writer.write(frame), lambda: False)
    return loop.state


def _motion(part: SceneShare, task: FrameTask, last: FrameTask | None) -> Motion | None:
    """Return the motion since the last frame, for a scene that shows that one, too."""
    if last is None or part.scene not in {earlier.scene for earlier in last.parts}:
        return None
    return part.settings.stabilizer.estimate_motion(task.picture, last.picture)


def composite(task: FrameTask, dreams: tuple[RGB, ...]) -> RGB:
    """Return the frame to write ``[H, W, 3]``: each scene's dream over the source, mixed by the scenes' shares."""
    source = task.frame.rgb
    pictures = [
        part.settings.compositor.apply(source, task.picture, dream, task.mask)
        for part, dream in zip(task.parts, dreams, strict=True)
    ]
    if len(pictures) == 1:
        return pictures[0]
    result = np.zeros_like(source)
    for part, picture in zip(task.parts, pictures, strict=True):
        result += np.float32(part.share) * picture
    return np.clip(result, 0.0, 1.0, out=result)


def _feed(tasks: Iterable[FrameTask], line: BoundedQueue[FrameTask]) -> None:
    for task in tasks:
        line.put(task)
    line.put(None)
