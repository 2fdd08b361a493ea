"""Let the disk fill up under whole runs: ``sudo python benchmarks/full_disk.py [--runs 40] [--seed 0]``, on Linux.

Every run is the command itself, working on a small disk in memory (tmpfs, which takes root to mount). At a random
moment of each phase something else takes up all the room but a random rest: before the run, after its start, at a
random frame, at a random chunk, and in the last one, where the output's end is written, too. A run that fails must
end with exit code 1 and one line. Room is made then, and the same command must make, bit for bit, what a run makes
that had room, with nothing left beside it. Prints what each run said, and ends with exit code 1 where anything was
wrong.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from pictures import write_clip
from runs import SIZE, arguments, begin, content, finished, work_of

if TYPE_CHECKING:
    from collections.abc import Iterator

DISK = 64 << 20
PHASES = {
    "before": 500_000,
    "start": 500_000,
    "a frame": 300_000,
    "a chunk": 500_000,
    "a chunk's files": 50_000,
    "the last chunk": 900_000,
}
"""When the disk fills up, and the most bytes that are left free then: less than the run still has to write."""


def main() -> None:
    """Fill, fail, make room, go on, compare."""
    options = arguments(__doc__, runs=40)
    chance = random.Random(options.seed)  # noqa: S311  moments, not secrets
    wrong, said = 0, Counter[str]()
    with tempfile.TemporaryDirectory(prefix="dreamvid-full-") as scratch, small_disk(Path(scratch)) as disk:
        clip = Path(scratch) / "clip.mp4"
        write_clip(clip, SIZE, frames=options.frames)
        uncut = Path(scratch) / "uncut.mkv"
        finished(begin(clip, uncut))
        wanted = content(uncut)
        for number in range(options.runs):
            output, filler = disk / "full.mkv", disk / "filler"
            phase = tuple(PHASES)[number % len(PHASES)]
            moment, rest = _moment(phase, options.frames, chance), chance.randrange(PHASES[phase])
            code, line = _filled(clip, output, filler, moment, rest)
            filler.unlink(missing_ok=True)
            work = work_of(output)
            kept = len(list(work.glob("*.json"))) - 1 if work.exists() else None
            again = finished(begin(clip, output)) if code else 0
            left = sorted(path.name for path in disk.iterdir())
            fine = (code == 0 or (code == 1 and "\n" not in line and "full" in line)) or "needed" in line
            same = again == 0 and left == ["full.mkv"] and content(output) == wanted
            wrong += not (fine and same)
            said[f"{phase}: {line.replace(str(disk), '') or 'had room'}"] += 1
            print(
                f"{number + 1:3d} {'ok' if fine and same else f'WRONG ({code}, {again}, {left})'}: {phase}; "
                f"{line or 'had room'}; records left: {kept}",
                flush=True,
            )
            output.unlink(missing_ok=True)
    for text, count in sorted(said.items()):
        print(f"{count:3d} {text}")
    print(f"{options.runs - wrong} of {options.runs} as they should be")
    sys.exit(1 if wrong else 0)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a disk in memory."""
    disk = folder / "disk"
    disk.mkdir()
    mount, umount = shutil.which("mount") or "mount", shutil.which("umount") or "umount"
    subprocess.run([mount, "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(disk)], check=True)  # noqa: S603  ours
    try:
        yield disk
    finally:
        subprocess.run([umount, str(disk)], check=True)  # noqa: S603  the same


def _moment(phase: str, frames: int, chance: random.Random) -> str:
    """Return what the run tells when the disk fills up; "" is before it starts."""
    if phase == "before":
        return ""
    if phase == "a frame":
        return f'"frame": {chance.randrange(frames)},'
    if phase.startswith("a chunk"):
        return f'"chunk": {chance.randrange(1, frames // 6)},'
    return '"event": "start"' if phase == "start" else f'"frame": {frames - 6},'


def _filled(clip: Path, output: Path, filler: Path, moment: str, rest: int) -> tuple[int, str]:
    """Run until the disk is full; return the exit code, and what the run said in the end."""
    if not moment:
        _fill(filler, rest)
    run = begin(clip, output)
    lines: list[str] = []
    assert run.stderr is not None
    for line in run.stderr:
        if moment and moment in line and not filler.exists():
            _fill(filler, rest)
        with contextlib.suppress(ValueError):
            if json.loads(line)["event"] != "notice":
                continue
        lines.append(line.rstrip("\n"))
    return run.wait(), "\n".join(line for line in lines if '"event": "notice"' not in line)


def _fill(filler: Path, rest: int) -> None:
    free = shutil.disk_usage(filler.parent).free
    with filler.open("wb") as file, contextlib.suppress(OSError):
        os.posix_fallocate(file.fileno(), 0, max(1, free - rest))


if __name__ == "__main__":
    main()
