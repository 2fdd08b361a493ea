"""The tempo that music keeps, and its first beat."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid.audio.analysis import analyse
from dreamvid.audio.tempo import find_tempo

if TYPE_CHECKING:
    from numpy.typing import NDArray

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


@pytest.mark.parametrize("bpm", [96, 128, 150])
def test_a_whole_tempo_is_exact_in_a_few_seconds(bpm: int) -> None:
    random, exact = np.random.default_rng(1), 0
    for _ in range(40):
        times = 0.31 + np.arange(14) * 60 / bpm + random.normal(0.0, 0.004, 14)
        found = find_tempo([round(float(time), 2) for time in times])
        exact += found is not None and found.bpm == bpm
    assert exact >= 36  # two standard errors hold nineteen of twenty


def test_what_keeps_no_tempo_has_none() -> None:
    assert find_tempo(list(np.cumsum(np.random.default_rng(0).uniform(0.3, 0.8, 60)))) is None
    assert find_tempo([0.0, 0.5, 1.0]) is None
    assert find_tempo([]) is None


def rock(beats: list[float], swing: float = 0.62) -> NDArray[np.float32]:
    """Return kick, snare, hi-hat, bass and noise played by hand: swung eighths, 8 ms early or late, over a hiss."""
    random = np.random.default_rng(5)
    sound = 0.01 * random.standard_normal(round((beats[-1] + 1) * RATE))

    def play(time: float, wave: NDArray[np.float64]) -> None:
        first = max(0, round((time + random.normal(0.0, 0.008)) * RATE))
        part = sound[first : first + len(wave)]
        part += wave[: len(part)]

    t = np.arange(RATE // 4) / RATE
    kick = 0.5 * np.exp(-14 * t) * np.sin(2 * np.pi * 55 * t)
    snare = 0.3 * np.exp(-22 * t) * (random.standard_normal(len(t)) + np.sin(2 * np.pi * 190 * t))
    hat = 0.1 * np.exp(-70 * t) * random.standard_normal(len(t))
    for number, (beat, following) in enumerate(itertools.pairwise(beats)):
        swung = beat + swing * (following - beat)
        play(beat, kick if number % 2 == 0 else snare)
        play(beat, hat)
        play(swung, hat)
        if number % 4 == 2:
            play(swung, 0.7 * kick)
        play(beat, 0.2 * np.exp(-4 * t) * np.sin(2 * np.pi * (55, 65.4, 49)[number // 4 % 3] * t))
    return np.asarray(0.8 * sound / np.abs(sound).max(), np.float32)[:, None]


@pytest.mark.parametrize("bpm", [96, 132])
def test_the_tempo_of_a_band_that_swings_is_heard(bpm: int) -> None:
    beats = [0.4 + beat * 60 / bpm for beat in range(50)]
    found = find_tempo(analyse(rock(beats), RATE).beats)
    assert found is not None
    assert found.bpm == bpm
    # It may begin a beat or two early, in the hiss before the music.
    off = (float(found.first_beat) - beats[0]) * bpm / 60
    assert off == pytest.approx(round(off), abs=0.05)


def test_music_that_changes_its_tempo_has_none() -> None:
    periods = [60 / 100] * 30 + [60 / 125] * 30
    assert find_tempo(analyse(rock(list(np.cumsum(periods))), RATE).beats) is None


def test_the_tempo_of_a_drum_is_heard() -> None:
    time = np.arange(12 * RATE) / RATE
    since = np.maximum(time - 0.4, 0.0) % (60 / 137.5)
    sound = (0.8 * np.exp(-40 * since) * np.sin(2 * np.pi * 90 * since) * (time >= 0.4)).astype(np.float32)
    found = find_tempo(analyse(sound[:, None], RATE).beats)
    assert found is not None
    assert float(found.bpm) == pytest.approx(137.5, abs=0.1)
    assert float(found.first_beat) == pytest.approx(0.4, abs=0.02)
