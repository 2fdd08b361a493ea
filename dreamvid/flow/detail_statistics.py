"""Holding added detail at its level.

Detail that is carried from frame to frame and dreamed a little further each time grows where gradients agree and
softens where it is resampled: peers' dreams get brighter or blurrier every frame. Here the strength that a full
dream had in each band of frequencies, gray and colorful apart, is kept, and what is carried on is held to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from dreamvid.image.resize import blur, resize
from dreamvid.types import RGB, DetailStatistics, Size

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BANDS = 5
_SMALLEST = 8
_FASTEST = 1.25
"""Largest change of a band's strength in one frame, as a ratio: what is nearly silent is not blown up at once."""
_FASTEST_IN_ALL = 1.02
"""The same of all color together, once its bands are where they may be."""
_SILENT = 1e-4
_AROUND = 0.12
"""How far around a place its strength is measured, as a share of the frame's height."""
_LEAST = 0.05
_MOST_EVENED = 1.5


def measure(detail: RGB) -> DetailStatistics:
    """Return the level of signed detail ``[H, W, 3]``: its mean color, and the RMS of each band, finest first.

    Bands are an octave wide, of a Laplacian pyramid (Burt and Adelson 1983); the last holds all that is coarser.
    Each has two numbers: the RMS of what is common to the three channels, and of what is not, its color, the mean
    spread (largest less smallest channel). That of all bands together is held as well: where they fall on the same
    places they add up to more.
    """
    mean = mean_color(detail)
    bands = [[_strength(part) for part in _parts(band)] for band in _split(detail - mean)]
    return DetailStatistics(
        _numbers(mean), tuple((gray, color) for gray, color in bands), _strength(detail - mean)
    )


def mean_color(detail: RGB) -> NDArray[np.float32]:
    """Return the mean of each channel of ``[H, W, 3]``; by planes, which is much quicker than along pixels."""
    return np.array([plane.mean() for plane in cv2.split(detail)], np.float32)


def hold(detail: RGB, level: DetailStatistics, *, fastest: float = _FASTEST, evenness: float = 0.0) -> RGB:
    """Return detail ``[H, W, 3]`` with its mean color and the strength of each band as ``level`` says.

    A band grows by ``fastest`` at most (and shrinks by a quarter), so that a new subject is not made as loud as the
    last one at once. ``evenness``, 0 to 1, is the share of the way that each place goes to the band's strength, so
    that what dreams best does not swallow the rest of the picture over time; the coarsest band is left alone.
    """
    mean = mean_color(detail)
    result: RGB | None = None
    bands = _split(detail - mean)
    reach = _AROUND * detail.shape[0]
    for k in reversed(range(len(bands))):
        gray, color = (
            _held(part, rms, fastest, 1.0 / _FASTEST)
            for part, rms in zip(_parts(bands[k]), level.bands[k], strict=True)
        )
        scaled = gray + color
        if evenness and k < len(bands) - 1:
            scaled = _evened(scaled, evenness, reach / 2**k)
        result = scaled if result is None else scaled + _grow(result, scaled)
    assert result is not None
    gray, color = _parts(result)
    held = gray + _held(color, level.color, _FASTEST_IN_ALL, 1.0 / _FASTEST_IN_ALL)
    return np.asarray(held + np.array(level.mean, np.float32), np.float32)


def _parts(band: RGB) -> tuple[RGB, RGB]:
    """Return what is common to the channels, ``[H, W, 1]``, and the rest, ``[H, W, 3]``."""
    red, green, blue = cv2.split(band)
    gray = (red + green + blue)[..., None] / np.float32(3.0)
    return gray, band - gray


def _held(part: RGB, wanted: float, most: float, least: float) -> RGB:
    now = _strength(part)
    gain = 1.0 if now < _SILENT else float(np.clip(wanted / now, least, most))
    return part * np.float32(gain)


def _evened(band: RGB, evenness: float, reach: float) -> RGB:
    """Return a band whose strength around each place, within ``reach`` px, is nearer to that of the whole."""
    power = np.add.reduce([np.square(plane) for plane in cv2.split(band)])
    mean = float(power.mean())
    around = blur(power, reach) + np.float32(_LEAST * mean + _SILENT**2)
    gain = np.clip((mean / around) ** (evenness / 2.0), 1.0 / _MOST_EVENED, _MOST_EVENED)
    return np.asarray(band * gain.astype(np.float32)[..., None], np.float32)


def _split(detail: RGB) -> list[RGB]:
    bands: list[RGB] = []
    while len(bands) < _BANDS - 1 and min(detail.shape[:2]) >= 2 * _SMALLEST:
        lower = np.asarray(cv2.pyrDown(detail), np.float32)
        bands.append(detail - _grow(lower, detail))
        detail = lower
    return [*bands, detail]


def _grow(lower: RGB, like: RGB) -> RGB:
    return resize(lower, Size(*like.shape[:2]))


def _strength(part: RGB) -> float:
    if part.shape[-1] == 1:
        return _rms(part)
    red, green, blue = cv2.split(part)
    largest, smallest = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    return float(np.mean(largest - smallest))


def _rms(values: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _numbers(values: object) -> tuple[float, ...]:
    return tuple(float(value) for value in np.asarray(values))
