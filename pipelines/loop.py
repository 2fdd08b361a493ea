"""The frame loop: decode | observe | seed -> dream -> settle | finish and encode, in four threads.

Decoding, motion and encoding run beside the dreaming with bounded queues between them, so memory does not grow with
the length of the video and the accelerator never waits for a file. The first failure of any stage stops the
others and is the one that is raised.
"""

from __future__ import annotations

import math
import queue
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from dreamvid.errors import EngineError
from dreamvid.pipelines.finish import Finish
from dreamvid.types import RGB, Carry, Frame, Motion, Seed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dreamvid.types import Dreamer, FrameSource, FrameWriter, Stabilizer

T = TypeVar("T")

_QUEUE_FRAMES = 2
_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Dreamed:
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

    @property
    def dream_rms(self) -> float:
        """RMS of dreamed minus source over all frames, in [0, 1]."""
        return math.sqrt(self.squares / self.frames) if self.frames else 0.0

    def add(self, stage: str, seconds: float) -> None:
        """Count time towards a stage."""
        self.stages[stage] = self.stages.get(stage, 0.0) + seconds


class IndependentFrames:
    """The stabilizer that carries nothing: each frame is dreamed alone."""

    def observe(self, target: RGB, source: RGB) -> Motion | None:  # noqa: ARG002  part of the protocol
        """See nothing."""
        return None

    def seed(self, motion: Motion | None, carry: Carry | None) -> Seed:  # noqa: ARG002  the same
        """Start from the bare frame."""
        return Seed()

    def settle(self, picture: RGB, dreamed: RGB, seed: Seed, carry: Carry | None) -> Carry:  # noqa: ARG002  the same
        """Keep the dream as it is."""
        return Carry(picture, dreamed)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A frame, what of it is dreamed, and how that moved on from the frame before."""

    frame: Frame
    picture: RGB
    motion: Motion | None = None


class _StoppedError(Exception):
    """Another stage failed; this one has nothing more to do."""


class _Line(Generic[T]):
    """A bounded queue that lets go when the run is stopped."""

    def __init__(self, stop: threading.Event) -> None:
        self._queue: queue.Queue[T | None] = queue.Queue(_QUEUE_FRAMES)
        self._stop = stop

    def put(self, item: T | None) -> None:
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=_POLL_SECONDS)
            except queue.Full:
                continue
            return
        raise _StoppedError

    def __iter__(self) -> Iterator[T]:
        while not self._stop.is_set():
            try:
                item = self._queue.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
            if item is None:
                return
            yield item
        raise _StoppedError


class _Stages:
    """Threads that share one stop signal; the first error wins."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self._errors: list[BaseException] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def start(self, name: str, work: Callable[[], None]) -> None:
        """Run ``work`` in a thread of that name."""

        def guarded() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001  handed to the main thread, whatever it is
                self.fail(error)

        thread = threading.Thread(target=guarded, name=f"dreamvid-{name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def fail(self, error: BaseException) -> None:
        """Note an error and stop everything."""
        with self._lock:
            if not isinstance(error, _StoppedError):
                self._errors.append(error)
            self.stop.set()

    def join(self) -> None:
        """Wait for all threads, then raise the first error, if any."""
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise self._errors[0]


def dream_video(
    source: FrameSource,
    dreamer: Dreamer,
    stabilizer: Stabilizer,
    writer: FrameWriter,
    *,
    finish: Finish | None = None,
    detect_cuts: bool = False,
    on_frame: Callable[[Dreamed], None] | None = None,
) -> RunReport:
    """Dream every frame of ``source`` into ``writer``.

    The only thing that one frame hands to the next is a :class:`~dreamvid.types.Carry`; with ``detect_cuts``, a
    new shot gets none. ``on_frame`` is called in the calling thread after each dreamed frame.

    Raises
    ------
    DreamvidError
        The first failure of any stage; the writer has then removed what it wrote.
    """
    finish = finish or Finish()
    report = RunReport()
    started = time.perf_counter()
    with writer:
        stages = _Stages()
        decoded: _Line[_Prepared] = _Line(stages.stop)
        observed: _Line[_Prepared] = _Line(stages.stop)
        dreamed: _Line[tuple[Frame, RGB, RGB]] = _Line(stages.stop)
        stages.start("decode", lambda: _decode(source, finish, decoded, report))
        stages.start("observe", lambda: _observe(decoded, observed, stabilizer, report, cuts=detect_cuts))
        stages.start("encode", lambda: _encode(writer, finish, dreamed, report))
        try:
            _dream(
                observed,
                dreamed,
                dreamer=dreamer,
                stabilizer=stabilizer,
                report=report,
                on_frame=on_frame,
            )
        except BaseException as error:  # noqa: BLE001  raised again by join, or overruled by an earlier one
            stages.fail(error)
        stages.join()
        closing = time.perf_counter()
    report.add("close", time.perf_counter() - closing)
    report.seconds = time.perf_counter() - started
    return report


def _decode(source: FrameSource, finish: Finish, out: _Line[_Prepared], report: RunReport) -> None:
    before = time.perf_counter()
    for frame in source:
        prepared = _Prepared(frame, finish.prepare(frame.rgb))
        report.add("decode", time.perf_counter() - before)
        out.put(prepared)
        before = time.perf_counter()
    out.put(None)


def _observe(
    frames: _Line[_Prepared],
    out: _Line[_Prepared],
    stabilizer: Stabilizer,
    report: RunReport,
    *,
    cuts: bool,
) -> None:
    from dreamvid.flow.cuts import mark_cuts  # noqa: PLC0415  OpenCV loads only when something is dreamed

    last: RGB | None = None
    for item, cut in mark_cuts(frames, lambda item: item.picture, detect=cuts):
        before = time.perf_counter()
        motion = None if cut or last is None else stabilizer.observe(item.picture, last)
        last = item.picture
        report.add("observe", time.perf_counter() - before)
        report.shots += cut
        out.put(replace(item, motion=motion))
    out.put(None)


def _dream(
    frames: _Line[_Prepared],
    out: _Line[tuple[Frame, RGB, RGB]],
    *,
    dreamer: Dreamer,
    stabilizer: Stabilizer,
    report: RunReport,
    on_frame: Callable[[Dreamed], None] | None,
) -> None:
    carry: Carry | None = None
    for item in frames:
        before = time.perf_counter()
        seed = stabilizer.seed(item.motion, carry)
        raw = dreamer.dream(
            item.picture,
            detail=seed.detail,
            steps=seed.steps,
            effort=seed.effort,
            frame_index=None if seed.detail is None else item.frame.index,
        )
        if not np.isfinite(raw).all():
            raise EngineError(f"frame {item.frame.index} came out as no picture; try --precision float32")
        carry = stabilizer.settle(item.picture, raw, seed, carry)
        report.add("dream", time.perf_counter() - before)
        report.frames += 1
        report.squares += float(np.mean(np.square(carry.dreamed - item.picture)))
        out.put((item.frame, item.picture, carry.dreamed))
        if on_frame is not None:
            on_frame(Dreamed(item.frame.index, item.picture, carry.dreamed))
    out.put(None)


def _encode(
    writer: FrameWriter, finish: Finish, frames: _Line[tuple[Frame, RGB, RGB]], report: RunReport
) -> None:
    for frame, prepared, settled in frames:
        before = time.perf_counter()
        writer.write(replace(frame, rgb=finish.apply(frame.rgb, prepared, settled)))
        report.add("encode", time.perf_counter() - before)
