"""Run a job so that it can be resumed: save frames in chunks, encode the output from them, clean up.

A :class:`FrameProducer` makes the frames. It gets a :class:`ResumePoint` (the first frame wanted, and the state
after the one before) and a :data:`FrameSink`, which it calls for each frame in order, with a function that returns
the state after it. A state (:class:`dreamvid.checkpoint.layout.State`) must hold everything that later frames depend
on, so that a resumed run gives the same frames, bit for bit. The work folder with its lock and checks, interruptions
and the encoding are handled here.
"""

from __future__ import annotations

import logging
import queue
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, Self, TypeAlias

from dreamvid.checkpoint.chunk_writer import ChunkWriter
from dreamvid.checkpoint.disk_space import check_room, room_needed
from dreamvid.checkpoint.layout import SIGNALS, State, work_folder, write_file
from dreamvid.checkpoint.store import open_store
from dreamvid.errors import DreamvidError, NothingDreamedError, WorkError
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.provenance import InputGuard
from dreamvid.pipelines.threads import StoppedError, ThreadGroup, prefetch
from dreamvid.text import printable
from dreamvid.types import Frame, Size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from fractions import Fraction
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
"""Takes the next frame, and a function that returns the state after it. A producer lets its WriteError pass."""


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """Where to start: the index of the first frame wanted, the state after the one before, and times of earlier ones.

    ``times`` are in seconds, by index; one that is known may be found by seeking.
    """

    frame: int = 0
    state: State | None = None
    times: Mapping[int, Fraction] = field(default_factory=dict)


class FrameProducer(Protocol):
    """Makes frames, in order, starting at any frame whose state is known."""

    def __call__(self, begin: ResumePoint, write: FrameSink, stop_requested: StopRequested) -> None:
        """Make the frames from ``begin`` on and pass each to ``write``.

        Call ``stop_requested()`` between frames, and return where it is true.
        """
        ...


@dataclass(frozen=True, slots=True)
class OutputJob:
    """An output to be made.

    Attributes
    ----------
    output
        The file or folder to write; the work folder is beside it.
    manifest
        What is dreamed of what; see :func:`dreamvid.pipelines.provenance.make_manifest`.
    state_bytes
        Approximate size of one state, for the estimate of disk space.
    delivered
        An earlier run finished the output already; only its work folder is left, and is removed.
    signals
        Content of the file with the signals that were measured in pictures; empty for none.
    """

    output: Path
    manifest: Manifest
    state_bytes: int = 0
    delivered: bool = False
    signals: bytes = b""


@dataclass(frozen=True, slots=True)
class EncodeResult:
    """Number of frames, the first frame made by this run, seconds of encoding, and the values of the last state."""

    frames: int
    resumed_at: int
    encoding: float
    values: dict[str, Any]


def run_resumable(
    task: OutputJob, produce: FrameProducer, writer: FrameWriter, options: RunOptions = RunOptions()
) -> EncodeResult:
    """Make an output, resuming the work of an earlier run where there is any.

    Parameters
    ----------
    produce
        Makes the frames that are missing.
    writer
        Encodes, verifies and renames the output; entered when all frames are there.

    Raises
    ------
    WorkError
        Where settings, inputs or the version differ from those of the work folder, or another run uses it.
    WriteError
        For too little disk space, before anything is made.
    KeyboardInterrupt
        Where the run was asked to stop. Its text says how to resume, and is empty where nothing was saved.
    DreamvidError
        What the producer or the writer raise. Complete chunks stay, and the same call resumes; without any, the
        work folder is removed.
    """
    folder = work_folder(task.output)
    store = open_store(folder, task.manifest, lossless, fresh=options.fresh)
    try:
        resumed_at, began = store.frames, time.perf_counter()
        options.progress.start(task.manifest.pictures.frames, task.output.name, resumed_at)
        if not task.delivered:
            check_store_room(store, task.state_bytes)
            if task.signals:
                write_file(folder / SIGNALS, task.signals)
            guard = InputGuard(task.manifest)
            with Encoding(store, writer) as encoding:
                if not store.complete:
                    _make_frames(store, produce, encoding, guard, options)
                guard.check()
                began = time.perf_counter()
                options.progress.encode(store.frames, task.output.name)
                encoding.finish(options.progress.encoded)
    except BaseException as error:  # noqa: BLE001  raised again there
        keep_or_remove(store, options, error)
    result = EncodeResult(store.frames, resumed_at, time.perf_counter() - began, store.values)
    if options.keep_work:
        store.keep()
    else:
        store.remove()
    return result


