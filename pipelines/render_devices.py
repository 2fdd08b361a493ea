"""Share the jobs of a render between devices: one process each takes job after job.

A process that finds no job left takes parts of the videos that others are at. So many short jobs and a single long
video both keep all devices at work, and no frame depends on which of them made it.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dreamvid.atomic import is_locked
from dreamvid.checkpoint.layout import LOCK, work_folder
from dreamvid.errors import ReadError, WorkError
from dreamvid.pipelines.build import count_gpus
from dreamvid.pipelines.plan.devices import worker_devices
from dreamvid.pipelines.plan.plan import has_plan, read_plan, usable_cores
from dreamvid.pipelines.plan.processes import DeviceProcesses
from dreamvid.pipelines.render_jobs import Job, Result, is_busy, is_made, stopped
from dreamvid.pipelines.render_worker import answered_result, job_order, parts_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dreamvid.pipelines.options import RunOptions, StopRequested
    from dreamvid.pipelines.plan.devices import WorkerDevice
    from dreamvid.pipelines.plan.processes import DeviceProcess

_TRIES = 3
"""Times that a job is begun whose process dies of it."""
_COMMAND = (sys.executable, "-m", "dreamvid", "worker")


def render_on_devices(
    jobs: Sequence[Job],
    options: RunOptions,
    *,
    again: bool = False,
    command: Sequence[str] = _COMMAND,
) -> Iterator[Result]:
    """Render jobs on ``options.devices``, and yield what became of each as it ends.

    Parameters
    ----------
    again
        As for :func:`dreamvid.pipelines.render.render`.
    command
        What a process runs, which takes the orders of :mod:`dreamvid.pipelines.render_worker`.

    Raises
    ------
    WorkError
        Where a process cannot begin, or all have died.
    KeyboardInterrupt
        Where the run was asked to stop; its text says how to go on.
    """
    devices = worker_devices(options.devices, count_gpus)
    wanted = []
    for job in jobs:
        if not again and is_made(job):
            yield Result(job)
        else:
            wanted.append(job)
    done = len(jobs) - len(wanted)
    if not wanted:
        return
    replaces = [job.output is not None and _may_replace(job.output, options) for job in wanted]
    options.progress.start(None, f"{len(wanted)} outputs" if len(wanted) > 1 else wanted[0].name)
    with options.interruptible() as asked:
        for result in _Renderers(wanted, replaces, devices, options, command).results(asked):
            done += 1
            yield result
        if asked():
            raise KeyboardInterrupt(stopped(done, len(jobs), options))


def _may_replace(output: Path, options: RunOptions) -> bool:
    return output.exists() and options.confirm_overwrite(output)


class _Renderers(DeviceProcesses):
    """The processes that jobs are shared between.

    ``replaces`` tells for each job whether its output may be replaced; otherwise as for :func:`render_on_devices`.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        replaces: Sequence[bool],
        devices: Sequence[WorkerDevice],
        options: RunOptions,
        command: Sequence[str],
    ) -> None:
        super().__init__(devices, options.progress)
        self._jobs = jobs
        self._replaces = replaces
        # Last bits depend on the number of threads; processes that share the cores have as many as one alone.
        self._options = replace(options, threads=options.threads or usable_cores())
        self._run_command = command
        self._waiting = list(range(len(jobs)))
        self._at: dict[DeviceProcess, int] = {}
        self._helping: dict[DeviceProcess, int] = {}
        self._without_help: set[int] = set()
        self._seen_busy: set[int] = set()
        self._deaths: Counter[int] = Counter()
        self._results: list[Result] = []

    def results(self, stop_requested: StopRequested) -> Iterator[Result]:
        """Yield what becomes of each job, until all have ended or a stop is requested."""
        for _ in self._lines_taken(stop_requested):
            self._share()
            yield from self._results
            self._results.clear()
            if not self._is_needed():
                return
        if not stop_requested():
            left = f"{len(self._waiting)} of {len(self._jobs)} jobs are left"
            raise WorkError(f"{left}, and no process to render them; the same command goes on")

    def _command(self, device: WorkerDevice) -> Sequence[str]:  # noqa: ARG002  a process is told its device with a job
        return self._run_command

    def _is_needed(self) -> bool:
        return bool(self._waiting or self._at)

    def _share(self) -> None:
        """Give each process without work a job, or parts of a video that another is at."""
        for member in self._members:
            if member in self._at or member in self._helping:
                continue
            if (number := self._next_job()) is not None:
                self._give(member, number)
            elif (video := self._video_to_help()) is not None:
                self._helping[member] = video
                options = replace(self._options, device=member.device.device)
                member.send(json.dumps(parts_order(self._folder(video), options)))

    def _next_job(self) -> int | None:
        """Take a job that no other run is at; what such a run has made meanwhile is done."""
        for number in list(self._waiting):
            job = self._jobs[number]
            if is_busy(job):
                self._seen_busy.add(number)
                continue
            self._waiting.remove(number)
            if number not in self._seen_busy or not is_made(job):
                return number
            self._results.append(Result(job))
        return None

    def _give(self, member: DeviceProcess, number: int) -> None:
        job, options = self._jobs[number], self._options
        fresh = options.fresh and not self._deaths[number]
        self._at[member] = number
        options = replace(options, device=member.device.device, fresh=fresh)
        member.send(json.dumps(job_order(job, options, replaces=self._replaces[number])))

    def _video_to_help(self) -> int | None:
        """Return the number of a video with parts that nobody is at."""
        return next((number for number in self._at.values() if self._has_free_part(number)), None)

    def _has_free_part(self, number: int) -> bool:
        if number in self._without_help or self._jobs[number].preset.pipeline != "video":
            return False
        folder = self._folder(number)
        if not has_plan(folder):
            return False
        try:
            plan = read_plan(folder)
        except ReadError:  # it is done, and removed just now
            return False
        return any(not is_locked(plan.folder_of(part) / LOCK) for part in plan.missing())

    def _folder(self, number: int) -> Path:
        output = self._jobs[number].output
        assert output is not None
        return work_folder(output)

    def _take_event(self, member: DeviceProcess, event: dict[str, Any]) -> None:
        number = self._helping.get(member, self._at.get(member))
        if event.get("event") == "done" and number is not None:
            self._take_answer(member, event)
        elif event.get("event") in {"start", "part"} and number is not None:
            output = self._jobs[number].output
            part = f", {event['part']}" if "part" in event else ""
            self._progress.part(f"{output.name if output else ''}{part}, {member.device.name}")

    def _take_answer(self, member: DeviceProcess, answer: dict[str, Any]) -> None:
        member.starts = 1
        if (helped := self._helping.pop(member, None)) is not None:
            if "error" in answer:
                self._without_help.add(helped)
            return
        number = self._at.pop(member)
        if "busy" in answer:
            self._seen_busy.add(number)
            self._waiting.append(number)
            return
        error = WorkError(answer["error"]) if "error" in answer else None
        self._results.append(Result(self._jobs[number], answered_result(answer), error))

    def _end(self, member: DeviceProcess) -> None:
        self._helping.pop(member, None)
        number = self._at.pop(member, None)
        if number is not None:
            self._deaths[number] += 1
            if self._deaths[number] < _TRIES:
                self._waiting.insert(0, number)
            else:
                member.starts = 1
                died = f"the process that rendered it died {_TRIES} times"
                self._results.append(Result(self._jobs[number], error=WorkError(died)))
        super()._end(member)
