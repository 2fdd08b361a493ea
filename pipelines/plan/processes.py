"""Run one process a device, and take the events that each reports; what dies is started again."""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import subprocess
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from dreamvid.errors import WorkError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dreamvid.pipelines.options import StopRequested
    from dreamvid.pipelines.plan.devices import WorkerDevice
    from dreamvid.pipelines.progress import Progress

_log = logging.getLogger(__name__)

_POLL_SECONDS = 0.2
_STARTS = 4
"""Times that a process is started without having dreamed anything in between."""
_PREFIX = "dreamvid: "


@dataclass(slots=True, eq=False)
class DeviceProcess:
    """A process and what it is at: ``dreamed`` frames in this run, ``kept`` of them in whole chunks."""

    device: WorkerDevice
    process: subprocess.Popen[str]
    starts: int = 1
    begun: int = 0
    dreamed: int = 0
    kept: int = 0
    last_line: str = ""

    def send(self, line: str) -> None:
        """Write a line to its standard input; that it has died meanwhile shows where its end is taken."""
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()


class DeviceProcesses(ABC):
    """The processes of some devices, and the frames of all of them, counted.

    They report on standard error as ``dreamvid --progress json`` does, and end when their standard input ends.
    """

    def __init__(self, devices: Sequence[WorkerDevice], progress: Progress) -> None:
        self._devices = devices
        self._progress = progress
        self._done = 0
        self._chunks = 0
        self._members: list[DeviceProcess] = []
        self._lines: queue.SimpleQueue[tuple[DeviceProcess, str | None]] = queue.SimpleQueue()

    @abstractmethod
    def _command(self, device: WorkerDevice) -> Sequence[str]:
        """Return what to run for a device."""

    @abstractmethod
    def _is_needed(self) -> bool:
        """Return whether there is work left for a process that has died."""

    def _take_event(self, member: DeviceProcess, event: dict[str, Any]) -> None:
        """Take an event, which has been counted if it is one of frames."""
        if event.get("event") == "part":
            self._progress.part(f"{event['part']}, {member.device.name}")

    def _lines_taken(self, stop_requested: StopRequested) -> Iterator[None]:
        """Run the processes until all have ended, or a stop is requested; yield after each line of theirs."""
        try:
            for device in self._devices:
                self._start(device)
            while self._members and not stop_requested():
                self._take_line()
                yield
        finally:
            self._stop()

    def _start(self, device: WorkerDevice, starts: int = 1) -> None:
        environment = {**os.environ, **dict(device.variables)}
        process = subprocess.Popen(  # noqa: S603  our own command
            self._command(device),
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
        member = DeviceProcess(device, process, starts)
        self._members.append(member)
        assert process.stderr is not None
        threading.Thread(target=self._read, args=(member, process.stderr), daemon=True).start()

    def _read(self, member: DeviceProcess, lines: IO[str]) -> None:
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

    def _note(self, member: DeviceProcess, line: str) -> None:
        """Take a line that a process has written: an event, or an error at its end."""
        try:
            event: dict[str, Any] = json.loads(line)
        except ValueError:
            member.last_line = line.strip() or member.last_line
            return
        progress = self._progress
        match event.get("event"):
            case "start":
                member.starts = 1 if member.dreamed else member.starts
                self._done += member.dreamed
                member.begun, member.dreamed, member.kept = int(event["resumed_at"]), 0, 0
            case "frame":
                member.dreamed = int(event["frame"]) + 1 - member.begun
                progress.frame(self._done + sum(each.dreamed for each in self._members) - 1)
            case "chunk":
                member.kept = int(event["kept"]) - member.begun
                self._chunks += 1
                progress.chunk(self._chunks, self._done + sum(each.kept for each in self._members))
            case "notice":
                _log.warning("%s", event["text"])
        self._take_event(member, event)

    def _end(self, member: DeviceProcess) -> None:
        """Take the end of a process: start it again where it died."""
        code = _close(member.process)
        self._members.remove(member)
        self._done += member.dreamed if code == 0 else member.kept
        if code == 0 or not self._is_needed():
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
        with suppress(OSError):
            process.stdin.close()
    return code
