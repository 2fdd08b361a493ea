"""Read still pictures upright, in sRGB and at their full depth."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image, ImageCms

from dreamvid.media.color.orientation import Orientation, exif_orientation
from dreamvid.media.still.icc import UnsupportedProfileError, to_srgb
from dreamvid.media.still.metadata import embedded_text
from dreamvid.media.still.open_image import open_image
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from dreamvid.types import RGB, Alpha

_log = logging.getLogger(__name__)

_GRAY_MODES = {"1", "L", "LA", "La", "I;16", "I;16B", "I;16L", "I", "F"}
_ALPHA_MODES = {"LA", "La", "PA", "RGBA", "RGBa"}


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


def read_still(path: str | Path) -> Still:
    """Read a picture; orientation, color profile, palette, CMYK, 16 bits, gray and alpha are honored.

    Of several frames the first is taken, with a warning.

    Raises
    ------
    ReadError
        In one line, for what is missing, broken, too large or no picture.
    """
    found = Path(path)
    with warnings.catch_warnings(), open_image(found) as picture:
        warnings.simplefilter("ignore")  # Pillow remarks on odd metadata
        if picture.frames > 1 and picture.format != "MPO":
            _log.warning(f"{printable(found)} holds {picture.frames} pictures; the first is taken")
        facts = picture.reader.metadata(index=0)
        profile = facts.get("icc_profile")
        pixels = _deep_pixels(picture.data()) if picture.deep else None
        if pixels is None:
            pixels, profile = _shallow_pixels(picture.reader, facts, profile)
        if picture.format != "TIFF":  # Pillow and OpenCV turn TIFFs themselves
            pixels = _orientation(picture.reader).apply(pixels)
    rgb = np.ascontiguousarray(pixels[..., :3])
    alpha = np.ascontiguousarray(pixels[..., 3]) if pixels.shape[2] == 4 else None  # noqa: PLR2004  RGBA
    if isinstance(profile, bytes):  # and no text of that name
        rgb = _managed(rgb, profile)
    else:
        profile = None
    gray = facts["mode"] in _GRAY_MODES
    if gray and not picture.deep:
        gray = bool((rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 1] == rgb[..., 2]).all())
    texts = {str(k): v for k, v in facts.items() if isinstance(v, str) and k != "mode"}
    return Still(rgb, alpha, 16 if picture.deep else 8, gray, profile, texts)


def read_embedded(path: str | Path) -> str | None:
    """Return the settings that dreamvid embedded in a picture; None where there are none.

    Raises
    ------
    ReadError
        For what is no picture.
    """
    with warnings.catch_warnings(), open_image(Path(path)) as picture:
        warnings.simplefilter("ignore")  # Pillow remarks on odd metadata
        return embedded_text(picture.reader.metadata(index=0))


def _orientation(reader: Any) -> Orientation:
    """Return how a picture must be turned.

    imageio's own ``rotate`` mirrors the color channels of palettes instead of the picture. And its metadata of
    palettes are whole only after the pixels are read.
    """
    return exif_orientation(reader.metadata(index=0, exclude_applied=False).get("Orientation"))


def _deep_pixels(data: bytes) -> RGB | None:
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


def _shallow_pixels(reader: Any, facts: Mapping[str, Any], profile: object) -> tuple[RGB, object]:
    """Read ``[H, W, 3 or 4]`` float32; color spaces but RGB are converted, and their profile is used up."""
    mode = facts["mode"]
    if mode in {"F", "I"}:
        top = np.float32(1 if mode == "F" else 65535)
        values = np.clip(np.nan_to_num(reader.read(index=0) / top), 0, 1).astype(np.float32)
        return np.repeat(values[..., None], 3, axis=2), profile
    if mode in {"CMYK", "LAB"}:
        converted = _separated(reader.read(index=0, writeable_output=False), mode, profile)
        if converted is not None:
            return _to_float(np.asarray(converted)), None
        profile = None
    # Without a mode, imageio drops the clear color of a palette.
    target = "RGBA" if mode in _ALPHA_MODES or "transparency" in facts else "RGB"
    return _to_float(reader.read(index=0, mode=target, writeable_output=False)), profile


def _separated(codes: NDArray[np.uint8], mode: str, profile: object) -> Image.Image | None:
    """Convert CMYK (of a known profile) or LAB by LittleCMS; None where it cannot be done."""
    if mode == "CMYK" and not isinstance(profile, bytes):
        return None
    try:
        source = BytesIO(profile) if isinstance(profile, bytes) else None
        used = ImageCms.ImageCmsProfile(source) if source else ImageCms.createProfile("LAB")
        image = Image.frombytes(mode, (codes.shape[1], codes.shape[0]), codes.tobytes())
        return ImageCms.profileToProfile(image, used, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except ImageCms.PyCMSError:
        return None  # a broken profile says nothing


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
