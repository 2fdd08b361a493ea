"""Add what FFmpeg's muxers of animations leave out: texts, and how the last or each frame is shown.

The GIF and APNG muxers repeat the delay before it for the last frame, whatever it was given; the WebP muxer lays each
frame over the one before, so that clear pixels never become clear again. Sources: GIF89a specification, sections 23
(graphic control) and 24 (comment); PNG specification, third edition, sections 11.3.3.4 (iTXt) and 11.3.6.2 (fcTL);
WebP container specification (RFC 9649), section 2.7.
"""

from __future__ import annotations

import os
import struct
import zlib
from fractions import Fraction
from typing import TYPE_CHECKING, BinaryIO

from dreamvid.errors import WriteError
from dreamvid.media.still.metadata import as_lines, user_comment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from dreamvid.types import Size

_WORD = 0xFFFF
_EXTENSION, _IMAGE = 0x21, 0x2C
_CONTROL, _COMMENT = 0xF9, 0xFE
_HAS_TABLE = 0x80
_BLOCK = 255
_GIF_HEAD = 13
_PNG_START = 8
_COPY = 1 << 20
_RIFF_HEAD, _RIFF_LARGEST = 12, (1 << 32) - 10
_WEBP_IS_ANIMATED, _WEBP_HAS_EXIF, _WEBP_HAS_ALPHA, _WEBP_NO_BLENDING = 0x02, 0x08, 0x10, 0x02


def finish_animation(
    path: Path, muxer: str, *, size: Size, end: Fraction, metadata: Mapping[str, str]
) -> None:
    """Set the last frame's duration (``end`` seconds) and add texts; other muxers need nothing."""
    if muxer not in {"gif", "apng", "webp"}:
        return
    with path.open("r+b") as file:
        if muxer == "gif":
            _finish_gif(file, end, metadata)
        elif muxer == "apng":
            _finish_apng(file, end, metadata)
        else:
            _finish_webp(file, size, end, metadata)


def _finish_gif(file: BinaryIO, end: Fraction, metadata: Mapping[str, str]) -> None:
    controls = [at for kind, at in _gif_blocks(file) if kind == _CONTROL]
    if not controls:
        raise WriteError("the GIF muxer left its file unfinished")
    file.seek(controls[-1] + 4)
    file.write(struct.pack("<H", min(_WORD, max(1, round(end * 100)))))
    texts = _gif_comment(as_lines(metadata).encode()) if metadata else b""
    file.seek(10)
    _insert(file, _GIF_HEAD + _table_bytes(file.read(1)[0]), texts)


def _gif_comment(text: bytes) -> bytes:
    pieces = (text[start : start + _BLOCK] for start in range(0, len(text), _BLOCK))
    blocks = b"".join(bytes([len(piece)]) + piece for piece in pieces)
    return bytes([_EXTENSION, _COMMENT]) + blocks + b"\0"


