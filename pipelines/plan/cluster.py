"""Share the parts of a plan between the machines of a Ray cluster, one task a part."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from dreamvid.checkpoint.chunk import read_records
from dreamvid.checkpoint.layout import LOCK, begun_parts
from dreamvid.errors import WorkError
from dreamvid.pipelines.plan.cluster_resources import describe_needs, is_met, ray_options, task_needs
from dreamvid.pipelines.plan.holder import read_holder
from dreamvid.pipelines.plan.part_task import PartTask
from dreamvid.pipelines.plan.ray_connection import connected
from dreamvid.pipelines.plan.ray_task import RETRIES, end_of

if TYPE_CHECKING:
    from dreamvid.pipelines.options import RunOptions, StopRequested
    from dreamvid.pipelines.plan.holder import Holder
    from dreamvid.pipelines.plan.plan import Plan
    from dreamvid.pipelines.scenes import BuildDreamer

_log = logging.getLogger(__name__)

_POLL_SECONDS = 1.0
_PATIENCE = 600.0
"""Seconds that tasks have to finish their frame when a run is stopped; a second interruption stops at once."""
_TASKS = 1000
"""Tasks that Ray has at a time, most of which wait."""


class Cluster:
    """The tasks of a plan in a Ray cluster.

    Parameters
    ----------
    plan
        Its lock is held by the caller; its folder is seen by all machines under the same name, unless
        ``options.remote`` says where they find it.
    address
        ``auto`` is the cluster that this machine belongs to; else that of its head, such as ``10.0.0.1:6379``.
    gpu
        Whether each task takes a GPU; else the plan's number of CPU cores.
    options
        Their ``progress`` receives frames and chunks of all machines together, counted, and who begins a part.
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
        self._left = plan.missing()
        self._kept = dict.fromkeys(self._left, 0)
        self._done = plan.frames - sum(plan.parts[number - 1].frames for number in self._left)
        self._earlier = {number: self._holder(number) for number in self._begun()}
        self._workers: dict[int, str] = {}
        self._warnings: set[str] = set()
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
        with connected(self._address) as ray:
            needs = task_needs(self._plan.threads, self._options.cluster_resources, gpu=self._gpu)
            if not is_met(needs, ray.nodes()):
                what = describe_needs(needs)
                _log.warning("no machine of the cluster has %s; one that joins it is waited for", what)
            if not self._gpu and self._options.device == "auto" and ray.cluster_resources().get("GPU"):
                _log.warning("the cluster's GPUs are not used, as the plan was made on a machine without one")
            remote = ray.remote(max_retries=RETRIES, **ray_options(needs))(PartTask.run)
            running: dict[Any, int] = {}
            try:
                while (self._left or running) and not stop_requested():
                    while self._left and len(running) < _TASKS:
                        number = self._left.pop(0)
                        named = remote.options(name=f"dreamvid part {number}")
                        running[named.remote(self._task(number))] = number
                    ended, _ = ray.wait(list(running), num_returns=len(running), timeout=_POLL_SECONDS)
                    for reference in ended:
                        self._take(ray, reference, running.pop(reference))
                    kept = self._tell(kept)
            finally:
                _cancel(ray, list(running))
        if not stop_requested() and (missing := self._plan.missing()):
            raise WorkError(f"{len(missing)} parts are left; the same command goes on")

    def _task(self, number: int) -> PartTask:
        options = self._options
        return PartTask(
            str(self._plan.folder.resolve()),
            number,
            "gpu:0" if self._gpu else "cpu",
            options.chunk,
            options.allow_mixed,
            options.trust_model,
            options.interruptible,
            self._build,
            options.remote,
        )

    def _take(self, ray: Any, reference: Any, number: int) -> None:
        """Take the end of a task."""
        end = end_of(ray, reference, f"part {number}")
        for text in end.warnings:
            if text not in self._warnings:
                self._warnings.add(text)
                _log.warning("%s", text)
        if end.error:
            raise WorkError(f"part {number}: {end.error}")
        remote = self._options.remote
        if end.is_done and (remote is None or remote.fetch_part(self._plan, number)):
            self._name(number, end.worker)
            self._done += self._plan.parts[number - 1].frames
            del self._kept[number]
        else:  # its machine shuts down, or it was damaged on its way
            self._left.append(number)

    def _tell(self, told: int) -> int:
        """Report what the shared storage says of the parts that were begun; return the number of frames kept."""
        for number in self._begun():
            manifest = self._plan.manifest_of(number, self._plan.manifest)
            records = read_records(self._plan.folder_of(number), manifest.identity)
            self._kept[number] = records[-1].end if records else 0
            holder = self._holder(number)
            if holder is not None and holder != self._earlier.get(number):
                self._name(number, str(holder))
        frames = self._done + sum(self._kept.values())
        if frames > told:
            self._options.progress.frame(frames - 1)
            self._chunks += 1
            self._options.progress.chunk(self._chunks, frames)
        return frames

    def _begun(self) -> list[int]:
        """Return the parts that are not known to be done and that someone has been at."""
        return sorted(begun_parts(self._plan.folder) & self._kept.keys())

    def _holder(self, number: int) -> Holder | None:
        return read_holder(self._plan.folder_of(number) / LOCK)

    def _name(self, number: int, worker: str) -> None:
        """Report which process is at a part, once."""
        before = self._workers.get(number)
        if worker == before:
            return
        if before is not None:
            _log.warning("part %d: %s, has ended too early; the part is begun again", number, before)
        self._workers[number] = worker
        self._options.progress.part(f"part {number} of {len(self._plan.parts)}, {worker}")


def _cancel(ray: Any, references: list[Any]) -> None:
    """End tasks; those that run keep what is whole, or all whole frames where interruptions are deferred."""
    for reference in references:
        ray.cancel(reference)
    if references:
        ray.wait(references, num_returns=len(references), timeout=_PATIENCE)
