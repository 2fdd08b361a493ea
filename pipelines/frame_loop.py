"""Dream the frames of a video in four threads with bounded queues between them.

    decode -> estimate motion (and masks) -> dream and stabilize -> composite and write

Decoding, motion and writing run beside the dreaming, so that memory does not grow with the length of the video and
the accelerator never waits for a file. The first failure of any thread stops the others and is raised.
"""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from dreamvid.checkpoint.layout import State
from dreamvid.errors import NonFiniteDreamError, NothingDreamedError
from dreamvid.pipelines.compositing import Compositor
from dreamvid.pipelines.frame_task import FrameTask
from dreamvid.pipelines.resume import ResumePoint
from dreamvid.pipelines.scenes import FrameSettings, Timeline
from dreamvid.pipelines.threads import BoundedQueue, ThreadGroup
from dreamvid.types import RGB, Carry, DetailStatistics, Frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from dreamvid.pipelines.masks import Masks
    from dreamvid.pipelines.options import StopRequested
    from dreamvid.pipelines.resume import FrameSink
    from dreamvid.pipelines.scenes import SceneShare
    from dreamvid.types import (
        Dreamer,
        FrameSource,
        FrameWriter,
        InitialDetail,
        Motion,
        SeekableSource,
        Stabilizer,
    )

_log = logging.getLogger(__name__)

_LEAD_IN = 24
"""Frames decoded before the first one that is written: cuts, motion and masks look back on up to 8, frames between
two dreamed ones on up to 8 more."""

_HOPELESS = 24
"""Frames after which a run that has not dreamed a single one is given up."""

_LOGGED = 3
"""Failed frames that are logged one by one."""

_OPTIONAL_ARRAYS = ("reference", "fading")
"""Fields of a :class:`~dreamvid.types.Carry`, in their order, that may be None."""

_COUNTS = ("frames", "interval", "shots", "squares", "seconds", "dreamed", "failed")


