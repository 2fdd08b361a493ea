"""Write files and folders that appear under their names only when they are whole and on the disk."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from dreamvid.errors import WriteError
from dreamvid.text import printable

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_LONGEST_NAME = 255
"""Bytes of a file name, on all common file systems."""
_BINARY = getattr(os, "O_BINARY", 0)
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY
_OVER = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _BINARY

FULL_TEMPORARY_FOLDER = "free some space, or name another folder in the environment variable TMPDIR"
"""Advice for :func:`write_error` where the disk of temporary files is full."""

PART = ".part"
"""Suffix of a file that is being written."""


def write_error(path: Path, error: OSError, *, action: str = "written", advice: str = "") -> WriteError:
    """Return the one-line error for a failure of the file system; ``advice`` is what to do about a full disk."""
    name = printable(path)
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        advice = advice or "free some space or name another folder"
        return WriteError(f"{name}: the disk is full; {advice}")
    if error.errno == errno.ENAMETOOLONG:
        return WriteError(f"{name}: the name is too long; choose a shorter one")
    if error.errno == errno.EFBIG:
        return WriteError(f"{name}: the file grew past the size that is allowed here")
    return WriteError(f"{name}: cannot be {action} ({error.strerror or error})")


def sync(path: Path) -> None:
    """Flush a file, or a folder's names, to the disk; some file systems cannot do that for folders."""
    if os.name == "nt":  # pragma: no cover  Windows opens no folders and flushes files on close
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP} or not path.is_dir():
            raise
    finally:
        os.close(descriptor)


def write_new(path: Path, data: bytes) -> None:
    """Write a file that does not exist yet, and flush it; raises ``OSError``."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write_durably(path: Path, data: bytes) -> None:
    """Replace a file: it has this name only when all of it is on the disk; raises ``OSError``."""
    part = path.with_name(path.name + PART)
    descriptor = os.open(part, _OVER, 0o666)
    try:
        _write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(part, path)  # noqa: PTH105  one system call
    sync(path.parent)


class FileLock:
    """Hold an exclusive lock (``flock``) on a file or folder against other processes.

    The lock belongs to the open file, so it ends with the process, however that ends. File systems without locks, and
    Windows, go without.

    Raises
    ------
    BlockingIOError
        If another process holds the lock, or has removed or replaced the file meanwhile.
    OSError
        If the file cannot be opened.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self._path = path
        self._descriptor: int | None = None
        if sys.platform == "win32" and not create:  # pragma: no cover  removes nothing that is open
            return
        flags = os.O_RDWR | os.O_CREAT if create else os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
        self._descriptor = os.open(path, flags, 0o666)
        try:
            self._lock()
        except OSError:
            self.release()
            raise

    def _lock(self) -> None:
        if sys.platform == "win32" or self._descriptor is None:  # pragma: no cover  no flock there
            return
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:  # no locks on this file system
            return
        try:
            current = self._path.lstat()
        except FileNotFoundError:
            raise BlockingIOError from None
        # Between opening and locking, the holder may have removed the file and another made a new one.
        if not os.path.samestat(os.fstat(self._descriptor), current):
            raise BlockingIOError

    def note(self, text: str) -> None:
        """Replace the content of the file, which was made for the lock, for others to read; errors are ignored."""
        with suppress(OSError):
            if self._descriptor is not None:
                os.ftruncate(self._descriptor, 0)
                os.pwrite(self._descriptor, text.encode(), 0)

    def release(self) -> None:
        """Release the lock; a second call does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def is_locked(path: Path) -> bool:
    """Return whether a process holds the lock on a file now."""
    try:
        FileLock(path).release()
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


class DeferredErrorFile:
    """A seekable binary file that stores its first error instead of raising it.

    Libraries in C call :meth:`write` from deep inside and may lose an exception on the way; :meth:`check` raises it
    where it can be handled. Once the file is closed, by whichever thread, nothing touches the descriptor any more:
    its number may be another file's by then.

    Parameters
    ----------
    path
        What errors name.
    descriptor
        The open file, which is closed with this.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._error: BaseException | None = None
        self._descriptor = descriptor
        self._open = True
        self._lock = threading.Lock()

    def write(self, data: bytes) -> int:
        """Write all of ``data``; after an error, nothing more."""
        with self._lock:
            if self._error is None and self._open:
                try:
                    _write_all(self._descriptor, data)
                except BaseException as error:  # noqa: BLE001  raised again by check(), outside of the C library
                    self._error = error
        return len(data)

    def read(self, size: int) -> bytes:
        """Read what was written, for muxers that move their index to the front."""
        with self._lock:
            return os.read(self._descriptor, size) if self._open else b""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move and return the position."""
        with self._lock:
            return os.lseek(self._descriptor, offset, whence) if self._open else 0

    def tell(self) -> int:
        """Return the position."""
        return self.seek(0, os.SEEK_CUR)

    @property
    def closed(self) -> bool:
        """Whether nothing more can be written; PyAV then leaves an abandoned file alone."""
        return not self._open

    def check(self) -> None:
        """Raise the first error: a ``WriteError`` for one of the file system, such as a full disk."""
        if isinstance(self._error, OSError):
            raise write_error(self._path, self._error) from None
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Flush to the disk and close; errors are stored for :meth:`check`."""
        with self._lock:
            if not self._open:
                return
            self._open = False
            try:
                if self._error is None:
                    os.fsync(self._descriptor)
            except OSError as error:
                self._error = error
            finally:
                os.close(self._descriptor)


