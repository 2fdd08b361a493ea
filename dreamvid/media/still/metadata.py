"""Write and read texts inside of still pictures, where each format keeps them.

PNG (iTXt) names its texts; JPEG (comment), EXIF (UserComment) and TIFF (ImageDescription) hold one text, written as
one ``key=value`` a line.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

from PIL import Image, PngImagePlugin

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = "dreamvid"

_EXIF_IFD = 0x8769
_USER_COMMENT = 0x9286
_UNICODE = b"UNICODE\0"
_PNG_HEADER_BYTES = 33  # signature and IHDR
_PNG_KEYWORD_BYTES = 79


def as_lines(metadata: Mapping[str, str]) -> str:
    """Return texts as one ``key=value`` a line; line breaks inside of values become spaces."""
    return "\n".join(f"{key}={' '.join(value.splitlines())}" for key, value in metadata.items())


def user_comment(metadata: Mapping[str, str]) -> Image.Exif:
    """Return EXIF whose UserComment (CIPA DC-008, 4.6.6) holds the texts."""
    exif = Image.Exif()
    exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = _UNICODE + as_lines(metadata).encode("utf-16-be")
    return exif


def tag_png(png: bytes, metadata: Mapping[str, str]) -> bytes:
    """Insert a chunk that declares a PNG to be sRGB, and one iTXt chunk for each text; keys in Latin-1."""
    info = PngImagePlugin.PngInfo()
    info.add(b"sRGB", b"\0")
    for key, value in metadata.items():
        info.add_itxt(key.encode("latin-1", "replace")[:_PNG_KEYWORD_BYTES], value)
    file = BytesIO()
    file.write(png[:_PNG_HEADER_BYTES])
    for kind, data, *_ in info.chunks:
        PngImagePlugin.putchunk(file, kind, data)
    file.write(png[_PNG_HEADER_BYTES:])
    return file.getvalue()


def embedded_text(facts: Mapping[str, Any]) -> str | None:
    """Return the text under the key ``dreamvid``, wherever its format keeps it; None where there is none.

    ``facts`` is imageio's metadata.
    """
    text = facts.get(KEY)
    if isinstance(text, str):
        return text
    exif = Image.Exif()
    if isinstance(facts.get("exif"), bytes):
        exif.load(facts["exif"])
    user = exif.get_ifd(_EXIF_IFD).get(_USER_COMMENT)
    comment, description = facts.get("comment"), facts.get("ImageDescription")
    texts: list[str] = []
    if isinstance(comment, bytes):
        texts.append(comment.decode("utf-8", "replace"))
    if isinstance(user, bytes) and user.startswith(_UNICODE):
        texts.append(user[len(_UNICODE) :].decode("utf-16-be", "replace"))
    if isinstance(description, str):  # Pillow takes bytes for Latin-1
        texts.append(description.encode("latin-1", "replace").decode("utf-8", "replace"))
    pairs = (line.partition("=") for text in texts for line in text.splitlines())
    return next((value for key, _, value in pairs if key == KEY), None)
