"""What surrounds a command: caches, homes, temporary folders and terminals that are not as usual."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid.media.still.reader import Still
from dreamvid.media.still.writer import write_still

if TYPE_CHECKING:
    from pathlib import Path

ASCII = {"PYTHONIOENCODING": "ascii"}
C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def run(
    *arguments: str, folder: Path, environment: dict[str, str], without: str = ""
) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != without}
    return subprocess.run(
        [sys.executable, "-m", "dreamvid", *arguments],
        cwd=folder,
        env=kept | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("environment", [ASCII, C_LOCALE])
@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["presets", "list"],
        ["presets", "show", "höhle.yaml"],
    ],
)
def test_a_terminal_without_umlauts_ends_nothing(
    arguments: list[str], environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "höhle.yaml").write_text("description: Höhle → Licht\n", encoding="utf-8")
    done = run(*arguments, folder=tmp_path, environment=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_a_table_of_failures_is_shown_without_umlauts(tmp_path: Path) -> None:
    done = run("render", "fehlä", "fehlö", "-i", "fehlü.mp4", folder=tmp_path, environment=ASCII)
    assert done.returncode == 1
    assert done.stderr == "dreamvid: 2 of 2 could not be rendered; see the table\n"
    assert "there is no such preset" in done.stdout


@pytest.mark.e2e
@pytest.mark.parametrize("kind", ["missing", "a file", "not writable"])
def test_caches_and_homes_that_cannot_be_used_are_done_without(kind: str, tmp_path: Path) -> None:
    place = tmp_path / "place"
    if kind == "a file":
        place.touch()
    if kind == "not writable":
        place.mkdir(mode=0o555)
    write_still(tmp_path / "bär.png", Still(np.full((24, 32, 3), 0.5, np.float32)), overwrite=False)
    places = dict.fromkeys(["HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "KERAS_HOME", "TMPDIR"], str(place))
    arguments = ["image", "bär.png", "--octaves", "1", "--steps", "1", "--device", "cpu", "--quiet"]
    done = run(*arguments, folder=tmp_path, environment=places | C_LOCALE)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "bär.dream.png").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="has no HOME")
def test_no_home_is_needed(tmp_path: Path) -> None:
    done = run("presets", "list", folder=tmp_path, environment={}, without="HOME")
    assert (done.returncode, done.stderr) == (0, "")
