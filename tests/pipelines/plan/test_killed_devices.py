"""Workers and the process that shares out the work are killed at random moments; the film comes out the same."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.pipelines.plan.conftest import SHOTS
from tests.pipelines.plan.test_devices import frames_of

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc"),
    pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="two processes need two cores"),
]

KILLS = 20
FRAMES, LONGEST_PART = sum(SHOTS), 32


def children(pid: int) -> list[int]:
    try:
        return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def is_running(pid: int) -> bool:
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())  # empty for one that has ended
    except OSError:
        return False


def kill_while_it_runs(process: subprocess.Popen[bytes], chance: random.Random, most: int) -> int:
    """Kill workers, and in the end perhaps the process itself; return the number of kills."""
    kills = 0
    while kills < most:
        with suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0.2, 3.0))
            return kills
        workers = children(process.pid)
        if chance.random() < 0.5:
            process.kill()
            process.wait()
            limit = time.monotonic() + 60
            while any(map(is_running, workers)):  # nobody is left who could stop them
                assert time.monotonic() < limit
                time.sleep(0.02)
            return kills + 1
        if workers:
            with suppress(ProcessLookupError):
                os.kill(chance.choice(workers), signal.SIGKILL)
                kills += 1
    process.wait()
    return kills


def test_twenty_kills_change_no_frame(shots: Path, straight: Path, tmp_path: Path) -> None:
    output, log = tmp_path / "film.mkv", tmp_path / "log"
    command = [sys.executable, "-m", "tests.pipelines.plan.killable", str(shots), str(output), str(log)]
    expected, chance = frames_of(straight), random.Random(0)  # noqa: S311  no secret
    kills = of_film = 0
    while kills < KILLS or of_film:
        with subprocess.Popen(command, cwd=Path(__file__).parents[3]) as process:
            count = kill_while_it_runs(process, chance, KILLS - kills)
        kills, of_film = kills + count, of_film + count
        assert process.returncode in {0, -signal.SIGKILL}
        if process.returncode:
            continue
        assert frames_of(output) == expected
        assert len(log.read_text(encoding="ascii").split()) <= FRAMES + LONGEST_PART * of_film
        sys.stderr.write(
            f"{of_film} kills, {len(log.read_text(encoding='ascii').split()) - FRAMES} frames again\n"
        )
        assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mkv", "log"]
        of_film = 0
        output.unlink()
        log.unlink()
