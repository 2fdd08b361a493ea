"""Animated WebP, written frame by frame.

libwebp's own animation encoder holds the whole animation in memory, merges equal frames and averages the last
duration; so each picture is encoded alone and put into the container here. Source: WebP Container Specification
(RFC 9649), section 2.7.
"""

from __future__ import annotations

import io
import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import av
from PIL import Image

from dreamvid.errors import WriteError
from dreamvid.media.output.frame_converter import FrameConverter
from dreamvid.media.still.metadata import user_comment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction
    from types import TracebackType

    from dreamvid.atomic import DeferredErrorFile
    from dreamvid.media.streams.output_spec import OutputSpec
    from dreamvid.types import Frame, Size

MAX_SIDE = 16383
_MOST_BYTES = (1 << 32) - 10
_LONGEST = (1 << 24) - 1
_ANIMATION, _EXIF, _ALPHA = 0x02, 0x08, 0x10
_NO_BLENDING = 0x02
_RIFF_HEAD, _ANMF_HEAD = 12, 16
_PICTURE_CHUNKS = {b"VP8 ", b"VP8L", b"ALPH"}


@dataclass(slots=True)
class _Waiting:
    """An encoded picture whose duration the next one tells."""

    chunks: bytes
    tick: int
    time: Fraction
    duration: Fraction | None


class WebpWriter:
    """A :class:`dreamvid.types.FrameWriter` of animated WebP; every frame is a whole picture."""

    def __init__(self, spec: OutputSpec) -> None:
        if max(spec.info.size) > MAX_SIDE:
            raise WriteError(
                f"{spec.target.name}: WebP holds at most {MAX_SIDE} px a side; choose .mp4 or .mkv"
            )
        self._spec = spec
        self._easel = FrameConverter(spec.info.size, spec.choice)
        self._counter = spec.counter()
        self._part: DeferredErrorFile | None = None
        self._waiting: _Waiting | None = None
        self._frames = 0

    def __enter__(self) -> Self:
        """Open the part file.

        Raises
        ------
        WriteError
            Where it cannot be made.
        """
        self._part = self._spec.target.open_file()
        self._part.write(self._head(0))
        return self

    def write(self, frame: Frame) -> None:
        """Append one frame.

        Raises
        ------
        WriteError
            For a time that does not grow, another size, or a full disk.
        """
        tick = self._counter.at(frame.pts)
        chunks = self._encode(frame)
        if self._waiting is not None:
            self._put(self._waiting, tick)
        self._waiting = _Waiting(chunks, tick, frame.pts, frame.duration)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish, verify and rename; after an error, remove what was written."""
        part = self._part
        if part is None:
            return
        try:
            if kind is None:
                self._finish(part)
        finally:
            part.close()
            self._spec.target.discard()

    def _encode(self, frame: Frame) -> bytes:
        picture = self._easel.frame(frame)
        choice = self._spec.choice
        encoder: Any = av.CodecContext.create(choice.encoder, "w")
        encoder.width, encoder.height, encoder.pix_fmt = picture.width, picture.height, choice.pix_fmt
        encoder.time_base = self._spec.tick
        encoder.options = dict(choice.options)
        try:
            packets = [*encoder.encode(picture), *encoder.encode(None)]
        except av.FFmpegError as error:
            raise WriteError(
                f"{self._spec.target.name}: the encoder {choice.encoder} failed ({error})"
            ) from None
        still = b"".join(bytes(packet) for packet in packets)
        return b"".join(_chunk(kind, body) for kind, body in _chunks(still) if kind in _PICTURE_CHUNKS)

    def _put(self, waiting: _Waiting, end: int) -> None:
        height, width = self._easel.size
        stay = min(_LONGEST, end - waiting.tick)
        place = b"\0" * 6 + _three(width - 1) + _three(height - 1) + _three(stay) + bytes([_NO_BLENDING])
        self._append(_chunk(b"ANMF", place + waiting.chunks))
        self._frames += 1

    def _append(self, data: bytes) -> None:
        assert self._part is not None
        if self._part.tell() + len(data) > _MOST_BYTES:
            raise WriteError(f"{self._spec.target.name}: WebP holds at most 4 GiB; choose .mp4 or .mkv")
        self._part.write(data)
        self._part.check()

    def _finish(self, part: DeferredErrorFile) -> None:
        spec = self._spec
        if self._waiting is None:
            raise WriteError(f"{spec.target.name}: there was no frame to write")
        last = self._waiting
        end = self._counter.end(last.duration or 1 / spec.info.rate)
        self._put(last, end)
        if spec.metadata:
            exif = user_comment(spec.metadata).tobytes()
            self._append(_chunk(b"EXIF", exif.removeprefix(b"Exif\0\0")))
        size = part.tell()
        part.seek(0)
        part.write(self._head(size - 8))
        part.close()
        part.check()
        self._verify()
        spec.target.commit()

    def _head(self, size: int) -> bytes:
        """Return RIFF header, VP8X and ANIM (transparent background, endless loop)."""
        height, width = self._easel.size
        flags = (
            _ANIMATION | (_ALPHA if self._spec.choice.alpha else 0) | (_EXIF if self._spec.metadata else 0)
        )
        extended = _chunk(b"VP8X", bytes([flags, 0, 0, 0]) + _three(width - 1) + _three(height - 1))
        return b"RIFF" + struct.pack("<I", size) + b"WEBP" + extended + _chunk(b"ANIM", b"\0" * 6)

    def _verify(self) -> None:
        """Count the frames, and decode the first and the last."""
        spec = self._spec
        try:
            with spec.target.part.open("rb") as file:
                places = list(_frame_places(file))
                for at in {places[0], places[-1]} if places else ():
                    _decode(file, at, self._easel.size)
        except (OSError, SyntaxError, ValueError, struct.error) as error:
            raise WriteError(f"{spec.target.name}: the written file did not verify ({error})") from None
        if len(places) != self._frames:
            raise WriteError(
                f"{spec.target.name}: the written file did not verify: {len(places)} of {self._frames} frames"
            )


def _frame_places(file: BinaryIO) -> Iterator[int]:
    """Yield where the ANMF chunks are."""
    file.seek(0, os.SEEK_END)
    end, at = file.tell(), _RIFF_HEAD
    while at < end:
        file.seek(at)
        kind, size = struct.unpack("<4sI", file.read(8))
        if kind == b"ANMF":
            yield at
        at += 8 + size + size % 2
    if at != end:
        raise ValueError("cut off")


def _decode(file: BinaryIO, at: int, size: Size) -> None:
    """Decode one frame as the still picture that its chunks make."""
    file.seek(at + 4)
    (length,) = struct.unpack("<I", file.read(4))
    chunks = file.read(length)[_ANMF_HEAD:]
    alpha = _ALPHA if chunks.startswith(b"ALPH") else 0
    chunks = (
        _chunk(b"VP8X", bytes([alpha, 0, 0, 0]) + _three(size.width - 1) + _three(size.height - 1)) + chunks
    )
    still = b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks
    with Image.open(io.BytesIO(still), formats=["WEBP"]) as image:
        image.load()


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _chunks(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the chunks of a RIFF file."""
    at = _RIFF_HEAD
    while at + 8 <= len(file):
        kind, size = struct.unpack_from("<4sI", file, at)
        yield kind, file[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _three(value: int) -> bytes:
    return value.to_bytes(3, "little")
