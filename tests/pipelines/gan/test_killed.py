"""A training that is killed goes on to the same weights as one that is not."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from dreamvid.gan_file import TRAINING, open_gan

SCRIPT = Path(__file__).with_name("train_killed.py")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of 16 pictures."""
    path = tmp_path / "pictures"
    path.mkdir()
    for index, picture in enumerate(np.random.default_rng(0).integers(0, 256, (16, 16, 16, 3), np.uint8)):
        cv2.imwrite(str(path / f"{index:02d}.png"), picture)
    return path


def train(
    folder: Path, output: Path, steps: int, *, kill_after_lines: int = 0, kill_after: float = 0.0
) -> int:
    """Train in a process of its own, which is killed after some steps or seconds; return its exit code."""
    command = [sys.executable, str(SCRIPT), str(folder), str(output), str(steps)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        if kill_after_lines:
            for _ in range(kill_after_lines):
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
        elif kill_after:
            time.sleep(kill_after)
            process.send_signal(signal.SIGKILL)
        process.stdout.read()
        return process.wait()


def weights(path: Path) -> str:
    return hashlib.sha256(open_gan(path).read(TRAINING)).hexdigest()


@pytest.mark.e2e
def test_a_killed_training_ends_with_the_same_weights(folder: Path, tmp_path: Path) -> None:
    assert train(folder, tmp_path / "cut.gan", 12, kill_after_lines=8) == -signal.SIGKILL
    assert 0 < open_gan(tmp_path / "cut.gan").settings.steps < 12
    assert train(folder, tmp_path / "cut.gan", 12) == 0
    assert train(folder, tmp_path / "uncut.gan", 12) == 0
    assert weights(tmp_path / "cut.gan") == weights(tmp_path / "uncut.gan")
    assert {path.suffix for path in tmp_path.iterdir()} == {"", ".gan", ".png"}


@pytest.mark.exhaustive
def test_a_training_that_is_killed_ten_times_ends_with_the_same_weights(folder: Path, tmp_path: Path) -> None:
    began = time.monotonic()
    assert train(folder, tmp_path / "uncut.gan", 60) == 0
    seconds = time.monotonic() - began
    chance, kills = np.random.default_rng(0), 0
    while kills < 10:
        kills += train(folder, tmp_path / "cut.gan", 60, kill_after=chance.uniform(0.3, 1.0) * seconds) != 0
        if (tmp_path / "cut.gan").exists() and open_gan(tmp_path / "cut.gan").settings.steps == 60:
            assert weights(tmp_path / "cut.gan") == weights(tmp_path / "uncut.gan")
            (tmp_path / "cut.gan").unlink()
            for picture in tmp_path.glob("cut.*.png"):
                picture.unlink()
    assert train(folder, tmp_path / "cut.gan", 60) == 0
    assert weights(tmp_path / "cut.gan") == weights(tmp_path / "uncut.gan")
