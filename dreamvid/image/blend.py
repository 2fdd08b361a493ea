"""Lay a dream over its source by one of nine blend modes.

The separable modes of W3C, "Compositing and Blending Level 1" (2015), section 10.1, with the source as the backdrop
``Cb`` and the dream as the layer ``Cs``, both opaque. They work channel by channel on sRGB-encoded values, as in
browsers and image editors; the formulas stand beside each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from dreamvid.types import RGB, BlendMode

_HALF = np.float32(0.5)
_QUARTER = np.float32(0.25)


def blend(source: RGB, dreamed: RGB, mode: BlendMode) -> RGB:
    """Return the dream laid over its source.

    Parameters
    ----------
    source, dreamed
        ``[H, W, 3]`` float32, sRGB-encoded, [0, 1], of one size; neither is changed.
    mode
        ``normal`` returns ``dreamed`` itself.

    Returns
    -------
    ``[H, W, 3]`` float32 in [0, 1].
    """
    return _MODES[mode](source, dreamed)


def _normal(_: RGB, layer: RGB) -> RGB:
    """Return ``Cs``."""
    return layer


def _lighten(backdrop: RGB, layer: RGB) -> RGB:
    """Return ``max(Cb, Cs)``."""
    return np.maximum(backdrop, layer)


def _darken(backdrop: RGB, layer: RGB) -> RGB:
    """Return ``min(Cb, Cs)``."""
    return np.minimum(backdrop, layer)


def _multiply(backdrop: RGB, layer: RGB) -> RGB:
    """Return ``Cb x Cs``."""
    return np.multiply(backdrop, layer)


def _difference(backdrop: RGB, layer: RGB) -> RGB:
    """Return ``|Cb - Cs|``."""
    return np.asarray(cv2.absdiff(backdrop, layer), np.float32)


def _screen(backdrop: RGB, layer: RGB) -> RGB:
    """Return ``Cb + Cs - Cb x Cs``."""
    result = 1.0 - layer
    result *= backdrop
    result += layer
    return result


def _hard_light(backdrop: RGB, layer: RGB) -> RGB:
    """Return ``2 Cb Cs`` where ``Cs <= 0.5``, ``Screen(Cb, 2 Cs - 1)`` elsewhere.

    Both are ``low + high - backdrop x high`` with ``low = backdrop x min(2 Cs, 1)`` and ``high = max(2 Cs - 1, 0)``.
    """
    twice = layer + layer
    low = np.minimum(twice, 1.0)
    low *= backdrop
    twice -= 1.0
    high = np.maximum(twice, 0.0, out=twice)
    low += high
    high *= backdrop
    low -= high
    result: RGB = np.clip(low, 0.0, 1.0, out=low)
    return result


def _overlay(backdrop: RGB, layer: RGB) -> RGB:
    """Return ``HardLight(Cs, Cb)``: the source decides where it brightens."""
    return _hard_light(layer, backdrop)


def _soft_light(backdrop: RGB, layer: RGB) -> RGB:
    """Return ``Cb - (1 - 2 Cs) Cb (1 - Cb)`` where ``Cs <= 0.5``, ``Cb + (2 Cs - 1) (D(Cb) - Cb)`` elsewhere.

    ``D(Cb)`` is ``((16 Cb - 12) Cb + 4) Cb`` where ``Cb <= 0.25``, its square root elsewhere.
    """
    brighter = backdrop * 16.0
    brighter -= 12.0
    brighter *= backdrop
    brighter += 4.0
    brighter *= backdrop
    np.sqrt(backdrop, out=brighter, where=backdrop > _QUARTER)
    brighter -= backdrop
    darker = 1.0 - backdrop
    darker *= backdrop
    np.copyto(darker, brighter, where=layer > _HALF)
    result = layer + layer
    result -= 1.0
    result *= darker
    result += backdrop
    np.clip(result, 0.0, 1.0, out=result)
    return result


_MODES: dict[BlendMode, Callable[[RGB, RGB], RGB]] = {
    "normal": _normal,
    "lighten": _lighten,
    "darken": _darken,
    "screen": _screen,
    "multiply": _multiply,
    "overlay": _overlay,
    "soft-light": _soft_light,
    "hard-light": _hard_light,
    "difference": _difference,
}
