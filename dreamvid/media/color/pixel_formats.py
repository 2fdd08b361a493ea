"""Pixel formats and color spaces: depth, alpha and range of frames, and the matrices of ITU-T H.273."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Interpolation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.types import Alpha

HD_LINES = 720
"""Untagged pictures from this many lines up are BT.709, smaller ones BT.601."""

# Code points of H.273, as FFmpeg numbers them too.
RGB_CODE, BT709, UNSPECIFIED, FCC, BT470BG, SMPTE170M, SMPTE240M, BT2020_NCL = 0, 1, 2, 4, 5, 6, 7, 9
PQ, HLG = 16, 18
WIDE_PRIMARIES = {9, 11, 12}
"""BT.2020, DCI-P3, Display P3."""

# Kr and Kb of each matrix code point (H.273, table 4).
LUMA = {
    BT709: (0.2126, 0.0722),
    FCC: (0.30, 0.11),
    BT470BG: (0.299, 0.114),
    SMPTE170M: (0.299, 0.114),
    SMPTE240M: (0.212, 0.087),
    BT2020_NCL: (0.2627, 0.0593),
}

SCALING = int(
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
)
"""How libswscale converts and resamples chroma."""

_FULL_RANGE = 2  # AVCOL_RANGE_JPEG


def depth(pix_fmt: str) -> int:
    """Return bits per channel of a pixel format, at least 8: palettes and packed formats count as that."""
    video_format = av.VideoFormat(pix_fmt)
    return 8 if video_format.has_palette else max(8, *(part.bits for part in video_format.components))


def has_alpha(pix_fmt: str) -> bool:
    """Return whether a pixel format has an alpha channel."""
    video_format = av.VideoFormat(pix_fmt)
    names = ("rgba", "bgra", "argb", "abgr", "ya8", "ya16", "gbrap", "yuva", "ayuv", "vuya")
    return video_format.has_palette or video_format.name.startswith(names)


def is_hdr(transfer: int) -> bool:
    """Return whether an H.273 transfer code is PQ (16) or HLG (18)."""
    return transfer in {PQ, HLG}


def matrix_code(frame: av.VideoFrame) -> int:
    """Return the H.273 matrix of a frame: its tag, or what its height suggests where it has none."""
    if frame.colorspace in LUMA:
        return frame.colorspace
    return BT709 if frame.height >= HD_LINES else SMPTE170M


def is_tagged_full_range(frame: av.VideoFrame) -> bool:
    """Return whether a frame's range tag, or its ``yuvj`` format, says full range."""
    return frame.color_range == _FULL_RANGE or frame.format.name.startswith("yuvj")


def frame_range(frame: av.VideoFrame) -> ColorRange:
    """Return the range that a frame's code values span; RGB and gray are always full."""
    is_gray = len(frame.format.components) <= 2  # noqa: PLR2004  gray, gray and alpha
    full = is_tagged_full_range(frame) or frame.format.is_rgb or is_gray
    return ColorRange.JPEG if full else ColorRange.MPEG


def ycbcr_matrix(red: float, blue: float) -> NDArray[np.float64]:
    """Return the 3x3 matrix from R'G'B' in [0, 1] to Y' in [0, 1], Cb and Cr in [-0.5, 0.5] (H.273, 8.3).

    ``red`` and ``blue`` are Kr and Kb.
    """
    luma = np.array([red, 1.0 - red - blue, blue])
    return np.stack(
        [
            luma,
            (np.array([0, 0, 1]) - luma) / (2 * (1 - blue)),
            (np.array([1, 0, 0]) - luma) / (2 * (1 - red)),
        ]
    )


def code_values(bits: int, *, full: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return scale and offset of Y', Cb, Cr code values (H.273, 8.3)."""
    unit = 2.0 ** (bits - 8)
    middle = 128 * unit
    if full:
        return np.full(3, 2.0**bits - 1), np.array([0, middle, middle])
    return np.array([219, 224, 224]) * unit, np.array([16 * unit, middle, middle])


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
