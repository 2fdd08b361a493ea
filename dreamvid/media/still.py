"""Still pictures: read upright, in sRGB and at their full depth; written whole or not at all."""

from __future__ import annotations

import struct
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image, ImageCms, TiffImagePlugin, UnidentifiedImageError

from dreamvid.errors import ReadError
from dreamvid.media.container import check_file, shown
from dreamvid.media.icc import UnsupportedProfileError, to_srgb
from dreamvid.media.orientation import Orientation, exif_orientation
from dreamvid.media.still_text import embedded_text
from dreamvid.media.still_writer import write_still

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from dreamvid.types import RGB, Alpha, Notify

__all__ = ["Still", "read_embedded", "read_still", "write_still"]

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "AVIF", "TGA", "ICO")
"""Pillow's names of what is read; none of them starts another program or opens another file."""

_MEGAPIXELS = 178  # twice PIL.Image.MAX_IMAGE_PIXELS, where Pillow stops
# What Pillow raises for broken files, one format or another.
_PILLOW_ERRORS = (OSError, SyntaxError, ValueError, TypeError, LookupError, OverflowError, struct.error)
_ORIENTATION = 0x0112
_BITS_PER_SAMPLE = 258
_GRAY_MODES = {"1", "L", "LA", "La", "I;16", "I;16B", "I;16L", "I", "F"}


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
    """

    rgb: RGB
    alpha: Alpha | None = None
    depth: int = 8
    gray: bool = False
    icc: bytes | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


def read_still(path: str | Path, *, notify: Notify | None = None) -> Still:
    """Read a picture; orientation, color profile, palette, CMYK, 16 bits, gray and alpha are honored.

    ``notify`` is told where only the first of several frames is taken.

    Raises
    ------
    ReadError
        In one line, for what is missing, broken, too large or no picture.
    """
    found = check_file(path)
    with _opened(found) as (image, data):
        if getattr(image, "n_frames", 1) > 1 and image.format != "MPO" and notify is not None:
            notify(f"{shown(found)} holds {getattr(image, 'n_frames', 1)} pictures; the first is taken")
        deep = _is_deep(image)  # before getexif, which may load the picture
        orientation = Orientation()
        if image.format != "TIFF":  # Pillow and OpenCV turn TIFFs themselves
            orientation = exif_orientation(image.getexif().get(_ORIENTATION))
        profile = image.info.get("icc_profile")
        gray = image.mode in _GRAY_MODES
        pixels = _deep_pixels(data) if deep else None
        if pixels is None:
            simple, profile = _simplified(image, profile)
            pixels = _shallow_pixels(simple)
        texts = {str(k): v for k, v in image.info.items() if isinstance(v, str)}
    pixels = orientation.apply(pixels)
    rgb = np.ascontiguousarray(pixels[..., :3])
    alpha = np.ascontiguousarray(pixels[..., 3]) if pixels.shape[2] == 4 else None  # noqa: PLR2004  RGBA
    if profile:
        rgb = _managed(rgb, profile)
    if gray and not deep:
        gray = bool((rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 1] == rgb[..., 2]).all())
    return Still(rgb, alpha, 16 if deep else 8, gray, profile, texts)


def read_embedded(path: str | Path) -> str | None:
    """Return the settings that dreamvid embedded in a picture; None where there are none.

    Raises
    ------
    ReadError
        For what is no picture.
    """
    with _opened(check_file(path)) as (image, _):
        return embedded_text(image)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Image.Image, bytes]]:
    name = shown(path)
    try:
        data = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # Pillow remarks on odd metadata; pictures up to 179 megapixels are fine
            Image.init()  # which registers the formats that this Pillow was built with
            formats = [name for name in FORMATS if name in Image.OPEN]
            with Image.open(BytesIO(data), formats=formats) as image:
                yield image, data
    except UnidentifiedImageError as error:
        raise ReadError(
            f"{name} is not a picture that dreamvid can read (PNG, JPEG, WebP, TIFF, BMP)"
        ) from error
    except Image.DecompressionBombError as error:
        raise ReadError(f"{name} is larger than {_MEGAPIXELS} megapixels, which is too large") from error
    except _PILLOW_ERRORS as error:
        if isinstance(error, OSError) and error.strerror:
            raise ReadError(f"cannot read {name}: {error.strerror.lower()}") from error
        raise ReadError(f"{name} is damaged: {str(error) or 'it ends too early'}") from error
    except MemoryError as error:
        raise ReadError(f"{name} is too large for this machine's memory") from error


def _is_deep(image: Image.Image) -> bool:
    """Return whether a file has 16 bits per channel, of which Pillow would drop eight."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return max(image.tag_v2.get(_BITS_PER_SAMPLE, (8,))) == 16 and image.mode != "F"  # noqa: PLR2004  bits
    return any(";16" in str(tile[3]) for tile in getattr(image, "tile", ())) or image.mode.startswith("I;16")


def _deep_pixels(data: bytes) -> RGB | None:
    """Decode 16-bit PNG, TIFF or PPM with OpenCV: ``[H, W, 3 or 4]`` float32; None where it cannot."""
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


def _simplified(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, bytes | None]:
    """Convert to RGB, RGBA or float gray; profiles of other color spaces are applied here."""
    image.load()
    if image.mode in {"F", "I"}:
        return image, profile
    alpha = image.mode in {"LA", "La", "PA", "RGBA", "RGBa"} or "transparency" in image.info
    if image.mode in {"CMYK", "LAB"}:
        source = BytesIO(profile) if profile else None
        try:
            target = ImageCms.createProfile("sRGB")
            if source is not None or image.mode == "LAB":
                used = ImageCms.ImageCmsProfile(source) if source else ImageCms.createProfile("LAB")
                converted = ImageCms.profileToProfile(image, used, target, outputMode="RGB")
                if converted is not None:
                    return converted, None
        except ImageCms.PyCMSError:
            pass  # a broken profile says nothing
        return image.convert("RGB"), None
    converted = image.convert("RGBA" if alpha else "RGB")
    converted.info = image.info
    return converted, profile


def _shallow_pixels(image: Image.Image) -> RGB:
    pixels = np.asarray(image)
    if image.mode == "F":
        return np.repeat(np.clip(np.nan_to_num(pixels), 0, 1).astype(np.float32)[..., None], 3, axis=2)
    if image.mode == "I":
        scaled = np.clip(pixels / np.float32(65535), 0, 1).astype(np.float32)
        return np.repeat(scaled[..., None], 3, axis=2)
    return _to_float(pixels)


def _to_float(codes: NDArray[Any]) -> RGB:
    scaled: RGB = np.divide(codes, np.float32(255), dtype=np.float32)
    return scaled


def _managed(rgb: RGB, profile: bytes) -> RGB:
    """Convert to sRGB; a profile that nobody understands leaves the colors as they are."""
    try:
        return to_srgb(rgb, profile)
    except UnsupportedProfileError:
        pass
    try:
        image = Image.fromarray(np.rint(rgb * 255).astype(np.uint8))
        converted = ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            outputMode="RGB",
        )
    except (ImageCms.PyCMSError, OSError):
        return rgb
    if converted is not None:
        rgb = _to_float(np.asarray(converted))
    return rgb
