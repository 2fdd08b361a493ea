"""(d) Start-up: from the command to its help text, and to the first dreamed frame.

Each is a fresh process, started as a user does. The first frame is the first ``{"event": "frame"}`` line of
``dreamvid video CLIP --progress json``; it covers the interpreter, TensorFlow, the network, compilation and
one whole frame of the default look. The first command starts with an empty cache, so it also has to find out
the fastest precision, which is remembered; later ones are what every further command takes.
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
    first, *later = [_first_frame_seconds(clip) for _ in range(min(rounds, 3) + 1)]
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


def _command(*arguments: str) -> list[str]:
    """Return the command line of the ``dreamvid`` that belongs to this interpreter."""
    return [sys.executable, "-m", "dreamvid", *arguments]


def _help_seconds() -> float:
    started = time.perf_counter()
    subprocess.run(_command("--help"), check=True, stdout=subprocess.DEVNULL)  # noqa: S603  our own command
    return time.perf_counter() - started


def _first_frame_seconds(clip: Path) -> float:
    out = clip.with_name("startup.dream.mp4")
    command = _command("video", str(clip), "-o", str(out), "--yes", "--progress", "json")
    environment = os.environ | {"XDG_CACHE_HOME": str(clip.with_name("cache"))}
    started = time.perf_counter()
    with subprocess.Popen(  # noqa: S603  our own command
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stderr is not None
        told = []
        for line in process.stderr:
            seconds = time.perf_counter() - started
            told.append(line.strip())
            if _is_frame(line):
                process.terminate()
                return seconds
            if seconds > _PATIENCE:
                process.kill()
    raise RuntimeError(f"dreamvid video told of no frame; it said: {' / '.join(told[-3:])}")


def _is_frame(line: str) -> bool:
    try:
        event = json.loads(line)
    except json.JSONDecodeError:
        return False
    return isinstance(event, dict) and event.get("event") == "frame"
