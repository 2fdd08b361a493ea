"""PNG files, for stills and folders alike: 8 or 16 bits, said to be sRGB, with texts inside.

OpenCV encodes them in memory: Pillow, and so imageio, knows no 16-bit colors and is two to four times slower;
imageio's OpenCV plugin goes through a temporary file for each picture.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

import cv2
import imageio.v3 as iio
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_HEADER_END = 33  # signature and IHDR
_ORDER = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}  # OpenCV's blue, green, red


def encode_png(codes: NDArray[Any], texts: Mapping[str, str]) -> bytes:
    """Return a PNG file.

    Parameters
    ----------
    codes
        ``[H, W, C]`` uint8 or uint16; 1 channel is gray, 3 RGB, 4 RGB and straight alpha; of uint8 only, 2 channels
        are gray and alpha.
    texts
        Written as one iTXt chunk each; keys in Latin-1.

    Raises
    ------
    ValueError
        For what PNG cannot hold.
    """
    if codes.shape[2] == 2:  # noqa: PLR2004  gray and alpha, which OpenCV lacks
        return _with_chunks(iio.imwrite("<bytes>", codes, plugin="pillow", extension=".png"), texts)
    try:
        done, data = cv2.imencode(".png", np.ascontiguousarray(codes[..., _ORDER[codes.shape[2]]]))
    except cv2.error as error:
        raise ValueError(str(error)) from error
    if not done:
        raise ValueError("no PNG")
    return _with_chunks(data.tobytes(), texts)


def _with_chunks(png: bytes, texts: Mapping[str, str]) -> bytes:
    """Insert an sRGB chunk and one iTXt chunk for each text (PNG 3rd edition, 11.3.2.5 and 11.3.3.4)."""
    chunks = [_chunk(b"sRGB", b"\0")]
    for key, value in texts.items():
        keyword = key.encode("latin-1", "replace")[:79]
        chunks.append(_chunk(b"iTXt", keyword + b"\0\0\0\0\0" + value.encode()))
    return b"".join([png[:_HEADER_END], *chunks, png[_HEADER_END:]])


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
