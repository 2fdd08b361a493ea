"""Find tracks of an MP4 or QuickTime file that belong to another one: alpha planes, depth maps, thumbnails.

FFmpeg hands them on as videos like any other. See ISO/IEC 14496-12, sections 8.3 (``tkhd``, ``tref``) and 8.4.3
(``hdlr``).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_VIDEO = b"vide"
# References from an auxiliary picture, a thumbnail, a depth map and a parallax map to what they are of.
_REFERENCES_TO_A_MASTER = {b"auxl", b"thmb", b"vdep", b"vplx"}
_MAX_BOXES = 10_000
_TRACK_ID_OFFSET = {0: 12, 1: 20}
"""By the version of ``tkhd``."""


def auxiliary_tracks(path: Path) -> frozenset[int]:
    """Return the IDs of the tracks that are no videos of their own; none for another kind of file."""
    with path.open("rb") as file:
        file.seek(0, 2)
        end = file.tell()
        tracks = (
            (kind, start, stop)
            for moov, inner, outer in _boxes(file, 0, end)
            if moov == b"moov"
            for kind, start, stop in _boxes(file, inner, outer)
        )
        facts = [_track(file, start, stop) for kind, start, stop in tracks if kind == b"trak"]
    return frozenset(number for number, is_auxiliary in facts if is_auxiliary)


def _track(file: BinaryIO, start: int, stop: int) -> tuple[int, bool]:
    """Return the ID of a track, and whether it belongs to another one."""
    number, is_auxiliary = 0, False
    for kind, inner, outer in _boxes(file, start, stop):
        if kind == b"tkhd":
            version = _read(file, inner, 1)
            data = _read(file, inner + _TRACK_ID_OFFSET.get(version[0] if version else 0, 12), 4)
            number = int.from_bytes(data, "big")
        elif kind == b"tref":
            references = {reference for reference, _, _ in _boxes(file, inner, outer)}
            is_auxiliary = is_auxiliary or bool(references & _REFERENCES_TO_A_MASTER)
        elif kind == b"mdia":
            handlers = [
                _read(file, at + 8, 4) for name, at, _ in _boxes(file, inner, outer) if name == b"hdlr"
            ]
            is_auxiliary = is_auxiliary or handlers[:1] != [_VIDEO]
    return number, is_auxiliary


def _boxes(file: BinaryIO, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of the content of each box between two places."""
    for _ in range(_MAX_BOXES):
        head = _read(file, start, 16)
        if start + 8 > stop or len(head) < 8:  # noqa: PLR2004  size and kind
            return
        size, kind = struct.unpack(">I4s", head[:8])
        header = 8
        if size == 1 and len(head) == 16:  # noqa: PLR2004  a size of 64 bits follows
            size, header = int.from_bytes(head[8:], "big"), 16
        end = stop if size == 0 else start + size
        if end < start + header or end > stop:
            return
        yield kind, start + header, end
        start = end


def _read(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count)
