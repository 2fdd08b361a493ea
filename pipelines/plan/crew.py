"""Run one process a device that takes parts of a plan, until all are done; what dies is started again."""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from dreamvid.errors import WorkError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dreamvid.pipelines.options import RunOptions, StopRequested
    from dreamvid.pipelines.plan.devices import WorkerDevice
    from dreamvid.pipelines.plan.plan import Plan

_log = logging.getLogger(__name__)

_POLL_SECONDS = 0.2
_STARTS = 4
"""Times that a process is started without having done a part in between."""
_PREFIX = "dreamvid: "


def worker_command(plan: Plan, device: WorkerDevice, options: RunOptions) -> list[str]:
    """Return the command that dreams all parts that are free."""
    command = [sys.executable, "-m", "dreamvid", "part", str(plan.folder), "--device", device.device]
    command += ["--progress", "json", "--until-input-ends", "--chunk", str(options.chunk)]
    command += ["--allow-mixed"] * options.allow_mixed
    return command + ["--trust-model"] * options.trust_model


@dataclass(slots=True)
class _Member:
    """A process and what it is at: ``dreamed`` frames of a part in this run, ``kept`` of them in whole chunks."""

    device: WorkerDevice
    process: subprocess.Popen[str]
    starts: int = 1
    begun: int = 0
    dreamed: int = 0
    kept: int = 0
    last_line: str = ""


class Crew:
    """The processes that dream the parts of a plan.

    Parameters
    ----------
    plan
        Its lock is held by the caller.
    devices
        One process each.
    options
        Their ``progress`` receives frames and chunks of all processes together, counted.
    command
        Returns what to run for a device; it reports as ``dreamvid part --progress json`` does.
    """

    def __init__(
        self,
        plan: Plan,
        devices: Sequence[WorkerDevice],
        options: RunOptions,
        command: Callable[[Plan, WorkerDevice, RunOptions], Sequence[str]] = worker_command,
    ) -> None:
        self._plan = plan
        self._options = options
        self._command = command
        self._done = 0
        self._chunks = 0
        self._members: list[_Member] = []
        self._lines: queue.SimpleQueue[tuple[_Member, str | None]] = queue.SimpleQueue()
        self._devices = devices

    def run(self, kept: int, stop_requested: StopRequested) -> None:
        """Dream until every part is done, or a stop is requested; ``kept`` frames are there already.

        Raises
        ------
        WorkError
            Where a process ended with an error, or none is left of those that died.
        """
        self._done = kept
        try:
            for device in self._devices:
                self._start(device)
            while self._members and not stop_requested():
                self._take_line()
        finally:
            self._stop()
        if not stop_requested() and (missing := self._plan.missing()):
            raise WorkError(
                f"{len(missing)} parts are left, and no process to dream them; the same command goes on"
            )

    def _start(self, device: WorkerDevice, starts: int = 1) -> None:
        environment = {**os.environ, **dict(device.variables)}
        process = subprocess.Popen(  # noqa: S603  our own command
            self._command(self._plan, device, self._options),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
            start_new_session=True,  # Ctrl-C is passed on, once
        )
        if device.cores is not None:
            with suppress(OSError):
                os.sched_setaffinity(process.pid, device.cores)
        member = _Member(device, process, starts)
        self._members.append(member)
        assert process.stderr is not None
        threading.Thread(target=self._read, args=(member, process.stderr), daemon=True).start()

    def _read(self, member: _Member, lines: IO[str]) -> None:
        with lines:
            for line in lines:
                self._lines.put((member, line))
        self._lines.put((member, None))

    def _take_line(self) -> None:
        try:
            member, line = self._lines.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            return
        if line is None:
            self._end(member)
        else:
            self._note(member, line)

    def _note(self, member: _Member, line: str) -> None:
        """Take a line that a process has written: an event, or an error at its end."""
        try:
            event: dict[str, Any] = json.loads(line)
        except ValueError:
            member.last_line = line.strip() or member.last_line
            return
        progress = self._options.progress
        match event.get("event"):
            case "start":
                member.starts = 1 if member.dreamed else member.starts
                self._done += member.dreamed
                member.begun, member.dreamed, member.kept = int(event["resumed_at"]), 0, 0
            case "part":
                progress.part(f"{event['part']}, {member.device.name}")
            case "frame":
                member.dreamed = int(event["frame"]) + 1 - member.begun
                progress.frame(self._done + sum(each.dreamed for each in self._members) - 1)
            case "chunk":
                member.kept = int(event["kept"]) - member.begun
                self._chunks += 1
                progress.chunk(self._chunks, self._done + sum(each.kept for each in self._members))
            case "notice":
                _log.warning("%s", event["text"])

    def _end(self, member: _Member) -> None:
        """Take the end of a process: start it again where it died."""
        code = _close(member.process)
        self._members.remove(member)
        self._done += member.dreamed if code == 0 else member.kept
        if code == 0 or not self._plan.missing():
            return
        name, error = member.device.name, member.last_line.removeprefix(_PREFIX)
        if code in {1, 2} and member.last_line.startswith(_PREFIX):
            raise WorkError(f"{name}: {error}")
        reason = signal.strsignal(-code) if code < 0 else f"exit code {code}"
        if member.starts < _STARTS:
            _log.warning("%s: its process died (%s); it is started again", name, reason)
            self._start(member.device, member.starts + 1)
        else:
            _log.warning("%s: its process died %d times (%s); it is given up", name, _STARTS, reason)

    def _stop(self) -> None:
        """Ask all processes to stop after their frame, and wait for them; a second interruption ends them."""
        for member in self._members:
            with suppress(OSError):
                member.process.terminate()  # SIGINT is ignored in what a shell runs in the background
        try:
            for member in self._members:
                member.process.wait()
        finally:
            for member in self._members:
                member.process.kill()
                _close(member.process)


def _close(process: subprocess.Popen[str]) -> int:
    """Wait for a process that ends, and close the pipe to it; return its exit code."""
    code = process.wait()
    if process.stdin is not None:
        process.stdin.close()
    return code
