"""Copy whole files from and to URLs with fsspec, and lock a folder there as well as that goes.

Passwords and keys are those of fsspec's own configuration, never part of a URL, so that names may be shown and kept.
"""

from __future__ import annotations

import errno
import importlib.util
import logging
import os
import re
import shutil
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

from dreamvid.atomic import PART, sync, write_error
from dreamvid.errors import BusyError, DreamvidError, ReadError, SettingsError, WriteError
from dreamvid.text import byte_size, printable, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import TracebackType

_log = logging.getLogger(__name__)

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_PASSWORD = re.compile(r"://[^/?#\s]*:[^/?#\s]*@")
_QUERY = re.compile(r"\?\S*")
_WITH_QUERIES = ("http://", "https://")
_OBJECT_STORES = ("abfs", "abfss", "az", "gcs", "gs", "oci", "oss", "s3", "s3a")
"""Protocols where a file appears only when it is whole, and folders are not made."""
_MOST_SHOWN = 200
_BEAT_SECONDS = 15.0
_DEAD_SECONDS = 50.0
"""After so long without a sign, a process that holds a lock counts as dead."""


def is_url(name: str | Path | None) -> bool:
    """Return whether a text names something by URL; a ``Path`` never does."""
    return isinstance(name, str) and _URL.match(name) is not None


def without_secrets(text: str) -> str:
    """Return a text without the passwords and queries of URLs in it."""
    return _QUERY.sub("", _PASSWORD.sub("://", text))


def check_url(url: str) -> str:
    """Return the name of the file that a URL names.

    Raises
    ------
    SettingsError
        Where the URL holds a password, or a query, which may be one, or names no file.
    """
    if _PASSWORD.search(url) or (url.lower().startswith(_WITH_QUERIES) and "?" in url):
        raise SettingsError(
            f"{printable(without_secrets(url))}: passwords and tokens are no part of a URL, where others see them; "
            "fsspec has them from the environment or ~/.config/fsspec"
        )
    name = url.rpartition("/")[2]
    if name in {"", ".", ".."} or name != printable(name) or "\\" in name:
        raise SettingsError(f"{printable(url)}: must name a file")
    return name


@contextmanager
def _opened(url: str, action: str) -> Iterator[tuple[Any, str]]:
    """Yield the file system of a URL and the name in it; whatever fails there becomes one line."""
    if importlib.util.find_spec("fsspec") is None:
        raise SettingsError(f"{printable(url)} is a URL, which needs fsspec: pip install 'dreamvid[cluster]'")
    from fsspec.core import url_to_fs  # noqa: PLC0415  only where a URL is named

    kind = ReadError if action == "read" else WriteError
    try:
        system, name = url_to_fs(url)
        system.invalidate_cache()
        yield system, name
    except DreamvidError:
        raise
    except ImportError as error:  # the text names the package
        raise SettingsError(f"{printable(url)}: {error}") from None
    except Exception as error:  # noqa: BLE001  each file system has errors of its own
        missing = isinstance(error, FileNotFoundError)
        lines = str(error).strip().splitlines() if not missing else ["no such file"]
        reason = without_secrets((lines or [type(error).__name__])[0])[:_MOST_SHOWN]
        raise kind(f"{printable(url)}: cannot be {action} ({reason})") from None


def facts_of(url: str) -> dict[str, Any] | None:
    """Return what is known of a file, ``size`` in bytes among it; None where there is none. Raises ``ReadError``."""
    with _opened(url, "read") as (system, name):
        try:
            return dict(system.info(name))
        except FileNotFoundError:
            return None


def names_in(url: str) -> set[str]:
    """Return the names of the files in a folder; none where there is no folder. Raises ``ReadError``."""
    with _opened(url, "read") as (system, name):
        try:
            return {path.rstrip("/").rpartition("/")[2] for path in system.ls(name, detail=False)}
        except FileNotFoundError:
            return set()


