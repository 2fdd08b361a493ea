"""Read still pictures: orientation, color profile, palette, CMYK, 16 bits, gray and alpha are honored."""

from __future__ import annotations

import logging
import struct
import warnings
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import cv2
import imageio.v3 as iio
import numpy as np
from PIL import Image, ImageCms, TiffImagePlugin, UnidentifiedImageError, features

from dreamvid.errors import ReadError
from dreamvid.media.color.orientation import exif_orientation
from dreamvid.media.input.container import check_file
from dreamvid.media.limits import MAX_PIXELS, check_picture
from dreamvid.media.still.icc import UnsupportedProfileError, primaries_to_srgb, to_srgb
from dreamvid.media.still.metadata import embedded_text
from dreamvid.media.still.panorama import read_panorama
from dreamvid.media.still.signatures import (
    HEADER_BYTES,
    avif_primaries,
    is_hdr_avif,
    is_tiff,
    jpeg_2000_depth,
    why_not_a_picture,
)
from dreamvid.media.still.tiff import read_tiff
from dreamvid.text import printable
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from dreamvid.types import RGB, Alpha

_log = logging.getLogger(__name__)

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "AVIF", "TGA", "ICO")
"""Pillow's names of what is read; none of them starts another program or opens another file."""

_SEQUENCE_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")
_ANIMATED = {"GIF", "PNG", "WEBP", "AVIF"}
_GRAY_MODES = {"1", "L", "LA", "La", "I;16", "I;16B", "I;16L", "I", "F"}
_ALPHA_MODES = {"LA", "La", "PA", "RGBA", "RGBa"}
_BITS_PER_SAMPLE = 258
_WEBP_HEADER_BYTES = 30
_PNG_BIT_DEPTH = 24  # its place in the file

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
    ArithmeticError,
    struct.error,
    zlib.error,
)

logging.getLogger("PIL.TiffImagePlugin").setLevel(logging.CRITICAL)  # it logs what it then raises


@dataclass(frozen=True, slots=True)
class Still:
    """A still picture.

    Attributes
    ----------
    rgb
        ``[H, W, 3]`` float32, sRGB-encoded, [0, 1], upright.
    alpha
        ``[H, W]`` float32, straight, [0, 1]; None where the file has none.
    depth
        Bits per channel of the file: 8 or 16.
    gray
        The file has one channel; red, green and blue are the same.
    icc
        The file's own color profile, already applied.
    metadata
        The file's texts, such as PNG's.
    panorama
        What the file says of its panorama, GPano's properties by name; empty where it says nothing.
    """

    rgb: RGB
    alpha: Alpha | None = None
    depth: int = 8
    gray: bool = False
    icc: bytes | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    panorama: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OpenImage:
    """A picture file that is open.

    Attributes
    ----------
    reader
        imageio's Pillow plugin.
    format
        Pillow's name of the format.
    frames
        Number of pictures in the file.
    is_16_bit
        Whether it has 16 bits per channel, of which Pillow would drop eight unless it is gray.
    """

    reader: Any
    format: str
    frames: int
    is_16_bit: bool
    _file: BinaryIO

    def read_bytes(self) -> bytes:
        """Return the whole file."""
        position = self._file.tell()
        self._file.seek(0)
        try:
            return self._file.read()
        finally:
            self._file.seek(position)


def read_still(path: str | Path) -> Still:
    """Read a picture as sRGB, upright; of several frames the first, with a warning.

    Raises
    ------
    ReadError
        In one line, for what is missing, broken, too large or no picture.
    """
    path = Path(path)
    with _errors_in_one_line(path):
        tiff = read_tiff(check_file(path))
    if tiff is not None:
        _warn_of_more(path, tiff.pictures)
        return _still(tiff.pixels, tiff.profile, tiff.depth, gray=tiff.gray, texts=tiff.texts, xmp=tiff.xmp)
    with warnings.catch_warnings(), open_image(path) as image:
        warnings.simplefilter("ignore")  # Pillow remarks on odd metadata
        if image.format != "MPO":
            _warn_of_more(path, image.frames)
        facts = image.reader.metadata(index=0)
        profile = facts.get("icc_profile")
        pixels = _read_16_bit(image.read_bytes()) if image.is_16_bit else None
        if pixels is None:
            pixels, profile = _read_8_bit(image.reader, facts, profile)
        clear = facts.get("transparency")
        if image.format == "PNG" and facts["mode"] in _GRAY_MODES and isinstance(clear, int):
            pixels = _clear_gray(pixels, clear, bits=image.read_bytes()[_PNG_BIT_DEPTH])
        if image.format == "AVIF" and profile is None:
            pixels[..., :3] = primaries_to_srgb(pixels[..., :3], avif_primaries(image.read_bytes()))
        if image.format != "TIFF":  # Pillow and OpenCV turn TIFFs themselves
            # Only now, as the metadata of palettes are whole only after the pixels are read. imageio's own ``rotate``
            # mirrors the color channels of palettes instead of the picture.
            tags = image.reader.metadata(index=0, exclude_applied=False)
            pixels = exif_orientation(tags.get("Orientation")).apply(pixels)
    gray = facts["mode"] in _GRAY_MODES
    texts = {str(key): value for key, value in facts.items() if isinstance(value, str) and key != "mode"}
    depth = 16 if image.is_16_bit else 8
    return _still(pixels, profile, depth, gray=gray, texts=texts, xmp=facts.get("xmp"))


