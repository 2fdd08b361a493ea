"""Queue previews for the worker: one runs, and of each page the newest request waits."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from dreamvid.errors import DreamvidError
from dreamvid.studio.preview_worker import PreviewReply

if TYPE_CHECKING:
    from dreamvid.studio.preview_worker import PreviewRequest

MOST_WAITING = 8
"""Pages whose requests wait at the same time; of more, the one that has waited longest is given up."""


class Worker(Protocol):
    """Dreams one request at a time."""

    def dream(self, request: PreviewRequest) -> PreviewReply:
        """Return the reply; called in a thread."""
        ...

    def close(self) -> None:
        """End the worker."""
        ...


class Previews:
    """The waiting requests of all pages; lives in one event loop."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._waiting: OrderedDict[
            tuple[bool, str], tuple[PreviewRequest, asyncio.Future[PreviewReply | None]]
        ]
        self._waiting = OrderedDict()
        self._runner: asyncio.Task[None] | None = None

    async def dream(self, page: str, request: PreviewRequest, *, urgent: bool = True) -> PreviewReply | None:
        """Return the reply; None where a newer request of the page took its place before it was begun.

        Requests that are not ``urgent``, such as for the shelf, begin only where no urgent one waits.
        """
        future: asyncio.Future[PreviewReply | None] = asyncio.get_running_loop().create_future()
        key = (urgent, page)
        self._give_up(key)
        while len(self._waiting) >= MOST_WAITING:
            self._give_up(next(iter(self._waiting)))
        self._waiting[key] = request, future
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        return await future

    async def close(self) -> None:
        """Give up what waits, and end the worker."""
        for key in list(self._waiting):
            self._give_up(key)
        await asyncio.to_thread(self._worker.close)
        if self._runner is not None:
            with suppress(asyncio.CancelledError):
                await self._runner

    def _give_up(self, key: tuple[bool, str]) -> None:
        if key in self._waiting:
            _, future = self._waiting.pop(key)
            if not future.done():
                future.set_result(None)

    async def _run(self) -> None:
        while self._waiting:
            key = next((key for key in self._waiting if key[0]), next(iter(self._waiting)))
            request, future = self._waiting.pop(key)
            if future.done():  # the page has gone
                continue
            try:
                reply = await asyncio.to_thread(self._worker.dream, request)
            except DreamvidError as error:
                reply = PreviewReply(error=str(error))
            if not future.done():
                future.set_result(reply)
