"""The sample aspect ratio of Matroska and WebM files, and their projection.

PyAV cannot tell the muxer either, and of the codecs only H.264, H.265 and ProRes carry a sample aspect ratio of their
own. So DisplayWidth and DisplayHeight, or a Projection, are put into the finished file: what stands before them moves
into the gap that the muxer leaves behind its SeekHead, and nothing behind them moves. Sources: RFC 9559 (Matroska),
RFC 8794 (EBML).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, BinaryIO

from dreamvid.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from dreamvid.types import Size, Spherical

_SEGMENT, _SEEK_HEAD, _SEEK, _SEEK_POSITION = 0x18538067, 0x114D9B74, 0x4DBB, 0x53AC
_TRACKS, _TRACK, _VIDEO, _VOID, _CLUSTER = 0x1654AE6B, 0xAE, 0xE0, 0xEC, 0x1F43B675
_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = 0x54B0, 0x54BA, 0x54B2
_PIXELS, _ASPECT_RATIO = 0, 3
_PROJECTION, _PROJECTION_TYPE, _PROJECTION_PRIVATE, _STEREO_MODE = 0x7670, 0x7671, 0x7672, 0x53B8
_POSE = (0x7673, 0x7674, 0x7675)
"""Yaw, pitch and roll."""
_EQUIRECTANGULAR = 1
_STEREO_MODES = {"left-right": 1, "top-bottom": 3}
_MIN_VOID = 2


@dataclass(frozen=True, slots=True)
class _Element:
    """An EBML element: its id, where it starts, where its content starts, and how long that is."""

    id: int
    start: int
    body: int
    size: int

    @property
    def end(self) -> int:
        return self.body + self.size


def set_display_size(path: Path, size: Size, sar: Fraction) -> None:
    """Write how wide pixels are into a finished file; nothing to do where they are square."""
    if sar == 1:
        return
    width, height, unit = size.width * sar, size.height / Fraction(sar), _PIXELS
    if sar > 1 and width.denominator == 1:
        shape = int(width), size.height
    elif sar < 1 and height.denominator == 1:
        shape = size.width, int(height)
    else:
        ratio = size.width * sar / size.height
        shape, unit = (ratio.numerator, ratio.denominator), _ASPECT_RATIO
    display = ((_DISPLAY_WIDTH, shape[0]), (_DISPLAY_HEIGHT, shape[1]), (_DISPLAY_UNIT, unit))
    with path.open("r+b") as file:
        _Header(file).insert({key: _number(key, value) for key, value in display})


def set_projection(path: Path, spherical: Spherical) -> None:
    """Write that a finished file holds an equirectangular panorama."""
    left, top, right, bottom = spherical.bounds
    private = bytes(4) + struct.pack(">4I", *(round(share * 2**32) for share in (top, bottom, left, right)))
    parts = [_number(_PROJECTION_TYPE, _EQUIRECTANGULAR), _element(_PROJECTION_PRIVATE, private)]
    for key, angle in zip(_POSE, (spherical.yaw, spherical.pitch, spherical.roll), strict=True):
        if angle:
            parts.append(_element(key, struct.pack(">f", angle)))
    elements = {_PROJECTION: _element(_PROJECTION, b"".join(parts))}
    if spherical.stereo != "mono":
        elements[_STEREO_MODE] = _number(_STEREO_MODE, _STEREO_MODES[spherical.stereo])
    with path.open("r+b") as file:
        _Header(file).insert(elements)


class _Header:
    """All of a Segment before its first Cluster, in memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        file.seek(0)
        data = file.read(1 << 16)
        self._segment = next(e for e in _elements(data, 0, len(data)) if e.id == _SEGMENT)
        self._top = []
        for element in _elements(data, self._segment.body, len(data)):
            if element.id == _CLUSTER:
                break
            self._top.append(element)
        self._data = bytearray(data)

    def insert(self, elements: Mapping[int, bytes]) -> None:
        """Put elements, by their ids, at the end of the Video element of the first video track.

        Where it has one of them, but for the unit of the display size, nothing is changed.
        """
        tracks, gap = self._one(_TRACKS), self._one(_VOID)
        track, video = self._video(tracks)
        parts = list(_elements(self._data, video.body, video.end))
        if any(part.id in elements and part.id != _DISPLAY_UNIT for part in parts):
            return
        other_parts = b"".join(self._data[part.start : part.end] for part in parts if part.id not in elements)
        element = _element(_VIDEO, other_parts + b"".join(elements.values()))
        for outer, inner in ((track, video), (tracks, track)):
            before, after = self._data[outer.body : inner.start], self._data[inner.end : outer.end]
            element = _element(outer.id, before + element + after)
        more = len(element) - (tracks.end - tracks.start)
        void_length = gap.end - gap.start - more
        if gap.end > tracks.start or void_length < _MIN_VOID:
            raise WriteError("the Matroska muxer left no room for the sample aspect ratio or the projection")
        self._shift_index(gap.end, tracks.end, more)
        self._data[gap.start : tracks.end] = _void(void_length) + self._data[gap.end : tracks.start] + element
        self._file.seek(0)
        self._file.write(self._data)

    def _one(self, key: int) -> _Element:
        return next(e for e in self._top if e.id == key)

    def _video(self, tracks: _Element) -> tuple[_Element, _Element]:
        for track in _elements(self._data, tracks.body, tracks.end):
            for part in _elements(self._data, track.body, track.end):
                if track.id == _TRACK and part.id == _VIDEO:
                    return track, part
        raise WriteError("the Matroska muxer wrote no video track")

    def _shift_index(self, first: int, last: int, less: int) -> None:
        """Let the SeekHead point at the new places of what moves."""
        index = self._one(_SEEK_HEAD)
        for seek in _elements(self._data, index.body, index.end):
            for part in _elements(self._data, seek.body, seek.end) if seek.id == _SEEK else ():
                if part.id != _SEEK_POSITION:
                    continue
                position = int.from_bytes(self._data[part.body : part.end], "big")
                if first <= position + self._segment.body < last:
                    self._data[part.body : part.end] = (position - less).to_bytes(part.size, "big")


def _elements(data: bytes | bytearray, start: int, end: int) -> Iterator[_Element]:
    at = start
    while at < end - 1:
        id_length = _field_length(data[at])
        key = int.from_bytes(data[at : at + id_length], "big")
        size_at = at + id_length
        length = _field_length(data[size_at])
        size = int.from_bytes(data[size_at : size_at + length], "big") & ((1 << (7 * length)) - 1)
        element = _Element(key, at, size_at + length, size)
        yield element
        at = element.end


def _field_length(first: int) -> int:
    return 9 - first.bit_length()


def _id_length(key: int) -> int:
    return (key.bit_length() + 7) // 8


def _element(key: int, body: bytes | bytearray) -> bytes:
    length = 1
    while len(body) >= (1 << (7 * length)) - 1:
        length += 1
    size = len(body) | 1 << (7 * length)
    return key.to_bytes(_id_length(key), "big") + size.to_bytes(length, "big") + body


def _number(key: int, value: int) -> bytes:
    return _element(key, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def _void(size: int) -> bytes:
    """Return a Void element of ``size`` bytes in all, at least two."""
    if size - 2 < 0x7F:  # noqa: PLR2004  what a size field of one byte counts
        return bytes([_VOID, 0x80 | (size - 2)]) + bytes(size - 2)
    return bytes([_VOID, 0x40 | ((size - 3) >> 8), (size - 3) & 0xFF]) + bytes(size - 3)