def _warn_of_more(path: Path, pictures: int) -> None:
    if pictures > 1:
        _log.warning("%s holds %s pictures; the first is taken", printable(path), pictures)


def _still(
    pixels: RGB, profile: object, depth: int, *, gray: bool, texts: Mapping[str, str], xmp: object
) -> Still:
    """Split ``[H, W, 3 or 4]`` into sRGB and alpha."""
    rgb = np.ascontiguousarray(pixels[..., :3])
    alpha = np.ascontiguousarray(pixels[..., 3]) if pixels.shape[2] == 4 else None  # noqa: PLR2004  RGBA
    if not isinstance(profile, bytes):  # a text may have that name
        profile = None
    if profile is not None:
        rgb = apply_profile(rgb, profile)
    is_gray = gray and bool((rgb == rgb[..., :1]).all())
    return Still(rgb, alpha, depth, is_gray, profile, texts, read_panorama(xmp))


def read_embedded(path: str | Path) -> str | None:
    """Return the settings that dreamvid embedded in a picture; None where there are none.

    Raises
    ------
    ReadError
        For what is no picture.
    """
    with warnings.catch_warnings(), open_image(Path(path)) as image:
        warnings.simplefilter("ignore")  # Pillow remarks on odd metadata
        return embedded_text(image.reader.metadata(index=0))


def is_still(path: Path) -> bool:
    """Return whether a file is one picture, whatever its name says; what cannot be told is no still."""
    try:
        with path.open("rb") as file:
            if is_tiff(file.read(4)):  # Pillow does not open all of them
                return True
        with open_image(path) as picture:
            return picture.frames == 1 or picture.format not in _ANIMATED
    except (ReadError, OSError):
        return False


@contextmanager
def open_image(path: Path, formats: Sequence[str] = FORMATS) -> Iterator[OpenImage]:
    """Open a picture and, at the end, close it; errors of reading it inside of the block are one line too.

    Raises
    ------
    ReadError
        For what is missing, broken, too large or no picture.
    """
    name = printable(path)
    with (
        _errors_in_one_line(path, formats),
        check_file(path).open("rb") as file,
        _pillow_reads_large_pictures(),
    ):
        header = file.read(HEADER_BYTES)
        check_picture(name, _webp_canvas(header))
        file.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata, and that it is large
            # imageio's Pillow plugin tries all formats that Pillow knows, with EPS among them, which runs
            # Ghostscript. So Pillow looks at the header first, with a list of formats.
            Image.init()
            with Image.open(file, formats=[kind for kind in formats if kind in Image.OPEN]) as image:
                check_picture(name, Size(image.height, image.width))
                if image.format == "AVIF" and is_hdr_avif(header):
                    raise ReadError(
                        f"{name} is HDR (PQ or HLG), which is read of videos only; save it as SDR"
                    )
                is_16_bit = _is_16_bit(image)
                if image.format == "JPEG2000" and (depth := jpeg_2000_depth(header)) > 8:  # noqa: PLR2004  bits
                    if depth != 16:  # noqa: PLR2004  of these, Pillow shows white as black
                        raise ReadError(
                            f"{name} is JPEG 2000 with {depth} bits; save it as 16-bit PNG or TIFF"
                        )
                    is_16_bit = True
                facts = (str(image.format), getattr(image, "n_frames", 1), is_16_bit)
            file.seek(0)
            # An open file and a named plugin: nothing in a path or a file chooses how it is read.
            reader = iio.imopen(file, "r", plugin="pillow")
        with reader:
            yield OpenImage(reader, *facts, file)


@contextmanager
def _errors_in_one_line(path: Path, formats: Sequence[str] = FORMATS) -> Iterator[None]:
    """Turn what libraries raise for broken files into a ``ReadError``."""
    name = printable(path)
    try:
        yield
    except UnidentifiedImageError as error:
        with path.open("rb") as file:
            problem = why_not_a_picture(file.read(HEADER_BYTES))
        if len(formats) == 1 and features.check(formats[0].lower()):  # its first bytes have told its format
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


def announces_alpha(path: Path) -> bool:
    """Return whether a picture's header announces alpha; False for what cannot be read.

    Raises
    ------
    ReadError
        For what is no file.
    """
    try:
        with _pillow_reads_large_pictures(), Image.open(check_file(path), formats=_SEQUENCE_FORMATS) as image:
            return image.mode in _ALPHA_MODES or "transparency" in image.info
    except _BROKEN:
        return False


