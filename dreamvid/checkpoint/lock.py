"""One run at a time works in a directory.

The lock (``flock``) is on an open file: it ends with the process, however that ends, and no crash leaves one behind.
File systems without locks, and Windows, go without.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from pathlib import Path


class Lock:
    """A held lock; the file is made where it is missing.

    Raises
    ------
    BlockingIOError
        Where another run holds it.
    OSError
        Where the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            self._take()
        except OSError:
            self.release()
            raise

    def _take(self) -> None:
        if sys.platform == "win32" or self._descriptor is None:  # pragma: no cover  no flock there
            return
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:  # no locks on this file system
            return
        try:
            there = self._path.lstat()
        except FileNotFoundError:
            raise BlockingIOError from None
        if not os.path.samestat(os.fstat(self._descriptor), there):  # the run that held it has removed it
            raise BlockingIOError

    def release(self) -> None:
        """Let go; twice does no harm."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def is_locked(path: Path) -> bool:
    """Return whether a run holds the lock now."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        if sys.platform != "win32":
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False
