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
from dreamvid.media.limits import MAX_DECODED_PIXELS
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from av.container import InputContainer
    from av.stream import Stream

FORMATS = (
    "mov,matroska,avi,mpegts,mpeg,mpegvideo,m4v,h264,hevc,obu,ivf,gif,apng,flv,asf,ogg,mxf,nut,rm,dv,"
    "yuv4mpegpipe,wtv"
)
"""FFmpeg's names of the demuxers that hold pictures themselves."""

SOUND_FORMATS = "wav,w64,mp3,flac,aac,ac3,eac3,aiff,caf,wv,amr,au,tta,ape"
"""FFmpeg's names of the demuxers that hold nothing but sound, and open no other file."""

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+")
_HEAD = 4096
_VIDEO_MARKS = (
    b"\x1aE\xdf\xa3",
    b"FLV\x01",
    b"OggS",
    b"\0\0\x01\xba",
    b"\x30\x26\xb2\x75",
)  # Matroska to ASF
_MOV_MARKS = {b"ftyp", b"mdat", b"wide", b"free"}
_PLAYLIST_MARKS = (b"#EXTM3U", b"ffconcat", b"[playlist]", b"<MPD", b"<smil", b"<asx", b"RTSPtext")


def input_path(path: str | Path) -> Path:
    """Return the path of an input that exists.

    Raises
    ------
    ReadError
        For URLs and for names that nothing bears.
    """
    found = Path(path)
    try:
        exists = found.exists()
    except OSError as error:
        raise ReadError(f"cannot read {printable(found)}: {error.strerror}") from error
    except ValueError as error:  # a name with a null character
        raise ReadError(f"cannot read {printable(found)}: {error}") from error
    if exists:
        return found
    if _URL.match(str(path)):
        slashes = ":///" if str(path).startswith("file:") else "://"  # of which a Path keeps one
        address = _URL.sub(rf"\1{slashes}", printable(found), count=1)
        raise ReadError(f"{address} is a URL; download it first, dreamvid reads files only")
    raise ReadError(f"no such file: {printable(found)}")


def check_file(path: str | Path) -> Path:
    """Return the path of a readable file with something in it.

    Raises
    ------
    ReadError
        For URLs and for what is missing, no regular file, unreadable or empty.
    """
    found = input_path(path)
    status = found.stat()
    if stat.S_ISDIR(status.st_mode):
        raise ReadError(f"{printable(found)} is a folder, not a file")
    if not stat.S_ISREG(status.st_mode):
        raise ReadError(f"{printable(found)} is not a regular file")
    if not status.st_size:
        raise ReadError(f"{printable(found)} is empty")
    return found


@contextmanager
def open_input(path: str | Path) -> Iterator[InputContainer]:
    """Open a container for reading; container and file are closed at the end.

    No picture with more than ``MAX_DECODED_PIXELS`` is ever decoded.

    Raises
    ------
    ReadError
        In one line, for everything that is no video container.
    """
    with _opened(check_file(path), FORMATS, _why_unreadable) as container:
        yield container


@contextmanager
def open_sound(path: str | Path) -> Iterator[InputContainer]:
    """Open a file of sound, or of video, for reading its sound; container and file are closed at the end.

    Raises
    ------
    ReadError
        In one line, for everything that is neither.
    """
    with _opened(check_file(path), f"{FORMATS},{SOUND_FORMATS}", _why_silent) as container:
        yield container


@contextmanager
def _opened(found: Path, formats: str, why: Callable[[Path, bytes], str]) -> Iterator[InputContainer]:
    max_pixels = str(MAX_DECODED_PIXELS)
    try:
        file = found.open("rb")
    except OSError as error:
        raise ReadError(f"cannot read {printable(found)}: {(error.strerror or '').lower()}") from error
    with file:
        try:
            container = av.open(
                _Nameless(file),
                "r",
                options={"max_pixels": max_pixels},
                container_options={"format_whitelist": formats},
                metadata_errors="replace",
                buffer_size=1 << 18,
                io_open=_refuse,
            )
        except (FFmpegError, OSError, ValueError) as error:
            file.seek(0)
            raise ReadError(why(found, file.read(_HEAD))) from error
        with container:
            for stream in container.streams.video:
                if can_decode(stream):
                    stream.codec_context.options = {"max_pixels": max_pixels}
            yield container


def can_decode(stream: Stream) -> bool:
    """Return whether there is a decoder for a stream; PyAV gives the others no context."""
    return stream.codec_context is not None


class _Nameless:
    """A file without a name, so that no name can steer FFmpeg's guess of the format."""

    def __init__(self, file: Any) -> None:
        self.read = file.read
        self.tell = file.tell
        self._seek = file.seek

    def seek(self, offset: int, whence: int = 0) -> int:
        """Seek like the file; a place that cannot be is -1, as PyAV would print an exception."""
        try:
            return int(self._seek(offset, whence))
        except (OSError, ValueError):
            return -1


def _refuse(*_: Any) -> NoReturn:
    raise PermissionError("an input may not open other files")


def _why_unreadable(path: Path, head: bytes) -> str:
    name = printable(path)
    if any(mark.lower() in head[:512].lower() for mark in _PLAYLIST_MARKS):
        return f"{name} is a playlist or script, which dreamvid does not follow; give it the video itself"
    if head[4:8] in _MOV_MARKS:
        return f"{name} is cut off or unfinished: its index (moov) is missing, so that nothing can be decoded"
    if head.startswith((b"\x89PNG", b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*")):
        return f"{name} is a still image; use `dreamvid image` for it"
    if _is_text(head):
        return f"{name} is text, not a video"
    return f"{name} is not a video that dreamvid can read"


def _why_silent(path: Path, head: bytes) -> str:
    name = printable(path)
    if any(mark.lower() in head[:512].lower() for mark in _PLAYLIST_MARKS):
        return f"{name} is a playlist or script, which dreamvid does not follow; give it the music itself"
    if head[4:8] in _MOV_MARKS:
        return f"{name} is cut off or unfinished: its index (moov) is missing, so that nothing can be decoded"
    return f"{name} is not a file of sound that dreamvid can read (WAV, FLAC, MP3, M4A, Ogg, or a video)"


def looks_like_video(head: bytes) -> bool:
    """Return whether a file's first bytes are those of a common video container."""
    return (
        head[4:8] == b"ftyp"
        or head.startswith(_VIDEO_MARKS)
        or (head[:4] == b"RIFF" and head[8:12] == b"AVI ")
    )


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # else only the last character is cut
            return False
        text = head[: error.start].decode("utf-8")
    return all(letter.isprintable() or letter.isspace() for letter in text)
