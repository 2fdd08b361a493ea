"""Kill whole runs at random moments and go on with them: ``python benchmarks/kills.py [--runs 50] [--seed 0]``.

Every run is the command itself in a process of its own, killed with SIGKILL and then begun again by the same command.
Runs take turns at the phases: loading and probing, the first frames with the manifest just written, a random frame,
the end of a chunk, and the end of the encoding with the rename and the tidying up; within a phase the moment is
random. One in five is killed twice; every other one makes an H.264, the rest are lossless. All outputs must decode,
bit for bit, as the uncut run's, and nothing may be left beside them. Prints where each was hit, and ends with exit
code 1 where one differs. The tests hit every operation on a file one by one, with a dream that takes no network;
this is the whole thing.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from pictures import write_clip
from runs import SIZE, Event, arguments, begin, content, events, finished, work_of

if TYPE_CHECKING:
    from collections.abc import Sequence

PHASES = ("loading", "first frames", "a frame", "the end of a chunk", "finishing")


def main() -> None:
    """Kill, go on, compare."""
    options = arguments(__doc__, runs=50)
    chance = random.Random(options.seed)  # noqa: S311  moments, not secrets
    with tempfile.TemporaryDirectory(prefix="dreamvid-kills-") as scratch:
        folder = Path(scratch)
        clip = folder / "clip.mp4"
        write_clip(clip, SIZE, frames=options.frames)
        finished(begin(clip, folder / "uncut.mp4"))
        uncut = list(events(begin(clip, folder / "uncut.mkv")))
        wanted = {suffix: content(folder / f"uncut{suffix}") for suffix in (".mkv", ".mp4")}
        print(f"an uncut run takes {uncut[-1].seconds:.1f} s", flush=True)
        hits: Counter[str] = Counter()
        wrong = 0
        for number in range(options.runs):
            output = folder / f"killed{('.mkv', '.mp4')[number % 2]}"
            kills = 1 + (number % 5 == 0)
            hit = ", then ".join(
                _killed(clip, output, PHASES[(number + again) % len(PHASES)], uncut, chance)
                for again in range(kills)
            )
            hits[hit] += 1
            code = 0 if output.exists() and not work_of(output).exists() else finished(begin(clip, output))
            left = sorted(path.name for path in folder.iterdir())
            same = code == 0 and content(output) == wanted[output.suffix]
            same = same and left == ["clip.mp4", output.name, "uncut.mkv", "uncut.mp4"]
            wrong += not same
            print(f"{number + 1:3d} {'ok' if same else f'WRONG ({code}, {left})'}: {hit}", flush=True)
            output.unlink(missing_ok=True)
    for hit, count in sorted(hits.items()):
        print(f"{count:3d} {hit}")
    print(f"{options.runs - wrong} of {options.runs} as the uncut run")
    sys.exit(1 if wrong else 0)


def _killed(clip: Path, output: Path, phase: str, uncut: Sequence[Event], chance: random.Random) -> str:
    """Kill a run in a phase; return what it was at."""
    event, delay = _moment(phase, uncut, chance)
    run = begin(clip, output)
    if not event or any(record.name == event for record in events(run, wait=False)):
        time.sleep(delay)
    run.kill()
    run.communicate()
    work = work_of(output)
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
    frames = [record for record in uncut if record.name.startswith("frame")]
    chunks = [record for record in uncut if record.name.startswith("chunk")]
    pause = (frames[-1].seconds - frames[0].seconds) / len(frames)
    if phase == "loading":
        return "", chance.uniform(0.0, uncut[0].seconds)
    if phase == "first frames":
        return "start", chance.uniform(0.0, max(2 * pause, 0.1))
    if phase == "a frame":
        return chance.choice(frames).name, chance.uniform(0.0, pause)
    if phase == "the end of a chunk":
        last = chance.choice(chunks[:-1])
        before = max(
            (record for record in frames if record.seconds <= last.seconds), key=lambda record: record.seconds
        )
        return before.name, chance.uniform(0.0, 2 * (last.seconds - before.seconds) + 0.002)
    done = next(record for record in uncut if record.name == "done")
    return chunks[-1].name, chance.uniform(0.0, done.seconds - chunks[-1].seconds)


if __name__ == "__main__":
    main()
