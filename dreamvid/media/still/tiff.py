"""Read the gray and RGB TIFFs that Pillow cannot read or reads wrongly: more than 8 bits, extra samples, planes."""

from __future__ import annotations

import logging
import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import cv2
import numpy as np
from tifffile import COMPRESSION, PHOTOMETRIC, PLANARCONFIG, TIFF, TiffFile, TiffPage

from dreamvid.errors import ReadError
from dreamvid.media.color.orientation import exif_orientation
from dreamvid.media.limits import MAX_PIXELS, check_picture
from dreamvid.media.still.panorama import TIFF_TAG as XMP_TAG
from dreamvid.media.still.signatures import is_tiff
from dreamvid.text import printable
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from dreamvid.types import RGB

_CR2 = b"CR"  # behind the eight bytes of a TIFF header
_HEADER_BYTES = 10
_CAMERA_RAW = "is a camera's raw file; develop it, and save it as 16-bit TIFF, PNG or JPEG"
_GRAY = {PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.MINISBLACK}
_SENSOR = {PHOTOMETRIC.CFA, PHOTOMETRIC.LINEAR_RAW}
_DNG_VERSION, _ORIENTATION, _ICC_PROFILE = 50706, 274, 34675
_ASSOCIATED, _UNASSOCIATED = 1, 2  # ExtraSamples
_SIGNED, _FLOAT = 2, 3  # SampleFormat
_MAX_BYTES = MAX_PIXELS * 16
_FROM_BGR = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}  # OpenCV's order of channels

# What tifffile raises for broken files.
_BROKEN = (ValueError, LookupError, TypeError, OSError, ArithmeticError, AttributeError, struct.error)

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # it logs what it then raises


@dataclass(frozen=True, slots=True)
class Tiff:
    """The first picture of a TIFF.

    ``pixels`` is ``[H, W, 3 or 4]`` float32, upright, [0, 1], with straight alpha; ``depth`` is 8 or 16 bits.
    """

    pixels: RGB
    gray: bool
    depth: int
    pictures: int
    profile: bytes | None
    texts: Mapping[str, str]
    xmp: bytes | None = None


def read_tiff(path: Path) -> Tiff | None:
    """Read the first picture of a TIFF; None where the file is none, or one that Pillow reads.

    Raises
    ------
    ReadError
        In one line, for camera raw files and for samples that cannot be decoded. For damage, tifffile's own errors.
    """
    name = printable(path)
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
        if not is_tiff(header):
            return None
        if header.endswith(_CR2):
            raise ReadError(f"{name} {_CAMERA_RAW}")
        file.seek(0)
        try:
            tiff = TiffFile(file)
            page = tiff.pages.first
        except _BROKEN:
            return None  # Pillow says what is wrong
        if _is_camera_raw(page):
            raise ReadError(f"{name} {_CAMERA_RAW}")
        check_picture(name, Size(page.imagelength, page.imagewidth))
        if _is_for_pillow(page):
            return None
        if page.nbytes > _MAX_BYTES:
            raise ReadError(f"{name} is too large; at most {MAX_PIXELS // 10**6} megapixels are read")
        samples = _decode(page, file)
        pictures = len(tiff.pages)
        tags = {tag.name: tag.value for tag in page.tags}  # long ones are read only now
        xmp, profile = page.tags.valueof(XMP_TAG), page.tags.valueof(_ICC_PROFILE)
    if samples is None:
        raise ReadError(
            f"{name} is a TIFF whose samples ({_describe(page)}) cannot be read; save it as RGB with 8 or 16 bits "
            "per channel, uncompressed or with Deflate"
        )
    return Tiff(
        pixels=_to_rgb(page, samples),
        gray=page.photometric in _GRAY,
        depth=8 if page.bitspersample == 8 else 16,  # noqa: PLR2004  bits
        pictures=pictures,
        profile=profile if isinstance(profile, bytes) else None,
        texts={name: value for name, value in tags.items() if isinstance(value, str)},
        xmp=xmp if isinstance(xmp, bytes) else None,
    )


def _is_camera_raw(page: TiffPage) -> bool:
    """Return whether a TIFF is a DNG or another raw file, whose first picture is at most a thumbnail."""
    if _DNG_VERSION in page.tags or page.photometric in _SENSOR:
        return True
    try:
        return any(sub.aspage().photometric in _SENSOR for sub in page.pages or ())
    except _BROKEN:
        return False


def _is_for_pillow(page: TiffPage) -> bool:
    bits = page.bitspersample
    if page.photometric not in {*_GRAY, PHOTOMETRIC.RGB} or not isinstance(bits, int):
        return True
    if page.parent.is_bigtiff and page.parent.byteorder == ">":
        return False
    if page.sampleformat in {_SIGNED, _FLOAT} or bits > 8:  # noqa: PLR2004  bits
        return page.samplesperpixel == 1 and bits == 32 and page.sampleformat in {_SIGNED, _FLOAT}  # noqa: PLR2004  bits
    return page.samplesperpixel == _color_channels(page) or _pillow_reads_extra_samples(page)


