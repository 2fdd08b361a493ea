"""Turn and mirror decoded pictures upright."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from av.sidedata.sidedata import Type

from dreamvid.types import Size

if TYPE_CHECKING:
    from fractions import Fraction

    import av
    from numpy.typing import NDArray

_MATRIX_BYTES = 36


@dataclass(frozen=True, slots=True)
class Orientation:
    """A transposition, then mirrorings: together all eight orientations of a picture.

    ``mirror`` swaps left and right, ``flip`` top and bottom.
    """

    transpose: bool = False
    mirror: bool = False
    flip: bool = False

    def size(self, size: Size) -> Size:
        """Return the upright size."""
        return Size(size.width, size.height) if self.transpose else size

    def sar(self, sar: Fraction) -> Fraction:
        """Return the upright picture's sample aspect ratio."""
        return 1 / sar if self.transpose else sar

    def apply(self, picture: NDArray[Any]) -> NDArray[Any]:
        """Return ``[H, W(, C)]`` upright, contiguous; the picture itself where nothing is to be done."""
        if not (self.transpose or self.mirror or self.flip):
            return picture
        if self.transpose:
            picture = picture.swapaxes(0, 1)
        if self.mirror:
            picture = picture[:, ::-1]
        if self.flip:
            picture = picture[::-1]
        return np.ascontiguousarray(picture)


def frame_orientation(frame: av.VideoFrame) -> Orientation:
    """Read a frame's DISPLAYMATRIX (ISO 14496-12, 8.2.2.3); upright where there is none.

    PyAV's ``frame.rotation`` gives the same number for a mirrored picture and one turned by 180 degrees. Angles
    between quarter turns, which no camera writes, are taken to the nearest quarter.
    """
    matrix = cast("Any", frame.side_data).get(Type.DISPLAYMATRIX)  # PyAV's stub knows motion vectors only
    if matrix is None:
        return Orientation()
    a, b, _, c, d, *_rest = struct.unpack("=9i", bytes(matrix)[:_MATRIX_BYTES])
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(transpose=True, mirror=c < 0, flip=b < 0)
    return Orientation(mirror=a < 0, flip=d < 0)


_EXIF = {
    2: Orientation(mirror=True),
    3: Orientation(mirror=True, flip=True),
    4: Orientation(flip=True),
    5: Orientation(transpose=True),
    6: Orientation(transpose=True, mirror=True),
    7: Orientation(transpose=True, mirror=True, flip=True),
    8: Orientation(transpose=True, flip=True),
}


def exif_orientation(value: object) -> Orientation:
    """Return what an EXIF orientation tag (1 to 8; CIPA DC-008) asks for; upright for anything else."""
    return _EXIF.get(value, Orientation()) if isinstance(value, int) else Orientation()
