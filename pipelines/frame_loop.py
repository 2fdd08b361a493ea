"""The frame loop: decode | observe | seed -> dream -> settle | finish and encode, in four threads.

Decoding, motion and encoding run beside the dreaming with bounded queues between them, so memory does not grow with
the length of the video and the accelerator never waits for a file. The first failure of any stage stops the
others and is the one that is raised.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dreamvid.pipelines.compositing import Compositor
from dreamvid.pipelines.look import Look, OneLook
from dreamvid.pipelines.position import Position
from dreamvid.pipelines.rescue import Rescue
from dreamvid.pipelines.threads import Line, Stages
from dreamvid.types import RGB, Carry, Frame, InitialDetail, Mask, Motion

LEAD_IN = 16
"""Frames before the first one dreamed that cuts, motion and masks are to be found from; they look back on up to 8."""

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dreamvid.pipelines.known import KnownDreams
    from dreamvid.pipelines.look import Looks, Part
    from dreamvid.pipelines.masks import Masks
    from dreamvid.types import Dreamer, FrameSource, FrameWriter, Stabilizer


@dataclass(frozen=True, slots=True)
class DreamedFrame:
    """What the loop tells after each dreamed frame; pictures are at the dreamed size."""

    index: int
    source: RGB
    dreamed: RGB


@dataclass(slots=True)
class RunReport:
    """What a run did: frames, shots, wall seconds, and seconds by stage (stages overlap).

    ``squares`` is the sum over frames of the mean square of dreamed minus source.
    """

    frames: int = 0
    shots: int = 0
    seconds: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)
    squares: float = 0.0

    @classmethod
    def at(cls, position: Position) -> RunReport:
        """Return the report of a run so far; stages are this run's own."""
        return cls(position.frames, position.shots, position.seconds, squares=position.squares)

    @property
    def dream_rms(self) -> float:
        """RMS of dreamed minus source over all frames, in [0, 1]."""
        return math.sqrt(self.squares / self.frames) if self.frames else 0.0

    def add(self, stage: str, seconds: float) -> None:
        """Count time towards a stage."""
        self.stages[stage] = self.stages.get(stage, 0.0) + seconds


class IndependentFrames:
    """The stabilizer that carries nothing: each frame is dreamed alone."""

    def estimate_motion(self, target: RGB, source: RGB) -> Motion | None:  # noqa: ARG002  part of the protocol
        """See nothing."""
        return None

    def prepare(self, motion: Motion | None, carry: Carry | None) -> InitialDetail:  # noqa: ARG002  the same
        """Start from the bare frame."""
        return InitialDetail()

    def stabilize(self, picture: RGB, dreamed: RGB, seed: InitialDetail, carry: Carry | None) -> Carry:  # noqa: ARG002  the same
        """Keep the dream as it is."""
        return Carry(picture, dreamed)


@dataclass(frozen=True, slots=True)
class FrameTask:
    """A frame, what of it is dreamed, and how that moved on from the frame before.

    ``parts`` are the scenes that it lies in, and ``motions`` what each of them sees, in the same order. ``begins``
    says that it is a shot's first; ``mask``, of the frame's full size, where its dream shows.
    """

    frame: Frame
    picture: RGB
    parts: tuple[Part, ...] = ()
    motions: tuple[Motion | None, ...] = ()
    begins: bool = False
    mask: Mask | None = None


def dream_video(
    source: FrameSource,
    dreamer: Dreamer,
    stabilizer: Stabilizer,
    writer: FrameWriter,
    *,
    finish: Compositor | None = None,
    detect_cuts: bool = False,
    masks: Masks | None = None,
    on_frame: Callable[[DreamedFrame], None] | None = None,
) -> RunReport:
    """Dream every frame of ``source`` into ``writer``, all in one look; see :func:`dream_scenes`."""
    looks = OneLook(Look(dreamer, stabilizer, finish or Compositor()))

    def take(frame: Frame, position: Position) -> None:  # noqa: ARG001  nothing is kept
        writer.write(frame)

    with writer:
        report = dream_scenes(source, looks, take, detect_cuts=detect_cuts, masks=masks, on_frame=on_frame)
        closing = time.perf_counter()
    report.add("close", time.perf_counter() - closing)
    return report


