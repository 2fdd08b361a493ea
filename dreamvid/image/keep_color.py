"""Keeping the source's colors: the dream's forms in the light of the picture that it grew from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.types import RGB, KeepColor

LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Weights of red, green and blue in luma (of encoded values) and luminance (of linear light), ITU-R BT.709."""

_TO_XYZ = np.array(
    [
        [0.4124 / 0.9505, 0.3576 / 0.9505, 0.1805 / 0.9505],
        [0.2126, 0.7152, 0.0722],
        [0.0193 / 1.0890, 0.1192 / 1.0890, 0.9505 / 1.0890],
    ],
    np.float32,
)
"""Linear sRGB to CIE XYZ over its white, D65 (IEC 61966-2-1)."""
_TO_RGB = np.linalg.inv(_TO_XYZ.astype(np.float64)).astype(np.float32)
_DARK, _STEEP = 216.0 / 24389.0, 24389.0 / 27.0
"""Where L* turns from a line into a cube root, and that line's slope (CIE 15:2004)."""

_BINS = 1024
_BLUR = 0.01
"""Blur of histograms before they are matched, as a share of the range."""
_MARGIN = 0.05
"""How far histograms reach beyond black and white, so that what is clipped counts as spread around them."""
_EVERYWHERE = 0.05
"""Share of evenly spread values that is mixed into them."""
_CODES = 65535


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
    ``[H, W, 3]`` float32 in [0, 1]. Colors that no screen can show at the dream's lightness lose saturation, as far
    as needed, rather than lightness or hue.
    """
    match method:
        case "off":
            return dreamed
        case "luma":
            gray = cv2.transform(dreamed, LUMA[None])
            chroma = source - cv2.transform(source, LUMA[None])[..., None]
            return _within_gamut(gray, chroma)
        case "lab":
            return _keep_lab(source, dreamed)
        case "histogram":
            matched = [
                _matched(source[..., channel], dreamed[..., channel]) for channel in range(source.shape[2])
            ]
            return np.asarray(cv2.merge(matched), np.float32)


def _within_gamut(gray: NDArray[np.float32], chroma: RGB) -> RGB:
    """Return ``gray + chroma``, the chroma scaled down until all channels lie in [0, 1].

    ``gray`` is ``[H, W]``; ``chroma`` is ``[H, W, 3]`` and of no luma, and is used up. W3C, "Compositing and Blending
    Level 1", section 10.2, ``ClipColor``, in one step.
    """
    red, green, blue = cv2.split(chroma)
    most = cv2.max(cv2.max(red, green), blue)
    least = cv2.min(cv2.min(red, green), blue)
    tiny = np.float32(1e-9)
    room = np.minimum((1.0 - gray) / np.maximum(most, tiny), gray / np.maximum(-least, tiny))
    chroma *= np.clip(room, 0.0, 1.0)[..., None]
    chroma += gray[..., None]
    return np.clip(chroma, 0.0, 1.0, out=chroma)


def _keep_lab(source: RGB, dreamed: RGB) -> RGB:
    """Change L* and leave a* and b*.

    Of ``L* = 116 fy - 16``, ``a* = 500 (fx - fy)`` and ``b* = 200 (fy - fz)``, that is to change all three of fx, fy
    and fz by as much. Not by ``cv2.cvtColor``, whose way there is a table (off by half a unit) and whose way back
    clips.
    """
    curved = _curve(cv2.transform(_decode(source), _TO_XYZ))
    luminance = cv2.transform(_decode(dreamed), LUMA[None])
    curved += (_curve(luminance) - curved[..., 1])[..., None]
    linear = cv2.transform(_uncurve(curved), _TO_RGB)
    linear -= luminance[..., None]
    return _encode(_within_gamut(luminance, linear))


def _curve(xyz: NDArray[np.float32]) -> NDArray[np.float32]:
    line = xyz * np.float32(_STEEP / 116.0)
    line += np.float32(16.0 / 116.0)
    return np.where(xyz > np.float32(_DARK), np.cbrt(xyz), line)


def _uncurve(curved: NDArray[np.float32]) -> NDArray[np.float32]:
    line = curved * np.float32(116.0 / _STEEP)
    line -= np.float32(16.0 / _STEEP)
    cubed = curved * curved
    cubed *= curved
    return np.where(cubed > np.float32(_DARK), cubed, line)


def _decode(encoded: RGB) -> RGB:
    """Return linear light of sRGB (IEC 61966-2-1)."""
    power = cv2.pow((encoded + np.float32(0.055)) / np.float32(1.055), 2.4)
    return np.where(encoded > np.float32(0.04045), power, encoded / np.float32(12.92))


def _encode(linear: RGB) -> RGB:
    """Return sRGB of linear light (IEC 61966-2-1)."""
    power = cv2.pow(linear, 1.0 / 2.4) * np.float32(1.055) - np.float32(0.055)
    encoded = np.where(linear > np.float32(0.0031308), power, linear * np.float32(12.92))
    return np.clip(encoded, 0.0, 1.0, out=encoded)


def _matched(source: NDArray[np.float32], dreamed: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return one channel, ``[H, W]``, of the dream with the source's distribution.

    Histogram matching (Gonzalez & Woods, "Digital Image Processing", 3.3.2): each value goes where the source has as
    many values below it. Departure: histograms are blurred, beyond black and white too, and nowhere empty, so that
    the mapping is smooth, hardly amplifies noise, and changes from frame to frame about as much as the pictures do.
    """
    edges = np.linspace(-_MARGIN, 1.0 + _MARGIN, _BINS + 1)
    levels = np.interp(_cumulative(dreamed), _cumulative(source), edges)
    table = np.clip(np.interp(np.linspace(0.0, 1.0, _CODES + 1), edges, levels), 0.0, 1.0).astype(np.float32)
    codes = dreamed * np.float32(_CODES)
    codes += np.float32(0.5)
    return table[codes.astype(np.uint16)]


def _cumulative(channel: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return ``[_BINS + 1]``: the share of values below each edge of the bins, strictly rising from 0 to 1."""
    counts = cv2.calcHist([channel], [0], None, [_BINS], [-_MARGIN, 1.0 + _MARGIN])
    sigma = _BLUR * _BINS / (1.0 + 2.0 * _MARGIN)
    smooth = cv2.GaussianBlur(counts.astype(np.float64), (1, 0), sigmaX=sigma, sigmaY=sigma)
    share = smooth.ravel() * ((1.0 - _EVERYWHERE) / smooth.sum()) + _EVERYWHERE / _BINS
    return np.concatenate([[0.0], np.cumsum(share)])
