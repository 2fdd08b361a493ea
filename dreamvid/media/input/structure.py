"""Walks through the structure of containers, from the first byte to the last, and stops where it does not hold.

After GIF89a; PNG, third edition; RFC 8794 (EBML) and RFC 9559 (Matroska); Microsoft's RIFF and AVI; Google's WebP
container specification; ISO/IEC 13818-1 (transport streams).
"""

from __future__ import annotations

import struct
import zlib

_PNG_START = 8
_IMAGE = 0x2C
_GIF_LABELS = {b"\x01", b"\xf9", b"\xfe", b"\xff"}
_RIFF_LISTS = {b"LIST", b"RIFF"}
_MOVIE_KINDS = {b"dc", b"db", b"wb", b"tx", b"pc", b"sb"}
_WEBP_CHUNKS = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP "}
_SEGMENT, _CLUSTER, _VOID, _CRC = 0x18538067, 0x1F43B675, 0xEC, 0xBF
_TOP = {
    0x114D9B74,
    0x1549A966,
    0x1654AE6B,
    0x1043A770,
    0x1C53BB6B,
    0x1941A469,
    0x1254C367,
    _CLUSTER,
    _VOID,
    _CRC,
}
_IN_CLUSTER = {0xE7, 0x5854, 0xA7, 0xAB, 0xA3, 0xA0, 0xAF, _VOID, _CRC}
_PACKET, _SYNC, _NULL = 188, 0x47, 0x1FFF


class FlawError(Exception):
    """A structure that does not hold; the text says in a few words how, and where."""

    def __init__(self, what: str, at: int) -> None:
        super().__init__(f"{what} at byte {at}")


def walk_gif(data: memoryview) -> None:
    """Walk through blocks up to the trailer; what follows it must be blank."""
    if len(data) < 13:  # noqa: PLR2004  signature and screen descriptor
        raise FlawError("it ends", len(data))
    at = 13 + _color_table(data[10])
    while at < len(data):
        begin, kind = at, data[at]
        if kind == 0x3B:  # noqa: PLR2004  trailer
            _check_blank(data, at + 1)
            return
        if kind == 0x21:  # noqa: PLR2004  extension
            label = bytes(data[at + 1 : at + 3])
            if label[:1] not in _GIF_LABELS or (label[:1] == b"\xf9" and label != b"\xf9\x04"):
                raise FlawError("an extension is broken", at)
            at += 2
        elif kind == _IMAGE and at + 10 < len(data):
            _check_place(data, at)
            at += 11 + _color_table(data[at + 9])
        else:
            raise FlawError("there is no block", at)
        sizes = []
        while at < len(data) and data[at]:
            sizes.append(data[at])
            at += data[at] + 1
        at += 1
        if at > len(data):
            raise FlawError("a block is cut off", begin)
        if (
            kind == _IMAGE and len(set(sizes[:-1])) > 1
        ):  # all encoders fill blocks: another image was swallowed
            raise FlawError("an image is broken", begin)


def _check_place(data: memoryview, at: int) -> None:
    """Check that an image lies within the screen and begins with a possible size of its codes."""
    screen = struct.unpack_from("<HH", data, 6)
    left, top, width, height, flags = struct.unpack_from("<HHHHB", data, at + 1)
    code = at + 10 + _color_table(flags)
    if left + width > screen[0] or top + height > screen[1] or code >= len(data) or not 1 <= data[code] <= 8:  # noqa: PLR2004  bits
        raise FlawError("an image is broken", at)