@dataclass(frozen=True, slots=True)
class LoopState:
    """What the loop knows between two frames: all that later frames depend on, and the sums of the report.

    ``frames`` are done, so that this is the index of the next one, and ``interval`` of them come after the last one
    that was dreamed, not carried from its neighbors. ``dreamed`` came out as pictures and ``failed`` did not.
    ``squares`` is the sum over frames of the mean square of dreamed minus source, ``seconds`` the time of dreaming.
    ``carries`` is what each scene's last dreamed frame hands to the next.
    """

    frames: int = 0
    interval: int = 0
    shots: int = 0
    squares: float = 0.0
    seconds: float = 0.0
    dreamed: int = 0
    failed: int = 0
    carries: Mapping[int, Carry] = field(default_factory=dict)

    @property
    def dream_rms(self) -> float:
        """RMS of dreamed minus source over all frames, in [0, 1]."""
        return math.sqrt(self.squares / self.frames) if self.frames else 0.0

    def to_checkpoint(self) -> State:
        """Return the state as plain values and arrays; every number comes back bit for bit."""
        arrays: dict[str, NDArray[Any]] = {}
        scenes: dict[str, Any] = {}
        for scene, carry in self.carries.items():
            arrays[f"source.{scene}"], arrays[f"dreamed.{scene}"] = carry.source, carry.dreamed
            for name in _OPTIONAL_ARRAYS:
                if (array := getattr(carry, name)) is not None:
                    arrays[f"{name}.{scene}"] = array
            scenes[str(scene)] = None if carry.statistics is None else carry.statistics._asdict()
        return State({**{name: getattr(self, name) for name in _COUNTS}, "statistics": scenes}, arrays)

    @classmethod
    def from_checkpoint(cls, state: State | None) -> LoopState:
        """Return the stored state; None is the start of a run."""
        if state is None:
            return cls()
        carries = {
            int(scene): Carry(
                state.arrays[f"source.{scene}"],
                state.arrays[f"dreamed.{scene}"],
                None if values is None else DetailStatistics.from_values(values),
                *(state.arrays.get(f"{name}.{scene}") for name in _OPTIONAL_ARRAYS),
            )
            for scene, values in state.values["statistics"].items()
        }
        return replace(cls.from_values(state.values), carries=carries)

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> LoopState:
        """Return the counts alone; empty values are the start of a run."""
        return cls(**{name: values[name] for name in _COUNTS}) if values else cls()


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
    stores_carries: bool = True
    on_frame: Callable[[DreamedFrame], None] = lambda _: None
    stages: dict[str, float] = field(default_factory=dict)
    state: LoopState = field(default_factory=LoopState)
    _started: float = 0.0

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
        if begin.frame:
            first = max(0, begin.frame - _LEAD_IN)
            known = begin.times[first] if begin.times else None
            frames = cast("SeekableSource", self.source).from_frame(first, known)
        moving = self._estimate_motion(decoded)
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

    def _estimate_motion(self, tasks: Iterable[FrameTask]) -> Iterator[FrameTask]:
        from dreamvid.flow.shot_detection import mark_cuts  # noqa: PLC0415  OpenCV loads only when something is dreamed

        last: FrameTask | None = None
        for task, is_cut in mark_cuts(tasks, lambda task: task.picture, detect=self.detect_cuts):
            before = time.perf_counter()
            motions = tuple(None if is_cut else _motion(part, task, last) for part in task.parts)
            last = task
            self._count("observe", before)
            yield replace(task, motions=motions, starts_shot=is_cut)

    def _dream(self, tasks: Iterable[FrameTask]) -> Iterator[_Dreams]:
        """Dream the frames from the loop's state on, each in every scene that shows it.

        Where the cadence is above 1, frames wait until the one after them that is dreamed, which comes next in
        ``interval``. A shot's first and last frame are dreamed, and those at which scenes begin and end.
        """
        state = self.state
        first_new = state.frames - state.interval
        self._started = time.perf_counter() - state.seconds
        interval: list[FrameTask] = []
        for task in tasks:
            if task.frame.index < first_new:
                continue
            if interval and not _continues(task, interval[-1]):
                yield from self._dream_interval(interval)
                interval = []
            interval.append(task)
            is_carried = all(part.scene in self.state.carries for part in task.parts)
            if not is_carried or not _continues(task, None) or _ends_interval(interval):
                yield from self._dream_interval(interval)
                interval = []
        if interval:
            yield from self._dream_interval(interval)
        state = self.state
        if state.failed and not state.dreamed:
            raise NothingDreamedError(
                "no frame came out as a picture; try --precision float32, or another model"
            )
        if state.failed > _LOGGED:
            _log.warning("%d frames in all came out as no picture", state.failed)

    def _dream_interval(self, interval: Sequence[FrameTask]) -> Iterator[_Dreams]:
        """Dream the last frame of an interval, then carry detail to the ones before it; yield those that are new."""
        before, task = self.state.carries, interval[-1]
        began = time.perf_counter()
        counted = self.state
        last_dreams, carries = [], {}
        for place, part in enumerate(task.parts):
            settings, motion = _over_interval(interval, place)
            dream = dream_or_fallback(
                settings, task.frame, task.picture, motion=motion, carry=before.get(part.scene)
            )
            counted = _counted(counted, dream.error)
            last_dreams.append(dream.picture)
            if dream.carry is not None:
                carries[part.scene] = dream.carry
        carried = [
            _interpolate(interval, place, before[part.scene], carries.get(part.scene))
            for place, part in enumerate(task.parts)
            if len(interval) > 1
        ]
        for position, (between, dreams) in enumerate(
            zip(interval[:-1], zip(*carried, strict=True), strict=True), 1
        ):
            if between.frame.index >= self.state.frames:
                self._count("dream", began)
                yield self._done(between, dreams, replace(self.state, interval=position))
                began = time.perf_counter()
        counted = replace(
            self.state, interval=0, dreamed=counted.dreamed, failed=counted.failed, carries=carries
        )
        self._count("dream", began)
        yield self._done(task, last_dreams, counted)

    def _done(self, task: FrameTask, dreams: Sequence[RGB], state: LoopState) -> _Dreams:
        """Return a frame's dreams, with the state after it, which is now the loop's."""
        self.state = replace(
            state,
            frames=state.frames + 1,
            shots=state.shots + task.starts_shot,
            squares=state.squares + float(np.mean(np.square(dreams[-1] - task.picture))),
            seconds=time.perf_counter() - self._started,
        )
        return _Dreams(replace(task, motions=()), tuple(dreams), self.state)

    def _write(self, frames: Iterable[_Dreams], write: FrameSink) -> None:
        for task, dreams, state in frames:
            before = time.perf_counter()
            stored = state if self.stores_carries else replace(state, carries={})
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


