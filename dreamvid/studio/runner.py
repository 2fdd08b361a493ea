"""Run the jobs of a folder one after the other, each as a command of its own that outlives the server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from typing import IO, TYPE_CHECKING

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dreamvid.studio.jobs import Job, JobFolder

_PERIOD = 0.3
_CHUNK_SECONDS = "2"
_PATIENCE = 20.0

EXIT_INTERRUPTED = 130

Command = list[str]


def render_command(job: Job, folder: JobFolder) -> Command:
    """Return the command that renders a job."""
    source = [] if job.source is None else ["-i", str(folder.library.folder / job.source)]
    return [
        *(sys.executable, "-m", "dreamvid", "render", str(folder.file(job, ".yaml"))),
        *(*source, "-o", str(folder.output(job)), "--progress", "json", "--chunk", _CHUNK_SECONDS),
    ]


class JobRunner:
    """Starts the first job that waits whenever none runs, and stops what is paused or cancelled.

    Parameters
    ----------
    folder
        The jobs.
    command
        Returns the command of a job.
    """

    def __init__(
        self, folder: JobFolder, command: Callable[[Job, JobFolder], Command] = render_command
    ) -> None:
        self._folder = folder
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._job_id = ""
        self._asked: set[str] = set()
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dreamvid jobs", daemon=True)

    def start(self) -> None:
        """Begin in a thread of its own."""
        self._thread.start()

    def wake(self) -> None:
        """Look at the jobs at once: one was added or changed."""
        self._wake.set()

    def close(self) -> None:
        """Stop the run cleanly, so that the next start goes on with it, and end the thread."""
        self._ended.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE)
        process = self._process
        if process is not None:
            if process.poll() is None:
                self._stop(process.pid)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE)

    def _run(self) -> None:
        while not self._ended.is_set():
            with suppress(OSError):  # the folder may be away for a while
                self.look()
            self._wake.wait(_PERIOD)
            self._wake.clear()

    def look(self) -> None:
        """Bring jobs and processes together, once."""
        self._note_end()
        running = False
        for job in self._folder.jobs():
            state = self._folder.status(job).state
            running = running or state in {"running", "stopping"}
            if state == "stopping" and job.id not in self._asked:
                process_id = self._process_id(job)
                if process_id is not None:
                    self._asked.add(job.id)
                    self._stop(process_id)
            elif job.cancelled and state not in {"running", "stopping"}:
                self._folder.remove(job)
        if running or self._process is not None:
            return
        waiting = (job for job in self._folder.jobs() if self._folder.status(job).state == "waiting")
        first = next(waiting, None)
        if first is not None and not self._ended.is_set():
            self._begin(first)

    def _begin(self, job: Job) -> None:
        self._asked.discard(job.id)
        with (
            _locked_file(self._folder.file(job, ".lock")) as lock,
            self._folder.file(job, ".log").open("wb") as log,
        ):
            self._process = subprocess.Popen(  # noqa: S603  our own command
                self._command(job, self._folder),
                cwd=self._folder.library.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the server's terminal is for the server
                pass_fds=(lock.fileno(),) if sys.platform != "win32" else (),
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
            self._job_id = job.id
            lock.write(str(self._process.pid).encode())
            lock.flush()

    def _note_end(self) -> None:
        """Write down how the run ended, where it was killed before it could say why."""
        if self._process is None:
            return
        code = self._process.poll()
        if code is None:
            return
        self._process = None
        job = next((job for job in self._folder.jobs() if job.id == self._job_id), None)
        if job is None or job.paused or job.cancelled or code == EXIT_INTERRUPTED:
            return
        if self._folder.status(job).state == "waiting":  # it would be begun again, and again
            self._folder.write(replace(job, killed=_reason(code)))

    def _process_id(self, job: Job) -> int | None:
        """Return the number of the process that runs a job, which may be that of an earlier server."""
        if self._process is not None and self._job_id == job.id:
            return self._process.pid
        try:
            number = int(self._folder.file(job, ".lock").read_bytes())
        except (OSError, ValueError):
            return None
        return number if number > 1 and self._folder.is_running(job) else None

    def _stop(self, process_id: int) -> None:
        """Ask a run to finish its frame, as Ctrl-C does; it then keeps what it has."""
        with suppress(OSError):
            os.kill(process_id, signal.SIGTERM)  # SIGINT is ignored in what a shell runs in the background


def _reason(code: int) -> str:
    """Return why a run ended that said nothing itself, by its exit code."""
    if code >= 0:
        return f"the run ended unexpectedly (exit code {code}); its log says more"
    name = signal.Signals(-code).name
    advice = "out of memory, perhaps; try a smaller size" if name == "SIGKILL" else "go on tries again"
    return f"the run was ended by the system ({name}): {advice}"


def _locked_file(path: Path) -> IO[bytes]:
    """Return an open file with a lock that belongs to all processes which have it open: the run's own, in the end."""
    file = path.open("wb")
    if sys.platform != "win32":
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file
