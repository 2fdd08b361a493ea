"""Interruptions: the first is a request, the second an order, and ignored signals stay ignored."""

from __future__ import annotations

import os
import signal

import pytest

from dreamvid.cli.interrupt import defer_interrupts


def test_the_first_interruption_asks_and_the_second_stops(capfd: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    with defer_interrupts(quiet=False) as stop_requested:
        assert not stop_requested()
        os.kill(os.getpid(), signal.SIGINT)
        assert stop_requested()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGINT) is before
    assert capfd.readouterr().err == "\ndreamvid: finishing this frame; once more stops at once\n"


def test_quiet_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with defer_interrupts(quiet=True) as stop_requested:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop_requested()
    assert capfd.readouterr().err == ""


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with defer_interrupts(quiet=True) as stop_requested:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop_requested()
    finally:
        signal.signal(signal.SIGHUP, before)
