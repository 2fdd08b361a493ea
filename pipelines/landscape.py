"""Render a procedural landscape from noise: clouds that drift over hills, and the sound of wind.

Everything follows from a seed, so that demonstrations and tests have natural-looking pictures without shipping any.
Clouds are fractal (1/f) noise on a plane seen in perspective; hills are ridges of one-dimensional noise with aerial
perspective.
"""

from __future__ import annotations

import wave
from typing import TYPE_CHECKING

import cv2
import numpy as np

from dreamvid.atomic import FULL_TEMPORARY_FOLDER, write_error
from dreamvid.image.masks import smoothstep

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from dreamvid.types import RGB, Size

_TEXTURE = 1024
_RIDGES = 4
_SOUND_RATE = 48_000


class Landscape:
    """One landscape; :meth:`frame` shows it at any time.

    Parameters
    ----------
    size
        Height and width of the pictures in pixels.
    seed
        Another seed is another landscape.
    """

    def __init__(self, size: Size, seed: int = 7) -> None:
        random = np.random.default_rng(seed)
        self._size = size
        self._billows = fractal_noise(random, 1.9)
        self._wisps = fractal_noise(random, 1.5)
        self._growth = fractal_noise(random, 1.25)
        self._profiles = [_profile(random) for _ in range(_RIDGES)]

    def frame(self, seconds: float) -> RGB:
        """Return the landscape at a time: ``[H, W, 3]`` float32 in [0, 1]."""
        height, width = self._size
        x = ((np.arange(width) + 0.5) / height).astype(np.float32)
        y = ((np.arange(height) + 0.5) / height).astype(np.float32)
        picture = self._sky(x, y, seconds)
        for ridge in range(_RIDGES):
            self._paint_ridge(picture, x, y, ridge, seconds)
        result: RGB = np.clip(picture, 0.0, 1.0).astype(np.float32)
        return result

    def _sky(self, x: NDArray[np.float32], y: NDArray[np.float32], seconds: float) -> RGB:
        horizon = 0.66
        rise = np.clip((horizon - y) / horizon, 0.0, 1.0)[:, None]
        low, high = np.array([0.98, 0.80, 0.62]), np.array([0.16, 0.36, 0.68])
        sky = low + (high - low) * (rise**0.55)[..., None]
        sky = np.broadcast_to(sky, (y.size, x.size, 3)).astype(np.float32)
        distance = 1.0 / (rise + 0.18)
        across = (x[None, :] - x.mean()) * distance
        away = np.broadcast_to(1.6 * distance, across.shape)
        drift = 0.045 * seconds
        density = _sample(self._billows, 0.33 * across + drift, 0.33 * away + 0.6 * drift)
        density += 0.55 * _sample(self._wisps, 0.9 * across + 1.7 * drift, 0.9 * away + 0.9 * drift)
        lit = _sample(self._billows, 0.33 * across + drift + 0.02, 0.33 * away + 0.6 * drift - 0.03)
        cover = smoothstep(-0.15, 0.95, density) * smoothstep(0.0, 0.12, rise)
        light = np.clip(0.80 + 0.30 * (density - lit) - 0.10 * np.maximum(density, 0.0), 0.45, 1.0)
        cloud = light[..., None] * np.array([1.0, 0.965, 0.93], dtype=np.float32)
        result: RGB = sky + (cloud - sky) * cover[..., None]
        return result

    def _paint_ridge(
        self, picture: RGB, x: NDArray[np.float32], y: NDArray[np.float32], ridge: int, seconds: float
    ) -> None:
        near = ridge / (_RIDGES - 1)
        shift = seconds * (0.006 + 0.03 * near)
        line = (
            0.60
            + 0.30 * near
            - (0.10 + 0.03 * near)
            * np.interp(
                ((x + shift) * (0.20 + 0.12 * (1 - near))) % 1.0,
                np.linspace(0.0, 1.0, _TEXTURE),
                self._profiles[ridge],
            )
        )
        edge = np.clip((y[:, None] - line[None, :]) * self._size.height + 0.5, 0.0, 1.0)[..., None]
        scale = 2.2 - 1.3 * near
        along = np.broadcast_to((x + shift)[None, :] * scale, edge.shape[:2])
        down = (y[:, None] - line[None, :]) * scale * 1.6
        growth = _sample(self._growth, along, down)
        depth = np.clip((y[:, None] - line[None, :]) * 3.0, 0.0, 1.0)
        far_color, near_color = np.array([0.50, 0.60, 0.70]), np.array([0.20, 0.34, 0.13])
        color = far_color + (near_color - far_color) * near**0.7
        shade = 1.0 + (0.10 + 0.30 * near) * growth - 0.25 * depth * near
        hill = (
            color * shade[..., None]
            + np.array([0.07, 0.05, 0.0]) * (near * np.maximum(growth, 0.0))[..., None]
        )
        picture += (hill - picture) * edge


