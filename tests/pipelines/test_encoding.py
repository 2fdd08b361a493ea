"""The output is encoded beside the dreaming: the same frames whether it keeps up, falls behind or comes later."""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from contextlib import nullcontext
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pytest

from dreamvid.checkpoint.layout import State
from dreamvid.checkpoint.manifest import InputFile, Manifest, Pictures
from dreamvid.checkpoint.store import Store
from dreamvid.errors import NonFiniteDreamError, NothingDreamedError, ReadError, WorkError, WriteError
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.provenance import fingerprint
from dreamvid.pipelines.resume import OutputJob, ResumePoint, run_resumable
from dreamvid.types import Frame, Size

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dreamvid.errors import DreamvidError
    from dreamvid.pipelines.options import StopRequested
    from dreamvid.pipelines.resume import FrameSink

SIZE = Size(24, 32)
FRAMES = 20
RATE = Fraction(10)


def make_task(folder: Path, bits: int = 8) -> OutputJob:
    pictures = Pictures(SIZE.width, SIZE.height, bits, alpha=False, rate=str(RATE), frames=FRAMES)
    facts = {"version": "1", "settings": {"steps": 1}, "source": {}}
    return OutputJob(folder / "out.mkv", Manifest("out.mkv", facts, {}, pictures))


class FrameProducer:
    """Makes frames of noise between 8-bit codes; ends after ``stop`` of them."""

    def __init__(self, stop: int = FRAMES, after: Callable[[int], None] = lambda _index: None) -> None:
        self.stop = stop
        self.after = after
        self.made: list[int] = []
        self.asked: StopRequested = lambda: False

    def __call__(self, begin: ResumePoint, write: FrameSink, stop_requested: StopRequested) -> None:
        self.asked = stop_requested
        for index in range(begin.frame, FRAMES):
            if stop_requested():
                return
            if index == self.stop:
                raise ZeroDivisionError
            rgb = np.random.default_rng(index).random((*SIZE, 3), dtype=np.float32)
            write(Frame(index, index / RATE, rgb, duration=1 / RATE), State)
            self.made.append(index)
            self.after(index)


class Written:
    """A writer that notes what it is handed, at most as fast as it is let."""

    def __init__(self, let: threading.Semaphore | None = None, fails_at: int | None = None) -> None:
        self.frames: list[Frame] = []
        self.given_up: bool | None = None
        self.wrote = threading.Condition()
        self._let = let
        self._fails_at = fails_at

    def __enter__(self) -> Self:
        return self

    def write(self, frame: Frame) -> None:
        if self._let is not None:
            self._let.acquire()
        if frame.index == self._fails_at:
            raise WriteError("the disk is full")
        with self.wrote:
            self.frames.append(frame)
            self.wrote.notify_all()

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.given_up = kind is not None

    def wait_for(self, frames: int) -> None:
        with self.wrote:
            assert self.wrote.wait_for(lambda: len(self.frames) >= frames, timeout=20)

    def pictures(self) -> list[tuple[int, Fraction, bytes]]:
        assert self.given_up is False
        return [(frame.index, frame.pts, frame.rgb.tobytes()) for frame in self.frames]


KEEPING = RunOptions(chunk=Fraction(1, 2))


@pytest.fixture
def wanted(tmp_path: Path) -> list[tuple[int, Fraction, bytes]]:
    """What comes out where every frame is read back from its chunk."""
    let = threading.Semaphore(0)
    writer = Written(let)
    producer = FrameProducer(after=lambda index: let.release(FRAMES) if index == FRAMES - 1 else None)
    run_resumable(make_task(tmp_path), producer, writer, KEEPING)
    return writer.pictures()


def test_frames_are_encoded_while_others_are_dreamed(
    tmp_path: Path, wanted: list[tuple[int, Fraction, bytes]]
) -> None:
    writer = Written()
    producer = FrameProducer(
        after=lambda index: writer.wait_for(index + 1)
    )  # in step, before any chunk is whole
    run_resumable(make_task(tmp_path), producer, writer, KEEPING)
    assert writer.pictures() == wanted
    assert [index for index, _, _ in wanted] == list(range(FRAMES))


