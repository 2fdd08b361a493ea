"""Frames with states -> chunks -> the finished output: how long work survives whatever happens.

The seam for whoever makes frames is :class:`Producer`. It is handed where to begin (:class:`Begin`: an index, and
the state that it gave after the frame before, None at the start) and :data:`Take`, which it calls with every frame,
in order, and a function that returns the state after it. A state (:class:`dreamvid.checkpoint.layout.State`) is plain
values and arrays; it must hold all that later frames depend on, so that frames made from it are, bit for bit, those
of a run that was never cut. Everything else happens here: the directory, its lock and checks, chunks, interruptions,
the final encoding from the chunks (also of a run that was never cut), and tidying up.
"""

from __future__ import annotations

import logging
import queue
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, Self, TypeAlias

from dreamvid.checkpoint.chunk_writer import ChunkWriter
from dreamvid.checkpoint.disk_space import check_room, room_needed
from dreamvid.checkpoint.layout import State, work_folder
from dreamvid.checkpoint.store import open_store
from dreamvid.errors import DreamvidError, NothingDreamedError, WorkError
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.provenance import Watch
from dreamvid.pipelines.threads import StoppedError, ThreadGroup, prefetch
from dreamvid.text import printable
from dreamvid.types import Frame, Size

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from dreamvid.checkpoint.chunk import ChunkFormat, ChunkRecord
    from dreamvid.checkpoint.manifest import Manifest, Pictures
    from dreamvid.checkpoint.store import Store
    from dreamvid.pipelines.options import StopRequested
    from dreamvid.types import FrameWriter

_log = logging.getLogger(__name__)

_WAITING = 2
"""Frames that may wait in memory."""

_POLL_SECONDS = 0.2

FrameSink: TypeAlias = Callable[[Frame, Callable[[], State]], None]
"""Takes the next frame, and what returns the state after it; a WriteError of it must end the run."""


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """Where to begin: the index of the first frame wanted, and the state after the one before."""

    frame: int = 0
    state: State | None = None


class FrameProducer(Protocol):
    """Makes frames, in order, from any frame on for which there is a state."""

    def __call__(self, begin: ResumePoint, write: FrameSink, stop_requested: StopRequested) -> None:
        """Make frames from ``begin`` on and hand each to ``write``.

        Between two frames ``stop_requested()`` is to be looked at; where it is true, return at once.
        """
        ...


@dataclass(frozen=True, slots=True)
class OutputJob:
    """An output to be made.

    Attributes
    ----------
    output
        Where it goes; the work lies beside it.
    manifest
        What is made; see :func:`dreamvid.pipelines.provenance.describe`.
    state_bytes
        About the size of one state, for the estimate of room.
    delivered
        The output is in place already, made by an earlier run; only its work is still there, and goes.
    """

    output: Path
    manifest: Manifest
    state_bytes: int = 0
    delivered: bool = False


@dataclass(frozen=True, slots=True)
class EncodeResult:
    """How it went: frames in all, the one at which this run went on, seconds of encoding, and the last values."""

    frames: int
    resumed_at: int
    encoding: float
    values: dict[str, Any]


def run_resumable(
    task: OutputJob, produce: FrameProducer, writer: FrameWriter, options: RunOptions = RunOptions()
) -> EncodeResult:
    """Make an output, from what an earlier run has left of it where there is something.

    Parameters
    ----------
    produce
        Makes the frames that are missing.
    writer
        Encodes, verifies and renames the output; entered when all frames are there.

    Raises
    ------
    WorkError
        Where what was left does not fit (the line says what has changed), or another run works on it.
    WriteError
        For too little room, before anything is made.
    KeyboardInterrupt
        Where the run was asked to stop; its text says how to go on, and is empty where nothing was kept.
    DreamvidError
        What the producer or the writer raise. Whole chunks stay, and the same call goes on; without any, nothing
        stays.
    """
    folder = work_folder(task.output)
    store = open_store(folder, task.manifest, _lossless, fresh=options.fresh)
    try:
        resumed_at, began = store.frames, time.perf_counter()
        options.progress.start(task.manifest.pictures.frames, task.output.name, resumed_at)
        if not task.delivered:
            _check_room(task, store)
            watch = Watch(task.manifest)
            with Encoding(store, writer) as encoding:
                if not store.complete:
                    _make_frames(store, produce, encoding, watch, options)
                watch.check()
                began = time.perf_counter()
                options.progress.encode(store.frames, task.output.name)
                encoding.finish(options.progress.encoded)
    except BaseException as error:  # noqa: BLE001  raised again, once the directory is settled
        _leave(store, options, error)
    kept = EncodeResult(store.frames, resumed_at, time.perf_counter() - began, store.values)
    if options.keep_work:
        store.keep()
    else:
        store.remove()
    return kept


