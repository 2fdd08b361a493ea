"""Keep a plan and its whole parts at a URL, for machines that share no storage.

In the folder that the URL names are ``plan.zip``, with all that its workers need but the film, and a zip file for
each part that is whole. One that is cut short or damaged does not count: the index of a zip file is at its end, and
it has a checksum of each file in it.
"""

from __future__ import annotations

import logging
import os
import shutil
import zipfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dreamvid.atomic import write_error
from dreamvid.checkpoint.chunk import read_records
from dreamvid.checkpoint.layout import COMPLETE, LOCK, MANIFEST, PLAN, SIGNALS, STATE, SUFFIX, remove
from dreamvid.errors import DamagedError, ReadError
from dreamvid.media.remote import delete, facts_of, fetch, names_in, send
from dreamvid.pipelines.plan.cache import (
    FILMS,
    PARTS,
    cache_folder,
    digest,
    fetch_film,
    held,
    remove_unused,
)
from dreamvid.pipelines.plan.plan import has_plan, read_plan
from dreamvid.text import printable

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.pipelines.plan.plan import Plan

_log = logging.getLogger(__name__)

FILES = "files"
"""Folder beside that of the plan, for the files that its settings name."""
_PLAN = "plan.zip"
_PART = "part-{:06d}.zip"
_DAMAGED = (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError)
"""What reading a zip file raises that is damaged."""


@dataclass(frozen=True, slots=True)
class RemoteWork:
    """The plan and the whole parts of a dream in a folder that a URL names.

    Attributes
    ----------
    url
        The folder.
    film
        URL of what is dreamed.
    key
        Tells the plan from others that were here; empty before :meth:`share`.
    """

    url: str
    film: str
    key: str = ""

    def parts(self) -> set[int]:
        """Return the numbers of the parts that are there; raises ``ReadError``."""
        names = names_in(self.url)
        return {int(n) for name in names if (n := name[5:-4]).isdecimal() and name == _PART.format(int(n))}

    def has_part(self, number: int) -> bool:
        """Return whether a part is there; raises ``ReadError``."""
        return facts_of(f"{self.url}/{_PART.format(number)}") is not None

    def fetch_begun(self, folder: Path) -> None:
        """Take the plan of an earlier run, if there is one, to a work folder, in place of another plan there."""
        if _PLAN not in names_in(self.url) or (folder.exists() and not has_plan(folder)):
            return
        before = (folder / PLAN).read_bytes() if has_plan(folder) else b""
        self._fetch_plan(folder.parent, before)

    def share(self, plan: Plan) -> RemoteWork:
        """Send a plan with the files that it names, and fetch the parts that are there; return it with its key."""
        entry = plan.folder.parent
        files = sorted((entry / FILES).rglob("*"))
        files += [plan.folder / name for name in (MANIFEST, SIGNALS, PLAN)]
        self._pack(_PLAN, entry, [file for file in files if file.is_file()], entry)
        for number in sorted(self.parts() & set(plan.missing())):
            self.fetch_part(plan, number)
        return replace(self, key=digest((plan.folder / PLAN).read_text()))

    def open_plan(self) -> Plan:
        """Return the plan, for a worker; plan and film are fetched once for each machine.

        Raises
        ------
        ReadError, WriteError
            Where they cannot be copied, or the film has changed.
        """
        entry = cache_folder(PARTS, f"{self.url} {self.key}")
        with held(entry):
            if not list(entry.glob(f"*{SUFFIX}")):
                remove_unused(entry)
                self._fetch_plan(entry)
            plan = read_plan(next(entry.glob(f"*{SUFFIX}"), entry))
        if plan.source.parent.parent != cache_folder(FILMS, "").parent:
            raise ReadError(f"{printable(self.url)}: the plan is of no film by URL")
        fetch_film(self.film, plan.source, plan.manifest.dream["source"]["fingerprint"])
        return plan

    def send_part(self, plan: Plan, number: int) -> None:
        """Send a part that is done here, and remove it here; raises ``WriteError``."""
        folder = plan.folder_of(number)
        states = sorted(folder.glob(f"*{STATE}"))[:-1]  # only the last one is needed to read it
        left_out = {folder / LOCK, folder / COMPLETE, *states}
        files = sorted(file for file in folder.iterdir() if file not in left_out)
        self._pack(_PART.format(number), folder, [*files, folder / COMPLETE], plan.folder.parent)
        remove(folder)

    def fetch_part(self, plan: Plan, number: int) -> bool:
        """Fetch a part; return False for one that is damaged, or of another dream, which is removed there.

        Raises
        ------
        ReadError, WriteError
            Where it cannot be copied.
        """
        folder, name = plan.folder_of(number), _PART.format(number)
        remove(folder)
        try:
            self._unpack(name, folder, plan.folder.parent)
            records = read_records(folder, plan.manifest_of(number, plan.manifest).identity)
            if records and records[-1].end == plan.parts[number - 1].frames:
                return True
        except DamagedError:
            pass
        remove(folder)
        delete(f"{self.url}/{name}")
        _log.warning("part %d was damaged, or of another dream; it is dreamed again", number)
        return False

    def remove(self) -> None:
        """Remove the plan and all parts there; raises ``WriteError``."""
        for name in [*map(_PART.format, sorted(self.parts())), _PLAN]:
            delete(f"{self.url}/{name}")

    def _fetch_plan(self, entry: Path, before: bytes = b"") -> None:
        """Fetch files and, last, a plan to a folder of the cache, unless it is the one that was there before."""
        new = entry / "new"
        shutil.rmtree(new, ignore_errors=True)
        try:
            self._unpack(_PLAN, new, entry)
            folders = sorted(new.iterdir(), key=lambda folder: folder.suffix == SUFFIX)
            if not before or (folders[-1] / PLAN).read_bytes() != before:
                for folder in folders:
                    shutil.rmtree(entry / folder.name, ignore_errors=True)
                    folder.rename(entry / folder.name)
        except OSError as error:
            raise write_error(entry, error) from None
        finally:
            shutil.rmtree(new, ignore_errors=True)

    def _pack(self, name: str, folder: Path, files: list[Path], scratch: Path) -> None:
        """Send files of a folder, in this order, as one."""
        packed = scratch / f"{os.getpid()}-{name}"
        try:
            with zipfile.ZipFile(packed, "w") as archive:
                for file in files:
                    archive.write(file, file.relative_to(folder))
            send(packed, f"{self.url}/{name}")
        except OSError as error:
            raise write_error(packed, error) from None
        finally:
            packed.unlink(missing_ok=True)

    def _unpack(self, name: str, folder: Path, scratch: Path) -> None:
        """Fetch files into a folder, in the order in which they were packed; raises ``DamagedError``."""
        packed = scratch / f"{os.getpid()}-{name}"
        try:
            fetch(f"{self.url}/{name}", packed)
            with zipfile.ZipFile(packed) as archive:
                archive.extractall(folder)
        except _DAMAGED:
            raise DamagedError(f"{printable(self.url)}/{name} is damaged; --fresh discards it") from None
        except OSError as error:
            raise write_error(folder, error) from None
        finally:
            packed.unlink(missing_ok=True)