class AtomicOutput:
    """One output file or folder, written beside its path and renamed when it is whole.

    A part that can be locked was left behind by a killed process and is removed; one that cannot be is being written
    by another process.

    Parameters
    ----------
    path
        What the user named; a symbolic link is followed, so that it stays a link.
    inputs
        Files that are read meanwhile; the output is never one of them.
    overwrite
        Whether an existing output is replaced.
    is_replaceable_folder
        Given, a folder is written; returns whether an existing folder may be replaced.
    part
        Where to write, in a folder beside the output, which may be made until then. ``.<name>.part`` beside the
        output where None, or where a link leads the output elsewhere.

    Raises
    ------
    WriteError
        If the output exists, is an input, a folder or a device, or its folder is missing; nothing is written yet.
    """

    def __init__(
        self,
        path: Path,
        *,
        inputs: Iterable[Path] = (),
        overwrite: bool,
        is_replaceable_folder: Callable[[Path], bool] | None = None,
        part: Path | None = None,
    ) -> None:
        self.path = path
        self.name = printable(path)
        self.folder = is_replaceable_folder is not None
        try:
            self._real = Path(os.path.realpath(path))
            self._check(inputs, overwrite=overwrite, is_replaceable_folder=is_replaceable_folder)
        except OSError as error:
            raise write_error(path, error) from None
        name = f".{self._real.name}{PART}"
        if len(os.fsencode(name)) > _LONGEST_NAME:
            name = f".{hashlib.blake2b(os.fsencode(name), digest_size=8).hexdigest()}{PART}"
        self._beside = self._real.with_name(name)
        self.part = self._beside
        if part is not None and os.path.realpath(part.parent.parent) == str(self._real.parent):
            self.part = part
        self._lock: FileLock | None = None

    def _check(
        self,
        inputs: Iterable[Path],
        *,
        overwrite: bool,
        is_replaceable_folder: Callable[[Path], bool] | None,
    ) -> None:
        parent = self._real.parent
        folder = printable(parent if self.path.is_symlink() else self.path.parent)
        if not parent.is_dir():
            missing = f"the folder {folder} does not exist"
            fault = f"{folder} is no folder; name another output" if parent.exists() else missing
            raise WriteError(f"{self.name}: {fault}")
        if not os.access(parent, os.W_OK | os.X_OK):
            raise WriteError(f"{self.name}: the folder {folder} cannot be written")
        try:
            mode = self._real.stat().st_mode
        except FileNotFoundError:
            return
        for source in inputs:
            if source.exists() and self._real.samefile(source):
                raise WriteError(f"{self.name}: input and output are the same; name another output")
        if stat.S_ISDIR(mode) != self.folder:
            kind = "a folder" if stat.S_ISDIR(mode) else "no folder"
            raise WriteError(f"{self.name} is {kind}; name another output")
        if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
            raise WriteError(f"{self.name} is no ordinary file; name another output")
        if not overwrite:
            raise WriteError(f"{self.name} exists; use --yes to replace it")
        if is_replaceable_folder is not None and not is_replaceable_folder(self._real):
            raise WriteError(f"{self.name} holds files that are no dreamed frames; name another folder")

    def open_file(self) -> DeferredErrorFile:
        """Make and lock the part of a file, which is open until :meth:`discard` or :meth:`commit`.

        Raises
        ------
        WriteError
            If it cannot be made, or another process is writing the same output.
        """
        if self.folder:
            raise WriteError(f"{self.name} is a folder; name another output")
        descriptor = self._begin()
        assert descriptor is not None
        return DeferredErrorFile(self.path, descriptor)

    def make_folder(self) -> None:
        """Make and lock the part of a folder; errors as for :meth:`open_file`."""
        self._begin()

    def _begin(self) -> int | None:
        """Make and lock the part; return the descriptor of a file."""
        descriptor = None
        try:
            self._remove_abandoned_part()
            if self.folder:
                self.part.mkdir()
            else:
                descriptor = os.open(self.part, _NEW, 0o666)
            self._lock = FileLock(self.part)
        except OSError as error:
            if descriptor is not None:
                os.close(descriptor)
            if isinstance(error, BlockingIOError | FileExistsError):
                raise WriteError(
                    f"{self.name}: another run is writing it; wait for that one, or name another output"
                ) from None
            raise write_error(self.path, error) from None
        return descriptor

    def _remove_abandoned_part(self) -> None:
        if not os.path.lexists(self.part):
            return
        lock = None
        with suppress(PermissionError, FileNotFoundError):
            lock = None if self.part.is_symlink() else FileLock(self.part)
        remove(self.part)  # while it is locked: nobody can have taken it up in between
        if lock is not None:
            lock.release()

    def write(self, data: bytes) -> None:
        """Write a whole file, or leave everything as it was and raise a ``WriteError``."""
        file = self.open_file()
        try:
            file.write(data)
            file.close()
            file.check()
        except BaseException:
            file.close()
            self.discard()
            raise
        self.commit()

    def discard(self) -> None:
        """Remove what was written; the output stays as it was."""
        if self._lock is not None:
            remove(self.part)
            self._release()

    def commit(self) -> None:
        """Flush the part and give it its name; if that fails, remove the part and raise a ``WriteError``."""
        try:
            sync(self.part)
            if self.folder:
                self._swap_folder()
            else:
                self.part.replace(self._real)
            sync(self._real.parent)
        except OSError as error:
            self.discard()
            raise write_error(self.path, error) from None
        self._release()

    def _swap_folder(self) -> None:
        old = self._beside.with_name(f"{self._beside.name}.old")
        exists = self._real.exists()
        if exists:
            shutil.rmtree(old, ignore_errors=True)
            self._real.replace(old)
        try:
            self.part.replace(self._real)
        except OSError:
            if exists:
                old.replace(self._real)
            raise
        shutil.rmtree(old, ignore_errors=True)  # also where an earlier process was killed before this

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all that is in it; what cannot be removed stays."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
