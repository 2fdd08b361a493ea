"""The music of zooms: its length, its end, and the signals that move the camera."""

from __future__ import annotations

import wave
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dreamvid.config.preset import Preset, parse_value
from dreamvid.pipelines.music import soundtrack, uses_music_signals

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RATE = 22050


def trip_preset(**changes: object) -> Preset:
    settings = {"trip__duration": "1", **changes}
    return Preset.build({"pipeline": "zoom"}).override(
        {name.replace("__", "."): value for name, value in settings.items()}
    )


def test_without_music_there_is_none() -> None:
    with soundtrack(trip_preset().trip, Fraction(1), Fraction(12)) as music:
        assert music is None


@pytest.mark.parametrize("loop", [False, True])
def test_a_track_is_as_long_as_the_trip_and_fades_out_but_not_in_a_loop(
    write_wav: Callable[..., Path], *, loop: bool
) -> None:
    tone = write_wav(0.6 * np.sin(np.arange(RATE) * 0.1))
    preset = trip_preset(trip__music=str(tone), trip__loop=loop)
    with soundtrack(preset.trip, Fraction(2), Fraction(12)) as music:
        assert music is not None
        with wave.open(str(music.file)) as file:
            assert file.getnframes() == 2 * file.getframerate()
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64)
    end, loudest = np.abs(samples[-len(samples) // 100 :]).max(), np.abs(samples).max()
    assert end > 0.9 * loudest if loop else end < 0.1 * loudest
    assert not music.file.exists()


def test_a_beat_is_at_the_frame_nearest_to_its_click(write_wav: Callable[..., Path]) -> None:
    samples, clicks = np.zeros(6 * RATE), np.arange(0.25, 5.95, 0.5)
    click = np.random.default_rng(0).uniform(-0.9, 0.9, 660) * np.exp(-np.arange(660) / 88)
    for time in clicks:
        first = round(time * RATE)
        samples[first : first + len(click)] += click
    with soundtrack(
        trip_preset(trip__music=str(write_wav(samples))).trip, Fraction(6), Fraction(24)
    ) as music:
        assert music is not None
        beats = np.array([music.signals(index / 24)["beat"] for index in range(6 * 24)])
    struck = np.flatnonzero((beats > 0.9) & (beats > np.roll(beats, 1)))
    assert np.abs(struck[:, None] / 24 - clicks).min(axis=1).max() <= 0.5 / 24 + 0.005
    assert len(struck) >= len(clicks) - 1


@pytest.mark.parametrize(
    ("changes", "uses"),
    [
        ({}, False),
        ({"camera.zoom": "1 + 0.1*t"}, False),
        ({"camera.zoom": "1 + 0*beat"}, True),
        ({"look.strength": "bass"}, True),
        ({"scenes": [{}, {"start": "0.5s", "camera": {"rotation": "90*onset"}}]}, True),
    ],
)
def test_expressions_may_use_signals(*, changes: dict[str, Any], uses: bool) -> None:
    parsed = {path: parse_value(path, v) if isinstance(v, str) else v for path, v in changes.items()}
    assert uses_music_signals(trip_preset(**parsed)) == uses