@pytest.mark.parametrize("last", [0, 3, 7, 12])
def test_one_that_falls_behind_holds_nothing_up(
    tmp_path: Path, wanted: list[tuple[int, Fraction, bytes]], last: int
) -> None:
    """It stalls at a frame until all are dreamed, and goes on from the chunks."""
    let = threading.Semaphore(last)
    writer = Written(let)

    def after(index: int) -> None:
        if index < last:
            writer.wait_for(index + 1)
        if index == FRAMES - 1:
            let.release(FRAMES)

    run_resumable(make_task(tmp_path), FrameProducer(after=after), writer, KEEPING)
    assert writer.pictures() == wanted


def test_what_an_earlier_run_has_kept_comes_first(
    tmp_path: Path, wanted: list[tuple[int, Fraction, bytes]]
) -> None:
    first = Written()
    with pytest.raises(ZeroDivisionError):
        run_resumable(make_task(tmp_path), FrameProducer(stop=12), first, KEEPING)
    assert first.given_up
    writer, rest = Written(), FrameProducer()
    run_resumable(make_task(tmp_path), rest, writer, KEEPING)
    assert rest.made == list(range(10, FRAMES))
    assert writer.pictures() == wanted


def test_16_bits_are_no_less_exact(tmp_path: Path) -> None:
    pictures = []
    for let in (None, threading.Semaphore(0)):
        writer = Written(let)
        producer = FrameProducer(after=lambda index, let=let: let and let.release() if index > 9 else None)  # type: ignore[misc]
        threading.Timer(0.5, (let or threading.Semaphore()).release, [FRAMES]).start()
        run_resumable(make_task(tmp_path, bits=16), producer, writer, KEEPING)
        pictures.append(writer.pictures())
    assert pictures[0] == pictures[1]


def test_an_encoder_that_fails_ends_the_run_and_keeps_the_work(
    tmp_path: Path, wanted: list[tuple[int, Fraction, bytes]]
) -> None:
    writer = Written(fails_at=2)

    def after(index: int) -> None:
        if index == 2:
            while not producer.asked():
                time.sleep(0.001)

    producer = FrameProducer(after=after)
    with pytest.raises(WriteError, match="the disk is full"):
        run_resumable(make_task(tmp_path), producer, writer, KEEPING)
    assert producer.made == [0, 1, 2]
    assert writer.given_up
    again, rest = Written(), FrameProducer()
    run_resumable(make_task(tmp_path), rest, again, KEEPING)
    assert rest.made == list(range(3, FRAMES))  # the chunk that was begun counts, too
    assert again.pictures() == wanted