def _color_table(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _check_blank(data: memoryview, at: int) -> None:
    if bytes(data[at:]).strip(b"\0\r\n"):
        raise FlawError("more follows after the end", at)


def walk_png(data: memoryview) -> None:
    """Walk through chunks and their checksums up to the last; an animation has the frames that it announces."""
    at, frames, announced = _PNG_START, 0, None
    while at + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        kind, end = bytes(data[at + 4 : at + 8]), at + 12 + size
        if (
            end > len(data)
            or zlib.crc32(data[at + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]
        ):
            raise FlawError("a checksum is wrong", at)
        if kind == b"acTL" and size >= 4:  # noqa: PLR2004  a count
            (announced,) = struct.unpack_from(">I", data, at + 8)
        frames += kind == b"fcTL"
        if kind == b"IEND":
            if announced not in {None, frames}:
                raise FlawError(f"{frames} of {announced} frames are there, it ends", at)
            return
        at = end
    raise FlawError("it ends", len(data))


def walk_riff(data: memoryview) -> None:
    """Walk through an AVI or WebP: chunks fill what they are in, pictures are as many as announced."""
    at = 0
    counts: dict[str, int] = {"announced": 0, "pictures": 0}
    while at + 12 <= len(data):
        if bytes(data[at : at + 4]) != b"RIFF":
            _check_blank(data, at)
            break
        at = _walk_list(data, at, len(data), counts)
    if at < len(data):
        _check_blank(data, at)
    if counts["pictures"] < counts["announced"]:
        raise FlawError(f"{counts['pictures']} of {counts['announced']} frames are there, it ends", len(data))


def _walk_list(data: memoryview, at: int, limit: int, counts: dict[str, int]) -> int:
    """Walk through a list and return where it ends."""
    size: int
    (size,) = struct.unpack_from("<I", data, at + 4)
    kind, end = bytes(data[at + 8 : at + 12]), at + 8 + size
    if size < 4 or end > limit:  # noqa: PLR2004  its kind
        raise FlawError("a list is cut off", at)
    inside = at + 12
    while inside + 8 <= end:
        name = bytes(data[inside : inside + 4])
        if name in _RIFF_LISTS and inside + 12 <= end:
            inside = _walk_list(data, inside, end, counts)
            continue
        (size,) = struct.unpack_from("<I", data, inside + 4)
        if inside + 8 + size > end or not _belongs(name, kind):
            raise FlawError("a chunk is broken", inside)
        _count(data, inside, size, counts)
        inside += 8 + size + size % 2
    return end + (end - at) % 2


def _belongs(name: bytes, kind: bytes) -> bool:
    if kind == b"WEBP":
        return name in _WEBP_CHUNKS
    if kind in {b"movi", b"rec "}:
        return (
            name in {b"JUNK", b"idx1"}
            or name[:2] == b"ix"
            or (name[:2].isdigit() and name[2:] in _MOVIE_KINDS)
        )
    return True


def _count(data: memoryview, at: int, size: int, counts: dict[str, int]) -> None:
    """Count pictures, and note how many the header of the first video stream announces."""
    name = bytes(data[at : at + 4])
    if name == b"strh" and size >= 36 and bytes(data[at + 8 : at + 12]) == b"vids":  # noqa: PLR2004  up to its length
        counts["announced"] = counts["announced"] or struct.unpack_from("<I", data, at + 8 + 32)[0]
    counts["pictures"] += name[2:] in {b"dc", b"db"}


def walk_ebml(data: memoryview) -> None:
    """Walk through a Matroska: elements fill what they are in, and match their checksums where there are any."""
    _, at, size = _element(data, 0, len(data))
    at += size or 0
    identity, inside, size = _element(data, at, len(data))
    if identity != _SEGMENT:
        raise FlawError("there is no segment", at)
    end = len(data) if size is None else inside + size
    if end > len(data):
        raise FlawError("it is cut off, it ends", len(data))
    while inside < end:
        at = inside
        identity, inside, size = _element(data, at, end)
        if identity not in _TOP:
            raise FlawError("there is no element", at)
        if size is not None and inside + size > end:
            raise FlawError("an element is cut off", at)
        stop = end if size is None else inside + size
        _check_sum(data[inside:stop], at)
        inside = _walk_cluster(data, inside, stop, known=size is not None) if identity == _CLUSTER else stop


def _walk_cluster(data: memoryview, at: int, end: int, *, known: bool) -> int:
    """Walk through a cluster; one of unknown size ends where the next top element begins."""
    while at < end:
        identity, inside, size = _element(data, at, end)
        if not known and identity in _TOP - _IN_CLUSTER:
            return at
        if identity not in _IN_CLUSTER or size is None or inside + size > end:
            raise FlawError("a block is broken", at)
        at = inside + size
    return at


def _check_sum(content: memoryview, at: int) -> None:
    """Compare an element with its checksum, which comes first where there is one."""
    if (
        bytes(content[:2]) == b"\xbf\x84"
        and zlib.crc32(content[6:]) != struct.unpack_from("<I", content, 2)[0]
    ):
        raise FlawError("a checksum is wrong", at)


def _element(data: memoryview, at: int, end: int) -> tuple[int, int, int | None]:
    """Return an element's identity, where its content begins, and its size, None where that is unknown."""
    length = 9 - data[at].bit_length() if at < end else 9
    if length > 4 or at + length >= end:  # noqa: PLR2004  identities have at most four bytes
        raise FlawError("there is no element", at)
    identity = int.from_bytes(data[at : at + length], "big")
    at += length
    length = 9 - data[at].bit_length()
    if length > 8 or at + length > end:  # noqa: PLR2004  sizes have at most eight bytes
        raise FlawError("an element has no size", at)
    size = int.from_bytes(data[at : at + length], "big") & ((1 << 7 * length) - 1)
    return identity, at + length, None if size == (1 << 7 * length) - 1 else size


def walk_transport(data: memoryview) -> None:
    """Walk through packets: none is lost, none is marked as broken."""
    counters: dict[int, int] = {}
    for at in range(0, len(data), _PACKET):
        if data[at] != _SYNC or at + _PACKET > len(data):
            if not at:
                return  # packets of another length, as of cameras
            raise FlawError("there is no packet", at)
        pid, flags = (data[at + 1] & 0x1F) << 8 | data[at + 2], data[at + 3]
        if data[at + 1] & 0x80:
            raise FlawError("a packet is marked as broken", at)
        if pid == _NULL or not flags & 0x10:  # which has no content
            continue
        is_new_start = bool(flags & 0x20 and data[at + 4] and data[at + 5] & 0x80)
        last, now = counters.get(pid), flags & 0x0F
        if last is not None and not is_new_start and now not in {last, (last + 1) % 16}:
            raise FlawError("packets are missing", at)
        counters[pid] = now
