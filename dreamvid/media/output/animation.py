"""What FFmpeg's GIF and APNG muxers leave out: the last frame's duration, and text about the file.

Both muxers repeat the delay before it for the last frame, whatever it was given. Sources: GIF89a
specification, sections 23 (graphic control) and 24 (comment); PNG specification, third edition, sections 11.3.3.4
(iTXt) and 11.3.6.2 (fcTL).
"""

from __future__ import annotations

import os
import struct
import zlib
from fractions import Fraction
from typing import TYPE_CHECKING, BinaryIO

from dreamvid.errors import WriteError
from dreamvid.media.still.metadata import as_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_WORD = 0xFFFF
_EXTENSION, _IMAGE = 0x21, 0x2C
_CONTROL, _COMMENT = 0xF9, 0xFE
_HAS_TABLE = 0x80
_BLOCK = 255
_GIF_HEAD = 13
_PNG_START = 8
_COPY = 1 << 20


def finish_animation(path: Path, muxer: str, *, end: Fraction, metadata: Mapping[str, str]) -> None:
    """Set the last frame's duration (``end`` seconds) and add texts; other muxers need nothing."""
    if muxer not in {"gif", "apng"}:
        return
    with path.open("r+b") as file:
        if muxer == "gif":
            _finish_gif(file, end, metadata)
        else:
            _finish_apng(file, end, metadata)


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
