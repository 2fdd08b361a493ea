"""Producing frames: from where to begin, until asked to stop, and written in a thread of their own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from dreamvid.errors import WriteError
from dreamvid.pipelines.progress import NullProgress
from dreamvid.pipelines.resume import ResumePoint
from dreamvid.pipelines.zoom.frames import ZoomFrames

if TYPE_CHECKING:
    from collections.abc import Callable

    from dreamvid.checkpoint.layout import State
    from dreamvid.types import Frame


@pytest.fixture
def producer(prepare: Callable[..., Any]) -> ZoomFrames[Any]:
    """The producer of a loop of 12 frames, which has a pre-roll that is not written."""
    plan, mode = prepare(trip__loop=True)
    return ZoomFrames(mode, 12, plan.start, False, None, NullProgress())


def test_frames_are_written_in_order_in_another_thread(producer: ZoomFrames[Any]) -> None:
    written: list[int] = []
    threads = set()

    def write(frame: Frame, _: Callable[[], State]) -> None:
        written.append(frame.index)
        threads.add(threading.current_thread())

    producer(ResumePoint(), write, lambda: False)
    assert written == list(range(12))
    assert threading.current_thread() not in threads
    assert producer.stages["dream"] > 0.0


def test_a_run_resumes_after_a_checkpoint_and_makes_nothing_after_the_last(producer: ZoomFrames[Any]) -> None:
    checkpoints: list[State] = []
    producer(ResumePoint(), lambda _, state: checkpoints.append(state()), lambda: False)

    def resumed(index: int) -> list[int]:
        written: list[int] = []
        begin = ResumePoint(index, checkpoints[index - 1])
        producer(begin, lambda frame, _: written.append(frame.index), lambda: False)
        return written

    assert resumed(7) == [7, 8, 9, 10, 11]
    assert resumed(12) == []


def test_a_run_that_is_asked_to_stop_writes_what_is_dreamed(producer: ZoomFrames[Any]) -> None:
    written: list[int] = []
    answers = iter([False] * 7)  # four of them in the pre-roll
    producer(ResumePoint(), lambda frame, _: written.append(frame.index), lambda: next(answers, True))
    assert written == [0, 1, 2, 3]


def test_an_error_of_the_writer_ends_the_run(producer: ZoomFrames[Any]) -> None:
    def write(frame: Frame, _: Callable[[], State]) -> None:
        raise WriteError(f"no room for frame {frame.index}")

    with pytest.raises(WriteError, match="no room for frame 0"):
        producer(ResumePoint(), write, lambda: False)
