"""The process that dreams previews: started when needed, and again where it has ended."""

from __future__ import annotations

import importlib
import logging
import os
import signal
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid.config.preset import Preset
from dreamvid.errors import EngineError, ReadError
from dreamvid.pipelines.preview_frame import PreviewFrame
from dreamvid.studio import preview_worker
from dreamvid.studio.preview_worker import PreviewReply, PreviewRequest, PreviewWorker

if TYPE_CHECKING:
    from collections.abc import Iterator


def request_at(longest: int) -> PreviewRequest:
    return PreviewRequest(None, Preset(), Fraction(0), longest)


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[PreviewWorker]:
    monkeypatch.syspath_prepend(Path(__file__).parent)  # the process imports what it runs
    worker = PreviewWorker(importlib.import_module("echo_worker").echo)
    yield worker
    worker.close()
    assert worker.process_id is None


def test_one_process_answers_one_request_after_the_other(worker: PreviewWorker) -> None:
    assert worker.process_id is None
    assert worker.dream(request_at(64)).source == b"64"
    first = worker.process_id
    assert worker.dream(request_at(66)).source == b"66"
    assert worker.process_id == first


def test_a_process_that_was_killed_is_started_again(worker: PreviewWorker) -> None:
    worker.dream(request_at(64))
    assert worker.process_id is not None
    os.kill(worker.process_id, signal.SIGKILL)
    assert worker.dream(request_at(66)).source == b"66"


def test_a_request_that_ends_the_process_twice_is_given_up(worker: PreviewWorker) -> None:
    with pytest.raises(EngineError, match="ended unexpectedly"):
        worker.dream(request_at(65))
    assert worker.dream(request_at(64)).source == b"64"


def test_errors_and_warnings_are_lines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    reply = preview_worker._reply(PreviewRequest(tmp_path / "none.mp4", Preset(), Fraction(0), 64))
    assert "none.mp4" in reply.error
    for error, text in (
        (ReadError("one\nline"), "one line"),
        (MemoryError(), "out of memory; try a smaller preview or output.width"),
        (ZeroDivisionError("odd"), "unexpected ZeroDivisionError: odd"),
    ):

        def fail(*_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(preview_worker, "dream_preview", fail)
        assert preview_worker._reply(request_at(64)) == PreviewReply(error=text)


def test_warnings_are_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    def dream(*_: object) -> PreviewFrame:
        for _time in range(2):
            logging.getLogger("dreamvid.media").warning("%s is HDR", "clip.mp4")
        return PreviewFrame(np.zeros((4, 4, 3), np.float32), np.ones((4, 4, 3), np.float32))

    monkeypatch.setattr(preview_worker, "dream_preview", dream)
    reply = preview_worker._reply(request_at(64))
    assert reply.notes == ("clip.mp4 is HDR",)
    assert reply.dreamed[:4] == b"RIFF"
