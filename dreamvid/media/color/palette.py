"""Choose the 256 colors of a GIF frame.

Each frame gets the colors that suit it best, with error diffusion: that streams, and dreamed frames share too few
colors for a palette that lasts the whole clip. Pillow's maximum coverage on a sample of the pixels came nearer to
photos, gradients and dreams (compared after a blur of 1.5 px, about what the eye does) than FFmpeg's
``palettegen`` and ``paletteuse``, in a fraction of the time.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

_COLORS = 256
_SAMPLE_PIXELS = 1 << 14
_OPAQUE = 128


def with_palette(frame: av.VideoFrame) -> av.VideoFrame:
    """Return an ``rgb24`` or ``rgba`` frame as ``pal8``.

    Alpha is either: from one half on a pixel is opaque, and the last color is the transparent one.
    """
    pixels: Any = frame.to_ndarray()
    clear = pixels[..., 3] < _OPAQUE if pixels.shape[2] == 4 else None  # noqa: PLR2004  red, green, blue, alpha
    rgb = np.ascontiguousarray(pixels[..., :3])
    palette = Image.fromarray(_sample(rgb, clear)).quantize(
        _COLORS if clear is None else _COLORS - 1,
        method=Image.Quantize.MAXCOVERAGE,
        dither=Image.Dither.NONE,
    )
    indexed = Image.fromarray(rgb).quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    indices: NDArray[np.uint8] = np.array(indexed)
    colors = np.zeros((_COLORS, 4), np.uint8)
    entries = np.array(indexed.getpalette("RGB"), np.uint8).reshape(-1, 3)[:_COLORS]
    colors[: len(entries), 1:] = entries
    colors[:, 0] = 255
    if clear is not None:
        colors[-1] = 0
        indices[clear] = _COLORS - 1
    return av.VideoFrame.from_ndarray((indices, colors), format="pal8")  # type: ignore[arg-type]  # a pair is right


def _sample(rgb: NDArray[np.uint8], clear: NDArray[np.bool_] | None) -> NDArray[np.uint8]:
    """Return evenly spread pixels that are not clear, ``[1, N, 3]``."""
    step = max(1, math.ceil(math.sqrt(rgb.shape[0] * rgb.shape[1] / _SAMPLE_PIXELS)))
    sample = rgb[::step, ::step].reshape(-1, 3)
    if clear is not None:
        opaque = ~clear[::step, ::step].reshape(-1)
        sample = sample[opaque] if opaque.any() else np.zeros((1, 3), np.uint8)
    return np.ascontiguousarray(sample[None])
