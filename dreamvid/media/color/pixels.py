"""Pixel formats: their depth and alpha, and the bytes of a frame as arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Interpolation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.types import Alpha

SCALING = int(
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
)
"""How libswscale converts and resamples chroma."""

_FULL = 2


def depth(pix_fmt: str) -> int:
    """Return bits per channel of a pixel format, at least 8: palettes and packed formats count as that."""
    video_format = av.VideoFormat(pix_fmt)
    return 8 if video_format.has_palette else max(8, *(part.bits for part in video_format.components))


def has_alpha(pix_fmt: str) -> bool:
    """Return whether a pixel format can say how opaque a pixel is."""
    video_format = av.VideoFormat(pix_fmt)
    names = ("rgba", "bgra", "argb", "abgr", "ya8", "ya16", "gbrap", "yuva", "ayuv", "vuya")
    return video_format.has_palette or video_format.name.startswith(names)


def frame_range(frame: av.VideoFrame) -> ColorRange:
    """Return the range that a frame's code values span; RGB and gray are always full."""
    full = frame.color_range == _FULL or frame.format.name.startswith("yuvj") or frame.format.is_rgb
    return ColorRange.JPEG if full or len(frame.format.components) <= 2 else ColorRange.MPEG  # noqa: PLR2004  gray is full


def planes(frame: av.VideoFrame) -> list[NDArray[Any]]:
    """Return the planes of a planar little-endian frame, without their padding."""
    kind = np.dtype("u1") if depth(frame.format.name) == 8 else np.dtype("<u2")  # noqa: PLR2004  bytes or words
    rows = [np.frombuffer(memoryview(plane), kind).reshape(plane.height, -1) for plane in frame.planes]
    return [row[:, : plane.width] for row, plane in zip(rows, frame.planes, strict=True)]


def plane_alpha(frame: av.VideoFrame) -> Alpha | None:
    """Return the alpha plane of a planar YUV frame; it is full range whatever the colors are."""
    if not frame.format.name.startswith("yuva"):
        return None
    top = np.float32(2 ** depth(frame.format.name) - 1)
    alpha: Alpha = np.divide(planes(frame)[3], top, dtype=np.float32)
    return alpha


def quantize(values: NDArray[np.float32], bits: int, scale: float | None = None) -> NDArray[Any]:
    """Round to the nearest code value; ``scale`` defaults to the highest one."""
    top = 2**bits - 1
    scaled = np.multiply(values, np.float32(top if scale is None else scale))
    np.clip(np.rint(scaled, out=scaled), 0, top, out=scaled)
    return scaled.astype(np.uint8 if bits == 8 else np.uint16)  # noqa: PLR2004  bytes or words
