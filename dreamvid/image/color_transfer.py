"""Color transfer: a dream in its source's colors, or a picture in the palette of another.

`keep_color` gives each frame of a video the colors of its source frame. `match_palette` moves a picture's mean and
spread in CIE L*a*b* towards those of another (Reinhard et al. 2001, "Color transfer between images"): a trip that
feeds each picture into the next drifts, within some hundred frames, to blown-out or gray colors unless it is held.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from dreamvid.image.luma import LUMA_WEIGHTS, luma
from dreamvid.image.srgb import linear_to_srgb, srgb_to_linear

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.types import RGB, KeepColor

# Linear sRGB to CIE XYZ divided by its white point, D65 (IEC 61966-2-1).
_RGB_TO_XYZ = np.array(
    [
        [0.4124 / 0.9505, 0.3576 / 0.9505, 0.1805 / 0.9505],
        LUMA_WEIGHTS.tolist(),
        [0.0193 / 1.0890, 0.1192 / 1.0890, 0.9505 / 1.0890],
    ],
    np.float32,
)
_XYZ_TO_RGB = np.linalg.inv(_RGB_TO_XYZ.astype(np.float64)).astype(np.float32)
# Where L* turns from a line into a cube root, and that line's slope (CIE 15:2004).
_LAB_EPSILON, _LAB_KAPPA = 216.0 / 24389.0, 24389.0 / 27.0

_HISTOGRAM_BINS = 1024
# Blur of histograms before they are matched, as a share of the range.
_HISTOGRAM_BLUR = 0.01
# Histograms reach this far beyond black and white, so that clipped values count as spread around them.
_HISTOGRAM_MARGIN = 0.05
# Share of uniformly distributed values that is mixed in, so that no bin is empty.
_UNIFORM_SHARE = 0.05
_MAX_CODE = 65535

# Largest change of a spread at once, as a ratio: a flat picture does not become colorful in one frame.
_MAX_GAIN = 1.25
_SPREAD_EPSILON = 1e-3


def keep_color(source: RGB, dreamed: RGB, method: KeepColor) -> RGB:
    """Return the dream in its source's colors.

    Parameters
    ----------
    source, dreamed
        ``[H, W, 3]`` float32, sRGB-encoded, [0, 1], of one size; neither is changed.
    method
        ``luma`` takes luma (BT.709, of encoded values) from the dream and chroma from the source. ``lab`` takes L*
        from the dream, a* and b* from the source (CIE L*a*b*, D65). ``histogram`` gives each channel of the dream
        the source's distribution. ``off`` returns ``dreamed`` itself.

    Returns
    -------
    ``[H, W, 3]`` float32 in [0, 1]. Colors outside the gamut at the dream's lightness lose saturation, as far as
    needed, rather than lightness or hue.
    """
    match method:
        case "off":
            return dreamed
        case "luma":
            return _clip_chroma(luma(dreamed), source - luma(source)[..., None])
        case "lab":
            return _keep_lab_chroma(source, dreamed)
        case "histogram":
            channels = range(source.shape[2])
            matched = [_match_histogram(source[..., channel], dreamed[..., channel]) for channel in channels]
            return np.asarray(cv2.merge(matched), np.float32)


class Palette(NamedTuple):
    """Mean and standard deviation of L* (0..100), a* and b* (about -100..100)."""

    mean: tuple[float, float, float]
    spread: tuple[float, float, float]

    def adjusted(self, hue: float = 0.0, saturation: float = 1.0, brightness: float = 1.0) -> Palette:
        """Return the palette with hues rotated by ``hue`` degrees, and chroma and lightness multiplied.

        Hues rotate about neutral gray; the spreads of a* and b* rotate as those of uncorrelated numbers do.
        """
        lightness, a, b = self.mean
        lightness_spread, a_spread, b_spread = self.spread
        cos, sin = math.cos(math.radians(hue)), math.sin(math.radians(hue))
        return Palette(
            (lightness * brightness, saturation * (cos * a - sin * b), saturation * (sin * a + cos * b)),
            (
                lightness_spread,
                saturation * math.hypot(cos * a_spread, sin * b_spread),
                saturation * math.hypot(sin * a_spread, cos * b_spread),
            ),
        )


def measure_palette(picture: RGB) -> Palette:
    """Return the palette of a picture ``[H, W, 3]``, float32, sRGB-encoded, [0, 1]."""
    return _lab_palette(_to_lab(picture))


def match_palette(picture: RGB, palette: Palette, share: float) -> RGB:
    """Return the picture with its palette moved a share (0..1) of the way to another.

    ``[H, W, 3]`` float32, sRGB-encoded, [0, 1], in and out. The picture itself where ``share`` is 0.
    """
    if share <= 0.0:
        return picture
    lab = _to_lab(picture)
    current = _lab_palette(lab)
    gain = np.array(
        [
            np.clip((target + _SPREAD_EPSILON) / (spread + _SPREAD_EPSILON), 1.0 / _MAX_GAIN, _MAX_GAIN)
            for target, spread in zip(palette.spread, current.spread, strict=True)
        ],
        np.float32,
    )
    gain = 1.0 + np.float32(share) * (gain - 1.0)
    mean = np.array(current.mean, np.float32)
    target_mean = mean + np.float32(share) * (np.array(palette.mean, np.float32) - mean)
    lab -= mean
    lab *= gain
    lab += target_mean
    return np.clip(np.asarray(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB), np.float32), 0.0, 1.0)


def _to_lab(picture: RGB) -> RGB:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2Lab), np.float32)


def _lab_palette(lab: RGB) -> Palette:
    mean, spread = (tuple(values[:, 0].tolist()) for values in cv2.meanStdDev(lab))
    return Palette(mean, spread)


def _clip_chroma(gray: NDArray[np.float32], chroma: RGB) -> RGB:
    """Return ``gray + chroma``, the chroma scaled down until all channels lie in [0, 1].

    ``gray`` is ``[H, W]``; ``chroma`` is ``[H, W, 3]``, has no luma, and is overwritten. W3C, "Compositing and
    Blending Level 1", section 10.2, ``ClipColor``, in one step.
    """
    red, green, blue = cv2.split(chroma)
    largest = cv2.max(cv2.max(red, green), blue)
    smallest = cv2.min(cv2.min(red, green), blue)
    tiny = np.float32(1e-9)
    scale = np.minimum((1.0 - gray) / np.maximum(largest, tiny), gray / np.maximum(-smallest, tiny))
    chroma *= np.clip(scale, 0.0, 1.0)[..., None]
    chroma += gray[..., None]
    return np.clip(chroma, 0.0, 1.0, out=chroma)


def _keep_lab_chroma(source: RGB, dreamed: RGB) -> RGB:
    """Return L* of the dream with a* and b* of the source."""
    # Of L* = 116 fy - 16, a* = 500 (fx - fy) and b* = 200 (fy - fz), adding one number to fx, fy and fz changes L*
    # alone. Not by cv2.cvtColor: its way to Lab is a table (off by half a unit), and its way back clips.
    encoded = _lab_f(cv2.transform(srgb_to_linear(source), _RGB_TO_XYZ))
    luminance = luma(srgb_to_linear(dreamed))
    encoded += (_lab_f(luminance) - encoded[..., 1])[..., None]
    linear = cv2.transform(_inverse_lab_f(encoded), _XYZ_TO_RGB)
    linear -= luminance[..., None]
    return linear_to_srgb(_clip_chroma(luminance, linear))


def _lab_f(xyz: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return ``f`` of CIE L*a*b*: a cube root, and a line near black."""
    line = xyz * np.float32(_LAB_KAPPA / 116.0)
    line += np.float32(16.0 / 116.0)
    return np.where(xyz > np.float32(_LAB_EPSILON), np.cbrt(xyz), line)


