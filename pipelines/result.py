"""The result of a run: where the output is and how the run went."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dreamvid.text import byte_size, printable

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.types import Size


@dataclass(frozen=True, slots=True)
class RunResult:
    """One finished output.

    Attributes
    ----------
    source, output
        Files or folders.
    frames
        Number of frames of the output.
    seconds
        Time that the output took, over all its runs.
    size
        Size of the frames.
    resolved
        What ``auto`` became: objective, precision, device, plan.
    stages
        Seconds by stage of this run; stages overlap.
    dream_rms
        RMS of dreamed minus source, in [0, 1].
    objective_gain
        Ratio of the objective's score after and before, on the first frame that this run dreamed; None where it was
        not measured.
    resumed_at
        The frame at which this run went on with the work of an earlier one.
    verb
        What was done to the frames, for the closing line.
    url, bytes
        Where the output was sent, and its size, where it is not kept on this machine.
    """

    source: Path
    output: Path
    frames: int
    seconds: float
    size: Size
    resolved: dict[str, object] = field(default_factory=dict)
    stages: dict[str, float] = field(default_factory=dict)
    dream_rms: float = 0.0
    objective_gain: float | None = None
    resumed_at: int = 0
    verb: str = "dreamed"
    url: str = ""
    bytes: int | None = None

    @property
    def place(self) -> str:
        """Where the output is: its path or URL."""
        return self.url or str(self.output)

    def line(self) -> str:
        """Return the closing line: frames, time, fps, size, path."""
        frames = "1 frame" if self.frames == 1 else f"{self.frames} frames"
        minutes, seconds = divmod(round(self.seconds, 1), 60)
        clock = f"{int(minutes)}:{seconds:04.1f}" if minutes else f"{seconds:.1f} s"
        speed = self.frames / max(self.seconds, 1e-9)
        return (
            f"{self.verb} {frames} in {clock} ({speed:.2f} fps), {self.size}, "
            f"{byte_size(self._size())}: {printable(self.place)}"
        )

    def summary(self) -> dict[str, Any]:
        """Return the facts of the closing line as JSON values."""
        return {
            "frames": self.frames,
            "seconds": round(self.seconds, 3),
            "width": self.size.width,
            "height": self.size.height,
            "bytes": self._size(),
            "output": self.place.encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
        }

    def report(self) -> dict[str, Any]:
        """Return all facts of the run as JSON values."""
        stages = {name: round(value, 3) for name, value in self.stages.items()}
        return {
            **self.summary(),
            "source": self.source.name,
            "resumed_at": self.resumed_at,
            "stages": stages,
            "dream_rms": round(self.dream_rms, 5),
            "objective_gain": self.objective_gain,
            **self.resolved,
        }

    def _size(self) -> int:
        if self.bytes is not None:
            return self.bytes
        if self.output.is_dir():
            return sum(p.stat().st_size for p in self.output.iterdir() if p.is_file())
        return self.output.stat().st_size
