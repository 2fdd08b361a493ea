"""Outputs that appear under their name only when they are whole.

A file is written as ``.<name>.part`` beside its target, a folder as ``.<name>.part/``, unless a place in a folder
beside it is named; both are renamed with ``os.replace`` after they were flushed to the disk. Every failure leaves the
target as it was.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from dreamvid.errors import ReadError, WriteError
from dreamvid.media.input.container import shown
from dreamvid.media.input.frame_list import FILE_NAME, read_frame_list
from dreamvid.media.output.claim import Claim

if TYPE_CHECKING:
    from collections.abc import Iterable

_NAME_BYTES = 255


def refuse(path: Path, error: OSError) -> WriteError:
    """Return the one line for a failed write."""
    name = shown(path)
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return WriteError(f"{name}: the disk is full; free some space or name another folder")
    if error.errno == errno.ENAMETOOLONG:
        return WriteError(f"{name}: the name is too long; choose a shorter one")
    if error.errno == errno.EFBIG:
        return WriteError(f"{name}: the file grew past the size that is allowed here")
    return WriteError(f"{name}: cannot be written ({error.strerror or error})")


class Target:
    """The place of one output.

    Parameters
    ----------
    path
        What the user named; a symbolic link is followed, so that it stays a link.
    inputs
        Files that are read meanwhile; the target is never one of them.
    overwrite
        Whether an existing output is replaced.
    folder
        Whether a folder is written.
    part
        Where to write, in a folder beside the target, which may be made until then. Beside the target itself where
        None, or where a link leads the target elsewhere.

    ``name`` is the path as it can be shown on one line; ``part`` is where to write.

    Raises
    ------
    WriteError
        Before anything is written: the target exists, is an input, a folder or a device, or its folder is
        missing.
    """

    def __init__(
        self,
        path: Path,
        *,
        inputs: Iterable[Path],
        overwrite: bool,
        folder: bool = False,
        part: Path | None = None,
    ) -> None:
        self.path = path
        self.name = shown(path)
        self.folder = folder
        try:
            self._real = Path(os.path.realpath(path))
            self._check(inputs, overwrite=overwrite)
        except OSError as error:
            raise refuse(path, error) from None
        name = f".{self._real.name}.part"
        if len(os.fsencode(name)) > _NAME_BYTES:
            name = f".{hashlib.blake2b(os.fsencode(name), digest_size=8).hexdigest()}.part"
        self._beside = self._real.with_name(name)
        self.part = self._beside
        if part is not None and os.path.realpath(part.parent.parent) == str(self._real.parent):
            self.part = part
        self._claim: Claim | None = None

    def _check(self, inputs: Iterable[Path], *, overwrite: bool) -> None:
        parent = self._real.parent
        folder = shown(parent if self.path.is_symlink() else self.path.parent)
        if not parent.is_dir():
            raise WriteError(f"{self.name}: the folder {folder} does not exist")
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
        if self.folder and not _made_here(self._real):
            raise WriteError(f"{self.name} holds files that are no dreamed frames; name another folder")

    def claim(self) -> int | None:
        """Make the part, empty, and keep other runs off it until it is discarded or committed.

        Returns
        -------
        The descriptor of a file, open for reading and writing; None for a folder.

        Raises
        ------
        WriteError
            Where it cannot be made, or another run is writing the same output.
        """
        try:
            self._claim = Claim(self.part, folder=self.folder)
        except (BlockingIOError, FileExistsError):
            raise WriteError(
                f"{self.name}: another run is writing it; wait for that one, or name another output"
            ) from None
        except OSError as error:
            raise refuse(self.path, error) from None
        return self._claim.descriptor

    def discard(self) -> None:
        """Remove what was written; the target stays as it was."""
        if self._claim is not None:
            self._claim.remove()
            self._claim = None

    def commit(self) -> None:
        """Give the part its name.

        Raises
        ------
        WriteError
            Where the rename failed; the part is gone then.
        """
        try:
            sync(self.part)
            if self.folder:
                self._swap_folder()
            else:
                self.part.replace(self._real)
            sync(self._real.parent)
        except OSError as error:
            self.discard()
            raise refuse(self.path, error) from None
        if self._claim is not None:
            self._claim.release()
            self._claim = None

    def _swap_folder(self) -> None:
        old = self._beside.with_name(f"{self._beside.name}.old")
        replaced = self._real.exists()
        if replaced:
            shutil.rmtree(old, ignore_errors=True)
            self._real.replace(old)
        try:
            self.part.replace(self._real)
        except OSError:
            if replaced:
                old.replace(self._real)
            raise
        shutil.rmtree(old, ignore_errors=True)  # an earlier run may have been killed before this


def sync(path: Path) -> None:
    """Flush a file or folder to the disk; folders cannot be on some systems."""
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


def write_synced(path: Path, data: bytes) -> None:
    """Write a whole file and flush it to the disk."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _made_here(folder: Path) -> bool:
    """Return whether a folder is empty or holds nothing but frames that dreamvid wrote."""
    names = {entry.name for entry in os.scandir(folder)}
    if not names:
        return True
    try:
        listed = read_frame_list(folder)
    except ReadError:
        return False
    return listed is not None and names <= {entry.file for entry in listed.frames} | {FILE_NAME}
