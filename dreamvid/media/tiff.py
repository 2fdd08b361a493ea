"""Writing baseline TIFF (TIFF 6.0), deflated, with 8 or 16 bits, gray or RGB, with or without alpha.

Pillow writes no 16-bit RGB, and OpenCV no texts.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SHORT, _LONG, _ASCII = 3, 4, 2
_ENTRY_BYTES = 12
_NUMBERS = {_SHORT: "<u2", _LONG: "<u4"}


def encode_tiff(codes: NDArray[Any], description: str) -> bytes:
    """Return a TIFF file.

    Parameters
    ----------
    codes
        ``[H, W, C]`` uint8 or uint16; 1 channel is gray, 2 gray and alpha, 3 RGB, 4 RGB and straight alpha.
    description
        Its ImageDescription, stored as UTF-8; empty leaves it away.
    """
    height, width, channels = codes.shape
    little = codes.astype(codes.dtype.newbyteorder("<"))
    pixels = zlib.compress(little.tobytes(), 6)
    bits = 8 * codes.dtype.itemsize
    color = 3 if channels > 2 else 1  # noqa: PLR2004  gray has at most alpha beside it
    text = description.encode() + b"\0"
    entries: list[tuple[int, int, list[int] | bytes]] = [
        (256, _LONG, [width]),
        (257, _LONG, [height]),
        (258, _SHORT, [bits] * channels),
        (259, _SHORT, [8]),  # Adobe deflate
        (262, _SHORT, [2 if color == 3 else 1]),  # noqa: PLR2004  RGB, or black is zero
        (270, _ASCII, text),
        (273, _LONG, [8]),  # the strip follows the header
        (277, _SHORT, [channels]),
        (278, _LONG, [height]),
        (279, _LONG, [len(pixels)]),
        (284, _SHORT, [1]),
        *([(338, _SHORT, [2])] if channels > color else []),  # straight alpha
    ]
    entries = [entry for entry in entries if entry[0] != 270 or description]  # noqa: PLR2004  ImageDescription
    directory = 8 + len(pixels) + len(pixels) % 2
    return b"".join(
        [
            struct.pack("<2sHI", b"II", 42, directory),
            pixels,
            bytes(len(pixels) % 2),
            _directory(entries, directory),
        ]
    )


def _directory(entries: list[tuple[int, int, list[int] | bytes]], position: int) -> bytes:
    """Return an image file directory that stands at a position, and the values too long for its entries."""
    behind = position + 2 + _ENTRY_BYTES * len(entries) + 4
    table, extra = [struct.pack("<H", len(entries))], b""
    for tag, kind, values in entries:
        data = values if isinstance(values, bytes) else np.array(values, _NUMBERS[kind]).tobytes()
        if len(data) <= 4:  # noqa: PLR2004  fits into the entry
            field = data.ljust(4, b"\0")
        else:
            field = struct.pack("<I", behind + len(extra))
            extra += data + bytes(len(data) % 2)
        table.append(struct.pack("<HHI", tag, kind, len(values)) + field)
    return b"".join([*table, bytes(4), extra])
