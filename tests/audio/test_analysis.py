from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from dreamvid.audio.analysis import Signals, analyse
from dreamvid.schedule.times import SIGNALS

RATE = 44_100
FPS = 24.0

Sound = NDArray[np.float32]


def noise(seconds: float, rate: int = RATE, channels: int = 1) -> Sound:
    random = np.random.default_rng(5)
    return (0.3 * random.standard_normal((round(seconds * rate), channels))).clip(-1, 1).astype(np.float32)


def tone(hertz: float, seconds: float = 3.0, rate: int = RATE) -> Sound:
    time = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)[:, None]


def clicks(times: NDArray[np.float64], seconds: float, rate: int = RATE) -> Sound:
    """Clicks of 5 ms at 1500 Hz."""
    count = round(rate * 0.005)
    click = np.exp(-np.arange(count) / (count / 4)) * np.sin(2 * np.pi * 1500 * np.arange(count) / rate)
    sound = np.zeros(round(seconds * rate) + count, np.float32)
    for time in times[times < seconds]:
        sound[round(time * rate) :][:count] += 0.8 * click.astype(np.float32)
    return sound[: round(seconds * rate), None]


def by_frame(signals: Signals, name: str, seconds: float) -> NDArray[np.float64]:
    return np.array([signals.at(i / FPS, 1 / FPS)[name] for i in range(round(seconds * FPS))])


@pytest.mark.parametrize("offset", [0.0, 0.23])
@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000])
def test_the_beat_is_at_each_click_of_120_a_minute(rate: int, offset: float) -> None:
    times = np.arange(offset, 20.0, 0.5)
    signals = analyse(clicks(times, 20.0, rate), rate)
    beats = np.array([beat for beat in signals.beats if beat < 20.0])
    assert len(beats) == len(times)
    assert np.abs(beats - times).max() < 0.03
    assert all(signals.at(time - 0.011, 0.022)["beat"] == 1.0 for time in times)


@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000])
def test_frames_see_the_beat_when_it_is_heard(rate: int) -> None:
    times = np.arange(0.23, 20.0, 0.5)
    signals = analyse(clicks(times, 20.0, rate), rate)
    ideal = [
        max((0.5 ** ((i / FPS - t) / 0.1) for t in times if t <= i / FPS), default=0.0) for i in range(480)
    ]
    for index in {int(time * FPS) for time in times}:
        ideal[index] = 1.0
    assert np.corrcoef(by_frame(signals, "beat", 20.0), ideal)[0, 1] > 0.95


def test_the_beat_follows_a_tempo_that_changes() -> None:
    slow, fast = np.arange(0.0, 40.0, 0.6), np.arange(40.0, 80.0, 60 / 140)
    beats = np.array(analyse(clicks(np.concatenate([slow, fast]), 80.0), RATE).beats)
    missed = [time for time in (*slow, *fast) if np.abs(beats - time).min() > 0.03]
    assert len(missed) < 6


def test_a_beat_halves_every_tenth_of_a_second() -> None:
    signals = analyse(clicks(np.arange(0.0, 8.0, 0.5), 8.0), RATE)
    assert signals.at(2.1)["beat"] == pytest.approx(0.5, abs=0.05)
    assert signals.at(2.2)["beat"] == pytest.approx(0.25, abs=0.03)
    assert signals.at(2.4999)["beat"] < 0.05


def test_where_nothing_is_steady_onsets_are_the_beats() -> None:
    times = np.cumsum(np.random.default_rng(2).uniform(0.2, 1.2, 30))
    found = np.array(analyse(clicks(times, 25.0), RATE).beats)
    heard = times[times < 24.9]
    assert all(np.abs(found - time).min() < 0.03 for time in heard)
    assert len(found) <= len(heard) + 2


def test_there_is_no_beat_in_silence() -> None:
    times = np.concatenate([np.arange(0.0, 10.0, 0.5), np.arange(20.0, 30.0, 0.5)])
    signals = analyse(clicks(times, 30.0), RATE)
    assert not [beat for beat in signals.beats if 10.4 < beat < 19.6]
    assert signals.at(15.0)["beat"] < 1e-6


@pytest.mark.parametrize("time", [1.0, 1.004, 1.013, 1.037])
def test_onset_and_loudness_come_within_one_step(time: float) -> None:
    sound = np.zeros((2 * RATE, 1), np.float32)
    sound[round(time * RATE) :] = noise(2.0)[: 2 * RATE - round(time * RATE)]
    signals = analyse(sound, RATE)
    for name in ("onset", "rms", "bass", "mid", "treble"):
        assert signals.at(time - 0.025)[name] < 0.1, name
        assert signals.at(time - 0.010)[name] < 0.5, name
    assert signals.at(time - 0.01, 0.02)["onset"] == 1.0
    assert signals.at(time + 0.011)["rms"] > 0.6


def test_no_onset_falls_between_two_frames() -> None:
    times = np.cumsum(np.random.default_rng(4).uniform(0.3, 0.9, 25))
    signals = analyse(clicks(times, 16.0), RATE)
    for time in times[times < 15.9]:
        index = int(time * FPS)
        assert max(signals.at(i / FPS, 1 / FPS)["onset"] for i in (index, index + 1)) > 0.8


@pytest.mark.parametrize(("hertz", "band"), [(60.0, "bass"), (1000.0, "mid"), (8000.0, "treble")])
def test_a_tone_is_in_its_band_alone(hertz: float, band: str) -> None:
    signals = analyse(tone(hertz), RATE)
    for time in (1.0, 1.5, 2.0):
        now = signals.at(time)
        assert now[band] > 0.95
        assert all(now[other] < 0.15 for other in {"bass", "mid", "treble"} - {band})
        assert now["rms"] > 0.8


