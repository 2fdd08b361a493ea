"""Names in a work directory, and where it lies.

::

    clip.dream.mp4.work/
        lock              held by the run that works here
        manifest.json     what is being made
        000001.mkv        frames of the first chunk
        000001.npz        what the frame after them needs
        000001.json       the chunk's record: it is whole if, and only if, this is there
        complete.json     every frame is there
        output.part       the output, being encoded; a folder where frames become pictures

Only files of these names are ever read, written or removed.
"""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SUFFIX = ".work"
LOCK, MANIFEST, COMPLETE = "lock", "manifest.json", "complete.json"
PART = ".part"
"""Ending of a file that is being written and has not got its name yet."""

OUTPUT = f"output{PART}"

FRAMES, STATE, RECORD = ".mkv", ".npz", ".json"
"""Endings of a chunk's three files."""

_LONGEST_NAME = 255
_OURS = re.compile(r"(?:\d{6,}\.(?:mkv|npz|json)|manifest\.json|complete\.json|lock)(?:\.part)?|output\.part")


def work_folder(output: Path) -> Path:
    """Return where the work on an output lies: ``<output name>.work`` beside it."""
    name = f"{output.name}{SUFFIX}"
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = f"{hashlib.blake2b(os.fsencode(name), digest_size=8).hexdigest()}{SUFFIX}"
    return output.with_name(name)


def chunk_file(folder: Path, number: int, ending: str) -> Path:
    """Return the place of one of a chunk's files; chunks are counted from 1."""
    return folder / f"{number:06d}{ending}"


def is_ours(name: str) -> bool:
    """Return whether a file of this name belongs to a work directory."""
    return _OURS.fullmatch(name) is not None
