"""The jobs of the studio's folder: one JSON file each, beside the preset and the log of its run.

::

    .dreamvid-studio/jobs/
        3f2a….json      what is to be made, its place in the queue, and whether it is paused
        3f2a….yaml      its preset
        3f2a….log       what its run says, one JSON object a line, errors as plain lines
        3f2a….lock      locked by its run from the first moment to the last, whoever started it

What state a job is in follows from these files, its work folder and its output alone, so that a server that was
killed, a run that went on without it, and a new server all agree.
"""

from __future__ import annotations

import json
import re
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from dreamvid.atomic import FileLock, is_locked, write_durably, write_error
from dreamvid.checkpoint import layout
from dreamvid.errors import ReadError, WriteError
from dreamvid.text import printable

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.studio.library import Library

JobState = Literal["waiting", "running", "stopping", "paused", "failed", "done"]

_ID = re.compile(r"[0-9a-f]{32}")
_TAIL_BYTES = 1 << 14
_ERROR_PREFIX = "dreamvid: "
_INTERRUPTED = f"{_ERROR_PREFIX}interrupted"
_MOST_NAMES = 10_000


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be made; names are base names in the folder, ``source`` is None for a trip that has none.

    ``order`` is its place in the queue, smaller is earlier. ``cancelled`` says that it goes once its run has stopped.
    ``killed`` says how its last run ended, where that could not say so itself.
    """

    id: str
    name: str
    pipeline: str
    source: str | None
    output: str
    order: float
    created: float
    paused: bool = False
    cancelled: bool = False
    killed: str = ""


@dataclass(frozen=True, slots=True)
class JobStatus:
    """Where a job is: its state, frames done (None: not known), why it failed, and warnings."""

    state: JobState
    done: int = 0
    frames: int | None = None
    seconds_left: float | None = None
    error: str = ""
    notes: tuple[str, ...] = ()


class JobFolder:
    """The jobs of a folder, in their order."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.folder = library.state_folder / "jobs"
        self._looking = threading.Lock()  # to look at a lock is to hold it for a moment

    def jobs(self) -> list[Job]:
        """Return all jobs by their place in the queue; files that are no jobs are passed over."""
        found = []
        with suppress(OSError):
            for path in self.folder.glob("*.json"):
                job = self._read(path)
                if job is not None:
                    found.append(job)
        return sorted(found, key=lambda job: (job.order, job.created, job.id))

    def job(self, job_id: object) -> Job:
        """Return the job of an id; raises a ``ReadError`` where there is none."""
        job = next((job for job in self.jobs() if job.id == job_id), None)
        if job is None:
            raise ReadError("there is no such job; it may have been removed")
        return job

    def add(self, job: Job, preset: str) -> Job:
        """Write a new job, given as one without id, and its preset; return it with its id.

        Raises
        ------
        WriteError
            Where it cannot be written.
        """
        job = replace(job, id=uuid4().hex)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_durably(self.file(job, ".yaml"), preset.encode())
        except OSError as error:
            raise write_error(self.folder, error) from None
        self.write(job)
        return job

    def write(self, job: Job) -> None:
        """Replace the file of a job; raises a ``WriteError`` where that fails."""
        try:
            write_durably(self.file(job, ".json"), (json.dumps(asdict(job), indent=1) + "\n").encode())
        except OSError as error:
            raise write_error(self.folder, error) from None

    def remove(self, job: Job) -> None:
        """Remove a job and its unfinished work; its output stays. It must not be running."""
        self.discard_work(job)
        for suffix in (".json", ".yaml", ".log", ".lock"):
            with suppress(OSError):
                self.file(job, suffix).unlink(missing_ok=True)

    def discard_work(self, job: Job) -> None:
        """Remove what earlier runs of a job kept, unless one is at it."""
        work = layout.work_folder(self.output(job))
        with suppress(OSError):
            lock = FileLock(work / layout.LOCK)
            layout.remove(work)
            lock.release()

    def file(self, job: Job, suffix: str) -> Path:
        """Return one of a job's files."""
        return self.folder / f"{job.id}{suffix}"

    def output(self, job: Job) -> Path:
        """Return where a job's output goes."""
        return self.library.folder / job.output

    def free_output(self, stem: str, suffix: str) -> str:
        """Return the name of an output that is neither there nor that of another job."""
        taken = {job.output for job in self.jobs()}
        for number in range(1, _MOST_NAMES):
            name = f"{stem}{suffix}" if number == 1 else f"{stem}-{number}{suffix}"
            path = self.library.folder / name
            if name not in taken and not path.exists() and not layout.work_folder(path).exists():
                return name
        raise WriteError(f"{printable(stem)}: too many outputs have this name")

    def is_running(self, job: Job) -> bool:
        """Return whether a run is at a job, whoever started it."""
        with self._looking:
            return is_locked(self.file(job, ".lock"))

    def status(self, job: Job) -> JobStatus:
        """Return the state of a job, from the disk."""
        log = read_log(self.file(job, ".log"))
        if self.is_running(job):
            state: JobState = "stopping" if job.paused or job.cancelled else "running"
            return JobStatus(state, log.done, log.frames, log.seconds_left, notes=log.notes)
        output = self.output(job)
        if output.exists() and not layout.work_folder(output).exists():
            return JobStatus("done", log.frames or log.done, log.frames, notes=log.notes)
        if job.paused:
            return JobStatus("paused", log.done, log.frames, notes=log.notes)
        error = log.error or job.killed
        if error:
            return JobStatus("failed", log.done, log.frames, error=error, notes=log.notes)
        return JobStatus("waiting", log.done, log.frames, notes=log.notes)

    def _read(self, path: Path) -> Job | None:
        try:
            values = json.loads(path.read_bytes())
            names = {field.name for field in fields(Job)}
            job = Job(**{key: value for key, value in values.items() if key in names})
        except (OSError, ValueError, TypeError, AttributeError):
            return None
        texts = (job.id, job.name, job.pipeline, job.output, job.source or "")
        plain = all(isinstance(text, str) for text in texts) and isinstance(job.order, int | float)
        if not plain or job.id != path.stem or _ID.fullmatch(job.id) is None:
            return None
        safe = all(
            "/" not in text and "\\" not in text and text != ".." for text in (job.output, job.source or "")
        )
        return job if safe and job.output else None


