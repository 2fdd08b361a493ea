"""Color coherence: a picture's colors held to those of another, by mean and spread in CIE L*a*b*.

After Reinhard et al. 2001, "Color transfer between images". A trip that feeds each picture into the next one drifts
to whatever colors the network likes best, and within some hundred frames all are blown out or gray; held, it keeps
its palette, or goes where a schedule takes it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

if TYPE_CHECKING:
    from dreamvid.types import RGB

_FASTEST = 1.25
"""Largest change of a spread at once, as a ratio: a flat picture is not blown up to a colorful one in one frame."""
_NOTHING = 1e-3


class Palette(NamedTuple):
    """Colors in numbers: mean and standard deviation of L* (0..100), a* and b* (about -100..100)."""

    mean: tuple[float, float, float]
    spread: tuple[float, float, float]

    def turned(self, hue: float = 0.0, saturation: float = 1.0, brightness: float = 1.0) -> Palette:
        """Return the palette with its hues turned by some degrees, and as a multiple as colorful and as light.

        The hue turns about neutral gray; spreads of a* and b* turn as those of uncorrelated numbers do.
        """
        lightness, a, b = self.mean
        of_lightness, of_a, of_b = self.spread
        cos, sin = math.cos(math.radians(hue)), math.sin(math.radians(hue))
        return Palette(
            (lightness * brightness, saturation * (cos * a - sin * b), saturation * (sin * a + cos * b)),
            (
                of_lightness,
                saturation * math.hypot(cos * of_a, sin * of_b),
                saturation * math.hypot(sin * of_a, cos * of_b),
            ),
        )


def palette_of(picture: RGB) -> Palette:
    """Return the palette of a picture ``[H, W, 3]``, float32, sRGB-encoded, [0, 1]."""
    return _palette(_lab(picture))


def _palette(lab: RGB) -> Palette:
    mean, spread = cv2.meanStdDev(lab)
    first, second, third = (float(value) for value in mean[:, 0])
    of_first, of_second, of_third = (float(value) for value in spread[:, 0])
    return Palette((first, second, third), (of_first, of_second, of_third))


def hold_colors(picture: RGB, palette: Palette, share: float) -> RGB:
    """Return the picture with its palette moved a share (0..1) of the way to another.

    ``[H, W, 3]`` float32, sRGB-encoded, [0, 1], in and out.
    """
    if share <= 0.0:
        return picture
    lab = _lab(picture)
    own = _palette(lab)
    gain = np.array(
        [
            np.clip((target + _NOTHING) / (now + _NOTHING), 1.0 / _FASTEST, _FASTEST)
            for target, now in zip(palette.spread, own.spread, strict=True)
        ],
        np.float32,
    )
    gain = 1.0 + np.float32(share) * (gain - 1.0)
    mean = np.array(own.mean, np.float32)
    target = mean + np.float32(share) * (np.array(palette.mean, np.float32) - mean)
    lab -= mean
    lab *= gain
    lab += target
    return np.clip(np.asarray(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB), np.float32), 0.0, 1.0)


def _lab(picture: RGB) -> RGB:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2Lab), np.float32)
