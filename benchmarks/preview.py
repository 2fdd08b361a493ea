"""(p) Preview: how long the studio takes from a changed dial to the dreamed frame, as the page gets it.

The frame of a clip is dreamed by the studio's own code, encoding included, with another number of steps, strength or
color each time, as when somebody turns dials. The first frames, which load and compile, are not counted.
"""

from __future__ import annotations

import os
import statistics
import time
from fractions import Fraction
from typing import TYPE_CHECKING

from figures import Figure
from pictures import write_clip

from dreamvid.config.preset import Preset
from dreamvid.pipelines.preview_frame import dream_preview
from dreamvid.studio.preview_worker import encode_picture
from dreamvid.types import Size

if TYPE_CHECKING:
    from pathlib import Path

PART = "p preview"
CLIP = Size(540, 960)
LONGEST = (320, 480, 720)
WARM = 2
TURNS = 30
BAR = 2.0


def measure(folder: Path, turns: int = TURNS) -> list[Figure]:
    """Return the median and the longest time of ``turns`` previews at each size, and the processor's own time."""
    clip = folder / "preview.mp4"
    write_clip(clip, CLIP, frames=48)
    return [figure for longest in LONGEST for figure in _measure(clip, longest, turns)]


def _measure(clip: Path, longest: int, turns: int) -> list[Figure]:
    seconds, processor = [], []
    for turn in range(WARM + turns):
        preset = Preset.build(
            {
                "ascent": {"steps": 7, "color": turn % 10 / 10},
                "look": {"strength": 1 - turn % 3 / 10},
                "octaves": 5,
            }
        )
        started, used = time.perf_counter(), time.process_time()
        frame = dream_preview(clip, preset, Fraction(turn % 8, 6), longest)
        encode_picture(frame.source)
        encode_picture(frame.dreamed)
        seconds.append(time.perf_counter() - started)
        processor.append(time.process_time() - used)
    timed, worked = seconds[WARM:], statistics.median(processor[WARM:])
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    load = f"; load of the machine {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    what = f"dreamnet, default settings, {longest} px"
    note = f"of {turns}; the worst is the end of the spread{load}"
    bar = BAR if longest <= 480 else None
    return [
        Figure(
            PART,
            what,
            statistics.median(timed),
            "s",
            "at most" if bar else None,
            bar,
            min(timed),
            max(timed),
            note,
        ),
        Figure(
            PART, f"{what}: time of {cores} processors", worked / cores, "s", note="as if nothing else ran"
        ),
    ]
