"""Damaged clips through the whole command: an output of all promised frames, or one with a warning, or one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dreamvid.media.input.source import open_source

if TYPE_CHECKING:
    from collections.abc import Callable

COMMANDER = Path(__file__).with_name("commander.py")
EACH = 1
"""Damaged clips of each of ten kinds."""


@pytest.mark.e2e
def test_damaged_clips_give_an_output_or_one_line(
    good_clips: dict[str, Path], damage: Callable[[bytes, str], bytes], tmp_path: Path
) -> None:
    paths = []
    for name, clip in good_clips.items():
        for number in range(EACH):
            paths.append(tmp_path / f"{number}.{name}")
            paths[-1].write_bytes(damage(clip.read_bytes(), f"command/{name}/{number}"))
    done = subprocess.run(
        [sys.executable, str(COMMANDER), *map(str, paths)],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    results = json.loads(done.stdout)
    for path, result in zip(paths, results, strict=True):
        message = f"{path.name}: {result}"
        assert result["code"] in {0, 1}, message
        assert "Traceback" not in result["stderr"], message
        assert result["exists"] == (result["code"] == 0), message
        if result["code"]:
            assert result["stderr"].splitlines()[-1].startswith("dreamvid: "), message
            continue
        frames = list(open_source(Path(f"{path}.out.mkv")))
        assert 0 < len(frames) <= 12, message
    assert {result["code"] for result in results} == {0, 1}
