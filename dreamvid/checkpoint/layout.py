"""Name, write and remove the files of a work folder, and pack the states in them.

::

    clip.dream.mp4.work/
        lock              locked by the run that works here
        manifest.json     what is being made
        000001.mkv        frames of the first chunk
        000001.npz        arrays of the state after them
        000001.json       record of the chunk, written last: without it the chunk does not count
        complete.json     every frame is there
        signals.npz       signals that were measured in pictures, such as the motion of the source
        output.part       the output while it is encoded; a folder for a sequence of pictures
        plan.json         the parts of a dream that several workers make
        part-000001/      work folder of the first part

Only files of these names are ever read, written or removed.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dreamvid import atomic
from dreamvid.atomic import PART

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from dreamvid.errors import WriteError

SUFFIX = ".work"
LOCK, MANIFEST, COMPLETE, PLAN = "lock", "manifest.json", "complete.json", "plan.json"
SIGNALS = "signals.npz"
OUTPUT = f"output{PART}"
# Suffixes of the three files of a chunk.
FRAMES, STATE, RECORD = ".mkv", ".npz", ".json"

_PART_FOLDER = "part-"
# Bytes of a file name, on all common file systems.
_MAX_NAME = 255
_OURS = re.compile(
    r"(?:\d{6,}\.(?:mkv|npz|json)|(?:manifest|complete|plan)\.json|signals\.npz|lock)(?:\.part)?|output\.part|"
    r"part-\d{6,}"
)


@dataclass(frozen=True, slots=True)
class State:
    """What a frame producer needs to continue after a frame; its contents are the producer's own.

    Attributes
    ----------
    values
        Anything that JSON holds; numbers come back bit for bit.
    arrays
        NumPy arrays of numbers by name; they come back bit for bit.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)


def pack_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return arrays as a file's content (``.npz``, not compressed, with checksums)."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **dict(arrays))
    return buffer.getvalue()


def unpack_arrays(data: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file's content.

    Raises
    ------
    ValueError, KeyError, OSError, zipfile.BadZipFile, EOFError
        If it is torn or damaged.
    """
    with np.load(io.BytesIO(data), allow_pickle=False) as packed:
        return {name: packed[name] for name in packed.files}


def work_folder(output: Path) -> Path:
    """Return the work folder of an output: ``<output name>.work`` beside it."""
    name = f"{output.name}{SUFFIX}"
    if len(os.fsencode(name)) > _MAX_NAME:
        name = f"{hashlib.blake2b(os.fsencode(name), digest_size=8).hexdigest()}{SUFFIX}"
    return output.with_name(name)


def chunk_file(folder: Path, number: int, suffix: str) -> Path:
    """Return the path of one of the files of a chunk; chunks are counted from 1."""
    return folder / f"{number:06d}{suffix}"


def part_folder(folder: Path, number: int) -> Path:
    """Return the work folder of a part of a plan; parts are counted from 1."""
    return folder / f"{_PART_FOLDER}{number:06d}"


def begun_parts(folder: Path) -> set[int]:
    """Return the numbers of the parts of a plan that have a work folder; raises ``WriteError``."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries]
    except OSError as error:
        raise folder_error(folder, error, "read") from None
    texts = (name.removeprefix(_PART_FOLDER) for name in names if name.startswith(_PART_FOLDER))
    return {int(text) for text in texts if text.isdecimal()}


def is_ours(name: str) -> bool:
    """Return whether a file of this name belongs to a work folder."""
    return _OURS.fullmatch(name) is not None


def write_file(path: Path, data: bytes) -> None:
    """Replace a file as a whole; a ``WriteError`` leaves what was there before."""
    try:
        atomic.write_durably(path, data)
    except OSError as error:
        raise folder_error(path.parent, error) from None


def folder_error(folder: Path, error: OSError, action: str = "written") -> WriteError:
    """Return the one-line error for a failure to write, or ``read``, in a work folder."""
    advice = "free some space and run the same command again"
    return atomic.write_error(folder, error, action=action, advice=advice)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file; raises ``OSError``."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove(folder: Path) -> None:
    """Remove a work folder with all of our files; the caller holds the lock."""
    clear(folder, except_for=COMPLETE)
    for name in (MANIFEST, COMPLETE, LOCK):  # that the output is in place is known until the end
        with suppress(OSError):
            (folder / name).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def clear(folder: Path, except_for: str | None = None) -> None:
    """Remove all of our files but the lock and the manifest."""
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            if is_ours(entry.name) and entry.name not in {LOCK, MANIFEST, except_for}:
                unlink(entry)


def unlink(entry: os.DirEntry[str]) -> None:
    """Remove a file, a link, the folder that was to become the output, or that of a part with what is ours in it."""
    if not entry.is_dir(follow_symlinks=False):
        os.unlink(entry.path)  # noqa: PTH108  scandir's own
    elif entry.name == OUTPUT:
        shutil.rmtree(entry.path)
    else:
        remove(Path(entry.path))
