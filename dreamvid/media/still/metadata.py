"""Write and read texts inside of still pictures, where each format keeps them.

PNG (iTXt) names its texts; JPEG (comment), EXIF (UserComment) and TIFF (ImageDescription) hold one text, written as
one ``key=value`` a line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = "dreamvid"

_EXIF_IFD = 0x8769
_USER_COMMENT = 0x9286
_UNICODE = b"UNICODE\0"


def as_lines(metadata: Mapping[str, str]) -> str:
    """Return texts as one ``key=value`` a line; line breaks inside of values become spaces."""
    return "\n".join(f"{key}={' '.join(value.splitlines())}" for key, value in metadata.items())


def user_comment(metadata: Mapping[str, str]) -> Image.Exif:
    """Return EXIF whose UserComment (CIPA DC-008, 4.6.6) holds the texts."""
    exif = Image.Exif()
    exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = _UNICODE + as_lines(metadata).encode("utf-16-be")
    return exif


def embedded_text(facts: Mapping[str, Any]) -> str | None:
    """Return the text under the key ``dreamvid``, wherever its format keeps it; None where there is none.

    ``facts`` is imageio's metadata.
    """
    named = facts.get(KEY)
    if isinstance(named, str):
        return named
    exif = Image.Exif()
    if isinstance(facts.get("exif"), bytes):
        exif.load(facts["exif"])
    comment = exif.get_ifd(_EXIF_IFD).get(_USER_COMMENT)
    remark, description = facts.get("comment"), facts.get("ImageDescription")
    texts: list[str] = []
    if isinstance(remark, bytes):
        texts.append(remark.decode("utf-8", "replace"))
    if isinstance(comment, bytes) and comment.startswith(_UNICODE):
        texts.append(comment[len(_UNICODE) :].decode("utf-16-be", "replace"))
    if isinstance(description, str):  # Pillow takes bytes for Latin-1
        texts.append(description.encode("latin-1", "replace").decode("utf-8", "replace"))
    pairs = (line.partition("=") for text in texts for line in text.splitlines())
    return next((value for key, _, value in pairs if key == KEY), None)