def _make_frames(
    store: Store, produce: FrameProducer, encoding: Encoding, watch: Watch, options: RunOptions
) -> None:
    def on_chunk(record: ChunkRecord) -> None:
        encoding.add(record)
        options.progress.chunk(record.number, record.end)

    begin = ResumePoint(store.frames, store.state())
    if begin.frame and begin.state is None:
        raise WorkError(f"{printable(store.folder)} has changed meanwhile; run the same command again")
    chunks = ChunkWriter(store, options.chunk, encoding.write, on_chunk, check=watch.check)
    stopped = False
    with options.interruptible() as asked:
        try:
            produce(begin, chunks.write, lambda: asked() or encoding.failed)
            chunks.close()
            stopped = asked()
        except BaseException:
            chunks.abandon()
            raise
    encoding.check()
    if stopped:
        raise KeyboardInterrupt
    store.finish()


def _lossless(pictures: Pictures) -> ChunkFormat:
    from dreamvid.media.lossless import Ffv1Chunks  # noqa: PLC0415  PyAV loads only when media is touched

    return Ffv1Chunks(Size(pictures.height, pictures.width), pictures.bits, pictures.alpha)


def _check_room(task: OutputJob, store: Store) -> None:
    pictures = store.manifest.pictures
    frames = store.frames if store.complete else pictures.frames
    needed = room_needed(pictures, frames, store.records, state=task.state_bytes)
    check_room(store.folder.parent, needed)


def _leave(store: Store, options: RunOptions, error: BaseException) -> NoReturn:
    """Keep what is worth it, say so, and raise the error."""
    store.drop_damaged()
    if not store.records or isinstance(error, NothingDreamedError):
        store.remove()
        raise error
    store.release()
    total = store.manifest.pictures.frames
    done = f"{store.frames} of {total} frames" if total else f"{store.frames} frames"
    way = (
        f"go on with: {shlex.join(options.command)}"
        if options.command
        else "the same call goes on from there"
    )
    if isinstance(error, KeyboardInterrupt):
        raise KeyboardInterrupt(f"interrupted; {done} are kept in {printable(store.folder)}; {way}") from None
    if isinstance(error, DreamvidError):
        _log.warning("%s are kept in %s; %s", done, printable(store.folder), way)
    raise error


class Encoding:
    """Encodes an output in one pass, in a thread of its own; leaving it early leaves no output.

    It is handed every frame as it is kept, and every chunk when it is whole. Frames that it cannot take at once are
    not waited for: from there on it reads the chunks, as it does with those of an earlier run. Either way it gets
    the same pictures.

    Parameters
    ----------
    store
        Where the chunks are; those that are there already come first.
    writer
        Encodes, verifies and renames the output; used in that thread only.
    """

    def __init__(self, store: Store, writer: FrameWriter) -> None:
        self._store = store
        self._writer = writer
        self._stages = ThreadGroup()
        self._waiting: queue.SimpleQueue[Frame | ChunkRecord | None] = queue.SimpleQueue()
        self._keeps_up = True
        self._delivered = False
        self._on_frame: Callable[[int], None] | None = None
        for record in store.records:
            self.add(record)

    def __enter__(self) -> Self:
        self._stages.start("output", self._encode)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the thread; after an error it gives the output up first."""
        self._stages.stop.set()
        self._stages.wait("output")

    def write(self, frame: Frame) -> None:
        """Hand over the next frame, as it was kept."""
        self._keeps_up = self._keeps_up and self._waiting.qsize() < _WAITING
        if self._keeps_up:
            self._waiting.put(frame)

    def add(self, record: ChunkRecord) -> None:
        """Hand over the next whole chunk."""
        self._waiting.put(record)

    @property
    def failed(self) -> bool:
        """Whether it has given up; :meth:`check` says why."""
        return self._stages.stop.is_set()

    def check(self) -> None:
        """Raise what made it give up, if anything has."""
        if self.failed:
            self._stages.join()

    def finish(self, on_frame: Callable[[int], None]) -> None:
        """Wait until the output of all chunks is in place; ``on_frame`` is told of frames encoded from here on.

        Raises
        ------
        WriteError, WorkError
            What the writer raises, and where a chunk is damaged.
        KeyboardInterrupt
            Where that came before the output was in place; otherwise it came too late.
        """
        self._on_frame = on_frame
        self._waiting.put(None)
        try:
            self._stages.join()
        except KeyboardInterrupt:
            if not self._delivered:
                raise

    def _encode(self) -> None:
        with self._writer:
            for frame in self._frames():
                self._writer.write(frame)
                if self._on_frame is not None:
                    self._on_frame(frame.index)
        self._delivered = True

    def _frames(self) -> Iterator[Frame]:
        """Yield every frame once, in order."""
        done = 0
        while (item := self._next()) is not None:
            if isinstance(item, Frame):
                yield item
                done += 1
            elif item.end > done:
                for frame in prefetch(self._store.read(item)):
                    self._go_on()
                    if frame.index >= done:
                        yield frame
                done = item.end

    def _next(self) -> Frame | ChunkRecord | None:
        while True:
            self._go_on()
            try:
                return self._waiting.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue

    def _go_on(self) -> None:
        if self._stages.stop.is_set():
            raise StoppedError
