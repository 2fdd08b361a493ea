"""Measure the strength of dreamed detail by frequency bands, and hold detail to it.

Detail that is carried from frame to frame and dreamed a little further each time grows where gradients agree and
softens where it is resampled: without this, dreams become brighter or blurrier every frame. The strength that a full
dream had in each band, gray and color separately, is kept.

Bands are an octave wide, of a Laplacian pyramid (Burt and Adelson 1983); the last holds all coarser frequencies.
Channels are computed with one by one: NumPy is several times as quick on planes as along pixels.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from dreamvid.image.resize import blur, resize
from dreamvid.types import RGB, DetailStatistics, Size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Planes = Sequence[NDArray[np.float32]]

_BANDS = 5
# Shortest side, in px, of a band.
_MIN_BAND_SIZE = 8
# Largest change of a band's strength in one frame, as a ratio: a nearly silent band is not made loud at once.
_MAX_BAND_GAIN = 1.25
# The same of all color together, after each band has changed by its own gain.
_MAX_COLOR_GAIN = 1.02
_SILENCE = 1e-4
# Radius in which local strength is measured, as a share of the frame's height.
_LOCAL_RADIUS = 0.12
# Least local power, as a share of the mean, and the largest local gain.
_MIN_LOCAL_POWER = 0.05
_MAX_LOCAL_GAIN = 1.5


def measure_statistics(detail: RGB) -> DetailStatistics:
    """Return mean color and strength of each band, finest first, of signed detail ``[H, W, 3]``."""
    mean, centered = _center(detail)
    bands = []
    for band in _split_bands(centered):
        gray, color = _split_gray(band)
        bands.append((_rms(gray), _color_strength(color)))
    # Color of all bands together is measured too: where bands coincide, it is more than their sum of squares.
    return DetailStatistics(tuple(mean.tolist()), tuple(bands), _color_strength(cv2.split(centered)))


def channel_means(detail: RGB) -> NDArray[np.float32]:
    """Return the mean of each channel of ``[H, W, 3]``."""
    return np.array([plane.mean() for plane in cv2.split(detail)], np.float32)


def hold_statistics(
    detail: RGB, target: DetailStatistics, *, max_gain: float = _MAX_BAND_GAIN, evenness: float = 0.0
) -> RGB:
    """Return detail ``[H, W, 3]`` with the mean color and the band strengths of ``target``.

    A band grows by ``max_gain`` at most and shrinks by a fifth. ``evenness``, 0 to 1, is the share of the way that
    local strength goes to the band's mean, so that what dreams best does not swallow the rest of the picture over
    time; the coarsest band is left alone.
    """
    bands = _split_bands(_center(detail)[1])
    radius = _LOCAL_RADIUS * detail.shape[0]
    result: RGB | None = None
    for k in reversed(range(len(bands))):
        gray, color = _split_gray(bands[k])
        wanted_gray, wanted_color = target.bands[k]
        gray *= _gain(_rms(gray), wanted_gray, max_gain, 1.0 / _MAX_BAND_GAIN)
        gain = _gain(_color_strength(color), wanted_color, max_gain, 1.0 / _MAX_BAND_GAIN)
        band = _join_gray(gray, color, gain)
        if evenness and k < len(bands) - 1:
            band = _even_out(band, evenness, radius / 2**k)
        result = band if result is None else np.add(band, _enlarge(result, band), out=band)
    assert result is not None
    gray, color = _split_gray(result)
    gain = _gain(_color_strength(color), target.color, _MAX_COLOR_GAIN, 1.0 / _MAX_COLOR_GAIN)
    return _join_gray(gray, color, gain, target.mean)


def mix(statistics: DetailStatistics, other: DetailStatistics, share: float) -> DetailStatistics:
    """Return statistics a share of the way to another's; the ascent length stays."""

    def between(a: float, b: float) -> float:
        return a + share * (b - a)

    return statistics._replace(
        mean=tuple(map(between, statistics.mean, other.mean)),
        bands=tuple(
            (between(a[0], b[0]), between(a[1], b[1]))
            for a, b in zip(statistics.bands, other.bands, strict=True)
        ),
        color=between(statistics.color, other.color),
    )


