"""What a run tells while it goes: a bar for people, JSON lines for programs, or nothing."""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    from types import TracebackType

    from dreamvid.cli.options import CommonOptions


class Progress(Protocol):
    """Told of a run's events; a context manager, so that a terminal is always left tidy."""

    def __enter__(self) -> Self:
        """Take the screen."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the screen back."""
        ...

    def start(self, frames: int | None, label: str, resumed_at: int = 0) -> None:
        """Say that dreaming begins; ``frames`` is None where the container does not tell."""
        ...

    def frame(self, index: int) -> None:
        """Say that frame ``index`` (from 0) is dreamed."""
        ...

    def chunk(self, number: int, frames: int) -> None:
        """Say that chunk ``number`` (from 1) is kept, and so many frames in all."""
        ...

    def encode(self, frames: int, label: str) -> None:
        """Say that all frames are dreamed, and the output is made of them."""
        ...

    def encoded(self, index: int) -> None:
        """Say that frame ``index`` is encoded."""
        ...

    def notice(self, text: str) -> None:
        """Say something that the user may want to know."""
        ...

    def done(self, summary: dict[str, Any]) -> None:
        """Say that the output is in place."""
        ...


class Silent:
    """Tells nothing; the base of the others."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def start(self, frames: int | None, label: str, resumed_at: int = 0) -> None:
        """Tell nothing."""

    def frame(self, index: int) -> None:
        """Tell nothing."""

    def chunk(self, number: int, frames: int) -> None:
        """Tell nothing."""

    def encode(self, frames: int, label: str) -> None:
        """Tell nothing."""

    def encoded(self, index: int) -> None:
        """Tell nothing."""

    def notice(self, text: str) -> None:
        """Tell nothing."""

    def done(self, summary: dict[str, Any]) -> None:
        """Tell nothing."""


class Lines(Silent):
    """For logs and pipes: notices and nothing else."""

    def notice(self, text: str) -> None:
        """Print the notice."""
        with suppress(OSError):  # nobody listens any more: the dream goes on
            sys.stderr.write(f"note: {' '.join(text.split())}\n")


class JsonLines(Silent):
    """For programs: one JSON object a line on stderr."""

    def __init__(self) -> None:
        self._frames: int | None = None
        self._started = time.perf_counter()

    def start(self, frames: int | None, label: str, resumed_at: int = 0) -> None:
        """Emit ``start``."""
        self._frames = frames
        label = label.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        self._emit(event="start", frames=frames, resumed_at=resumed_at, output=label)

    def frame(self, index: int) -> None:
        """Emit ``frame``."""
        seconds = time.perf_counter() - self._started
        self._emit(event="frame", frame=index, frames=self._frames, seconds=round(seconds, 3))

    def chunk(self, number: int, frames: int) -> None:
        """Emit ``chunk``."""
        self._emit(event="chunk", chunk=number, kept=frames, frames=self._frames)

    def notice(self, text: str) -> None:
        """Emit ``notice``."""
        self._emit(event="notice", text=text)

    def done(self, summary: dict[str, Any]) -> None:
        """Emit ``done``."""
        self._emit(event="done", **summary)

    def _emit(self, **event: Any) -> None:
        with suppress(OSError):  # nobody listens any more: the dream goes on
            sys.stderr.write(json.dumps(event) + "\n")
            sys.stderr.flush()


class Bar(Silent):
    """For people at a terminal: frames done, frames a second, time left."""

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415  rich is slow to import, and only terminals need it
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415
        from rich.progress import TimeRemainingColumn as TimeLeft  # noqa: PLC0415

        self._console = Console(stderr=True)
        speed = TextColumn("{task.fields[speed]}")
        text = TextColumn("{task.description}")
        self._bar = Progress(
            text, BarColumn(), MofNCompleteColumn(), speed, TimeLeft(), console=self._console, transient=True
        )
        self._task = self._bar.add_task("", total=None, speed="")
        self._started = time.perf_counter()
        self._begun = 0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def start(self, frames: int | None, label: str, resumed_at: int = 0) -> None:
        """Show the bar; questions to the user come before this."""
        if resumed_at:
            self.notice(f"going on at frame {resumed_at}")
        self._show("dreaming", frames, label, resumed_at)

    def frame(self, index: int) -> None:
        """Move the bar."""
        speed = (index + 1 - self._begun) / max(1e-6, time.perf_counter() - self._started)
        self._bar.update(self._task, completed=index + 1, speed=f"{speed:.2f} fps")

    def encode(self, frames: int, label: str) -> None:
        """Begin anew, for what is left of the encoding."""
        self._show("encoding", frames, label, 0)
        self._begun = -1

    def encoded(self, index: int) -> None:
        """Move the bar."""
        if self._begun < 0:
            self._started, self._begun = time.perf_counter(), index + 1
        self.frame(index)

    def done(self, summary: dict[str, Any]) -> None:  # noqa: ARG002  the closing line says it
        """Take the bar away."""
        self._bar.stop()

    def _show(self, doing: str, frames: int | None, label: str, begun: int) -> None:
        self._started, self._begun = time.perf_counter(), begun
        self._bar.reset(self._task, total=frames, completed=begun, description=f"{doing} {label}", speed="")
        self._bar.start()

    def notice(self, text: str) -> None:
        """Print above the bar."""
        self._console.print(f"note: {text}", style="yellow", markup=False, highlight=False)


def choose(common: CommonOptions) -> Progress:
    """Return what ``--quiet``, ``--progress`` and the terminal call for."""
    if common.quiet:
        return Silent()
    if common.progress == "json":
        return JsonLines()
    return Bar() if sys.stderr.isatty() else Lines()