@contextmanager
def _pillow_reads_large_pictures() -> Iterator[None]:
    """Let Pillow open pictures of up to ``MAX_PIXELS``; it refuses those of more than twice its own limit."""
    usual = Image.MAX_IMAGE_PIXELS
    if usual is not None:
        Image.MAX_IMAGE_PIXELS = max(usual, MAX_PIXELS // 2)
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = usual


def _webp_canvas(header: bytes) -> Size:
    """Return the size that an extended WebP announces, for which Pillow makes room at once; nothing for others."""
    if len(header) < _WEBP_HEADER_BYTES or header[:4] != b"RIFF" or header[8:16] != b"WEBPVP8X":
        return Size(0, 0)
    width, height = (int.from_bytes(header[at : at + 3], "little") + 1 for at in (24, 27))
    return Size(height, width)


def _is_16_bit(image: Image.Image) -> bool:
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return max(image.tag_v2.get(_BITS_PER_SAMPLE, (8,))) == 16 and image.mode != "F"  # noqa: PLR2004  bits
    return any(";16" in str(tile[3]) for tile in getattr(image, "tile", ())) or image.mode.startswith("I;16")


def _read_16_bit(data: bytes) -> RGB | None:
    """Decode 16-bit PNG, TIFF or PPM: ``[H, W, 3 or 4]`` float32; None where it cannot be done.

    By OpenCV in memory: imageio's Pillow plugin gives 8 of 16 bits of colors, and its OpenCV plugin first copies
    the file into a temporary one.
    """
    cv2.utils.logging.setLogLevel(0)  # else it prints remarks of libtiff's
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if pixels is None or pixels.dtype != np.uint16:
        return None
    picture = np.divide(pixels, np.float32(65535), dtype=np.float32)
    if picture.ndim == 2:  # noqa: PLR2004  gray
        return np.repeat(picture[..., None], 3, axis=2)
    order = [2, 1, 0] if picture.shape[2] == 3 else [2, 1, 0, 3]  # noqa: PLR2004  BGR or BGRA
    return np.ascontiguousarray(picture[..., order])


def _read_8_bit(reader: Any, facts: Mapping[str, Any], profile: object) -> tuple[RGB, object]:
    """Read ``[H, W, 3 or 4]`` float32; color spaces but RGB are converted, and their profile is used up."""
    mode = facts["mode"]
    if mode in {"F", "I"}:
        top = np.float32(1 if mode == "F" else 65535)
        values = np.clip(np.nan_to_num(reader.read(index=0) / top), 0, 1).astype(np.float32)
        return np.repeat(values[..., None], 3, axis=2), profile
    if mode in {"CMYK", "LAB"}:
        source = profile
        if mode == "LAB" and not isinstance(profile, bytes):
            source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
        if isinstance(source, bytes):
            codes = reader.read(index=0, writeable_output=False)
            image = Image.frombytes(mode, (codes.shape[1], codes.shape[0]), codes.tobytes())
            rgb = _convert_by_littlecms(image, source)
            if rgb is not None:
                return rgb, None
        profile = None  # a broken profile says nothing
    # Without a mode, imageio drops the clear color of a palette.
    target = "RGBA" if mode in _ALPHA_MODES or "transparency" in facts else "RGB"
    return _to_float(reader.read(index=0, mode=target, writeable_output=False)), profile


def _clear_gray(pixels: RGB, clear: int, *, bits: int) -> RGB:
    """Return ``[H, W, 4]`` without alpha where a PNG has its clear gray (tRNS), which Pillow knows at 8 bits only."""
    alpha = np.abs(pixels[..., 0] * np.float32(2**bits - 1) - clear) > 0.5  # noqa: PLR2004  half a code
    return np.dstack([pixels[..., :3], alpha.astype(np.float32)])


def apply_profile(rgb: RGB, profile: bytes) -> RGB:
    """Convert ``[H, W, 3]`` in [0, 1] to sRGB; a profile that nobody understands leaves the colors as they are."""
    try:
        return to_srgb(rgb, profile)
    except UnsupportedProfileError:
        converted = _convert_by_littlecms(Image.fromarray(np.rint(rgb * 255).astype(np.uint8)), profile)
        return rgb if converted is None else converted


def _convert_by_littlecms(image: Image.Image, profile: bytes) -> RGB | None:
    """Convert an 8-bit image of any color space to sRGB, ``[H, W, 3]`` float32; None for a broken profile."""
    target = ImageCms.createProfile("sRGB")
    try:
        converted = ImageCms.profileToProfile(image, BytesIO(profile), target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return None
    return None if converted is None else _to_float(np.asarray(converted))


def _to_float(codes: NDArray[Any]) -> RGB:
    scaled: RGB = np.divide(codes, np.float32(255), dtype=np.float32)
    return scaled
