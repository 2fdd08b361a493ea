"""The tempo that music keeps, and its first beat."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from dreamvid.audio.analysis import analyse
from dreamvid.audio.tempo import find_tempo

RATE = 22_050


def played(bpm: float, first: float, count: int = 40) -> list[float]:
    """Return times of beats as a tracker finds them: to 10 ms, with errors, two too late, one lost."""
    random = np.random.default_rng(3)
    times = first + np.arange(count) * 60 / bpm + random.normal(0.0, 0.005, count)
    times[[3, 20]] += 0.09
    return [round(float(time), 2) for time in np.delete(times, 11)]


@pytest.mark.parametrize("bpm", [60, 93.27, 120, 128, 137.5, 174])
def test_tempo_and_first_beat_come_through_errors(bpm: float) -> None:
    found = find_tempo(played(bpm, 0.31))
    assert found is not None
    assert float(found.bpm) == pytest.approx(bpm, rel=4e-4)
    assert float(found.first_beat) == pytest.approx(0.31, abs=0.01)


def test_a_whole_tempo_is_exact() -> None:
    found = find_tempo(played(128, 0.5))
    assert found is not None
    assert found.bpm == Fraction(128)


def test_what_keeps_no_tempo_has_none() -> None:
    assert find_tempo(list(np.cumsum(np.random.default_rng(0).uniform(0.3, 0.8, 60)))) is None
    assert find_tempo([0.0, 0.5, 1.0]) is None
    assert find_tempo([]) is None


def test_the_tempo_of_a_drum_is_heard() -> None:
    time = np.arange(12 * RATE) / RATE
    since = np.maximum(time - 0.4, 0.0) % (60 / 137.5)
    sound = (0.8 * np.exp(-40 * since) * np.sin(2 * np.pi * 90 * since) * (time >= 0.4)).astype(np.float32)
    found = find_tempo(analyse(sound[:, None], RATE).beats)
    assert found is not None
    assert float(found.bpm) == pytest.approx(137.5, abs=0.1)
    assert float(found.first_beat) == pytest.approx(0.4, abs=0.02)
