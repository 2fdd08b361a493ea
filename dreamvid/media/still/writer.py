"""Write still pictures atomically: PNG, JPEG, WebP, TIFF and BMP, with texts inside."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import cv2
import imageio.v3 as iio
import numpy as np

from dreamvid.atomic import AtomicOutput
from dreamvid.errors import WriteError
from dreamvid.media.containers import STILL_SUFFIXES
from dreamvid.media.still.metadata import as_lines, tag_png, user_comment
from dreamvid.media.still.panorama import PNG_KEY, TIFF_TAG, panorama_packet
from dreamvid.text import printable
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from dreamvid.media.still.reader import Still

_QUALITY = 95
_16_BIT_SUFFIXES = {".png", ".tif", ".tiff"}
_OPAQUE_SUFFIXES = {".jpg", ".jpeg", ".bmp"}
_OPENCV_ORDER = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}  # blue, green, red


def write_still(
    path: Path,
    still: Still,
    *,
    metadata: Mapping[str, str] | None = None,
    panorama: bool = False,
    overwrite: bool,
) -> None:
    """Write a picture in the format that its suffix names.

    PNG and TIFF keep 16 bits where ``still.depth`` is 16; gray stays one channel where the picture is gray still;
    alpha is kept but in JPEG and BMP, which are flattened onto black. The texts of ``metadata`` go in too, and what
    the picture's file or ``panorama`` says of an equirectangular panorama, but for BMP, which holds neither.

    Raises
    ------
    WriteError
        In one line; nothing half-written is left, and a file that was there before stays.
    """
    suffix = check_suffix(path)
    target = AtomicOutput(path, overwrite=overwrite)
    codes = _codes(still, suffix)
    xmp = ""
    if panorama or still.panorama:
        xmp = panorama_packet(still.panorama, Size(*still.rgb.shape[:2]))
    try:
        data = _encode(codes, suffix, dict(metadata or {}), xmp)
    except (OSError, ValueError, struct.error) as error:
        raise WriteError(f"{printable(path)}: the picture cannot be encoded ({error})") from error
    target.write(data)


def check_suffix(path: Path, *, may_be_folder: bool = False) -> str:
    """Return the suffix that says what is written, in lower case; ``may_be_folder`` is for the message.

    Raises
    ------
    WriteError
        Where it is none of a picture that is written.
    """
    suffix = path.suffix.lower()
    if suffix not in STILL_SUFFIXES:
        known = " ".join(STILL_SUFFIXES)
        folder = ", or end the name of a folder in a slash" if may_be_folder else ""
        raise WriteError(f"{printable(path)}: no known kind of picture; name it with one of {known}{folder}")
    return suffix


def encode_png(codes: NDArray[Any], metadata: Mapping[str, str]) -> bytes:
    """Return a PNG file, declared as sRGB.

    OpenCV encodes it in memory: Pillow, and so imageio, knows no 16-bit colors and is two to four times slower;
    imageio's OpenCV plugin goes through a temporary file for each picture.

    Parameters
    ----------
    codes
        ``[H, W, C]`` uint8 or uint16; 1 channel is gray, 3 RGB, 4 RGB and straight alpha; of uint8 only, 2 channels
        are gray and alpha.
    metadata
        Written as one iTXt chunk each; keys in Latin-1.

    Raises
    ------
    ValueError
        For what PNG cannot hold.
    """
    if codes.shape[2] == 2:  # noqa: PLR2004  gray and alpha, which OpenCV lacks
        return tag_png(_bytes(codes, "pillow", ".png"), metadata)
    try:
        success, data = cv2.imencode(".png", np.ascontiguousarray(codes[..., _OPENCV_ORDER[codes.shape[2]]]))
    except cv2.error as error:
        raise ValueError(str(error)) from error
    if not success:
        raise ValueError("OpenCV cannot encode this PNG")
    return tag_png(data.tobytes(), metadata)


def _codes(still: Still, suffix: str) -> NDArray[Any]:
    """Round to ``[H, W, C]`` uint8 or uint16, of 1 (gray), 2 (gray and alpha), 3 or 4 channels."""
    rgb, alpha = still.rgb, still.alpha
    if alpha is not None and suffix in _OPAQUE_SUFFIXES:
        rgb, alpha = rgb * alpha[..., None], None
    is_16_bit = still.depth > 8 and suffix in _16_BIT_SUFFIXES  # noqa: PLR2004  bits
    top = 65535 if is_16_bit else 255
    picture = rgb if alpha is None else np.dstack([rgb, alpha])
    codes = np.rint(np.clip(picture, 0.0, 1.0) * np.float32(top)).astype(np.uint16 if is_16_bit else np.uint8)
    colors = codes[..., :3]
    if still.gray and (colors == colors[..., :1]).all():
        if alpha is None:
            return codes[..., [0]]
        if not is_16_bit:  # no reader at hand knows 16-bit gray with alpha
            return codes[..., [0, 3]]
    return codes


def _encode(codes: NDArray[Any], suffix: str, metadata: dict[str, str], xmp: str) -> bytes:
    if suffix == ".png":
        return encode_png(codes, metadata | ({PNG_KEY: xmp} if xmp else {}))
    if suffix in {".tif", ".tiff"}:
        return _encode_tiff(codes, as_lines(metadata), xmp.encode())
    options: dict[str, Any] = {"xmp": xmp.encode()} if xmp and suffix != ".bmp" else {}
    if suffix == ".webp":
        options |= {"quality": _QUALITY, "method": 4, "exact": True}
        if metadata:
            options["exif"] = user_comment(metadata)
    elif suffix != ".bmp":
        options |= {"quality": _QUALITY, "subsampling": 0}
        if metadata:
            options["comment"] = as_lines(metadata).encode()
    return _bytes(_plain(codes), "pillow", suffix, **options)


def _encode_tiff(codes: NDArray[Any], description: str, xmp: bytes) -> bytes:
    """Encode with tifffile, as Pillow has no 16-bit colors and OpenCV no texts; deflated."""
    channels = codes.shape[2]
    color = 3 if channels > 2 else 1  # noqa: PLR2004  gray has at most alpha beside it
    return _bytes(
        _plain(codes),
        "tifffile",
        ".tiff",
        photometric="rgb" if color > 1 else "minisblack",
        planarconfig="contig" if channels > 1 else None,
        extrasamples=["unassalpha"] if channels > color else None,
        compression="zlib",
        description=description.encode() or None,
        metadata=None,  # nor any remarks of its own
        extratags=[(TIFF_TAG, "B", len(xmp), xmp, True)] if xmp else (),
        software=False,
    )


def _plain(codes: NDArray[Any]) -> NDArray[Any]:
    return codes[..., 0] if codes.shape[2] == 1 else codes


def _bytes(codes: NDArray[Any], plugin: str, suffix: str, **options: Any) -> bytes:
    encoded: bytes = iio.imwrite("<bytes>", codes, plugin=plugin, extension=suffix, **options)
    return encoded
