"""An unfinished output that one run alone writes.

A part is locked (``flock``) for as long as it is written; the lock ends with the process, however that ends. So what
can be locked was left behind by a killed run and is removed, and what cannot is being written by another run. File
systems without locks, and Windows, go without.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from pathlib import Path

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


class Claim:
    """A new, empty part, held against other runs until it is released.

    Parameters
    ----------
    part
        Where to make it; what a killed run left there is removed.
    folder
        Whether a folder is made.

    ``descriptor`` is the file, open for reading and writing; None for a folder.

    Raises
    ------
    BlockingIOError
        Where another run holds a part of this name.
    OSError
        Where it cannot be made.
    """

    def __init__(self, part: Path, *, folder: bool) -> None:
        self._part = part
        _clear(part)
        self.descriptor: int | None = None
        if folder:
            part.mkdir()
            self._held = _open(part)
        else:
            self.descriptor = os.open(part, _NEW, 0o666)
            self._held = None if sys.platform == "win32" else os.dup(self.descriptor)
        try:
            if self._held is not None:
                _lock(self._held, part)
        except OSError:
            if self.descriptor is not None:
                os.close(self.descriptor)
            self.release()
            raise

    def release(self) -> None:
        """Let go; the part stays."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def remove(self) -> None:
        """Remove the part and let go."""
        remove(self._part)
        self.release()


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all that is in it; what cannot be removed stays."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _clear(part: Path) -> None:
    """Remove what a killed run left; raise BlockingIOError for what another run is writing."""
    if not os.path.lexists(part):
        return
    descriptor = None
    try:
        with suppress(PermissionError, FileNotFoundError):
            descriptor = _open(part)
        if descriptor is not None:
            _lock(descriptor, part)
        remove(part)  # while it is locked: nobody can have taken it up in between
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _open(path: Path) -> int | None:
    """Return a descriptor to lock; None for links, and on Windows, which removes nothing that is open."""
    if sys.platform == "win32" or path.is_symlink():
        return None
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK)


def _lock(descriptor: int, path: Path) -> None:
    """Lock what is open; raise BlockingIOError where another run has, or where it has lost its name to another."""
    if sys.platform == "win32":  # pragma: no cover  nothing is open there
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # no locks on this file system
        return
    try:
        there = path.lstat()
    except FileNotFoundError:
        raise BlockingIOError from None
    if not os.path.samestat(os.fstat(descriptor), there):
        raise BlockingIOError