def fetch(url: str, path: Path, *, check: Callable[[Path], None] = lambda _: None) -> None:
    """Copy a file here; it has its name only when all of it is there and ``check`` has not raised.

    Raises
    ------
    ReadError, WriteError
        Where it cannot be read as a whole, or not be written here.
    """
    part = path.with_name(path.name + PART)
    try:
        with _opened(url, "read") as (system, name):
            size = system.info(name).get("size")
            if size is not None and size > shutil.disk_usage(path.parent).free:
                raise write_error(path.parent, OSError(errno.ENOSPC, ""))
            system.get_file(name, str(part))
        if size is not None and part.stat().st_size != size:
            raise ReadError(f"{printable(url)}: {byte_size(part.stat().st_size)} came of {byte_size(size)}")
        check(part)
        sync(part)
        os.replace(part, path)  # noqa: PTH105  one system call
    except OSError as error:
        raise write_error(path, error) from None
    finally:
        part.unlink(missing_ok=True)


def send(path: Path, url: str) -> None:
    """Copy a file there; it has its name only when all of it is there. Raises ``WriteError``."""
    with _opened(url, "written") as (system, name):
        if url.partition(":")[0] in _OBJECT_STORES:
            system.put_file(str(path), name)
            return
        system.put_file(str(path), name + PART)
        if system.exists(name):
            system.rm_file(name)
        system.mv(name + PART, name)


def delete(url: str) -> None:
    """Remove a file, if there is one. Raises ``WriteError``."""
    with _opened(url, "removed") as (system, name):
        if system.exists(name):
            system.rm_file(name)


def delete_folder(url: str) -> None:
    """Remove a folder if it is empty."""
    with suppress(DreamvidError), _opened(url, "removed") as (system, name):
        if url.partition(":")[0] not in _OBJECT_STORES and not system.ls(name):
            system.rmdir(name)


class RemoteLock:
    """Hold a folder against other processes, as well as a file system without locks allows.

    A file says who works there, and is written again and again. Where it stands still, its process has died, and the
    lock is taken over; so is at once the lock of a process whose ``holder`` was the same, which must have ended.
    Of two processes that begin in the same moment, both may get the lock where the file system makes no
    distinction between a new file and a replaced one; so may one that was suspended and the one that took over.

    Parameters
    ----------
    url
        The file; its folder is made where it is missing.
    holder
        Who holds it, ``host:folder``, the same for one folder of one machine.

    Raises
    ------
    BusyError
        Where another process works there.
    WriteError
        Where nothing can be written there.
    """

    def __init__(self, url: str, holder: str) -> None:
        self._url = url
        self._holder = holder
        self._beats = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        with _opened(self._url, "written") as (system, name):
            if self._url.partition(":")[0] not in _OBJECT_STORES:
                system.makedirs(name.rpartition("/")[0], exist_ok=True)
            if self._read() is not None:
                self._take_over()
            else:
                self._create(system, name)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        with suppress(DreamvidError):
            delete(self._url)

    def _create(self, system: Any, name: str) -> None:
        """Write a file that was not there a moment ago."""
        try:
            system.pipe_file(name, self._content(), mode="create")
        except FileExistsError:
            self._take_over()
        except Exception:  # noqa: BLE001  a store that does not tell; any other error comes again
            self._write()

    def _take_over(self) -> None:
        """Take over the lock of a process that has died."""
        before = self._read()
        if before is not None and before.partition("\n")[0] != self._holder:
            host = quoted(before.partition(":")[0])
            _log.warning("another run was at it, on %s; waiting %.0f s for a sign of it", host, _DEAD_SECONDS)
            time.sleep(_DEAD_SECONDS)
            if self._read() not in {None, before}:
                raise BusyError(f"{printable(self._url)}: another run works there, on {host}; wait for it")
        self._write()

    def _read(self) -> str | None:
        """Return what is written there; None where it is gone."""
        try:
            with _opened(self._url, "read") as (system, name):
                return bytes(system.cat_file(name)).decode(errors="replace")
        except ReadError:
            return None

    def _content(self) -> bytes:
        return f"{self._holder}\n{self._beats}\n".encode()

    def _write(self) -> None:
        with _opened(self._url, "written") as (system, name):
            system.pipe_file(name, self._content())

    def _beat(self) -> None:
        while not self._ended.wait(_BEAT_SECONDS):
            self._beats += 1
            with suppress(DreamvidError):  # the next may get through
                self._write()
