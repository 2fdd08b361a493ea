"""Open pictures with imageio: only safe formats, and a one-line error for whatever is wrong.

imageio's Pillow plugin tries all formats that Pillow knows, with EPS among them, which runs Ghostscript; and it wraps
every error. So Pillow looks at the header first, with a list of formats. imageio is only ever handed an open file
and the name of its plugin: nothing in a path or a file chooses how it is read.
"""

from __future__ import annotations

import logging
import struct
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import imageio.v3 as iio
from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from dreamvid.errors import ReadError
from dreamvid.media.input.container import check_file, looks_like_video
from dreamvid.media.limits import MAX_PIXELS, check_picture
from dreamvid.text import printable
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "AVIF", "TGA", "ICO")
"""Pillow's names of what is read; none of them starts another program or opens another file."""

_WEBP_HEAD = 30

# What Pillow and imageio raise for broken files, one format or another.
_BROKEN = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    TypeError,
    AttributeError,
    RuntimeError,
    LookupError,
    OverflowError,
    struct.error,
)
_BITS_PER_SAMPLE = 258

logging.getLogger("PIL.TiffImagePlugin").setLevel(logging.CRITICAL)  # it logs what it then raises


@dataclass(frozen=True, slots=True)
class OpenImage:
    """A picture that is open.

    Attributes
    ----------
    reader
        imageio's Pillow plugin.
    format
        Pillow's name of the format.
    frames
        How many pictures the file holds.
    deep
        It has 16 bits per channel, of which Pillow would drop eight unless it is gray.
    """

    reader: Any
    format: str
    frames: int
    deep: bool
    _file: BinaryIO

    def data(self) -> bytes:
        """Return the whole file."""
        place = self._file.tell()
        self._file.seek(0)
        try:
            return self._file.read()
        finally:
            self._file.seek(place)


@contextmanager
def open_image(path: Path, formats: Sequence[str] = FORMATS) -> Iterator[OpenImage]:
    """Open a picture and, at the end, close it; errors of reading it inside of the block are one line too.

    Raises
    ------
    ReadError
        For what is missing, broken, too large or no picture.
    """
    name = printable(path)
    try:
        with check_file(path).open("rb") as file, _pillow_reads(MAX_PIXELS):
            check_picture(name, webp_canvas(file.read(_WEBP_HEAD)))
            file.seek(0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # odd metadata, and that it is large
                size, kind, frames, deep = _identify(file, formats)
                check_picture(name, size)
                file.seek(0)
                reader = iio.imopen(file, "r", plugin="pillow")
            with reader:
                yield OpenImage(reader, kind, frames, deep, file)
    except UnidentifiedImageError as error:
        problem = "is not a picture that dreamvid can read (PNG, JPEG, WebP, TIFF, BMP)"
        with path.open("rb") as file:
            if looks_like_video(file.read(12)):
                problem = "is a video; use `dreamvid video` for it"
        if len(formats) == 1:  # its first bytes have told its format
            problem = "is damaged: not even its first frame can be decoded"
        raise ReadError(f"{name} {problem}") from error
    except Image.DecompressionBombError as error:
        raise ReadError(f"{name} is too large; at most {MAX_PIXELS // 10**6} megapixels are read") from error
    except _BROKEN as error:
        if isinstance(error, OSError) and error.strerror:
            raise ReadError(f"cannot read {name}: {error.strerror.lower()}") from error
        raise ReadError(f"{name} is damaged: {str(error) or 'it ends too early'}") from error
    except MemoryError as error:
        raise ReadError(f"{name} is too large for this machine's memory") from error


def webp_canvas(head: bytes) -> Size:
    """Return the size that an extended WebP announces, for which Pillow makes room at once; nothing for others."""
    if len(head) < _WEBP_HEAD or head[:4] != b"RIFF" or head[8:16] != b"WEBPVP8X":
        return Size(0, 0)
    width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
    return Size(height, width)


@contextmanager
def _pillow_reads(pixels: int) -> Iterator[None]:
    """Let Pillow open larger pictures than it would, where the limit was raised."""
    usual = Image.MAX_IMAGE_PIXELS
    if usual is not None and pixels > 2 * usual:  # where it stops
        Image.MAX_IMAGE_PIXELS = -(-pixels // 2)
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = usual


def _identify(file: BinaryIO, formats: Sequence[str]) -> tuple[Size, str, int, bool]:
    """Return a picture's size, its format, how many there are, and whether it is deep; only headers are read."""
    Image.init()  # which registers the formats that this Pillow was built with
    with Image.open(file, formats=[kind for kind in formats if kind in Image.OPEN]) as image:
        size = Size(image.height, image.width)
        return size, str(image.format), getattr(image, "n_frames", 1), _is_deep(image)


def _is_deep(image: Image.Image) -> bool:
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return max(image.tag_v2.get(_BITS_PER_SAMPLE, (8,))) == 16 and image.mode != "F"  # noqa: PLR2004  bits
    return any(";16" in str(tile[3]) for tile in getattr(image, "tile", ())) or image.mode.startswith("I;16")
