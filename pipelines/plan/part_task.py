"""Dream a part of a plan on whatever machine of a cluster, which sees the plan's folder or a URL."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dreamvid.errors import BusyError
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.plan.plan import read_plan
from dreamvid.pipelines.plan.ray_task import run_task
from dreamvid.pipelines.plan.worker import Worker, prepare_worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from fractions import Fraction

    from dreamvid.pipelines.options import StopRequested
    from dreamvid.pipelines.plan.ray_task import TaskEnd
    from dreamvid.pipelines.plan.remote import RemoteWork
    from dreamvid.pipelines.scenes import BuildDreamer

_POLL_SECONDS = 1.0
_workers: dict[str, Worker] = {}


@dataclass(frozen=True, slots=True)
class PartTask:
    """A part to be dreamed; ``build`` loads the dream, None is the network of the plan.

    ``interruptible`` is that of :class:`RunOptions`. With ``remote``, the plan is fetched from there, and the part is
    sent there.
    """

    folder: str
    number: int
    device: str
    chunk: Fraction
    allow_mixed: bool
    trust_model: bool
    interruptible: Callable[[], AbstractContextManager[StopRequested]]
    build: BuildDreamer | None = None
    remote: RemoteWork | None = None

    def run(self) -> TaskEnd:
        """Dream the part, or what is left of it.

        Where another process is at the part, perhaps one of a run that was killed, its end is waited for.
        """
        return run_task(self._dream, self.device)

    def _dream(self) -> None:
        worker = self._worker()
        while not worker.plan.is_done(self.number):
            if self.remote is not None and self.remote.has_part(self.number):
                return
            try:
                worker.dream(self.number)
            except BusyError:
                time.sleep(_POLL_SECONDS)
        if self.remote is not None:
            self.remote.send_part(worker.plan, self.number)

    def _worker(self) -> Worker:
        """Return the worker of the plan, which a process keeps for its next part."""
        if self.folder not in _workers:
            _workers.clear()
            options = RunOptions(
                device=self.device,
                chunk=self.chunk,
                allow_mixed=self.allow_mixed,
                trust_model=self.trust_model,
                interruptible=self.interruptible,
            )
            plan = read_plan(Path(self.folder)) if self.remote is None else self.remote.open_plan()
            how = {} if self.build is None else {"build": self.build}
            _workers[self.folder] = prepare_worker(plan, options, **how)
        return _workers[self.folder]