def _inverse_lab_f(values: NDArray[np.float32]) -> NDArray[np.float32]:
    line = values * np.float32(116.0 / _LAB_KAPPA)
    line -= np.float32(16.0 / _LAB_KAPPA)
    cubed = values * values
    cubed *= values
    return np.where(cubed > np.float32(_LAB_EPSILON), cubed, line)


def _match_histogram(source: NDArray[np.float32], dreamed: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return one channel of the dream, ``[H, W]``, with the source's distribution.

    Histogram matching (Gonzalez & Woods, "Digital Image Processing", 3.3.2): each value goes where the source has as
    many values below it. Departure: histograms are blurred, reach beyond black and white, and have no empty bin, so
    that the mapping is smooth, hardly amplifies noise, and changes from frame to frame about as much as the
    pictures do.
    """
    edges = np.linspace(-_HISTOGRAM_MARGIN, 1.0 + _HISTOGRAM_MARGIN, _HISTOGRAM_BINS + 1)
    levels = np.interp(_cumulative_histogram(dreamed), _cumulative_histogram(source), edges)
    table = np.clip(np.interp(np.linspace(0.0, 1.0, _MAX_CODE + 1), edges, levels), 0.0, 1.0).astype(
        np.float32
    )
    codes = dreamed * np.float32(_MAX_CODE)
    codes += np.float32(0.5)
    return table[codes.astype(np.uint16)]


def _cumulative_histogram(channel: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return ``[bins + 1]``: the share of values below each bin edge, strictly rising from 0 to 1."""
    limits = [-_HISTOGRAM_MARGIN, 1.0 + _HISTOGRAM_MARGIN]
    counts = cv2.calcHist([channel], [0], None, [_HISTOGRAM_BINS], limits)
    sigma = _HISTOGRAM_BLUR * _HISTOGRAM_BINS / (1.0 + 2.0 * _HISTOGRAM_MARGIN)
    smooth = cv2.GaussianBlur(counts.astype(np.float64), (1, 0), sigmaX=sigma, sigmaY=sigma)
    share = smooth.ravel() * ((1.0 - _UNIFORM_SHARE) / smooth.sum()) + _UNIFORM_SHARE / _HISTOGRAM_BINS
    return np.concatenate([[0.0], np.cumsum(share)])
