"""Writing still pictures: PNG, JPEG, WebP, TIFF and BMP, whole or not at all, with texts inside."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image

from dreamvid.errors import WriteError
from dreamvid.media.atomic import PartFile, Target
from dreamvid.media.container import shown
from dreamvid.media.still_text import as_lines, user_comment
from dreamvid.media.tiff import encode_tiff

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from dreamvid.media.still import Still

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")

_QUALITY = 95
_DEEP = {".png", ".tif", ".tiff"}
_OPAQUE_ONLY = {".jpg", ".jpeg", ".bmp"}
_PNG_HEADER_END = 33  # signature and IHDR


def write_still(
    path: Path, still: Still, *, metadata: Mapping[str, str] | None = None, overwrite: bool
) -> None:
    """Write a picture in the format that its suffix names.

    PNG and TIFF keep 16 bits where ``still.depth`` is 16; gray stays one channel where the picture is gray still;
    alpha is kept but in JPEG and BMP, which are flattened onto black. The texts of ``metadata`` go in too, but
    for BMP, which holds none.

    Raises
    ------
    WriteError
        In one line; nothing half-written is left, and a file that was there before stays.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        known = " ".join(SUFFIXES)
        raise WriteError(f"{shown(path)}: no known kind of picture; name it with one of {known}")
    target = Target(path, inputs=(), overwrite=overwrite)
    codes = _codes(still, suffix)
    try:
        data = _encode(codes, suffix, dict(metadata or {}))
    except (OSError, ValueError, cv2.error, struct.error) as error:
        raise WriteError(f"{shown(path)}: the picture cannot be encoded ({error})") from error
    file = PartFile(target)
    try:
        file.write(data)
        file.close()
        file.check()
    except BaseException:
        file.close()
        target.discard()
        raise
    target.commit()


def _codes(still: Still, suffix: str) -> NDArray[Any]:
    """Round to ``[H, W, C]`` uint8 or uint16, of 1 (gray), 2 (gray and alpha), 3 or 4 channels."""
    rgb, alpha = still.rgb, still.alpha
    if alpha is not None and suffix in _OPAQUE_ONLY:
        rgb, alpha = rgb * alpha[..., None], None
    deep = still.depth > 8 and suffix in _DEEP  # noqa: PLR2004  bits
    top = 65535 if deep else 255
    picture = rgb if alpha is None else np.dstack([rgb, alpha])
    codes = np.rint(np.clip(picture, 0.0, 1.0) * np.float32(top)).astype(np.uint16 if deep else np.uint8)
    colors = codes[..., :3]
    if still.gray and (colors == colors[..., :1]).all():
        if alpha is None:
            return codes[..., [0]]
        if not deep:  # no reader at hand knows 16-bit gray with alpha
            return codes[..., [0, 3]]
    return codes


def _encode(codes: NDArray[Any], suffix: str, metadata: dict[str, str]) -> bytes:
    if suffix in {".tif", ".tiff"}:
        return encode_tiff(codes, as_lines(metadata))
    if suffix == ".png":
        return _encode_png(codes, metadata)
    out = BytesIO()
    image = Image.fromarray(codes[..., 0] if codes.shape[2] == 1 else codes)
    if suffix == ".webp":
        extra = {"exif": user_comment(metadata)} if metadata else {}
        image.convert("RGBA" if codes.shape[2] in {2, 4} else "RGB").save(
            out, "WEBP", quality=_QUALITY, method=4, exact=True, **extra
        )
    elif suffix == ".bmp":
        image.save(out, "BMP")
    else:
        comment = as_lines(metadata).encode()
        extra_comment = {"comment": comment} if comment else {}
        image.save(out, "JPEG", quality=_QUALITY, subsampling=0, **extra_comment)
    return out.getvalue()


def _encode_png(codes: NDArray[Any], metadata: dict[str, str]) -> bytes:
    """Encode with OpenCV, which has 16 bits, and put the texts behind the header."""
    if codes.shape[2] == 2:  # noqa: PLR2004  gray and alpha
        out = BytesIO()
        Image.fromarray(codes).save(out, "PNG")
        return _with_chunks(out.getvalue(), metadata)
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[codes.shape[2]]
    done, data = cv2.imencode(".png", np.ascontiguousarray(codes[..., order]))
    if not done:
        raise ValueError("no PNG")
    return _with_chunks(data.tobytes(), metadata)


def _with_chunks(png: bytes, metadata: dict[str, str]) -> bytes:
    """Insert an sRGB chunk and one iTXt chunk for each text (PNG 3rd edition, 11.3.2.5 and 11.3.3.4)."""
    chunks = [_chunk(b"sRGB", b"\0")]
    for key, value in metadata.items():
        keyword = key.encode("latin-1", "replace")[:79]
        chunks.append(_chunk(b"iTXt", keyword + b"\0\0\0\0\0" + value.encode()))
    return b"".join([png[:_PNG_HEADER_END], *chunks, png[_PNG_HEADER_END:]])


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