def dream_scenes(
    source: FrameSource,
    looks: Looks,
    take: Callable[[Frame, Position], None],
    *,
    begin: Position | None = None,
    asked: Callable[[], bool] = lambda: False,
    detect_cuts: bool = False,
    masks: Masks | None = None,
    on_frame: Callable[[DreamedFrame], None] | None = None,
    known: KnownDreams | None = None,
) -> RunReport:
    """Dream every frame of ``source`` as ``looks`` say, and hand each to ``take`` with the position after it.

    The only thing that one frame hands to the next is a :class:`~dreamvid.types.Carry` for each scene that it lies
    in; with ``detect_cuts``, a new shot gets none. ``masks`` say where dreams show; None is everywhere. ``on_frame``
    is called in the calling thread after each dreamed frame, with the newest scene's dream; ``take`` in one of its
    own. Dreams that are ``known`` are not made again.

    A run may go on where another one stood: ``begin`` is a position that ``take`` was handed, and ``source`` then has
    to begin :data:`LEAD_IN` frames before that, or at the start; those are looked at, but not dreamed. It ends
    early, without an error, after the frame at which ``asked`` is true.

    Raises
    ------
    DreamvidError
        The first failure of any stage.
    """
    begin = begin or Position()
    report = RunReport.at(begin)
    stages = Stages()
    decoded: Line[FrameTask] = Line(stages.stop)
    observed: Line[FrameTask] = Line(stages.stop)
    dreamed: Line[_Done] = Line(stages.stop)
    stages.start("decode", lambda: _decode(source, looks, decoded, report))
    moving = _observe(decoded, report, cuts=detect_cuts)
    stages.start("observe", lambda: _pass_on(moving if masks is None else masks.over(moving), observed))
    stages.start("encode", lambda: _encode(take, dreamed, report))
    try:
        for done in _dreams(observed, begin, report, Rescue(begin.dreamed, begin.lost, known)):
            dreamed.put(done)
            if on_frame is not None:
                on_frame(DreamedFrame(done.item.frame.index, done.item.picture, done.dreams[-1]))
            if asked():
                break
        dreamed.put(None)
        stages.wait("encode")
        stages.stop.set()
    except BaseException as error:  # noqa: BLE001  raised again by join, or overruled by an earlier one
        stages.fail(error)
    stages.join()
    return report


def _decode(source: FrameSource, looks: Looks, out: Line[FrameTask], report: RunReport) -> None:
    before = time.perf_counter()
    for frame in source:
        parts = looks.at(frame)
        prepared = FrameTask(frame, parts[0].look.finish.prepare(frame.rgb), parts)
        report.add("decode", time.perf_counter() - before)
        out.put(prepared)
        before = time.perf_counter()
    out.put(None)


def _observe(frames: Line[FrameTask], report: RunReport, *, cuts: bool) -> Iterator[FrameTask]:
    from dreamvid.flow.shot_detection import mark_cuts  # noqa: PLC0415  OpenCV loads only when something is dreamed

    last: FrameTask | None = None
    for item, cut in mark_cuts(frames, lambda item: item.picture, detect=cuts):
        before = time.perf_counter()
        motions = tuple(None if cut else _motion(part, item, last) for part in item.parts)
        last = item
        report.add("observe", time.perf_counter() - before)
        yield replace(item, motions=motions, begins=cut)


def _motion(part: Part, item: FrameTask, last: FrameTask | None) -> Motion | None:
    """Return how a frame moved on from the last one, for a scene that has dreamed that one too."""
    if last is None or part.scene not in {before.scene for before in last.parts}:
        return None
    return part.look.stabilizer.estimate_motion(item.picture, last.picture)


def _pass_on(items: Iterable[FrameTask], out: Line[FrameTask]) -> None:
    for item in items:
        out.put(item)
    out.put(None)


class _Done(NamedTuple):
    """A dreamed frame, with its dream in each scene that it lies in, and where the run stands after it."""

    item: FrameTask
    dreams: tuple[RGB, ...]
    position: Position


def _dreams(
    frames: Iterable[FrameTask], begin: Position, report: RunReport, rescue: Rescue
) -> Iterator[_Done]:
    """Dream the frames from a position on, one after the other."""
    carries = dict(begin.carries)
    started = time.perf_counter()
    for item in frames:
        if item.frame.index < begin.frames:
            continue
        before = time.perf_counter()
        settled = {
            part.scene: rescue.settle(
                part.look, item.frame, item.picture, motion=motion, carry=carries.get(part.scene)
            )
            for part, motion in zip(item.parts, item.motions, strict=True)
        }
        carries = {scene: made.carry for scene, made in settled.items() if made.carry is not None}
        report.add("dream", time.perf_counter() - before)
        dreams = tuple(made.dreamed for made in settled.values())
        report.frames += 1
        report.shots += item.begins
        report.squares += float(np.mean(np.square(dreams[-1] - item.picture)))
        report.seconds = begin.seconds + time.perf_counter() - started
        sums = (report.frames, report.shots, report.squares, report.seconds)
        position = Position(*sums, rescue.dreamed, rescue.lost, carries)
        yield _Done(replace(item, motions=()), dreams, position)
    rescue.finish()


def _encode(take: Callable[[Frame, Position], None], frames: Line[_Done], report: RunReport) -> None:
    for item, dreams, position in frames:
        before = time.perf_counter()
        take(replace(item.frame, rgb=finished(item, dreams, item.mask)), position)
        report.add("encode", time.perf_counter() - before)


def finished(item: FrameTask, dreams: tuple[RGB, ...], mask: Mask | None) -> RGB:
    """Return the frame to write: each scene's, by its share."""
    source = item.frame.rgb
    pictures = [
        part.look.finish.apply(source, item.picture, dream, mask)
        for part, dream in zip(item.parts, dreams, strict=True)
    ]
    if len(pictures) == 1:
        return pictures[0]
    result = np.zeros_like(source)
    for part, picture in zip(item.parts, pictures, strict=True):
        result += np.float32(part.share) * picture
    return np.clip(result, 0.0, 1.0, out=result)