def _pillow_reads_extra_samples(page: TiffPage) -> bool:
    """Return whether Pillow reads the extra samples of a picture with 8 bits."""
    if page.planarconfig != PLANARCONFIG.CONTIG:  # of which Pillow reads RGBA through libtiff
        is_rgba = page.photometric == PHOTOMETRIC.RGB and page.extrasamples in {
            (_ASSOCIATED,),
            (_UNASSOCIATED,),
        }
        return is_rgba and page.compression != COMPRESSION.NONE
    if page.photometric in _GRAY:
        return page.extrasamples == (_UNASSOCIATED,)
    return not any(page.extrasamples[1:])


def _decode(page: TiffPage, file: BinaryIO) -> NDArray[Any] | None:
    """Return upright samples ``[H, W, C]`` as the file has them; None where there is no decoder for them."""
    if (
        page.dtype is None
        or page.dtype.kind not in "uf"
        or page.bitspersample % 8
        or page.axes not in {"YX", "YXS", "SYX"}
    ):
        return None
    try:
        TIFF.DECOMPRESSORS[page.compression], TIFF.UNPREDICTORS[page.predictor]
    except KeyError:
        return _decode_with_opencv(page, file)
    if (
        len(page.dataoffsets) < math.prod(page.chunked) or 0 in page.databytecounts
    ):  # which tifffile makes black
        raise ValueError("parts of the picture are missing")
    samples = page.asarray()
    samples = np.moveaxis(samples, 0, 2) if page.axes == "SYX" else samples
    samples = samples.reshape(page.imagelength, page.imagewidth, page.samplesperpixel)
    return exif_orientation(page.tags.valueof(_ORIENTATION)).apply(samples)


def _decode_with_opencv(page: TiffPage, file: BinaryIO) -> NDArray[Any] | None:
    """Decode compressions that tifffile leaves to another package, such as LZW; OpenCV turns the picture upright."""
    channels = page.samplesperpixel
    if page.planarconfig != PLANARCONFIG.CONTIG or page.dtype != np.uint16 or channels not in _FROM_BGR:
        return None
    cv2.utils.logging.setLogLevel(0)  # else it prints remarks of libtiff's
    file.seek(0)
    try:
        samples = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ValueError("its samples cannot be decoded") from error
    if samples is None:
        raise ValueError("its samples cannot be decoded")
    if samples.dtype != np.uint16 or samples.size != page.size:
        return None
    upright: NDArray[Any] = samples.reshape(*samples.shape[:2], channels)[..., _FROM_BGR[channels]]
    return upright


def _to_rgb(page: TiffPage, samples: NDArray[Any]) -> RGB:
    """Return ``[H, W, 3 or 4]`` float32 in [0, 1] with straight alpha."""
    top = 1 if samples.dtype.kind == "f" else 2**page.bitspersample - 1
    values = np.divide(samples, np.float32(top), dtype=np.float32)
    if samples.dtype.kind == "f":
        values = np.clip(np.nan_to_num(values), 0, 1)
    colors = values[..., : _color_channels(page)]
    place, associated = _alpha_place(page)
    alpha = None if place is None else values[..., [place]]
    if alpha is not None and associated:
        colors = np.divide(colors, alpha, out=np.zeros_like(colors), where=alpha > 0).clip(0, 1)
    if page.photometric == PHOTOMETRIC.MINISWHITE:
        colors = 1 - colors
    rgb = np.repeat(colors, 3, axis=2) if page.photometric in _GRAY else colors
    return np.ascontiguousarray(rgb if alpha is None else np.concatenate([rgb, alpha], axis=2))


def _alpha_place(page: TiffPage) -> tuple[int | None, bool]:
    """Return the index of the alpha sample, and whether colors are multiplied by it (ExtraSamples).

    A fourth sample of RGB that no tag describes counts as straight alpha, as in other software.
    """
    colors = _color_channels(page)
    for place, meaning in enumerate(page.extrasamples, start=colors):
        if meaning in {_ASSOCIATED, _UNASSOCIATED} and place < page.samplesperpixel:
            return place, meaning == _ASSOCIATED
    undescribed = not page.extrasamples and (colors, page.samplesperpixel) == (3, 4)
    return (3 if undescribed else None), False


def _color_channels(page: TiffPage) -> int:
    return 1 if page.photometric in _GRAY else 3


def _describe(page: TiffPage) -> str:
    compression = getattr(page.compression, "name", page.compression)
    kind = {_SIGNED: "signed integer", _FLOAT: "float"}.get(page.sampleformat, "integer")
    return f"{page.samplesperpixel} x {page.bitspersample}-bit {kind}, compression {compression}"