def test_channels_do_not_cancel_each_other() -> None:
    mono = tone(1000.0)
    now = analyse(np.concatenate([mono, -mono], axis=1), RATE).at(1.5)
    assert now["mid"] > 0.95
    assert now["rms"] > 0.9


def test_a_constant_offset_is_silence() -> None:
    assert set(analyse(np.full((RATE, 1), 0.5, np.float32), RATE).at(0.5).values()) == {0.0}
    now = analyse(tone(1000.0) * 0.5 + 0.4, RATE).at(1.5)
    assert now["bass"] < 0.1


def test_one_loud_click_does_not_quieten_the_rest() -> None:
    sound = tone(1000.0, 10.0) * 0.4
    sound[5 * RATE] = 1.0
    assert analyse(sound, RATE).at(2.0)["rms"] > 0.8


@pytest.mark.parametrize(
    ("sound", "rate"),
    [
        (np.zeros((RATE, 2), np.float32), RATE),
        (np.zeros((0, 2), np.float32), RATE),
        (np.full((1, 1), 0.5, np.float32), RATE),
        (noise(0.2), RATE),
        (noise(0.003), RATE),
        (noise(5.0, channels=2), RATE),
        (noise(1.0, 1_000), 1_000),
        (noise(1.0, 96_000), 96_000),
        (noise(0.5, 768_000), 768_000),
        (np.round(tone(440.0) * 127) / np.float32(127), RATE),
        (np.ones((RATE, 1), np.float32) * np.float32(-1), RATE),
    ],
)
def test_every_sound_gives_numbers_from_0_to_1(sound: Sound, rate: int) -> None:
    signals = analyse(sound, rate)
    for time in (-1.0, 0.0, 0.001, 0.1, 0.199, 0.9, 1.0, 100.0):
        for span in (0.0, 1 / FPS, 1.0):
            now = signals.at(time, span)
            assert tuple(now) == SIGNALS
            assert all(0.0 <= value <= 1.0 for value in now.values())
    assert list(signals.beats) == sorted(signals.beats)


def test_silence_is_0() -> None:
    signals = analyse(np.zeros((RATE, 2), np.float32), RATE)
    assert set(signals.at(0.5, 0.04).values()) == {0.0}
    assert not signals.beats


def test_the_same_sound_gives_the_same_signals() -> None:
    sound = noise(30.0) * clicks(np.arange(0.0, 30.0, 0.4), 30.0)
    one, other = analyse(sound, RATE), analyse(sound.copy(), RATE)
    assert one.beats == other.beats
    assert all(np.array_equal(one.curves[name], other.curves[name]) for name in one.curves)


def test_sound_longer_than_a_block_has_no_seams() -> None:
    signals = analyse(tone(440.0, 50.0), RATE)
    inside = slice(50, -10)
    assert signals.curves["rms"][inside].min() > 0.98
    assert signals.curves["mid"][inside].min() > 0.99
    assert signals.curves["onset"][inside].max() < 0.2


def test_where_numba_cannot_keep_what_it_compiles_one_line_says_so() -> None:
    script = (
        "import numpy as np\nfrom dreamvid.errors import DreamvidError\nfrom dreamvid.audio.analysis import analyse\n"
        "try: analyse(np.ones((9, 1), np.float32), 8000)\nexcept DreamvidError as error: print(error)"
    )
    nowhere = {**os.environ, "NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator", "NUMBA_CACHE_DIR": ""}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=nowhere
    )
    assert "NUMBA_CACHE_DIR" in done.stdout


def drums(beats: NDArray[np.float64], seconds: float, hat: float) -> Sound:
    """A bass drum on each beat, a hi-hat between beats, a snare on every other beat, and a chord."""
    random = np.random.default_rng(8)
    time = np.arange(round(0.3 * RATE)) / RATE
    kick = np.sin(2 * np.pi * (48 * time + 6 * (1 - np.exp(-time * 40)))) * np.exp(-time * 12)
    hiss = hat * np.diff(random.standard_normal(len(time) + 1)) * np.exp(-time * 12)
    snare = 0.5 * random.standard_normal(len(time)) * np.exp(-time * 20)
    whole = np.arange(round(seconds * RATE)) / RATE
    sound = np.sum([0.05 * np.sin(2 * np.pi * hertz * whole) for hertz in (220, 262, 330)], axis=0)
    between = beats + np.diff(beats).mean() / 2
    for hits, what in ((beats, kick), (between, hiss), (beats[1::2], snare)):
        for hit in hits[hits < seconds - 0.31]:
            sound[round(hit * RATE) :][: len(what)] += what
    return np.array(sound / np.abs(sound).max(), np.float32)[:, None]


@pytest.mark.parametrize("tempo", [87, 100, 124, 140])
def test_the_beat_is_the_bass_drum_not_the_hi_hat(tempo: int) -> None:
    beats = np.arange(0.3, 30.0, 60 / tempo)
    found = np.array(analyse(drums(beats, 30.0, hat=0.4), RATE).beats)
    assert np.diff(found).mean() == pytest.approx(60 / tempo, rel=0.02)
    assert np.mean([np.abs(found - beat).min() < 0.03 for beat in beats]) > 0.9


def test_importing_it_loads_no_librosa() -> None:
    script = "import sys, dreamvid.audio.analysis; print([m for m in ('librosa', 'numba', 'av') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
