"""Small files that are whole or not there, whatever happens; and what the disk says, in one line."""

from __future__ import annotations

import errno
import os
import shutil
from typing import TYPE_CHECKING

from dreamvid.checkpoint.layout import OUTPUT, PART
from dreamvid.errors import WriteError

if TYPE_CHECKING:
    from pathlib import Path

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)


def write_durably(path: Path, data: bytes) -> None:
    """Write a whole file: it has this name only when all of it is on the disk.

    Raises
    ------
    WriteError
        In one line, such as for a full disk; what had this name before is still there.
    """
    part = path.with_name(path.name + PART)
    try:
        descriptor = os.open(part, _FLAGS, 0o666)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(part, path)  # noqa: PTH105  one system call
        sync_folder(path.parent)
    except OSError as error:
        raise refuse(path.parent, error) from None


def unlink(entry: os.DirEntry[str]) -> None:
    """Remove what lies in a work directory: a file, a link, or the folder that was to become the output."""
    if entry.name == OUTPUT and entry.is_dir(follow_symlinks=False):
        shutil.rmtree(entry.path)
    else:
        os.unlink(entry.path)  # noqa: PTH108  scandir's own


def sync_folder(folder: Path) -> None:
    """Flush a folder's names to the disk; some systems cannot."""
    if os.name == "nt":  # pragma: no cover  Windows opens no folders
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(descriptor)


def refuse(folder: Path, error: OSError, doing: str = "written") -> WriteError:
    """Return the one line for a failure to write, or ``read``, in a work directory."""
    name = printable(folder)
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return WriteError(f"{name}: the disk is full; free some space and run the same command again")
    if error.errno == errno.EFBIG:
        return WriteError(f"{name}: a file grew past the size that is allowed here; raise it and run again")
    return WriteError(f"{name}: cannot be {doing} ({error.strerror or error})")


def printable(path: Path) -> str:
    """Return a path as it can be shown on one line."""
    text = str(path).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "?" for letter in text)
