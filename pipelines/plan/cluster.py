"""Dream the parts of a plan on the machines of a Ray cluster, which all see its folder: one task a part."""

from __future__ import annotations

import importlib.util
import logging
import os
import platform
import socket
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dreamvid.checkpoint.chunk import read_records
from dreamvid.errors import BusyError, DreamvidError, SettingsError, WorkError
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.plan.plan import read_plan
from dreamvid.pipelines.plan.worker import Worker, prepare_worker
from dreamvid.text import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from dreamvid.pipelines.options import StopRequested
    from dreamvid.pipelines.plan.plan import Plan
    from dreamvid.pipelines.scenes import BuildDreamer

_log = logging.getLogger(__name__)

AUTO = "auto"
_POLL_SECONDS = 1.0
_PATIENCE = 30.0
"""Seconds that tasks have to end when a run is stopped."""
_ANSWER_SECONDS = 10.0
_PORT = 6379
"""That of a cluster's head, where an address names none."""
_RETRIES = 8
"""Times that a task is begun again whose process or machine has died."""


@dataclass(frozen=True, slots=True)
class PartTask:
    """A part to be dreamed anywhere in a cluster; ``build`` loads the dream, None is the network of the plan."""

    folder: str
    number: int
    device: str
    chunk: Fraction
    allow_mixed: bool
    trust_model: bool
    build: BuildDreamer | None = None

    def run(self) -> str:
        """Dream the part; return an empty text, or the line that says why it cannot be dreamed.

        Where another process is at the part, perhaps one of a run that was killed, its end is waited for.
        """
        try:
            worker = self._worker()
            while not worker.plan.is_done(self.number):
                try:
                    worker.dream(self.number)
                except BusyError:
                    time.sleep(_POLL_SECONDS)
        except DreamvidError as error:
            return f"{platform.node()}: {' '.join(str(error).split())}"
        return ""

    def _worker(self) -> Worker:
        """Return the worker of the plan, which a process keeps for its next part."""
        if self.folder not in _workers:
            _workers.clear()
            options = RunOptions(
                device=self.device,
                chunk=self.chunk,
                allow_mixed=self.allow_mixed,
                trust_model=self.trust_model,
            )
            plan = read_plan(Path(self.folder))
            how = {} if self.build is None else {"build": self.build}
            _workers[self.folder] = prepare_worker(plan, options, **how)
        return _workers[self.folder]


_workers: dict[str, Worker] = {}