class Dream(NamedTuple):
    """A frame's dream in one scene, what it hands to the next frame, and why it is a fallback where it is one."""

    picture: RGB
    carry: Carry | None
    error: NonFiniteDreamError | None = None


def dream_or_fallback(
    settings: FrameSettings, frame: Frame, picture: RGB, *, motion: Motion | None, carry: Carry | None
) -> Dream:
    """Dream a frame in one scene and stabilize it against that scene's last frame.

    A dream that holds numbers which are not finite is replaced by the carried detail, or by the source where none is
    carried; then the next frame starts anew. So one bad frame does not end a night's run.
    """
    initial = settings.stabilizer.prepare(motion, carry)
    if initial.detail is not None and not np.isfinite(initial.detail).all():
        initial = settings.stabilizer.prepare(None, None)
    try:
        return _dream(settings, frame, picture, initial, carry)
    except NonFiniteDreamError as error:
        is_carried = carry is not None and initial.detail is not None
        _log.warning(
            "frame %d at %.2f s shows %s: %s",
            frame.index,
            frame.pts,
            "what was carried to it" if is_carried else "its source",
            error,
            extra={"repeats": _LOGGED},
        )
        if carry is None or initial.detail is None:
            return Dream(picture, None, error)
        carried = replace(
            carry,
            source=picture,
            dreamed=np.clip(picture + initial.detail, 0.0, 1.0),
            reference=initial.reference,
            fading=initial.fading,
        )
        return Dream(carried.shown, carried, error)


def _dream(
    settings: FrameSettings, frame: Frame, picture: RGB, initial: InitialDetail, carry: Carry | None
) -> Dream:
    dreamed = settings.dreamer.dream(
        picture,
        detail=initial.detail,
        steps=initial.steps,
        step_map=initial.step_map,
        frame_index=None if initial.detail is None else frame.index,
    )
    if not np.isfinite(dreamed).all():
        raise NonFiniteDreamError("its dream holds what is no finite number; try --precision float32")
    stabilized = settings.stabilizer.stabilize(picture, dreamed, initial, carry)
    if not np.isfinite(stabilized.dreamed).all():
        raise NonFiniteDreamError("its dream holds what is no finite number once it is stabilized")
    return Dream(stabilized.shown, stabilized)


def _counted(state: LoopState, error: NonFiniteDreamError | None) -> LoopState:
    """Count a dream; a run of nothing but failures is given up."""
    if error is None:
        return replace(state, dreamed=state.dreamed + 1)
    state = replace(state, failed=state.failed + 1)
    if not state.dreamed and state.failed >= _HOPELESS:
        raise NothingDreamedError(str(error)) from error
    return state


def _continues(task: FrameTask, last: FrameTask | None) -> bool:
    """Return whether detail is carried to a frame in all its scenes, and the last one shows the same scenes."""
    if last is not None and [part.scene for part in task.parts] != [part.scene for part in last.parts]:
        return False
    return all(motion is not None for motion in task.motions)


def _ends_interval(interval: Sequence[FrameTask]) -> bool:
    """Return whether the last frame is dreamed: in any of its scenes."""
    return any(
        part.settings.stabilizer.ends_interval([cast("Motion", task.motions[place]) for task in interval])
        for place, part in enumerate(interval[-1].parts)
    )


def _over_interval(interval: Sequence[FrameTask], place: int) -> tuple[FrameSettings, Motion | None]:
    """Return the settings of the last frame for one of its scenes, and the motion since the last dreamed frame."""
    from dreamvid.flow.interpolation import compose  # noqa: PLC0415  OpenCV loads only when something is dreamed

    settings = interval[-1].parts[place].settings
    if len(interval) == 1:
        return settings, interval[-1].motions[place]
    motions = [cast("Motion", task.motions[place]) for task in interval]
    stabilizers = [task.parts[place].settings.stabilizer for task in interval]
    return settings._replace(stabilizer=stabilizers[-1].after(stabilizers[:-1])), compose(motions)


def _interpolate(
    interval: Sequence[FrameTask], place: int, before: Carry, after: Carry | None
) -> Iterator[RGB]:
    """Yield the dreams of all frames but the last one, in one of its scenes, from the dreams on both sides."""
    from dreamvid.flow.interpolation import interpolate  # noqa: PLC0415  OpenCV loads only when something is dreamed

    motions = [cast("Motion", task.motions[place]) for task in interval]
    return interpolate([task.picture for task in interval[:-1]], before, after, motions)


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
