"""The unfinished file that libraries in C write to."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from dreamvid.errors import WriteError
from dreamvid.media.output.atomic import refuse

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.media.output.atomic import Target


def write_whole(target: Target, data: bytes) -> None:
    """Write a whole output, or leave everything as it was.

    Raises
    ------
    WriteError
        In one line, such as for a full disk.
    """
    file = PartFile(target)
    try:
        file.write(data)
        file.close()
        file.check()
    except BaseException:
        file.close()
        target.discard()
        raise
    target.commit()


class PatientFile:
    """A seekable binary file that keeps its first error instead of raising it.

    Libraries in C call :meth:`write` from deep inside and may lose an exception on the way; :meth:`check` raises it
    where it can be handled. Once it is closed, by whichever thread, nothing touches the descriptor any more: its
    number may be another file's by then.

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
                    view = memoryview(data)
                    while view:
                        view = view[os.write(self._descriptor, view) :]
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
        """Raise the first error.

        Raises
        ------
        WriteError
            For an error of the file system, such as a full disk.
        """
        if isinstance(self._error, OSError):
            raise refuse(self._path, self._error) from None
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Flush to the disk and close; errors are kept for :meth:`check`."""
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


class PartFile(PatientFile):
    """The part of a target; see :class:`PatientFile`."""

    def __init__(self, target: Target) -> None:
        descriptor = target.claim()
        if descriptor is None:
            raise WriteError(f"{target.name} is a folder; name another output")
        super().__init__(target.path, descriptor)
