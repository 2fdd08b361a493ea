"""Threads that end together, also where somebody interrupts the waiting for them."""

from __future__ import annotations

import os
import signal
import threading
import time
from functools import partial

import pytest

from dreamvid.pipelines import threads as stages_module
from dreamvid.pipelines.threads import ThreadGroup


def _wait_for(event: threading.Event) -> None:
    event.wait(20)


def interrupt_after(seconds: float) -> None:
    threading.Timer(seconds, os.kill, [os.getpid(), signal.SIGINT]).start()


@pytest.mark.parametrize("wait", [lambda stages: stages.wait("work"), lambda stages: stages.join()])
def test_an_interruption_is_raised_once_the_stage_has_ended(wait: object) -> None:
    assert callable(wait)
    stages, ended = ThreadGroup(), threading.Event()

    def work() -> None:
        stages.stop.wait(20)
        time.sleep(0.3)
        ended.set()

    stages.start("work", work)
    interrupt_after(0.2)
    with pytest.raises(KeyboardInterrupt):
        wait(stages)
    assert ended.is_set()


def test_a_stage_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages_module, "_PATIENCE", 0.3)
    stages, let = ThreadGroup(), threading.Event()
    stages.start("work", partial(_wait_for, let))
    interrupt_after(0.2)
    with pytest.raises(KeyboardInterrupt):
        stages.join()
    let.set()


def test_a_second_interruption_comes_at_once() -> None:
    stages, let = ThreadGroup(), threading.Event()
    stages.start("work", partial(_wait_for, let))
    interrupt_after(0.2)
    interrupt_after(0.5)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        stages.join()
    assert time.monotonic() - began < 5
    let.set()
