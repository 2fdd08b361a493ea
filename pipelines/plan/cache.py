"""Folders of this machine for what was copied from URLs, each held by one process at a time.

Their places are the same on every machine, so that names which are relative to a plan hold on all of them::

    film/<key>/film.mov                 films
    work/<key>/film.dream.mp4.work/     plan and parts, on the machine of the command
    part/<key>/film.dream.mp4.work/     plan, and parts while they are dreamed
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from dreamvid.atomic import FileLock, write_error
from dreamvid.checkpoint.layout import LOCK
from dreamvid.errors import BusyError, ReadError
from dreamvid.media.remote import check_url, facts_of, fetch
from dreamvid.pipelines.provenance import fingerprint
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger(__name__)

FOLDER = "DREAMVID_CACHE"
"""Environment variable that names the folder of all these."""
FILMS, WORK, PARTS = "film", "work", "part"
_UNUSED_SECONDS = 7 * 24 * 3600
"""After so long without use, a film or part is removed when another one comes."""
_POLL_SECONDS = 0.5


def cache_folder(kind: str, text: str) -> Path:
    """Return the folder of a kind that belongs to a text."""
    named = os.environ.get(FOLDER)
    cache = Path(named) if named else Path(platformdirs.user_cache_dir("dreamvid", appauthor=False))
    return cache.resolve() / kind / digest(text)


def digest(text: str) -> str:
    """Return a short BLAKE2b digest of a text."""
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()


@contextmanager
def held(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Make a folder and hold it against other processes of this machine.

    Raises
    ------
    BusyError
        Where another one holds it, and is not waited for.
    WriteError
        Where it cannot be made.
    """
    lock = None
    while lock is None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder / LOCK, create=True)
        except (BlockingIOError, FileNotFoundError):  # held, or just removed
            if not wait:
                raise BusyError("another run writes this output; wait for that one") from None
            time.sleep(_POLL_SECONDS)
        except OSError as error:
            raise write_error(folder, error) from None
    try:
        os.utime(folder)
        yield
    finally:
        lock.release()


def remove_unused(used: Path) -> None:
    """Remove what nobody has used for long among the folders of a kind; ``used`` is one of them, and held."""
    for entry in used.parent.iterdir():
        if entry != used and time.time() - entry.stat().st_mtime > _UNUSED_SECONDS:
            shutil.rmtree(entry, ignore_errors=True)


def film_of(url: str) -> Path:
    """Return the local copy of a film, as it is now at its URL.

    Raises
    ------
    ReadError, WriteError
        Where there is none, or it cannot be copied.
    """
    facts = facts_of(url)
    if facts is None:
        raise ReadError(f"no such file: {printable(url)}")
    if facts.get("type") == "directory":
        raise ReadError(f"{printable(url)} is a folder; only a file can be fetched")
    version = sorted(
        (key, value) for key, value in facts.items() if key != "url"
    )  # which may change each time
    path = cache_folder(FILMS, f"{url} {version}") / check_url(url)
    fetch_film(url, path)
    return path


def fetch_film(url: str, path: Path, expected: str = "") -> None:
    """Copy a film here, unless a process of this machine has done so; ``expected`` is its fingerprint, if known.

    Raises
    ------
    ReadError, WriteError
        Where it cannot be copied, or is another film by now.
    """

    def check(part: Path) -> None:
        if expected and fingerprint(part) != expected:
            raise ReadError(f"{printable(url)} has changed since it was planned; bring it back as it was")

    with held(path.parent):
        if not path.exists():
            remove_unused(path.parent)
            _log.info("fetching %s", printable(url))
            fetch(url, path, check=check)
