"""The landscape: in range, alive, the same for the same seed, and with a sound of the right length."""

from __future__ import annotations

import wave
from typing import TYPE_CHECKING

import numpy as np

from dreamvid.pipelines.landscape import Landscape, fractal_noise, write_wind
from dreamvid.types import Size

if TYPE_CHECKING:
    from pathlib import Path


def test_the_landscape_is_a_picture_that_moves_slowly() -> None:
    landscape = Landscape(Size(54, 96))
    first, soon, later = (landscape.frame(seconds) for seconds in (0.0, 0.1, 5.0))
    assert first.shape == (54, 96, 3)
    assert first.dtype == np.float32
    assert first.min() >= 0.0
    assert first.max() <= 1.0
    assert first.std() > 0.1
    assert 0.0 < np.abs(soon - first).mean() < np.abs(later - first).mean()


def test_the_same_seed_is_the_same_landscape() -> None:
    size = Size(27, 48)
    assert np.array_equal(Landscape(size, 3).frame(1.0), Landscape(size, 3).frame(1.0))
    assert not np.array_equal(Landscape(size, 3).frame(1.0), Landscape(size, 4).frame(1.0))


def test_fractal_noise_tiles_and_is_normalized() -> None:
    noise = fractal_noise(np.random.default_rng(0), 1.5)
    assert abs(float(noise.mean())) < 1e-4
    assert abs(float(noise.std()) - 1.0) < 1e-3
    step = np.abs(np.diff(noise, axis=1)).mean()
    assert np.abs(noise[:, 0] - noise[:, -1]).mean() < 2 * step


def test_the_wind_is_stereo_and_of_the_length(tmp_path: Path) -> None:
    path = tmp_path / "wind.wav"
    write_wind(path, 0.5)
    with wave.open(str(path)) as sound:
        assert (sound.getnchannels(), sound.getframerate(), sound.getnframes()) == (2, 48_000, 24_000)
        samples = np.frombuffer(sound.readframes(24_000), "<i2")
    assert 1_000 < np.abs(samples).max() < 32_767