@dataclass(frozen=True, slots=True)
class RunLog:
    """What the log of a run says: frames done and in all, the time that is left, an error, and warnings."""

    done: int = 0
    frames: int | None = None
    seconds_left: float | None = None
    error: str = ""
    notes: tuple[str, ...] = ()


def read_log(path: Path) -> RunLog:
    """Return what the log of a run says of its last start; only its end is read."""
    try:
        with path.open("rb") as file:
            head = file.read(_TAIL_BYTES)
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            tail = file.read()
    except OSError:
        return RunLog()
    lines = (head if size <= _TAIL_BYTES else head + b"\n" + tail).decode("utf-8", "replace").splitlines()
    start: dict[str, Any] = {}
    last: dict[str, Any] = {}
    error, notes = "", []
    for line in lines:
        event = _event(line)
        match event.get("event"):
            case "start":
                start = event
            case "frame":
                last = event
            case "notice":
                notes.append(str(event.get("text", "")))
        if line.startswith(_ERROR_PREFIX) and not line.startswith(_INTERRUPTED):
            error = line.removeprefix(_ERROR_PREFIX)
    frames, first = start.get("frames"), int(start.get("resumed_at") or 0)
    done = int(last["frame"]) + 1 if isinstance(last.get("frame"), int) else first
    left = None
    if frames and done > first and isinstance(last.get("seconds"), int | float):
        left = max(0.0, float(last["seconds"]) / (done - first) * (frames - done))
    return RunLog(done, frames, left, error, tuple(dict.fromkeys(notes)))


def _event(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line) if line.startswith("{") else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