class Cluster:
    """The tasks of a plan in a Ray cluster.

    Parameters
    ----------
    plan
        Its lock is held by the caller; its folder is seen by all machines under the same name.
    address
        ``auto`` is the cluster that this machine belongs to; else that of its head, such as ``10.0.0.1:6379``.
    gpu
        Whether each task takes a GPU; else the plan's number of CPU cores.
    options
        Their ``progress`` receives frames and chunks of all machines together, counted.
    build
        As for :class:`PartTask`.
    """

    def __init__(
        self, plan: Plan, address: str, options: RunOptions, *, gpu: bool, build: BuildDreamer | None = None
    ) -> None:
        self._plan = plan
        self._address = address
        self._options = options
        self._gpu = gpu
        self._build = build
        self._done = sum(part.frames for number, part in enumerate(plan.parts, 1) if plan.is_done(number))
        self._kept = dict.fromkeys(plan.missing(), 0)
        self._chunks = 0

    def run(self, kept: int, stop_requested: StopRequested) -> None:
        """Dream until every part is done, or a stop is requested; ``kept`` frames are there already.

        Raises
        ------
        SettingsError
            Where Ray is not installed, or there is no such cluster.
        WorkError
            Where a part cannot be dreamed, or the cluster is gone.
        """
        with _connected(self._address) as ray:
            self._warn_where_nothing_fits(ray)
            numbers = {self._begin(ray, number): number for number in self._plan.missing()}
            running, told = list(numbers), kept
            try:
                while running and not stop_requested():
                    ended, running = ray.wait(running, timeout=_POLL_SECONDS)
                    for reference in ended:
                        self._take(ray, reference, numbers[reference])
                    told = self._tell(told)
            finally:
                _cancel(ray, running)
        if not stop_requested() and (missing := self._plan.missing()):
            raise WorkError(f"{len(missing)} parts are left; the same command goes on")

    def _begin(self, ray: Any, number: int) -> Any:
        options = self._options
        task = PartTask(
            str(self._plan.folder.resolve()),
            number,
            "gpu:0" if self._gpu else "cpu",
            options.chunk,
            options.allow_mixed,
            options.trust_model,
            self._build,
        )
        needed = {"num_cpus": 1, "num_gpus": 1} if self._gpu else {"num_cpus": self._plan.threads}
        remote = ray.remote(max_retries=_RETRIES, **needed)(PartTask.run)
        return remote.options(name=f"dreamvid part {number}").remote(task)

    def _take(self, ray: Any, reference: Any, number: int) -> None:
        """Take the end of a task."""
        try:
            line = ray.get(reference)
        except ray.exceptions.RayTaskError as error:
            line = f"{type(error.cause).__name__}: {' '.join(str(error.cause).split())}"
        except ray.exceptions.RayError as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            line = f"the process or machine died {_RETRIES + 1} times ({lines[0]})"
        if line:
            raise WorkError(f"part {number}: {line}")
        self._done += self._plan.parts[number - 1].frames
        self._kept.pop(number, None)

    def _tell(self, told: int) -> int:
        """Report what is kept by now on the shared storage; return the number of frames."""
        for number in self._kept:
            manifest = self._plan.manifest_of(number, self._plan.manifest)
            records = read_records(self._plan.folder_of(number), manifest.identity)
            self._kept[number] = records[-1].end if records else 0
        frames = self._done + sum(self._kept.values())
        if frames > told:
            self._options.progress.frame(frames - 1)
            self._chunks += 1
            self._options.progress.chunk(self._chunks, frames)
        return frames

    def _warn_where_nothing_fits(self, ray: Any) -> None:
        kind, needed = ("GPU", 1) if self._gpu else ("CPU", self._plan.threads)
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if not any(node.get(kind, 0) >= needed for node in nodes):
            what = "a GPU" if self._gpu else f"{needed} CPUs, the plan's number of threads (--threads)"
            _log.warning("no machine of the cluster has %s; one that joins it is waited for", what)


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """Connect to a cluster, with the token that it wants."""
    if importlib.util.find_spec("ray") is None:
        raise SettingsError("--cluster needs Ray: pip install 'dreamvid[cluster]'")
    if address != AUTO:
        _check_answers(address)
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # Ray's default to come; else it warns
    import ray  # noqa: PLC0415  only where a cluster is used

    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if address == AUTO:
            raise SettingsError(
                f"--cluster auto: this machine belongs to no Ray cluster ({line}); 'ray start' makes or joins one"
            ) from None
        raise SettingsError(f"--cluster {quoted(address)}: no Ray cluster answers there ({line})") from None
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_answers(address: str) -> None:
    """Raise a ``SettingsError`` where nothing answers, which Ray itself would try for many minutes."""
    parts = urlsplit(address if "://" in address else f"ray://{address}")
    try:
        with socket.create_connection((parts.hostname or "", parts.port or _PORT), timeout=_ANSWER_SECONDS):
            pass
    except (OSError, ValueError) as error:
        raise SettingsError(f"--cluster {quoted(address)}: no Ray cluster answers there ({error})") from None


def _cancel(ray: Any, references: list[Any]) -> None:
    """End tasks; those that run keep what is whole."""
    for reference in references:
        ray.cancel(reference)
    if references:
        ray.wait(references, num_returns=len(references), timeout=_PATIENCE)
