"""Estimate the disk space of a run, and check that it is there before the run begins."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from dreamvid.errors import WriteError
from dreamvid.text import byte_size, printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dreamvid.checkpoint.chunk import ChunkRecord
    from dreamvid.checkpoint.manifest import Pictures

# Size of lossless frames as a share of the raw ones, by bits per channel. Dreamed landscapes take 0.43 to 0.65 of
# 8 bits, and 0.6 to 0.9 of 16; these are the lower ends, because too high an estimate refuses a run.
_COMPRESSED = {8: 0.45, 16: 0.65}
# Size of the output as a share of raw 8-bit frames; a lossless output takes more.
_OUTPUT = 0.05
_MARGIN = 8 << 20


def frame_bytes(pictures: Pictures, records: Sequence[ChunkRecord] = ()) -> float:
    """Return the bytes per frame: the average of ``records``, else an estimate from size and depth."""
    frames = sum(len(record.times) for record in records)
    if frames:
        return sum(record.size for record in records) / frames
    pixels = pictures.width * pictures.height
    return pixels * (4 if pictures.alpha else 3) * (pictures.bits // 8) * _COMPRESSED[pictures.bits]


def room_needed(
    pictures: Pictures, frames: int | None, records: Sequence[ChunkRecord] = (), *, state: int = 0
) -> int:
    """Return the bytes that are still needed for missing frames, their states, and the output.

    Parameters
    ----------
    frames
        Number of frames in all; None (not known) counts as one.
    records
        Chunks that are there already.
    state
        Bytes of one state.
    """
    done = sum(len(record.times) for record in records)
    missing = 1 if frames is None else max(0, frames - done)
    output = (frames or 1) * pictures.width * pictures.height * 3 * _OUTPUT
    states = 4 * state if missing else 0
    return round(missing * frame_bytes(pictures, records) + output + states + _MARGIN)


def check_room(folder: Path, needed: int) -> None:
    """Raise a ``WriteError`` if a folder's disk has fewer free bytes than ``needed``."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise WriteError(
            f"{printable(folder)}: about {byte_size(needed)} are needed there for the work and the output, and "
            f"{byte_size(free)} are free; free some space, or name an output on another disk"
        )
