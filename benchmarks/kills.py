"""Kill whole runs at random moments and go on with them: ``python benchmarks/kills.py [--runs 50] [--seed 0]``.

Every run is the command itself in a process of its own, killed with SIGKILL and then begun again by the same command.
Runs take turns at the phases: loading and probing, the first frames with the manifest just written, a random frame,
the end of a chunk, and the end of the encoding with the rename and the tidying up; within a phase the moment is
random. One in five is killed twice. All outputs must decode, bit for bit, as the uncut run's, and nothing may be left
beside them. Prints where each was hit, and ends with exit code 1 where one differs. The tests hit every operation on
a file one by one, with a dream that takes no network; this is the whole thing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pictures import write_clip

from dreamvid.media.source import open_source
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from fractions import Fraction

SIZE = Size(96, 160)
OPTIONS = (
    "--octaves=2",
    "--steps=4",
    "--chunk=0.25",
    "--device=cpu",
    "--precision=float32",
    "--codec=ffv1",
    "--progress=json",
)
PHASES = ("loading", "first frames", "a frame", "the end of a chunk", "finishing")


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
        uncut = list(_events(_run(clip, folder / "uncut.mkv")))
        wanted = _content(folder / "uncut.mkv")
        print(f"an uncut run takes {uncut[-1].seconds:.1f} s, {len(wanted)} frames", flush=True)
        hits: Counter[str] = Counter()
        wrong = 0
        for number in range(options.runs):
            output = folder / "killed.mkv"
            kills = 1 + (number % 5 == 0)
            hit = ", then ".join(
                _killed(clip, output, PHASES[(number + again) % len(PHASES)], uncut, chance)
                for again in range(kills)
            )
            hits[hit] += 1
            code = 0 if output.exists() and not _work(output).exists() else _finished(_run(clip, output))
            left = sorted(path.name for path in folder.iterdir())
            same = (
                code == 0 and _content(output) == wanted and left == ["clip.mp4", "killed.mkv", "uncut.mkv"]
            )
            wrong += not same
            print(f"{number + 1:3d} {'ok' if same else f'WRONG ({code}, {left})'}: {hit}", flush=True)
            output.unlink(missing_ok=True)
    for hit, count in sorted(hits.items()):
        print(f"{count:3d} {hit}")
    print(f"{options.runs - wrong} of {options.runs} as the uncut run")
    sys.exit(1 if wrong else 0)


class Event(NamedTuple):
    """What a run has told, and when (seconds from its start)."""

    name: str
    seconds: float


def _killed(clip: Path, output: Path, phase: str, uncut: Sequence[Event], chance: random.Random) -> str:
    """Kill a run in a phase; return what it was at."""
    event, delay = _moment(phase, uncut, chance)
    run = _run(clip, output)
    if not event or any(told.name == event for told in _events(run, wait=False)):
        time.sleep(delay)
    run.kill()
    run.communicate()
    work = _work(output)
    if not work.exists():
        return "finished" if output.exists() else "before the work"
    names = {path.name for path in work.iterdir()}
    if output.exists():
        return "renamed, tidying up"
    if "complete.json" in names:
        return "all dreamed, finishing the output"
    return (
        "dreaming, with chunks kept" if any(name.startswith("000001") for name in names) else "at the start"
    )


def _moment(phase: str, uncut: Sequence[Event], chance: random.Random) -> tuple[str, float]:
    """Return the event to wait for, and the seconds to let pass after it."""
    frames = [told for told in uncut if told.name.startswith("frame")]
    chunks = [told for told in uncut if told.name.startswith("chunk")]
    pause = (frames[-1].seconds - frames[0].seconds) / len(frames)
    if phase == "loading":
        return "", chance.uniform(0.0, uncut[0].seconds)
    if phase == "first frames":
        return "start", chance.uniform(0.0, max(2 * pause, 0.1))
    if phase == "a frame":
        return chance.choice(frames).name, chance.uniform(0.0, pause)
    if phase == "the end of a chunk":
        last = chance.choice(chunks[:-1])
        before = max((told for told in frames if told.seconds <= last.seconds), key=lambda told: told.seconds)
        return before.name, chance.uniform(0.0, 2 * (last.seconds - before.seconds) + 0.002)
    done = next(told for told in uncut if told.name == "done")
    return chunks[-1].name, chance.uniform(0.0, done.seconds - chunks[-1].seconds)


def _events(run: subprocess.Popen[str], *, wait: bool = True) -> Iterator[Event]:
    """Yield what a run tells; the last one is its end."""
    began = time.perf_counter()
    assert run.stderr is not None
    for line in run.stderr:
        try:
            told = json.loads(line)
        except ValueError:
            continue
        number = told.get("frame", told.get("chunk", ""))
        yield Event(f"{told['event']} {number}".strip(), time.perf_counter() - began)
    if wait:
        run.wait()
        yield Event("end", time.perf_counter() - began)


def _run(clip: Path, output: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "dreamvid", "video", str(clip), "-o", str(output), *OPTIONS]
    env = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env)  # noqa: S603  ours


def _finished(run: subprocess.Popen[str]) -> int:
    run.communicate()
    return run.returncode


def _work(output: Path) -> Path:
    return output.with_name(f"{output.name}.work")


def _content(path: Path) -> list[tuple[Fraction, str]]:
    return [
        (frame.pts, hashlib.blake2b(frame.rgb.tobytes()).hexdigest())
        for frame in open_source(path, notify=lambda _text: None)
    ]


if __name__ == "__main__":
    main()
