"""Tell pictures that are not read, and HEIF's kinds, by the first bytes of a file."""

from __future__ import annotations

import re

from PIL import features

from dreamvid.media.input.container import looks_like_video

HEADER_BYTES = 1 << 16
"""First bytes of a file to be looked at."""

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_AVIF = {b"avif", b"avis"}
_HEIC = {b"heic", b"heix", b"heim", b"heis"}
_HEVC_SEQUENCE = {b"hevc", b"hevx"}
_HDR_TRANSFERS = {16, 18}  # PQ and HLG (ITU-T H.273)

_JPEG_2000_SIZE, _JPEG_2000_DEPTH = b"\xff\x4f\xff\x51", 42
"""Markers SOC and SIZ, and where behind them the depth of the first channel is."""

# By regular expressions at the start of the file.
_NOT_READ = {
    rb"....ftypcrx |FUJIFILMCCD-RAW|II(RO|RS|U\0)|MMOR|FOVb|\0MRM": "a camera's raw file",
    rb"\xff\x0a|\0\0\0\x0cJXL ": "JPEG XL",
    rb"v/1\x01": "OpenEXR",
    rb"#\?(RADIANCE|RGBE)": "Radiance HDR",
    rb"8BPS": "a Photoshop document",
    rb"gimp xcf": "a GIMP document",
    rb"%PDF": "PDF",
    rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?(<!DOCTYPE svg[^>]*>\s*)?<svg": "SVG",
}


def is_tiff(header: bytes) -> bool:
    """Return whether a file begins as TIFF or BigTIFF does."""
    return header.startswith(_TIFF)


def is_webp(header: bytes) -> bool:
    """Return whether a file begins as WebP does."""
    return header[:4] == b"RIFF" and header[8:12] == b"WEBP"


def is_avif(header: bytes) -> bool:
    """Return whether a file begins as AVIF does, still or animated."""
    return bool(_brands(header) & _AVIF)


def is_heic(header: bytes) -> bool:
    """Return whether a file begins as a still HEIC does."""
    brands = _brands(header)
    return bool(brands & _HEIC) and not brands & (_AVIF | _HEVC_SEQUENCE)


def is_hdr_avif(header: bytes) -> bool:
    """Return whether the color description of an AVIF names the transfer of PQ or HLG."""
    return _color_codes(header)[1] in _HDR_TRANSFERS


def avif_primaries(header: bytes) -> int:
    """Return the primaries of an AVIF, as ITU-T H.273 code point; 2 is unspecified."""
    return _color_codes(header)[0]


def jpeg_2000_depth(header: bytes) -> int:
    """Return the bits per channel of a JPEG 2000 (ISO 15444-1, A.5.1); 8 where the header does not tell."""
    place = header.find(_JPEG_2000_SIZE) + _JPEG_2000_DEPTH
    if place < _JPEG_2000_DEPTH or place >= len(header):
        return 8
    return (header[place] & 0x7F) + 1


def why_not_a_picture(header: bytes) -> str:
    """Say what a file is that Pillow does not read."""
    kind = "HEIC" if is_heic(header) else None
    for start, name in _NOT_READ.items():
        if re.match(start, header, re.DOTALL):
            kind = name
    if kind is not None:
        return f"is {kind}, which dreamvid does not read; save it as PNG, TIFF or JPEG"
    if is_avif(header) and not features.check("avif"):
        return "is AVIF, which this Pillow was built without; `pip install --upgrade pillow` brings one that reads it"
    if looks_like_video(header):
        return "is a video; use `dreamvid video` for it"
    if is_tiff(header):
        return "is a TIFF of a kind that dreamvid does not read; save it as RGB with 8 or 16 bits per channel"
    return "is not a picture that dreamvid can read (PNG, JPEG, WebP, AVIF, TIFF, BMP)"


def _brands(header: bytes) -> set[bytes]:
    """Return the major and compatible brands of an ISO base media file; none for other files."""
    if header[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(header[:4]), len(header))
    return {header[8:12], *(header[at : at + 4] for at in range(16, end, 4))}


def _color_codes(header: bytes) -> tuple[int, int]:
    """Return primaries and transfer of a color description (ISO 14496-12, 12.1.5), as ITU-T H.273 code points."""
    place = header.find(b"colrnclx")
    if place < 0 or place + 12 > len(header):
        return 2, 2
    return int.from_bytes(header[place + 8 : place + 10]), int.from_bytes(header[place + 10 : place + 12])
