"""Write and read chunks of lossless frames: FFV1 in Matroska, every frame a key frame.

8 bits per channel where the output has 8: rounded to those, frames are the same in every RGB output, and within one
code of those from unrounded frames in a YUV one. 16 bits where the output has more.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av

from dreamvid.atomic import DeferredErrorFile, write_error
from dreamvid.errors import DamagedError, WriteError
from dreamvid.media.color.rgb import RgbConverter, from_rgb
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.packet import Packet

    from dreamvid.types import RGB, Alpha, Frame, Size

_FORMATS = {(8, False): "bgr0", (8, True): "bgra", (16, False): "gbrp16le", (16, True): "gbrap16le"}
_OPTIONS = {"level": "3", "g": "1", "slicecrc": "1"}
# Pixels from which on a side is cut into two slices.
_MIN_SLICED = 16
_BUFFER = 1 << 18
_TICK = Fraction(1, 1000)
# Errors of the system, as opposed to those that a decoder raises on damaged data.
_SYSTEM_ERRORS = {
    getattr(errno, name)
    for name in (
        *("EIO", "ESTALE", "EMFILE", "ENFILE", "ENOMEM", "EACCES", "EPERM", "ENODEV", "ENXIO"),
        *("ETIMEDOUT", "EINTR", "EAGAIN", "EBUSY", "ENOTCONN", "EHOSTDOWN"),
    )
    if hasattr(errno, name)
}
_NEW = os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class Ffv1Chunks:
    """Writes and reads chunks of one size; ``bits`` a channel is 8 or 16."""

    size: Size
    bits: int
    alpha: bool

    def create(self, path: Path) -> Ffv1Sink:
        """Begin a chunk, in place of an existing file; raises ``WriteError``."""
        return Ffv1Sink(path, self.size, _FORMATS[self.bits, self.alpha])

    def read(self, path: Path) -> Iterator[tuple[RGB, Alpha | None]]:
        """Yield a chunk's pictures and their alpha.

        Raises
        ------
        DamagedError
            If the file cannot be decoded. FFmpeg conceals damaged slices silently, so whoever must notice them
            compares a digest of the file.
        OSError
            If the file cannot be read now, which says nothing about its content.
        """
        converter = RgbConverter()
        try:
            with path.open("rb") as file, av.open(file, "r", format="matroska") as container:
                for frame in container.decode(video=0):
                    yield converter.convert(frame)
        except (av.FFmpegError, OSError, IndexError) as error:
            code = None if isinstance(error, IndexError) else error.errno
            if code is not None and code in _SYSTEM_ERRORS:
                raise OSError(code, os.strerror(code)) from None
            raise DamagedError(f"{printable(path)} is damaged ({error})") from None


class Ffv1Sink:
    """Writes the frames of one chunk."""

    def __init__(self, path: Path, size: Size, pix_fmt: str) -> None:
        self._path = path
        self._pix_fmt = pix_fmt
        self._count = 0
        self._converter = RgbConverter()
        try:
            self._file = DeferredErrorFile(path, os.open(path, _NEW, 0o666))
        except OSError as error:
            raise write_error(path, error) from None
        try:
            self._container = av.open(self._file, "w", format="matroska", buffer_size=_BUFFER)
            slices = "4" if min(size) >= _MIN_SLICED else "1"
            stream: Any = self._container.add_stream("ffv1", options={**_OPTIONS, "slices": slices})
            stream.width, stream.height, stream.pix_fmt = size.width, size.height, pix_fmt
            stream.codec_context.time_base = stream.time_base = _TICK
            self._stream = stream
        except (av.FFmpegError, ValueError) as error:
            self.abandon()
            raise WriteError(f"{printable(path)}: the encoder ffv1 failed at {size} ({error})") from None

    def write(self, frame: Frame) -> tuple[RGB, Alpha | None]:
        """Append a frame's picture, and return it as reading will return it; raises ``WriteError``."""
        picture = from_rgb(frame.rgb, frame.alpha, pix_fmt=self._pix_fmt)
        picture.pts, picture.time_base = self._count, _TICK
        self._count += 1
        self._mux(picture)
        return self._converter.convert(picture)

    def close(self) -> None:
        """Finish the file and flush it to the disk; raises ``WriteError``."""
        try:
            self._mux(None)
            self._container.close()
        except av.FFmpegError as error:
            self._file.check()
            raise self._failed(error) from None
        self._file.close()
        self._file.check()

    def abandon(self) -> None:
        """Remove the file."""
        self._file.close()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _mux(self, picture: av.VideoFrame | None) -> None:
        try:
            packets: list[Packet[Any]] = self._stream.encode(picture)
            for packet in packets:
                self._container.mux(packet)
        except av.FFmpegError as error:
            self._file.check()
            raise self._failed(error) from None
        self._file.check()

    def _failed(self, error: av.FFmpegError) -> WriteError:
        return WriteError(f"{printable(self._path)}: cannot be written ({error.strerror or error})")
