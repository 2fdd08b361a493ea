"""Displays of a run's progress: a bar for people, JSON lines for programs, notices only, or nothing."""

from __future__ import annotations

import json
import logging
import sys
import time
from contextlib import suppress
from typing import Any, Self

from dreamvid.text import printable

_log = logging.getLogger(__name__)

_ESTIMATE_PERIOD = {True: 30.0, False: 3600.0}
"""Seconds that the time left is estimated from, for frames, and for what is made in large portions."""


class Display:
    """Logs the events of a run and shows nothing; the base of the other displays.

    It is a :class:`~dreamvid.pipelines.progress.Progress`, and a context manager that leaves the terminal tidy.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def start(self, frames: int | None, label: str, resumed_at: int = 0) -> None:
        """Begin the dreaming; ``frames`` is None where it is not known."""
        _log.info(
            "dreaming %s, %s frames, from frame %d", label, "?" if frames is None else frames, resumed_at
        )

    def part(self, name: str) -> None:
        """Name the part that the frames from here on are of."""
        _log.info("%s", name)

    def frame(self, index: int) -> None:
        """Report a dreamed frame."""

    def chunk(self, number: int, frames: int) -> None:
        """Report a chunk on the disk, and ``frames`` frames in all."""
        _log.info("chunk %d is kept, %d frames in all", number, frames)

    def encode(self, frames: int, label: str) -> None:
        """Begin the encoding of what is left."""
        _log.info("encoding %s, %d frames", label, frames)

    def encoded(self, index: int) -> None:
        """Report an encoded frame."""

    def notice(self, text: str) -> None:
        """Show a warning."""

    def done(self, summary: dict[str, Any]) -> None:
        """Report that the output is in place."""


class Lines(Display):
    """Prints notices only, for logs and pipes."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix

    def notice(self, text: str) -> None:
        """Print the notice."""
        with suppress(OSError):  # a closed stderr does not end the dream
            sys.stderr.write(f"note: {self._prefix}{' '.join(text.split())}\n")


class JsonLines(Display):
    """Prints one JSON object a line on stderr, for programs."""

    def __init__(self) -> None:
        self._frames: int | None = None
        self._started = time.perf_counter()

    def start(self, frames: int | None, label: str, resumed_at: int = 0) -> None:
        """Emit ``start``."""
        super().start(frames, label, resumed_at)
        self._frames = frames
        label = label.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        self._emit(event="start", frames=frames, resumed_at=resumed_at, output=label)

    def part(self, name: str) -> None:
        """Emit ``part``."""
        super().part(name)
        self._emit(event="part", part=name)

    def frame(self, index: int) -> None:
        """Emit ``frame``."""
        seconds = time.perf_counter() - self._started
        self._emit(event="frame", frame=index, frames=self._frames, seconds=round(seconds, 3))

    def chunk(self, number: int, frames: int) -> None:
        """Emit ``chunk``."""
        super().chunk(number, frames)
        self._emit(event="chunk", chunk=number, kept=frames, frames=self._frames)

    def notice(self, text: str) -> None:
        """Emit ``notice``."""
        self._emit(event="notice", text=text)

    def done(self, summary: dict[str, Any]) -> None:
        """Emit ``done``."""
        self._emit(event="done", **summary)

    def _emit(self, **event: Any) -> None:
        with suppress(OSError):  # a closed stderr does not end the dream
            sys.stderr.write(json.dumps(event) + "\n")
            sys.stderr.flush()


class Bar(Display):
    """Shows frames done, their rate (in ``unit``) and time left, for people at a terminal."""

    def __init__(self, action: str = "dreaming", unit: str = "fps") -> None:
        from rich.console import Console  # noqa: PLC0415  rich is slow to import, and only terminals need it
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415
        from rich.progress import TimeRemainingColumn as TimeLeft  # noqa: PLC0415

        self._action = action
        self._unit = unit
        self._item = "frame" if unit == "fps" else unit.removesuffix("s/s")
        self._label = ""
        self._console = Console(stderr=True)
        speed = TextColumn("{task.fields[speed]}")
        text = TextColumn("{task.description}")
        self._bar = Progress(
            *(text, BarColumn(), MofNCompleteColumn(), speed, TimeLeft()),
            console=self._console,
            transient=True,
            speed_estimate_period=_ESTIMATE_PERIOD[unit == "fps"],
        )
        self._task = self._bar.add_task("", total=None, speed="")
        self._started = time.perf_counter()
        self._first: int | None = 0  # frame that the speed is counted from; None: the next one

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def start(self, frames: int | None, label: str, resumed_at: int = 0) -> None:
        """Show the bar; questions to the user come before this."""
        super().start(frames, label, resumed_at)
        if resumed_at:
            self.notice(f"going on at {self._item} {resumed_at}")
        self._label = f"{self._action} {label}"
        self._show(self._label, frames, resumed_at)
        self._started, self._first = time.perf_counter(), resumed_at

    def part(self, name: str) -> None:
        """Show the name beside the bar."""
        super().part(name)
        self._bar.update(self._task, description=f"{self._label}: {printable(name)}")

    def frame(self, index: int) -> None:
        """Move the bar."""
        if self._first is None:
            self._started, self._first = time.perf_counter(), index + 1
        speed = (index + 1 - self._first) / max(1e-6, time.perf_counter() - self._started)
        self._bar.update(self._task, completed=index + 1, speed=f"{speed:.2f} {self._unit}")

    def encode(self, frames: int, label: str) -> None:
        """Show the bar anew."""
        super().encode(frames, label)
        self._show(f"encoding {label}", frames, 0)
        self._first = None

    encoded = frame

    def done(self, summary: dict[str, Any]) -> None:  # noqa: ARG002  the closing line says it
        """Take the bar away."""
        self._bar.stop()

    def notice(self, text: str) -> None:
        """Print above the bar."""
        self._console.print(f"note: {text}", style="yellow", markup=False, highlight=False)

    def _show(self, description: str, frames: int | None, completed: int) -> None:
        self._bar.reset(self._task, total=frames, completed=completed, description=description, speed="")
        self._bar.start()


def choose_display(*, quiet: bool, progress: str, action: str = "dreaming", unit: str = "fps") -> Display:
    """Return the display that ``--quiet``, ``--progress`` and the terminal call for."""
    if quiet:
        return Display()
    if progress == "json":
        return JsonLines()
    return Bar(action, unit) if sys.stderr.isatty() else Lines()