def _gif_blocks(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Yield (label, offset) of each extension, image and the trailer."""
    file.seek(10)
    flags = file.read(1)[0]
    file.seek(_GIF_HEAD + _table_bytes(flags))
    while kind := file.read(1):
        at = file.tell() - 1
        if kind[0] == _EXTENSION:
            yield file.read(1)[0], at
            _skip_blocks(file)
        elif kind[0] == _IMAGE:
            yield _IMAGE, at
            table = _table_bytes(file.read(9)[8])
            file.seek(table + 1, os.SEEK_CUR)
            _skip_blocks(file)
        else:
            yield kind[0], at
            return


def _table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & _HAS_TABLE else 0


def _skip_blocks(file: BinaryIO) -> None:
    while (size := file.read(1)) and size[0]:
        file.seek(size[0], os.SEEK_CUR)


def _finish_apng(file: BinaryIO, end: Fraction, metadata: Mapping[str, str]) -> None:
    controls, first_data = [], None
    for kind, at, _ in _png_chunks(file):
        if kind == b"fcTL":
            controls.append(at)
        if kind == b"IDAT" and first_data is None:
            first_data = at
    if first_data is None:
        raise WriteError("the APNG muxer left its file unfinished")
    delay = end if end.numerator <= _WORD else Fraction(round(end))
    delay = delay.limit_denominator(_WORD)
    delay_field = struct.pack(">HH", min(_WORD, delay.numerator), delay.denominator)
    front = b"".join(_png_text(key, value) for key, value in metadata.items())
    if controls:
        file.seek(controls[-1] + 8)
        body = bytearray(file.read(26))
        body[20:24] = delay_field
        file.seek(controls[-1])
        file.write(_png_chunk(b"fcTL", bytes(body)))
    else:  # FFmpeg makes a still of a single frame
        file.seek(_PNG_START + 8)
        size = file.read(8)
        control = struct.pack(">I", 0) + size + bytes(8) + delay_field + bytes(2)
        front += _png_chunk(b"acTL", struct.pack(">II", 1, 0)) + _png_chunk(b"fcTL", control)
    _insert(file, min([first_data, *controls]), front)


def _finish_webp(file: BinaryIO, size: Size, end: Fraction, metadata: Mapping[str, str]) -> None:
    """Let each frame replace the one before, on a transparent background, and append texts as EXIF."""
    _wrap_still_webp(file, size, end)
    length = file.seek(0, os.SEEK_END)
    at = _RIFF_HEAD
    while at < length:
        file.seek(at)
        kind, body = struct.unpack("<4sI", file.read(8))
        if kind == b"ANMF":
            file.seek(at + 8 + 15)
            file.write(bytes([_WEBP_NO_BLENDING]))
        elif kind == b"ANIM":
            file.write(bytes(4))
        elif kind == b"VP8X" and metadata:
            flags = file.read(1)[0]
            file.seek(at + 8)
            file.write(bytes([flags | _WEBP_HAS_EXIF]))
        at += 8 + body + body % 2
    exif = user_comment(metadata).tobytes().removeprefix(b"Exif\0\0") if metadata else b""
    if exif:
        file.seek(length)
        file.write(_riff_chunk(b"EXIF", exif))
    length = file.seek(0, os.SEEK_END)
    if length > _RIFF_LARGEST:
        raise WriteError("WebP holds at most 4 GiB; choose .mp4 or .mkv")
    file.seek(4)
    file.write(struct.pack("<I", length - 8))


def _wrap_still_webp(file: BinaryIO, size: Size, end: Fraction) -> None:
    """Make an animation of the still that FFmpeg writes for a single frame."""
    file.seek(0)
    head = file.read(_RIFF_HEAD + 10)
    if head[12:16] == b"VP8X" and head[20] & _WEBP_IS_ANIMATED:
        return
    data = head + file.read()
    pictures, at = b"", _RIFF_HEAD
    while at < len(data):
        kind, body = struct.unpack_from("<4sI", data, at)
        if kind in {b"VP8 ", b"VP8L", b"ALPH"}:
            pictures += data[at : at + 8 + body + body % 2]
        at += 8 + body + body % 2
    sides = b"".join((side - 1).to_bytes(3, "little") for side in (size.width, size.height))
    flags = _WEBP_IS_ANIMATED | (0 if pictures.startswith(b"VP8 ") else _WEBP_HAS_ALPHA)
    frame = bytes(6) + sides + max(1, round(end * 1000)).to_bytes(3, "little") + bytes(1) + pictures
    file.seek(_RIFF_HEAD)
    file.write(_riff_chunk(b"VP8X", bytes([flags, 0, 0, 0]) + sides) + _riff_chunk(b"ANIM", bytes(6)))
    file.write(_riff_chunk(b"ANMF", frame))
    file.truncate()


def _riff_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def _insert(file: BinaryIO, at: int, data: bytes) -> None:
    """Put bytes into the middle of a file; what follows moves on."""
    if not data:
        return
    end = file.seek(0, os.SEEK_END)
    while end > at:
        begin = max(at, end - _COPY)
        file.seek(begin)
        block = file.read(end - begin)
        file.seek(begin + len(data))
        file.write(block)
        end = begin
    file.seek(at)
    file.write(data)


def _png_text(key: str, value: str) -> bytes:
    name = key.encode("latin-1", "replace")[:79]
    return _png_chunk(b"iTXt", name + b"\0\1\0\0\0" + zlib.compress(value.encode()))


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Yield (type, offset, length of the body) of each chunk."""
    at = _PNG_START
    file.seek(at)
    while len(head := file.read(8)) == 8:  # noqa: PLR2004  length and type
        size, kind = struct.unpack(">I4s", head)
        yield kind, at, size
        at += size + 12
        file.seek(at)
