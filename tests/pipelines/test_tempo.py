"""Lengths in bars: exact frames or a notice, loops, and the tempo of music."""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dreamvid.audio.music import AudioTrack, write_track
from dreamvid.config.preset import Preset
from dreamvid.errors import SettingsError
from dreamvid.pipelines.tempo import Music, beat_notice, exact_frames, in_tempo
from dreamvid.pipelines.zoom.run import plan_zoom

if TYPE_CHECKING:
    from pathlib import Path


def preset(bpm: object = "120", bars: int | None = 8, **values: Any) -> Preset:
    tempo = {"bpm": bpm} if bars is None else {"bpm": bpm, "bars": bars}
    return Preset.build({"tempo": tempo, **values})


@pytest.mark.parametrize("fps", [25, 30, 60])
@pytest.mark.parametrize("bpm", ["120", "128", "137.5"])
def test_eight_bars_are_exact_or_a_notice_says_what_is(bpm: str, fps: int) -> None:
    rate, wanted = Fraction(fps), preset(bpm)
    made = in_tempo(wanted, rate, "trip.duration", None)
    exact = 32 * 60 * rate / Fraction(bpm)
    assert made.trip.duration == Fraction(round(exact), fps)
    assert exact_frames(wanted.tempo, rate) == exact
    assert plan_zoom(made.override({"output.fps": fps, "output.width": 32})).clock.frames == round(exact)
    notice = beat_notice(wanted.tempo, rate)
    per_beat = exact / 32
    if per_beat.denominator == 1:
        assert notice is None
        return
    assert notice is not None
    assert (f"exactly {exact} frames" in notice) == (exact.denominator == 1)
    assert (f"{float(exact):.2f} frames, made {round(exact)}" in notice) == (exact.denominator != 1)
    for option, change in (("--bpm ", "tempo.bpm"), ("--fps ", "output.fps")):
        named = notice.split(option)[1].split()[0]
        changed = wanted.override({change: named})
        assert beat_notice(changed.tempo, changed.output.fps or rate) is None


def test_the_nearest_tempo_and_rate_are_named() -> None:
    notice = beat_notice(preset("120", None).tempo, Fraction(25))
    assert notice is not None
    assert "--bpm 1500/13 (= 115.385)" in notice
    assert "--fps 24" in notice


def test_bars_make_a_trip_a_loop_unless_it_says_otherwise() -> None:
    rate = Fraction(30)
    assert in_tempo(preset(), rate, "trip.duration", None).trip.loop
    assert not in_tempo(preset(trip={"loop": False}), rate, "trip.duration", None).trip.loop
    assert not in_tempo(preset(bars=None), rate, "trip.duration", None).trip.loop


def test_bars_replace_a_duration(caplog: pytest.LogCaptureFixture) -> None:
    made = in_tempo(preset(input={"duration": 3}), Fraction(30), "input.duration", None)
    assert made.input.duration == 16
    assert "input.duration: left out, as tempo.bars sets the length" in caplog.text
    caplog.clear()
    assert in_tempo(made, Fraction(30), "input.duration", None) == made
    assert not caplog.text


def test_lengths_in_beats_become_seconds() -> None:
    values = {"trip": {"duration": "6bar", "keyframe": "2b"}, "input": {"duration": "0.5bar"}}
    made = in_tempo(preset(bars=None, **values), Fraction(30), "trip.duration", None)
    lengths = [made.trip.duration, made.trip.keyframe, made.input.duration]
    assert lengths == [Fraction(12), Fraction(1), Fraction(1)]


def test_without_a_tempo_nothing_changes() -> None:
    plain = Preset()
    assert in_tempo(plain, Fraction(25), "trip.duration", None) is plain


@pytest.fixture
def drum(tmp_path: Path) -> Path:
    """Twelve seconds at 137.5 beats per minute, from 0.4 s on."""
    rate, path = 22_050, tmp_path / "drum.wav"
    time = np.arange(12 * rate) / rate
    since = np.maximum(time - 0.4, 0.0) % (60 / 137.5)
    sound = 0.8 * np.exp(-40 * since) * np.sin(2 * np.pi * 90 * since) * (time >= 0.4)
    write_track(AudioTrack(sound.astype(np.float32)[:, None], rate), path)
    return path


def test_tempo_and_first_beat_are_those_of_the_music(drum: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = in_tempo(preset("auto"), Fraction(30), "trip.duration", Music(drum, Fraction(0)))
    assert isinstance(made.tempo.bpm, Fraction)
    assert float(made.tempo.bpm) == pytest.approx(137.5, abs=0.1)
    assert made.tempo.first_beat is not None
    assert float(made.tempo.first_beat) == pytest.approx(0.4, abs=0.02)
    assert made.trip.duration == Fraction(419, 30)
    assert "tempo auto:" in caplog.text


def test_auto_needs_music_with_a_beat(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"tempo\.bpm: auto needs music"):
        in_tempo(preset("auto"), Fraction(30), "trip.duration", None)
    silence = tmp_path / "silence.wav"
    write_track(AudioTrack(np.zeros((22_050 * 3, 1), np.float32), 22_050), silence)
    with pytest.raises(SettingsError, match="no steady beat"):
        in_tempo(preset("auto"), Fraction(30), "trip.duration", Music(silence, Fraction(0)))


@pytest.fixture(autouse=True)
def _notices(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