def test_a_chunk_that_was_damaged_meanwhile_is_dreamed_anew(
    tmp_path: Path, wanted: list[tuple[int, Fraction, bytes]]
) -> None:
    let = threading.Semaphore(0)

    def after(index: int) -> None:
        if index == FRAMES - 1:
            chunk = tmp_path / "out.mkv.work" / "000003.mkv"
            data = bytearray(chunk.read_bytes())
            data[len(data) // 2] ^= 0xFF
            chunk.write_bytes(data)
            let.release(FRAMES)

    with pytest.raises(WorkError, match="damaged on the disk; run the same command again"):
        run_resumable(make_task(tmp_path), FrameProducer(after=after), Written(let), KEEPING)
    writer, rest = Written(), FrameProducer()
    run_resumable(make_task(tmp_path), rest, writer, KEEPING)
    assert rest.made == list(range(10, FRAMES))
    assert writer.pictures() == wanted


def test_an_output_grows_in_order(wanted: list[tuple[int, Fraction, bytes]]) -> None:
    assert all(b[0] == a[0] + 1 and b[1] > a[1] for a, b in pairwise(wanted))


@pytest.mark.parametrize(("error", "stays"), [(NonFiniteDreamError, True), (NothingDreamedError, False)])
def test_work_goes_only_where_nothing_was_dreamed(
    tmp_path: Path, error: type[DreamvidError], *, stays: bool
) -> None:
    def after(index: int) -> None:
        if index == 12:
            raise error("no picture")

    with pytest.raises(error):
        run_resumable(make_task(tmp_path), FrameProducer(after=after), Written(), KEEPING)
    assert (tmp_path / "out.mkv.work").exists() == stays


def test_an_interruption_while_the_last_chunk_is_closed_is_no_less_one(
    tmp_path: Path, wanted: list[tuple[int, Fraction, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = threading.Event()
    add = Store.add

    def interrupted(store: Store, *args: Any) -> Any:
        if store.frames == 14:
            stop.set()
        return add(store, *args)

    monkeypatch.setattr(Store, "add", interrupted)
    asking = replace(KEEPING, chunk=Fraction(7, 10), interruptible=lambda: nullcontext(stop.is_set))
    writer = Written()
    with pytest.raises(KeyboardInterrupt, match="20 of 20 frames are kept"):
        run_resumable(make_task(tmp_path), FrameProducer(), writer, asking)
    assert writer.given_up
    monkeypatch.undo()
    again, rest = Written(), FrameProducer()
    run_resumable(make_task(tmp_path), rest, again, KEEPING)
    assert rest.made == []
    assert again.pictures() == wanted


def test_an_interruption_that_comes_too_late_changes_nothing(tmp_path: Path) -> None:
    class Slow(Written):
        def __exit__(self, kind: object, error: object, trace: object) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.5)
            super().__exit__(kind, error, trace)

    writer = Slow()
    assert run_resumable(make_task(tmp_path), FrameProducer(), writer, KEEPING).frames == FRAMES
    assert len(writer.pictures()) == FRAMES
    assert not list(tmp_path.iterdir())


def test_what_the_system_cannot_read_now_is_not_damaged(
    tmp_path: Path, wanted: list[tuple[int, Fraction, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ZeroDivisionError):
        run_resumable(make_task(tmp_path), FrameProducer(stop=12), Written(), KEEPING)

    def fails(*_: object) -> Any:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    for place in ("dreamvid.media.lossless.Ffv1Chunks.read", "dreamvid.checkpoint.chunk.read_record"):
        monkeypatch.setattr(place, fails)
        with pytest.raises(WriteError, match=r"cannot be read \(Too many open files\)"):
            run_resumable(make_task(tmp_path), FrameProducer(), Written(), KEEPING)
        monkeypatch.undo()
    writer, rest = Written(), FrameProducer()
    run_resumable(make_task(tmp_path), rest, writer, KEEPING)
    assert all(index >= 10 for index in rest.made)  # none, where all were dreamed before reading failed
    assert writer.pictures() == wanted


def watched(task: OutputJob, path: Path) -> OutputJob:
    """Return a task that dreams of a file."""
    facts = path.stat()
    inputs = (InputFile(str(path), facts.st_size, facts.st_mtime_ns),)
    dream = {**task.manifest.dream, "source": {"fingerprint": fingerprint(path)}}
    return replace(task, manifest=replace(task.manifest, inputs=inputs, dream=dream))


def test_an_input_that_is_written_over_ends_the_run_before_it_shows(tmp_path: Path) -> None:
    source = tmp_path / "film.mp4"
    source.write_bytes(b"frames and sound")
    task = watched(make_task(tmp_path), source)

    def after(index: int) -> None:
        if index == 7:
            source.write_bytes(b"others")

    producer = FrameProducer(after=after)
    with pytest.raises(ReadError, match=r"film\.mp4 has changed while it was dreamed"):
        run_resumable(task, producer, Written(), KEEPING)
    source.write_bytes(b"frames and sound")
    writer, rest = Written(), FrameProducer()
    run_resumable(watched(make_task(tmp_path), source), rest, writer, KEEPING)
    assert rest.made == list(range(5, FRAMES))  # the chunk in which it changed counts for nothing
    assert len(writer.pictures()) == FRAMES


def test_an_input_that_is_moved_away_or_only_touched_is_as_good_as_before(tmp_path: Path) -> None:
    source, other = tmp_path / "film.mp4", tmp_path / "other.mp4"
    source.write_bytes(b"frames and sound")
    other.write_bytes(b"others")

    def after(index: int) -> None:
        if index == 3:
            os.utime(source)
        if index == 7:
            other.replace(source)
        if index == 13:
            source.unlink()

    writer = Written()
    run_resumable(watched(make_task(tmp_path), source), FrameProducer(after=after), writer, KEEPING)
    assert len(writer.pictures()) == FRAMES
