"""Analyze clips and music in the background, one at a time in a process of its own; what is found is kept."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio
from anyio import to_process

from dreamvid._version import __version__
from dreamvid.atomic import write_durably
from dreamvid.errors import DreamvidError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PATIENCE = 120.0
"""Seconds that an analysis may take; the search for cuts gives what it has found by then."""

_GRACE = 30.0
_MOST_WAITING = 8
_MOST_IN_MEMORY = 24
_MOST_KEPT = 200
_MOST_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is asked for: a function of the pipelines, its arguments, and the files that it reads.

    ``about`` is the arguments as a text, by which results are told apart.
    """

    run: Callable[..., dict[str, Any]]
    arguments: tuple[Any, ...]
    files: tuple[Path, ...]
    about: str

    @property
    def key(self) -> str:
        """A name that is another one when the arguments or the files' contents are."""
        facts = [self.run.__name__, self.about, __version__]
        for file in self.files:
            status = file.stat()
            facts += [str(file), str(status.st_size), str(status.st_mtime_ns)]
        return hashlib.blake2b(repr(facts).encode("utf-8", "replace"), digest_size=16).hexdigest()


class Analyses:
    """The analyses of a folder; lives in one event loop.

    Parameters
    ----------
    folder
        Where results are kept, one JSON file each.
    patience
        Seconds after which one is given up.
    """

    def __init__(self, folder: Path, patience: float = PATIENCE + _GRACE) -> None:
        self._folder = folder
        self._patience = patience
        self._known: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._waiting: OrderedDict[str, Analysis] = OrderedDict()
        self._running = ""
        self._runner: asyncio.Task[None] | None = None

    async def ask(self, analysis: Analysis) -> str:
        """Return the key of an analysis, which begins in the background where its result is not known yet.

        Raises
        ------
        OSError
            Where one of its files is no longer there.
        """
        key: str = await asyncio.to_thread(lambda: analysis.key)
        if key in self._known or key == self._running:
            return key
        kept = await asyncio.to_thread(self._read, key)
        if kept is not None:
            self._remember(key, kept)
            return key
        self._waiting[key] = analysis
        self._waiting.move_to_end(key)
        while len(self._waiting) > _MOST_WAITING:
            self._waiting.popitem(last=False)
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        return key

    def result(self, key: str) -> dict[str, Any] | None:
        """Return what was found, ``{"error": LINE}`` where that failed; None where it is under way or not known."""
        return self._known.get(key)

    def is_asked(self, key: str) -> bool:
        """Return whether an analysis waits or runs."""
        return key in self._waiting or key == self._running

    async def close(self) -> None:
        """End what runs, and forget what waits."""
        self._waiting.clear()
        if self._runner is not None:
            self._runner.cancel()
            with suppress(asyncio.CancelledError):
                await self._runner

    async def _run(self) -> None:
        while self._waiting:
            self._running, analysis = self._waiting.popitem()  # the newest first: it is what the page shows
            try:
                found = await self._found(analysis)
                if "error" not in found:
                    await asyncio.to_thread(self._keep, self._running, found)
                self._remember(self._running, found)
            finally:
                self._running = ""

    async def _found(self, analysis: Analysis) -> dict[str, Any]:
        try:
            with anyio.fail_after(self._patience):
                return await to_process.run_sync(_quietly, analysis.run, analysis.arguments, cancellable=True)
        except DreamvidError as error:
            return {"error": " ".join(str(error).split())}
        except TimeoutError:
            return {"error": f"takes longer than {self._patience:.0f} s; it is left out"}
        except MemoryError:
            return {"error": "out of memory"}
        except Exception as error:  # noqa: BLE001  whatever it is, the next one may do
            return {"error": f"unexpected {type(error).__name__}: {' '.join(str(error).split())[:300]}"}

    def _remember(self, key: str, found: dict[str, Any]) -> None:
        self._known[key] = found
        while len(self._known) > _MOST_IN_MEMORY:
            self._known.popitem(last=False)

    def _read(self, key: str) -> dict[str, Any] | None:
        file = self._folder / f"{key}.json"
        with suppress(OSError, ValueError):
            if file.stat().st_size <= _MOST_BYTES:
                kept = json.loads(file.read_bytes())
                return kept if isinstance(kept, dict) else None
        return None

    def _keep(self, key: str, found: dict[str, Any]) -> None:
        """Keep a result, and the newest of the others; a full disk only means that it is found again."""
        data = json.dumps(found, allow_nan=False).encode()
        if len(data) > _MOST_BYTES:
            return
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            write_durably(self._folder / f"{key}.json", data)
            kept = sorted(self._folder.glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
            for file in kept[:-_MOST_KEPT]:
                file.unlink(missing_ok=True)


def _quietly(run: Callable[..., dict[str, Any]], arguments: tuple[Any, ...]) -> dict[str, Any]:
    """Run an analysis in its process, whose warnings nobody reads and which the server ends."""
    import logging  # noqa: PLC0415  here it is the other process's
    import signal  # noqa: PLC0415  the same
    import sys  # noqa: PLC0415  the same
    from types import ModuleType  # noqa: PLC0415  the same

    # AnyIO leaves none where the server was started by no file, and Numba looks for it.
    sys.modules.setdefault("__main__", ModuleType("__main__"))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("dreamvid").addHandler(logging.NullHandler())
    logging.getLogger("dreamvid").propagate = False
    return run(*arguments)
