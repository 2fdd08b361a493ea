"""Atlases of networks: a page of a layer's units at a time, made by the command line's own command, and kept.

::

    .dreamvid-studio/atlases/
        3f2a….atlas         a finished page, an ordinary atlas
        3f2a….atlas.work    what an unfinished one has, which the same command goes on with
        3f2a….log           what its run says, one JSON object a line, errors as plain lines

What state a page is in follows from these files and the one process that runs. Atlases that the user made lie in the
studio's folder itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from dreamvid._version import __version__
from dreamvid.atomic import is_locked
from dreamvid.checkpoint.layout import LOCK, work_folder
from dreamvid.config.fields import named_files
from dreamvid.errors import DreamvidError, ReadError
from dreamvid.pipelines.atlas.reading import ReadAtlas, is_finished, read_atlas, read_unfinished
from dreamvid.pipelines.provenance import make_portable
from dreamvid.pipelines.units import LOGITS
from dreamvid.studio.jobs import read_log
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dreamvid.config.settings import ModelSettings
    from dreamvid.studio.library import Library, LibraryFile

PAGE_UNITS = 48
"""Units of a page."""

PICTURES = ("--size", "96")
"""How pictures are made: small, as they are shown."""

_ID = re.compile(r"[0-9a-f]{32}")
_NICENESS = 15
_PATIENCE = 5.0

AtlasState = Literal["making", "done", "failed", "stopped"]
Command = list[str]


@dataclass(frozen=True, slots=True)
class AtlasPage:
    """Units of one layer, or of the classes (``layer`` is ``logits``), from ``first`` up to before ``end``.

    With an ``examples`` file they are those that it activates most instead, each with the parts that do.
    """

    model: ModelSettings
    layer: str
    first: int
    end: int
    examples: LibraryFile | None = None

    @property
    def id(self) -> str:
        """A name that is another one when the pictures would be."""
        files = [path for _, path in named_files(self.model)]
        files += [] if self.examples is None else [self.examples.path]
        facts: list[object] = [
            __version__,
            PICTURES,
            self.model.model_dump(mode="json"),
            self.layer,
            self.first,
            self.end,
        ]
        for path in files:
            with suppress(OSError):
                status = path.stat()
                facts += [str(path), status.st_size, status.st_mtime_ns]
        return hashlib.blake2b(json.dumps(facts).encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class AtlasStatus:
    """Where a page is; ``total`` is None until its pictures are begun, ``error`` is empty unless it failed."""

    state: AtlasState
    total: int | None = None
    error: str = ""


def atlas_command(page: AtlasPage, output: Path, threads: int | None, device: str) -> Command:
    """Return the command that makes a page."""
    units = f"{page.first}-{page.end - 1}"
    chosen = ["--layers", "'" + page.layer.replace("'", "''") + "'"]
    if page.layer == LOGITS:
        chosen = ["--classes", units]
    elif page.examples is not None:
        chosen += [
            "--channels",
            str(PAGE_UNITS),
            "--sort",
            "activation",
            "--examples",
            str(page.examples.path),
        ]
    else:
        chosen += ["--channels", units]
    weights = [] if page.model.weights is None else ["--weights", str(page.model.weights)]
    return [
        *(sys.executable, "-m", "dreamvid", "atlas", "-o", str(output), *PICTURES, *chosen, *weights),
        *(f"--input-range={page.model.input_range}", "--device", device, "--progress", "json"),
        *(["--threads", str(threads)] if threads else []),
        *("--", page.model.name),
    ]


class AtlasMaker:
    """Makes one page at a time in a process of its own, which yields to previews; a new page ends the one before.

    Whole portions of what was ended are kept, and gone on with.

    Parameters
    ----------
    library
        The folder.
    command
        Returns the command that makes a page, from the page, its output, threads and device.
    """

    def __init__(
        self,
        library: Library,
        command: Callable[[AtlasPage, Path, int | None, str], Command] = atlas_command,
    ) -> None:
        self._library = library
        self._folder = library.state_folder / "atlases"
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._id = ""
        self._lock = threading.Lock()

    def begin(self, page: AtlasPage, threads: int | None = None, device: str = "auto") -> str:
        """Begin a page, or go on with it, unless it is finished or being made; return its id."""
        page_id = page.id
        with self._lock:
            if self._state(page_id) not in {"done", "making"}:
                self._end()
                self._start(page_id, self._command(page, self._output(page_id), threads, device))
        return page_id

    def stop(self, page_id: str | None = None) -> None:
        """End the making of a page, or of whichever is being made."""
        with self._lock:
            if page_id is None or page_id == self._id:
                self._end()

    def status(self, page_id: str) -> AtlasStatus:
        """Return where a page is."""
        with self._lock:
            state = self._state(page_id)
            code = None if self._id != page_id or self._process is None else self._process.poll()
        log = read_log(self._folder / f"{page_id}.log")
        if state != "stopped":
            return AtlasStatus(state, log.frames)
        error = log.error or (f"it ended unexpectedly (exit code {code})" if code else "")
        return AtlasStatus("failed" if error else "stopped", log.frames, error)

    def read(self, page_id: str) -> ReadAtlas:
        """Return the pictures of a page that are there by now."""
        output = self._output(page_id)
        return read_atlas(output) if is_finished(output) else read_unfinished(output)

    def _state(self, page_id: str) -> AtlasState:
        output = self._output(page_id)
        if is_finished(output):
            return "done"
        runs = self._id == page_id and self._process is not None and self._process.poll() is None
        # A run that an earlier server began may still be at it.
        return "making" if runs or is_locked(work_folder(output) / LOCK) else "stopped"

    def _output(self, page_id: str) -> Path:
        if _ID.fullmatch(page_id) is None:
            raise ReadError("there is no such atlas")
        return self._folder / f"{page_id}.atlas"

    def _start(self, page_id: str, command: Command) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / f"{page_id}.log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603  our own command
                command,
                cwd=self._library.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the server's terminal is for the server
            )
        self._id = page_id
        if sys.platform != "win32":
            with suppress(OSError):  # it has ended already
                os.setpriority(os.PRIO_PROCESS, self._process.pid, _NICENESS)

    def _end(self) -> None:
        process, self._process, self._id = self._process, None, ""
        if process is not None:
            process.kill()  # whole portions are on the disk
            with suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE)


def folder_atlases(library: Library, model: ModelSettings) -> list[dict[str, Any]]:
    """Return id, name and number of units by layer of each atlas of a network that lies in the folder."""
    wanted = make_portable({"model": model.model_dump(mode="json", exclude_none=True)})["model"]
    found = []
    for file in library.files():
        if file.kind == "folder" and is_finished(file.path):
            with suppress(DreamvidError):
                atlas = read_atlas(file.path)
                if atlas.settings.get("model") == wanted:
                    counts = {layer: len(units) for layer, units in atlas.units.items()}
                    found.append({"id": file.id, "name": printable(file.name), "layers": counts})
    return found