def mix_bands(statistics: DetailStatistics, other: DetailStatistics, share: float) -> DetailStatistics:
    """Return statistics with the bands a share of the way to another's, and the total strength unchanged."""
    total, other_total = (math.hypot(*(gray for gray, _ in each.bands)) for each in (statistics, other))
    scale = total / other_total if other_total > 0 else 1.0
    scaled = other._replace(
        mean=statistics.mean,
        bands=tuple((gray * scale, color * scale) for gray, color in other.bands),
        color=other.color * scale,
    )
    return mix(statistics, scaled, share)


def scale_to_ascent_length(statistics: DetailStatistics, ascent_length: float) -> DetailStatistics:
    """Return the statistics of a dream of another ascent length: strength grows in proportion."""
    old_length = statistics.ascent_length
    if ascent_length == old_length or not ascent_length > 0 or not old_length > 0:
        return statistics
    factor = ascent_length / old_length
    return DetailStatistics(
        tuple(factor * value for value in statistics.mean),
        tuple((factor * gray, factor * color) for gray, color in statistics.bands),
        factor * statistics.color,
        ascent_length,
    )


def _center(detail: RGB) -> tuple[NDArray[np.float32], RGB]:
    """Return the mean of each channel, and detail less that."""
    planes = cv2.split(detail)
    mean = np.array([plane.mean() for plane in planes], np.float32)
    for plane, value in zip(planes, mean, strict=True):
        np.subtract(plane, value, out=plane)
    return mean, np.asarray(cv2.merge(planes), np.float32)


def _split_gray(band: RGB) -> tuple[NDArray[np.float32], Planes]:
    """Return the mean of the channels, ``[H, W]``, and what each channel has beside it."""
    color = cv2.split(band)
    gray = np.asarray(color[0] + color[1], np.float32)
    gray += color[2]
    gray /= np.float32(3.0)
    for plane in color:
        np.subtract(plane, gray, out=plane)
    return gray, color


def _join_gray(
    gray: NDArray[np.float32], color: Planes, gain: np.float32, mean: Sequence[float] = (0.0, 0.0, 0.0)
) -> RGB:
    """Return ``gray + gain * color + mean``, ``[H, W, 3]``; ``color`` is overwritten."""
    for plane, value in zip(color, mean, strict=True):
        np.multiply(plane, gain, out=plane)
        np.add(plane, gray, out=plane)
        if value:
            np.add(plane, np.float32(value), out=plane)
    return np.asarray(cv2.merge(color), np.float32)


def _gain(strength: float, target: float, most: float, least: float) -> np.float32:
    return np.float32(1.0 if strength < _SILENCE else np.clip(target / strength, least, most))


def _even_out(band: RGB, evenness: float, radius: float) -> RGB:
    """Return a band whose local strength, within ``radius`` px, is nearer to its mean."""
    power = np.add.reduce([np.square(plane) for plane in cv2.split(band)])
    mean = float(power.mean())
    local = blur(power, radius) + np.float32(_MIN_LOCAL_POWER * mean + _SILENCE**2)
    gain = np.clip((mean / local) ** (evenness / 2.0), 1.0 / _MAX_LOCAL_GAIN, _MAX_LOCAL_GAIN)
    return np.asarray(band * gain.astype(np.float32)[..., None], np.float32)


def _split_bands(detail: RGB) -> list[RGB]:
    """Return the Laplacian pyramid, finest first."""
    bands: list[RGB] = []
    while len(bands) < _BANDS - 1 and min(detail.shape[:2]) >= 2 * _MIN_BAND_SIZE:
        lower = np.asarray(cv2.pyrDown(detail), np.float32)
        enlarged = _enlarge(lower, detail)
        bands.append(np.subtract(detail, enlarged, out=enlarged))
        detail = lower
    return [*bands, detail]


def _enlarge(lower: RGB, like: RGB) -> RGB:
    return resize(lower, Size(*like.shape[:2]))


def _color_strength(color: Planes) -> float:
    """Return the mean spread: largest less smallest channel."""
    red, green, blue = color
    largest, smallest = np.maximum(red, green), np.minimum(red, green)
    np.maximum(largest, blue, out=largest)
    largest -= np.minimum(smallest, blue, out=smallest)
    return float(largest.mean())


def _rms(values: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
