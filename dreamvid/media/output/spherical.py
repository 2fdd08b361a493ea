"""Write that a finished file holds panoramas; PyAV cannot tell its muxers.

MP4 and QuickTime files get the boxes ``st3d`` and ``sv3d`` in the video's sample entry, and what lies behind moves.
Sources: Google, Spherical Video V2 RFC; ISO/IEC 14496-12.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, BinaryIO

from dreamvid.errors import WriteError
from dreamvid.media.output.display import set_projection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dreamvid.types import Spherical

_STEREO_MODES = {"mono": 0, "top-bottom": 1, "left-right": 2}
_SAMPLE_ENTRY_BYTES = 86
"""Of a visual sample entry, before its boxes (12.1.3)."""
_BLOCK = 1 << 20
_CONTAINERS = {b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0, b"stsd": 8}
"""Boxes on the way to the sample entry, and the bytes before the boxes inside of each."""


def write_spherical(path: Path, muxer: str, spherical: Spherical) -> None:
    """Write what a panorama's file says of it into a finished file; kinds that cannot hold it stay as they are."""
    if muxer in {"matroska", "webm"}:
        set_projection(path, spherical)
    elif muxer in {"mp4", "mov"}:
        with path.open("r+b") as file:
            _insert(file, _stereo_box(spherical) + _spherical_box(spherical))


def _stereo_box(spherical: Spherical) -> bytes:
    return _box(b"st3d", bytes(4) + bytes([_STEREO_MODES[spherical.stereo]]))


def _spherical_box(spherical: Spherical) -> bytes:
    pose = (round(angle * 2**16) for angle in (spherical.yaw, spherical.pitch, spherical.roll))
    left, top, right, bottom = (round(share * 2**32) for share in spherical.bounds)
    projection = _box(b"prhd", bytes(4) + struct.pack(">3i", *pose)) + _box(
        b"equi", bytes(4) + struct.pack(">4I", top, bottom, left, right)
    )
    return _box(b"sv3d", _box(b"svhd", bytes(4) + b"dreamvid\0") + _box(b"proj", projection))


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _insert(file: BinaryIO, boxes: bytes) -> None:
    """Put boxes at the end of the first video's sample entry, and let all sizes and places agree with that."""
    end = file.seek(0, os.SEEK_END)
    start, size = next((start, size) for start, size, kind in _boxes(file, 0, end) if kind == b"moov")
    file.seek(start)
    moov = bytearray(file.read(size))
    way = _way_to_video(moov)
    for place in way:
        moov[place : place + 4] = struct.pack(
            ">I", int.from_bytes(moov[place : place + 4], "big") + len(boxes)
        )
    entry = way[-1]
    behind = entry + int.from_bytes(moov[entry : entry + 4], "big") - len(boxes)
    moov[behind:behind] = boxes
    _shift_chunks(moov, 0, len(moov), start, len(boxes))
    _move(file, start + size, end, len(boxes))
    file.seek(start)
    file.write(moov)


def _way_to_video(moov: bytearray) -> list[int]:
    """Return the places of the boxes that lie in one another, from ``moov`` to the video's sample entry."""
    for way in _ways(moov, 0, len(moov), []):
        entry = way[-1]
        if b"vmhd" in moov[way[1] : entry]:  # the video media header comes before the table of samples
            return way
    raise WriteError("the muxer wrote no video track")


def _ways(data: bytearray, start: int, end: int, way: list[int]) -> Iterator[list[int]]:
    for place, size, kind in _boxes(data, start, end):
        if kind in _CONTAINERS and len(way) < len(_CONTAINERS):
            yield from _ways(data, place + 8 + _CONTAINERS[kind], place + size, [*way, place])
        elif len(way) == len(_CONTAINERS) and size >= _SAMPLE_ENTRY_BYTES:
            yield [*way, place]


def _shift_chunks(data: bytearray, start: int, end: int, after: int, count: int) -> None:
    """Let chunks that lie after a place in the file lie ``count`` bytes farther."""
    for place, size, kind in _boxes(data, start, end):
        if kind in _CONTAINERS and kind != b"stsd":
            _shift_chunks(data, place + 8, place + size, after, count)
        elif kind in {b"stco", b"co64"}:
            code = ">I" if kind == b"stco" else ">Q"
            for at in range(place + 16, place + size, struct.calcsize(code)):
                (chunk,) = struct.unpack_from(code, data, at)
                struct.pack_into(code, data, at, chunk + count if chunk > after else chunk)


def _move(file: BinaryIO, start: int, end: int, count: int) -> None:
    """Move what lies between two places ``count`` bytes towards the end."""
    while end > start:
        first = max(start, end - _BLOCK)
        file.seek(first)
        block = file.read(end - first)
        file.seek(first + count)
        file.write(block)
        end = first


def _boxes(data: BinaryIO | bytearray, start: int, end: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield start, size and kind of each box between two places."""
    while start + 8 <= end:
        if isinstance(data, bytearray):
            header = bytes(data[start : start + 16])
        else:
            data.seek(start)
            header = data.read(16)
        size, kind = struct.unpack(">I4s", header[:8])
        if size == 1:
            size = int.from_bytes(header[8:], "big")
        size = size or end - start
        yield start, size, kind
        start += size
