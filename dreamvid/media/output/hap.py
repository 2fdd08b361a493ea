"""Encode HAP, which VJ programs play: each frame is a texture that graphics cards read as it is.

Source: Vidvox, Hap Video (the specification of sections and texture formats), 2013 to 2015. FFmpeg's builds for PyAV
read HAP, but do not write it.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import av
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction
    from pathlib import Path

    from av.packet import Packet
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

_BLOCK = 4
_SNAPPY = 0xB0
"""Upper half of a section's type: one texture, compressed with Snappy; the lower half is the texture's format."""
_LONG_SECTION = 1 << 24
_DEPTH_OFFSET = 78
"""Bytes from the tag of a visual sample entry to its depth (ISO/IEC 14496-12, 12.1.3)."""
_CHROMA_ZERO = 128
_CHROMA_LIMITS = ((31, 4), (63, 2))
"""Largest chroma of a block, in steps from gray, up to which it is stored enlarged by a factor."""


@dataclass(frozen=True, slots=True)
class HapFormat:
    """A kind of HAP: QuickTime's tag, bits per pixel that the file states, and the texture's format."""

    tag: str
    depth: int
    texture: int


HAP_FORMATS = {
    "hap": HapFormat("Hap1", 24, 0xB),
    "hap-alpha": HapFormat("Hap5", 32, 0xE),
    "hap-q": HapFormat("HapY", 24, 0xF),
}
_MUXED_TAG = b"Hap1"
"""What FFmpeg's muxer writes for every kind."""


def can_encode_hap() -> bool:
    """Return whether the packages that compress textures are installed."""
    return all(find_spec(name) for name in ("cramjam", "etcpak"))


class HapEncoder:
    """Encodes RGBA frames into packets of a stream; each frame stands for itself.

    Parameters
    ----------
    stream
        Of HAP, without an encoder of its own.
    codec
        ``hap``, ``hap-alpha`` or ``hap-q``.
    time_base
        Of the frames' times, in seconds.
    """

    def __init__(self, stream: VideoStream, codec: str, time_base: Fraction) -> None:
        self._stream = stream
        self._codec = codec
        self._time_base = time_base
        self._etcpak = import_module("etcpak")  # of the extra `vj`, as the next
        self._snappy = import_module("cramjam").snappy

    def encode(self, frame: av.VideoFrame | None) -> Sequence[Packet[Any]]:
        """Return the packet of a frame of format ``rgba``; none at the end, for which ``frame`` is None."""
        if frame is None:
            return []
        texture = self._compress(_whole_blocks(np.asarray(frame.to_ndarray(), np.uint8)))
        packet = av.Packet(_section(HAP_FORMATS[self._codec].texture, texture))
        packet.pts = packet.dts = frame.pts
        packet.duration, packet.time_base = frame.duration, self._time_base
        packet.stream, packet.is_keyframe = self._stream, True
        return [packet]

    def _compress(self, rgba: NDArray[np.uint8]) -> bytes:
        height, width = rgba.shape[:2]
        if self._codec == "hap":
            texture = self._etcpak.compress_bc1(rgba.tobytes(), width, height)
        else:
            pixels = rgba if self._codec == "hap-alpha" else scaled_ycocg(rgba)
            texture = self._etcpak.compress_bc3(pixels.tobytes(), width, height)
        return bytes(self._snappy.compress_raw(texture))


def _whole_blocks(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture, its last column and row repeated up to a multiple of 4 px."""
    height, width = rgba.shape[:2]
    missing = (-height % _BLOCK, -width % _BLOCK)
    if not any(missing):
        return rgba
    return np.pad(rgba, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")


def scaled_ycocg(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return Co, Cg, the scale of the block and Y ``[H, W, 4]`` for a picture of whole blocks.

    Chroma of a block is enlarged by 1, 2 or 4, as far as it fits. Source: van Waveren and Castaño, Real-Time
    YCoCg-DXT Compression, 2007.
    """
    red, green, blue = (rgba[..., channel].astype(np.int16) for channel in range(3))
    outer = red + blue
    co, cg = 2 * (red - blue), 2 * green - outer  # four times what they stand for
    strongest = np.maximum(np.abs(co), np.abs(cg))
    for axis in (0, 1):
        strongest = np.maximum.reduceat(strongest, range(0, strongest.shape[axis], _BLOCK), axis=axis)
    scale = np.ones_like(strongest)
    for limit, factor in reversed(_CHROMA_LIMITS):
        scale[strongest <= 4 * limit] = factor
    scale = scale.repeat(_BLOCK, axis=0).repeat(_BLOCK, axis=1)
    stored = np.empty_like(rgba)
    for channel, chroma in enumerate((co, cg)):
        stored[..., channel] = np.clip((chroma * scale + 2 >> 2) + _CHROMA_ZERO, 0, 255)
    stored[..., 2] = (scale - 1) * 8
    stored[..., 3] = (outer + 2 * green + 2) >> 2
    return stored


def _section(texture_format: int, content: bytes) -> bytes:
    """Return a section: its size, its type, its content; sizes from 16 MiB on take four more bytes."""
    kind = bytes([_SNAPPY | texture_format])
    if len(content) < _LONG_SECTION:
        return len(content).to_bytes(3, "little") + kind + content
    return bytes(3) + kind + len(content).to_bytes(4, "little") + content


def set_hap_tag(path: Path, codec: str) -> None:
    """Write the kind of HAP into a finished QuickTime file, where FFmpeg's muxer has put ``Hap1``."""
    kind = HAP_FORMATS[codec]
    with path.open("r+b") as file:
        for start, size, name in _boxes(file, path.stat().st_size):
            if name == b"moov":
                file.seek(start)
                place = start + file.read(size).index(_MUXED_TAG)
                file.seek(place)
                file.write(kind.tag.encode())
                file.seek(place + _DEPTH_OFFSET)
                file.write(kind.depth.to_bytes(2, "big"))
                return


def _boxes(file: Any, end: int) -> Any:
    """Yield start, size and name of the outermost boxes of a QuickTime file."""
    start = 0
    while start < end:
        file.seek(start)
        header = file.read(16)
        size = int.from_bytes(header[:4], "big")
        if size == 1:
            size = int.from_bytes(header[8:16], "big")
        yield start, size or end - start, header[4:8]
        start += size or end - start