def fractal_noise(random: np.random.Generator, exponent: float) -> NDArray[np.float32]:
    """Return periodic 1/f noise, ``[1024, 1024]``, zero mean, unit deviation.

    Gaussian white noise, its amplitude divided by frequency to the ``exponent`` (1 pink, 2 smooth).
    """
    spectrum = np.fft.rfft2(random.standard_normal((_TEXTURE, _TEXTURE)))
    frequency = np.hypot(
        np.fft.fftfreq(_TEXTURE)[:, None] * _TEXTURE, np.fft.rfftfreq(_TEXTURE)[None, :] * _TEXTURE
    )
    frequency[0, 0] = 1.0
    spectrum /= np.maximum(frequency, 2.0) ** exponent
    spectrum[0, 0] = 0.0
    noise = np.fft.irfft2(spectrum, s=(_TEXTURE, _TEXTURE))
    result: NDArray[np.float32] = (noise / noise.std()).astype(np.float32)
    return result


def write_wind(path: Path, seconds: float, seed: int = 7) -> None:
    """Write the landscape's sound into a temporary folder: wind and a slow chord, 48 kHz stereo 16-bit WAV.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    random = np.random.default_rng(seed)
    count = round(seconds * _SOUND_RATE)
    time = np.arange(count) / _SOUND_RATE
    spectrum = np.fft.rfft(random.standard_normal((2, count)), axis=1)
    frequency = np.fft.rfftfreq(count, 1 / _SOUND_RATE)
    spectrum *= np.exp(-((np.log2(np.maximum(frequency, 1.0) / 420.0) / 1.6) ** 2))
    wind = np.fft.irfft(spectrum, n=count, axis=1)
    wind /= np.abs(wind).max()
    gusts = 0.55 + 0.45 * np.sin(2 * np.pi * time / 3.7)
    chord = sum(np.sin(2 * np.pi * note * time + note) for note in (110.0, 164.8, 220.0, 277.2)) / 4
    swell = np.minimum(1.0, np.minimum(time, time[-1] - time) / 0.5)
    sound = swell * (0.22 * gusts * wind + 0.30 * chord)
    samples = np.round(np.clip(sound, -1.0, 1.0) * 32767).astype("<i2")
    try:
        with path.open("wb") as place, wave.open(place, "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(_SOUND_RATE)
            file.writeframes(np.ascontiguousarray(samples.T).tobytes())
    except OSError as error:
        raise write_error(path, error, advice=FULL_TEMPORARY_FOLDER) from None


def _profile(random: np.random.Generator) -> NDArray[np.float64]:
    harmonics = np.arange(1, 60)
    phase = random.uniform(0, 2 * np.pi, harmonics.size)
    position = np.linspace(0, 2 * np.pi, _TEXTURE)[:, None]
    profile = (np.sin(harmonics * position + phase) / harmonics**1.35).sum(axis=1)
    result: NDArray[np.float64] = profile / profile.std()
    return result


def _sample(
    texture: NDArray[np.float32], x: NDArray[np.floating], y: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Read a periodic texture at coordinates where 1 is one period."""
    columns = (x.astype(np.float32) % 1.0) * _TEXTURE
    rows = (y.astype(np.float32) % 1.0) * _TEXTURE
    result: NDArray[np.float32] = cv2.remap(
        texture, columns, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP
    )
    return result
