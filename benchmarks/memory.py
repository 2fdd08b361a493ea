"""(c) Peak resident memory of dreaming one frame at 720p, 1080p and 4K, tiled by itself and with ``--tile off``.

Each is a fresh process that dreams one frame with one step in each octave of the default look (memory does not
depend on the number of steps). Its resident size is watched, and a process that outgrows the limit is stopped:
its figure is then the limit, marked as such. Run as a script, this module is that process.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
from figures import Figure
from pictures import picture

from dreamvid.config.preset import Preset
from dreamvid.pipelines.build import build_dreamer
from dreamvid.pipelines.options import RunOptions
from dreamvid.types import Size

if TYPE_CHECKING:
    from pathlib import Path

PART = "c memory"
SIZES = {"720p": Size(720, 1280), "1080p": Size(1080, 1920), "4K": Size(2160, 3840)}
BAR_4K = 6.0
_POLL = 0.05
_GB = 1e9


def measure(*, networks: dict[str, Path | None]) -> list[Figure]:
    """Return peaks in GB for each network (with its weights file, where it has one), size and tiling."""
    limit = 0.75 * psutil.virtual_memory().available
    figures = [Figure(PART, "limit for one process", limit / _GB, "GB")]
    for network, weights in networks.items():
        for name, size in SIZES.items():
            for tile in ("auto", "off"):
                peak, stopped, seconds = _peak(size, tile, network, weights, limit)
                bar = BAR_4K if (name, tile) == ("4K", "auto") else None
                note = f"more than {limit / _GB:.0f} GB: stopped" if stopped else f"{seconds:.0f} s"
                what = f"{network}, {name}, tile {tile}"
                figures.append(Figure(PART, what, peak / _GB, "GB", "under", bar, note=note))
    return figures


def _peak(
    size: Size, tile: str, network: str, weights: Path | None, limit: float
) -> tuple[float, bool, float]:
    """Return the child's peak in bytes, whether it was stopped at the limit, and seconds."""
    command = [sys.executable, __file__, str(size.height), str(size.width), tile, network, str(weights or "")]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:  # noqa: S603  ourselves
        watched = psutil.Process(child.pid)
        while child.poll() is None:
            time.sleep(_POLL)
            try:
                resident = watched.memory_info().rss
            except psutil.NoSuchProcess:
                break
            if resident > limit:
                child.kill()
                return resident, True, time.perf_counter() - started
        output, complaint = child.communicate()
    if child.returncode != 0:
        raise RuntimeError(f"dreaming {size} with tile {tile} failed: {complaint.strip()[-500:]}")
    return float(output.split()[-1]), False, time.perf_counter() - started


def _dream_once(size: Size, tile: str, network: str, weights: str) -> None:
    """Dream one frame and print this process's peak resident size in bytes."""
    model = {"name": network} | ({"weights": weights} if weights else {})
    values = {"model": model, "ascent": {"steps": 1}, "run": {"tile": tile}}
    built = build_dreamer(Preset.build(values), RunOptions())
    built.dreamer.dream(picture(size))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(peak if sys.platform == "darwin" else peak * 1024)


if __name__ == "__main__":
    _dream_once(Size(int(sys.argv[1]), int(sys.argv[2])), *sys.argv[3:6])
