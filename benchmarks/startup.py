"""(d) Start-up: from the command to its help text, and to the first dreamed frame.

Each is a new process, started as a user does. The first frame is the first ``{"event": "frame"}`` line of
``dreamvid video CLIP --progress json``; it includes the interpreter, TensorFlow, the network, compilation and one
frame with the default settings. The first command starts with an empty cache, so it also measures the fastest
precision, which later commands read from the cache.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from figures import Figure
from pictures import write_clip

from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PART = "d start-up"
HELP_BAR = 0.5
FRAME_BAR = 10.0
_PATIENCE = 300.0


def measure(folder: Path, *, rounds: int) -> list[Figure]:
    """Return the start-up figures; ``folder`` takes the clip and what is dreamed of it."""
    clip = folder / "startup.mp4"
    write_clip(clip, Size(270, 480), frames=4)
    helped = [_help_seconds() for _ in range(rounds + 1)][1:]
    out = clip.with_name("startup.dream.mp4")
    video = ("video", str(clip), "-o", str(out), "--yes")
    first, *later = [first_frame_seconds(video, cache=folder / "cache") for _ in range(min(rounds, 3) + 1)]
    return [
        Figure(
            PART,
            "dreamvid --help",
            statistics.median(helped),
            "s",
            "under",
            HELP_BAR,
            min(helped),
            max(helped),
        ),
        Figure(PART, "first frame, first command", first, "s", "at most", FRAME_BAR, note="480x270"),
        Figure(
            PART,
            "first frame, later commands",
            statistics.median(later),
            "s",
            "at most",
            FRAME_BAR,
            min(later),
            max(later),
        ),
    ]


def command(*arguments: str) -> list[str]:
    """Return the command line of the ``dreamvid`` that belongs to this interpreter."""
    return [sys.executable, "-m", "dreamvid", *arguments]


def cached_in(cache: Path) -> dict[str, str]:
    """Return an environment in which dreamvid caches in this folder."""
    return os.environ | {"XDG_CACHE_HOME": str(cache), "TF_CPP_MIN_LOG_LEVEL": "3"}


def _help_seconds() -> float:
    started = time.perf_counter()
    subprocess.run(command("--help"), check=True, stdout=subprocess.DEVNULL)  # noqa: S603  our own command
    return time.perf_counter() - started


def first_frame_seconds(arguments: Sequence[str], *, cache: Path) -> float:
    """Return the seconds from the command to its first dreamed frame; it is stopped there."""
    started = time.perf_counter()
    with subprocess.Popen(  # noqa: S603  our own command
        command(*arguments, "--progress", "json"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=cached_in(cache),
    ) as process:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            seconds = time.perf_counter() - started
            lines.append(line.strip())
            if _is_frame(line):
                process.terminate()
                return seconds
            if seconds > _PATIENCE:
                process.kill()
    raise RuntimeError(f"dreamvid dreamed no frame; it said: {' / '.join(lines[-3:])}")


def _is_frame(line: str) -> bool:
    try:
        event = json.loads(line)
    except json.JSONDecodeError:
        return False
    return isinstance(event, dict) and event.get("event") == "frame"
