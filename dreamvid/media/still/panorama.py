"""Read and write what a picture says of its panorama: Google's GPano properties in XMP.

Sources: Google, Photo Sphere XMP Metadata; Adobe, XMP Specification part 3, for where each format keeps the packet.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr, unescape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dreamvid.types import Size

PNG_KEY = "XML:com.adobe.xmp"
TIFF_TAG = 700

_PROPERTY = re.compile(rb"(?<!/)GPano:(\w+)\s*(?:=\s*[\"']([^\"']*)[\"']|>([^<]*)<)")
_EQUIRECTANGULAR = "equirectangular"
_WIDTH, _HEIGHT = "CroppedAreaImageWidthPixels", "CroppedAreaImageHeightPixels"
_FULL_WIDTH, _FULL_HEIGHT = "FullPanoWidthPixels", "FullPanoHeightPixels"
_LEFT, _TOP = "CroppedAreaLeftPixels", "CroppedAreaTopPixels"


def read_panorama(xmp: object) -> dict[str, str]:
    """Return the GPano properties of an XMP packet by name; none where its picture is not equirectangular."""
    found = _PROPERTY.findall(xmp) if isinstance(xmp, bytes) else []
    properties = {
        name.decode(): unescape((quoted or plain).decode("utf-8", "replace")).strip()
        for name, quoted, plain in found
    }
    return properties if properties.get("ProjectionType") == _EQUIRECTANGULAR else {}


def goes_around(properties: Mapping[str, str]) -> bool:
    """Return whether a picture with these properties shows all 360 degrees."""
    width, full = _number(properties, _WIDTH), _number(properties, _FULL_WIDTH)
    return bool(properties) and (width is None or full is None or width >= full)


def panorama_packet(properties: Mapping[str, str], size: Size) -> str:
    """Return the XMP packet of a panorama that was made from one with these properties, and has this size.

    Without properties it is a whole sphere, or the part of it around the horizon that its height shows.
    """
    full = max(size.height, size.width // 2)
    described = {
        "ProjectionType": _EQUIRECTANGULAR,
        "UsePanoramaViewer": "True",
        _WIDTH: str(size.width),
        _HEIGHT: str(size.height),
        _FULL_WIDTH: str(size.width),
        _FULL_HEIGHT: str(full),
        _LEFT: "0",
        _TOP: str((full - size.height) // 2),
    }
    for length, names in ((_WIDTH, (_FULL_WIDTH, _LEFT)), (_HEIGHT, (_FULL_HEIGHT, _TOP))):
        before = _number(properties, length)
        for name in names if before else ():
            value = _number(properties, name)
            if before and value is not None:
                described[name] = str(round(value * int(described[length]) / before))
    attributes = " ".join(
        f"GPano:{name}={quoteattr(value)}"
        for name, value in {**properties, **described}.items()
        if not name.startswith(("Source", "LastPhoto", "FirstPhoto"))
    )
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:GPano="http://ns.google.com/photos/1.0/panorama/" '
        f'{attributes}/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )


def _number(properties: Mapping[str, str], name: str) -> float | None:
    try:
        return float(properties[name])
    except (KeyError, ValueError):
        return None