def _make_frames(
    store: Store, produce: FrameProducer, encoding: Encoding, guard: InputGuard, options: RunOptions
) -> None:
    def on_chunk(record: ChunkRecord) -> None:
        encoding.add(record)
        options.progress.chunk(record.number, record.end)

    chunks = ChunkWriter(store, options.chunk, encoding.write, on_chunk, check=guard.check)
    begin = ResumePoint(store.frames, state_of(store), dict(enumerate(store.times())))
    with options.interruptible() as asked:
        keep_frames(produce, begin, chunks, lambda: asked() or encoding.failed)
        stopped = asked()
    encoding.check()
    if stopped:
        raise KeyboardInterrupt
    store.finish()


def state_of(store: Store) -> State | None:
    """Return the state after a store's last frame, None where it has no frames; raises ``WorkError``."""
    state = store.state()
    if store.frames and state is None:
        raise WorkError(f"{printable(store.folder)} has changed meanwhile; run the same command again")
    return state


def keep_frames(
    produce: FrameProducer, begin: ResumePoint, chunks: ChunkWriter, stop_requested: StopRequested
) -> None:
    """Make frames and save them in chunks; after an error, the last chunk is not complete and is removed."""
    try:
        produce(begin, chunks.write, stop_requested)
        chunks.close()
    except BaseException:
        chunks.abandon()
        raise


def lossless(pictures: Pictures) -> ChunkFormat:
    """Return what writes and reads the chunks of these pictures."""
    from dreamvid.media.lossless import Ffv1Chunks  # noqa: PLC0415  PyAV loads only when media is touched

    return Ffv1Chunks(Size(pictures.height, pictures.width), pictures.bits, pictures.alpha)


def check_store_room(store: Store, state_bytes: int) -> None:
    """Raise a ``WriteError`` where the disk lacks room for what is missing in a store; see :func:`room_needed`."""
    pictures = store.manifest.pictures
    frames = store.frames if store.complete else pictures.frames
    needed = room_needed(pictures, frames, store.records, state=state_bytes)
    check_room(store.folder.parent, needed)


def keep_or_remove(
    store: Store, options: RunOptions, error: BaseException, *, unit: str = "frames"
) -> NoReturn:
    """Keep the work folder if it has complete chunks, log how to resume, and raise the error."""
    store.drop_damaged()
    if not store.records or isinstance(error, NothingDreamedError):
        store.remove()
        raise error
    store.release()
    total = store.manifest.pictures.frames
    done = f"{store.frames} of {total} {unit}" if total else f"{store.frames} {unit}"
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
    """Encodes an output in a thread of its own; without :meth:`finish` there is no output.

    It gets every frame when it is saved, and every chunk when it is complete. Where the encoder is slower than the
    dream, frames are not queued but read from the chunks later, as for a resumed run; the pictures are the same.

    Parameters
    ----------
    store
        Where the chunks are; chunks of an earlier run come first.
    writer
        Encodes, verifies and renames the output; used in that thread only.
    """

    def __init__(self, store: Store, writer: FrameWriter) -> None:
        self._store = store
        self._writer = writer
        self._threads = ThreadGroup()
        self._waiting: queue.SimpleQueue[Frame | ChunkRecord | None] = queue.SimpleQueue()
        self._keeps_up = True
        self._delivered = False
        self._on_frame: Callable[[int], None] | None = None
        for record in store.records:
            self.add(record)

    def __enter__(self) -> Self:
        self._threads.start("output", self._encode)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the thread, unless it has finished, and wait for it."""
        self._threads.stop.set()
        self._threads.wait("output")

    def write(self, frame: Frame) -> None:
        """Pass on the next frame, as it was saved."""
        self._keeps_up = self._keeps_up and self._waiting.qsize() < _WAITING
        if self._keeps_up:
            self._waiting.put(frame)

    def add(self, record: ChunkRecord) -> None:
        """Pass on the next complete chunk."""
        self._waiting.put(record)

    @property
    def failed(self) -> bool:
        """Whether the encoding has failed; :meth:`check` raises the error."""
        return self._threads.stop.is_set()

    def check(self) -> None:
        """Raise the error of the encoding, if it has failed."""
        if self.failed:
            self._threads.join()

    def finish(self, on_frame: Callable[[int], None]) -> None:
        """Wait until the output of all chunks is in place.

        ``on_frame`` is called with the index of each frame encoded from here on.

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
            self._threads.join()
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
                    self._check_stopped()
                    if frame.index >= done:
                        yield frame
                done = item.end

    def _next(self) -> Frame | ChunkRecord | None:
        while True:
            self._check_stopped()
            try:
                return self._waiting.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue

    def _check_stopped(self) -> None:
        if self._threads.stop.is_set():
            raise StoppedError
