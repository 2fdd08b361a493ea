"""Open input files, and only those: no playlist, script or URL opens anything else.

PyAV reads from a Python file object, so file names mean nothing to FFmpeg; only demuxers of real containers
are allowed, and a demuxer that asks for a second file is refused.
"""

from __future__ import annotations

import re
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import av
from av.error import FFmpegError

from dreamvid.errors import ReadError
from dreamvid.media.containers import AUDIO_DEMUXERS, DEMUXERS
from dreamvid.media.limits import MAX_DECODED_PIXELS
from dreamvid.media.remote import without_secrets
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import InputContainer
    from av.stream import Stream

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+")
_HEADER_BYTES = 4096
_BUFFER_BYTES = 1 << 18

_MATROSKA, _FLV, _OGG, _MPEG_PS, _ASF = (
    b"\x1aE\xdf\xa3",
    b"FLV\x01",
    b"OggS",
    b"\0\0\x01\xba",
    b"\x30\x26\xb2\x75",
)
WITHOUT_PRESENTATION_TIMES = {"asf", "avi"}
"""Formats that store no times at which frames are shown."""
_STILLS = (b"\x89PNG", b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*")
_MOV_BOXES = {b"ftyp", b"mdat", b"wide", b"free"}
_PLAYLISTS = (b"#extm3u", b"ffconcat", b"[playlist]", b"<mpd", b"<smil", b"<asx", b"rtsptext")


def input_path(path: str | Path) -> Path:
    """Return the path of an input that exists.

    Raises
    ------
    ReadError
        For URLs and for names that nothing bears.
    """
    file = Path(path)
    try:
        exists = file.exists()
    except OSError as error:
        raise ReadError(f"cannot read {printable(file)}: {error.strerror}") from error
    except ValueError as error:  # a name with a null character
        raise ReadError(f"cannot read {printable(file)}: {error}") from error
    if exists:
        return file
    if _URL.match(str(path)):
        slashes = ":///" if str(path).startswith("file:") else "://"  # of which a Path keeps one
        address = without_secrets(_URL.sub(rf"\1{slashes}", printable(file), count=1))
        raise ReadError(f"{address} is a URL; download it first: only 'dreamvid video' reads URLs")
    raise ReadError(f"no such file: {printable(file)}")


def check_file(path: str | Path) -> Path:
    """Return the path of a readable file with something in it.

    Raises
    ------
    ReadError
        For URLs and for what is missing, no regular file, unreadable or empty.
    """
    file = input_path(path)
    status = file.stat()
    if stat.S_ISDIR(status.st_mode):
        raise ReadError(f"{printable(file)} is a folder, not a file")
    if not stat.S_ISREG(status.st_mode):
        raise ReadError(f"{printable(file)} is not a regular file")
    if not status.st_size:
        raise ReadError(f"{printable(file)} is empty")
    return file


@contextmanager
def open_input(path: str | Path) -> Iterator[InputContainer]:
    """Open a container for reading; container and file are closed at the end.

    No picture with more than ``MAX_DECODED_PIXELS`` is ever decoded.

    Raises
    ------
    ReadError
        In one line, for everything that is no video container.
    """
    with _open(check_file(path), DEMUXERS, audio=False) as container:
        yield container


@contextmanager
def open_audio(path: str | Path) -> Iterator[InputContainer]:
    """Open a file of audio, or of video, for reading its audio; container and file are closed at the end.

    Raises
    ------
    ReadError
        In one line, for everything that is neither.
    """
    with _open(check_file(path), f"{DEMUXERS},{AUDIO_DEMUXERS}", audio=True) as container:
        yield container


def can_decode(stream: Stream) -> bool:
    """Return whether there is a decoder for a stream; PyAV gives the others no context."""
    return stream.codec_context is not None


def presentation_timestamp(frame: av.VideoFrame, format_name: str) -> int | None:
    """Return when a decoded frame is shown, in ticks of its stream; None where nothing says so.

    AVI and ASF store no presentation times, and those that FFmpeg derives are wrong where frames are reordered; the
    order of decoded frames and the times at which they leave the decoder are right.
    """
    if format_name in WITHOUT_PRESENTATION_TIMES or frame.pts is None:
        return frame.dts
    return frame.pts


def looks_like_video(header: bytes) -> bool:
    """Return whether a file's first bytes are those of a common video container."""
    return (
        header[4:8] == b"ftyp"
        or header.startswith((_MATROSKA, _FLV, _OGG, _MPEG_PS, _ASF))
        or (header[:4] == b"RIFF" and header[8:12] == b"AVI ")
    )


@contextmanager
def _open(path: Path, demuxers: str, *, audio: bool) -> Iterator[InputContainer]:
    max_pixels = {"max_pixels": str(MAX_DECODED_PIXELS)}
    try:
        file = path.open("rb")
    except OSError as error:
        raise ReadError(f"cannot read {printable(path)}: {(error.strerror or '').lower()}") from error
    with file:
        try:
            container = av.open(
                _NamelessFile(file),
                "r",
                options=max_pixels,
                container_options={"format_whitelist": demuxers},
                metadata_errors="replace",
                buffer_size=_BUFFER_BYTES,
                io_open=_refuse,
            )
        except (FFmpegError, OSError, ValueError) as error:
            file.seek(0)
            raise ReadError(
                _why_unreadable(printable(path), file.read(_HEADER_BYTES), audio=audio)
            ) from error
        with container:
            for stream in container.streams.video:
                if can_decode(stream):
                    stream.codec_context.options = max_pixels
            yield container


class _NamelessFile:
    """A file without a name, so that no name can steer FFmpeg's guess of the format."""

    def __init__(self, file: Any) -> None:
        self.read = file.read
        self.tell = file.tell
        self._seek = file.seek

    def seek(self, offset: int, whence: int = 0) -> int:
        """Seek like the file, but return -1 for an impossible position: PyAV would print an exception."""
        try:
            return int(self._seek(offset, whence))
        except (OSError, ValueError):
            return -1


def _refuse(*_: Any) -> NoReturn:
    raise PermissionError("an input may not open other files")


def _why_unreadable(name: str, header: bytes, *, audio: bool) -> str:
    if any(mark in header[:512].lower() for mark in _PLAYLISTS):
        medium = "music" if audio else "video"
        return f"{name} is a playlist or script, which dreamvid does not follow; give it the {medium} itself"
    if header[4:8] in _MOV_BOXES:
        return f"{name} is cut off or unfinished: its index (moov) is missing, so that nothing can be decoded"
    if audio:
        return f"{name} is not a file of sound that dreamvid can read (WAV, FLAC, MP3, M4A, Ogg, or a video)"
    if header.startswith(_STILLS):
        return f"{name} is a still image; use `dreamvid image` for it"
    if _is_text(header):
        return f"{name} is text, not a video"
    return f"{name} is not a video that dreamvid can read"


def _is_text(header: bytes) -> bool:
    try:
        text = header.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(header) - 4:  # else only the last character is cut
            return False
        text = header[: error.start].decode("utf-8")
    return all(letter.isprintable() or letter.isspace() for letter in text)
