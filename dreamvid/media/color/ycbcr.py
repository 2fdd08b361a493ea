"""ITU-T H.273: code points of colors, and the matrices between R'G'B' and Y'CbCr."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import av
    from numpy.typing import NDArray

HD_LINES = 720
"""Untagged pictures from this many lines up are BT.709, smaller ones BT.601."""

# Code points, as FFmpeg numbers them too.
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


def is_hdr(transfer: int) -> bool:
    """Return whether an H.273 transfer code is PQ (16) or HLG (18)."""
    return transfer in {PQ, HLG}


def matrix_code(frame: av.VideoFrame) -> int:
    """Return the H.273 matrix of a frame: its tag, or what its height suggests where it has none."""
    if frame.colorspace in LUMA:
        return frame.colorspace
    return BT709 if frame.height >= HD_LINES else SMPTE170M


def ycbcr_matrix(red: float, blue: float) -> NDArray[np.float64]:
    """Return the 3x3 matrix from R'G'B' in [0, 1] to Y' in [0, 1], Cb and Cr in [-0.5, 0.5] (H.273, 8.3)."""
    green = 1.0 - red - blue
    luma = np.array([red, green, blue])
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
