"""Kill whole runs at random moments and go on with them: ``python benchmarks/kills.py [--runs 50] [--seed 0]``.

Every run is the command itself in a process of its own, killed with SIGKILL after a random time, up to a little more
than an uncut one takes, and then begun again by the same command. All outputs must decode, bit for bit, as the uncut
one does, and nothing may be left beside them. Prints where each was hit, and ends with exit code 1 where one differs.
The tests hit every operation on a file one by one, with a dream that takes no network; this is the whole thing.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from pictures import write_clip

from dreamvid.media.source import open_source
from dreamvid.types import Size

if TYPE_CHECKING:
    from fractions import Fraction

SIZE = Size(96, 160)
OPTIONS = (
    "--octaves=2",
    "--steps=4",
    "--chunk=0.25",
    "--device=cpu",
    "--precision=float32",
    "--codec=ffv1",
    "--quiet",
)
LOADING = 0.3
"""Share of a run in which little but loading happens: moments are drawn from the rest, one in ten from all of it."""


def main() -> None:
    """Kill, go on, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=50, help="runs to kill")
    parser.add_argument("--frames", type=int, default=36, help="frames of the clip")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    chance = random.Random(options.seed)  # noqa: S311  moments, not secrets
    with tempfile.TemporaryDirectory(prefix="dreamvid-kills-") as scratch:
        folder = Path(scratch)
        clip = folder / "clip.mp4"
        write_clip(clip, SIZE, frames=options.frames)
        began = time.perf_counter()
        _run(clip, folder / "uncut.mkv").wait()
        seconds = time.perf_counter() - began
        wanted = _content(folder / "uncut.mkv")
        print(f"an uncut run takes {seconds:.1f} s", flush=True)
        hits: Counter[str] = Counter()
        wrong = 0
        for number in range(options.runs):
            output = folder / "killed.mkv"
            hit = _killed(clip, output, chance.uniform(LOADING * (number % 10 > 0), 1.02) * seconds)
            hits[hit.split(",")[0]] += 1
            code = 0 if output.exists() and not _work(output).exists() else _run(clip, output).wait()
            left = sorted(path.name for path in folder.iterdir())
            same = (
                code == 0 and _content(output) == wanted and left == ["clip.mp4", "killed.mkv", "uncut.mkv"]
            )
            wrong += not same
            print(f"{number + 1:3d} {'ok' if same else f'WRONG ({code}, {left})'}: {hit}", flush=True)
            output.unlink(missing_ok=True)
    print(f"{options.runs - wrong} of {options.runs} as the uncut run; hit {dict(hits)}")
    sys.exit(1 if wrong else 0)


def _killed(clip: Path, output: Path, seconds: float) -> str:
    """Kill a run after some seconds; return what it was at."""
    run = _run(clip, output)
    try:
        run.wait(seconds)
    except subprocess.TimeoutExpired:
        run.kill()
        run.wait()
    work = _work(output)
    if not work.exists():
        return "finished" if output.exists() else "before the work"
    names = {path.name for path in work.iterdir()}
    chunks = len([name for name in names if name.endswith(".json") and name[0].isdigit()])
    if "complete.json" in names:
        return f"encoding or tidying up, {chunks} chunks"
    return f"dreaming, {chunks} chunks kept" if chunks else "dreaming the first chunk"


def _run(clip: Path, output: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "dreamvid", "video", str(clip), "-o", str(output), *OPTIONS]
    return subprocess.Popen(command, env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"})  # noqa: S603  ours


def _work(output: Path) -> Path:
    return output.with_name(f"{output.name}.work")


def _content(path: Path) -> list[tuple[Fraction, str]]:
    return [
        (frame.pts, hashlib.blake2b(frame.rgb.tobytes()).hexdigest())
        for frame in open_source(path, notify=lambda _text: None)
    ]


if __name__ == "__main__":
    main()
