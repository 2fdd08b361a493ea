"""How much room a dream needs on the disk, and whether it is there: found out before the work, not after an hour."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from dreamvid.errors import WriteError
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dreamvid.checkpoint.chunk import ChunkRecord
    from dreamvid.checkpoint.manifest import Pictures

_BYTES = {8: 0.45, 16: 0.65}
"""Bytes that lossless frames take, as a share of the bare ones, by bits a channel.

Dreamed landscapes take 0.43 to 0.65 of 8 bits, and 0.6 to 0.9 of 16: the lower ends, because this refuses runs.
"""
_OUTPUT = 0.05
"""The finished output's, as a share of bare 8-bit frames; a lossless one takes more."""
_MARGIN = 8 << 20


def frame_bytes(pictures: Pictures, records: Sequence[ChunkRecord] = ()) -> float:
    """Return what a frame takes: on average so far, or as frames of that size and depth usually do."""
    kept = sum(len(record.times) for record in records)
    if kept:
        return sum(record.size for record in records) / kept
    pixels = pictures.width * pictures.height
    return pixels * (4 if pictures.alpha else 3) * (pictures.bits // 8) * _BYTES[pictures.bits]


def room_needed(
    pictures: Pictures, frames: int | None, records: Sequence[ChunkRecord] = (), *, state: int = 0
) -> int:
    """Return the bytes that are still needed: for frames that are missing, their states, and the output.

    ``frames`` is how many there will be, None where that is not known: then a single one is counted. ``state`` is
    the size of one state.
    """
    kept = sum(len(record.times) for record in records)
    missing = 1 if frames is None else max(0, frames - kept)
    output = (frames or 1) * pictures.width * pictures.height * 3 * _OUTPUT
    states = 4 * state if missing else 0
    return round(missing * frame_bytes(pictures, records) + output + states + _MARGIN)


def check_room(folder: Path, needed: int) -> None:
    """Refuse to begin where there is too little room.

    Raises
    ------
    WriteError
        In one line, with both figures.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise WriteError(
            f"{printable(folder)}: about {size_text(needed)} are needed there for the work and the output, and "
            f"{size_text(free)} are free; free some space, or name an output on another disk"
        )


def size_text(count: float) -> str:
    """Return a number of bytes for people: ``1.2 GB``."""
    for name in ("B", "kB", "MB"):
        if count < 1000:  # noqa: PLR2004  decimal units, as file managers show
            return f"{count:.0f} {name}" if name != "MB" else f"{count:.1f} MB"
        count /= 1000
    return f"{count:.1f} GB"
