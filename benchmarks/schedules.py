"""(g) Schedules: a look on schedules against the same look as constants, the same frames to the last bit.

Every schedulable field of the look is on a schedule that keeps its value, so both do the same gradient steps and
what is left is the cost of schedules themselves: evaluating them, and engines that differ from frame to frame.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from figures import Figure, ratios
from pictures import write_clip

from dreamvid.config.preset import Preset
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.progress import NullProgress
from dreamvid.pipelines.video import dream_file
from dreamvid.types import Size

if TYPE_CHECKING:
    from pathlib import Path

PART = "g schedules"
SIZE = Size(270, 480)
BAR = 1.03
CONSTANT = {"objective": "mixed5, mixed4:0.5", "output": {"codec": "ffv1"}}
SCHEDULED = {
    "objective": {"mixed5": "1 + 0*sin(t)", "mixed4": {"0s": 0.5, "end": 0.5, "ease": "in-out"}},
    "ascent": {
        "steps": "7 + 0*t",
        "step_size": {"0s": 0.005, "50%": 0.005, "end": 0.005},
        "l2": "0*noise(t)",
    },
    "look": {"strength": "clamp(2 + sin(t), 0, 1)"},
    "stability": {"steadiness": "0.8 + 0*f"},
    "output": {"codec": "ffv1"},
}


class _Clock(NullProgress):
    """Notes when the first and the last frame were dreamed."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def frame(self, index: int) -> None:  # noqa: ARG002  part of the protocol
        self.times.append(time.perf_counter())


def measure(folder: Path, *, rounds: int, frames: int) -> list[Figure]:
    """Return the time of a scheduled run / that of a constant one, with the default look."""
    clip = folder / "schedules.mp4"
    write_clip(clip, SIZE, frames=frames)
    looks = {"constant": Preset.build(CONSTANT), "scheduled": Preset.build(SCHEDULED)}
    seconds: dict[str, list[float]] = {name: [] for name in looks}
    written: dict[str, bytes] = {}
    for _ in range(rounds):
        for name, preset in looks.items():
            clock, out = _Clock(), folder / f"{name}.mkv"
            dream_file(clip, out, preset, RunOptions(confirm_overwrite=lambda _path: True, progress=clock))
            seconds[name].append((clock.times[-1] - clock.times[0]) / (len(clock.times) - 1))
            written[name] = _pictures(out)
    assert written["constant"] == written["scheduled"], "the two looks are not the same"
    ratio, low, high = ratios(seconds["scheduled"], seconds["constant"])
    return [
        Figure(
            PART, "constant, a frame", statistics.median(seconds["constant"]), "s", note=f"{frames} frames"
        ),
        Figure(
            PART, "scheduled, a frame", statistics.median(seconds["scheduled"]), "s", note="same pictures"
        ),
        Figure(PART, "scheduled / constant", ratio, "x", "at most", BAR, low, high),
    ]


def _pictures(path: Path) -> bytes:
    from dreamvid.media.input.source import open_source  # noqa: PLC0415  only here

    return b"".join(frame.rgb.tobytes() for frame in open_source(path))
