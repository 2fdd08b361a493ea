"""Whether a file's structure is whole. Demuxers skip what they do not understand, and frames with it, in silence.

Only lengths, labels, counts and checksums of the container are looked at, nothing is decoded; and only in files that
are small enough to be read through. What MP4 and MOV lose is told by the times that they announce.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dreamvid.media.input.structure import FlawError, walk_ebml, walk_gif, walk_png, walk_riff, walk_transport
from dreamvid.media.input.survey import SMALL_FILE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_WALKS: dict[str, Callable[[memoryview], None]] = {
    "gif": walk_gif,
    "apng": walk_png,
    "matroska,webm": walk_ebml,
    "avi": walk_riff,
    "webp": walk_riff,
    "mpegts": walk_transport,
}


def flaw(path: Path, format_name: str) -> str | None:
    """Return in a few words what is wrong with a file's structure; None where nothing is, or nothing is known.

    ``format_name`` is FFmpeg's name of the container, or ``webp``.
    """
    walk = _WALKS.get(format_name)
    if walk is None or not 0 < path.stat().st_size <= SMALL_FILE:
        return None
    try:
        walk(memoryview(path.read_bytes()))
    except FlawError as error:
        return str(error)
    except OSError:  # whoever reads the file says so
        return None
    return None
