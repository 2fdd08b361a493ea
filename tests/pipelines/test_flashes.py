"""Flashes of files: as they are, in a loop, transparent, cut off by patience."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid.config.settings import OutputSettings
from dreamvid.media.output.writer import open_writer
from dreamvid.pipelines.flashes import measure_flashes
from dreamvid.pipelines.options import RunOptions
from dreamvid.types import Frame, Size, VideoInfo

if TYPE_CHECKING:
    from pathlib import Path

RATE = Fraction(20)


def write(path: Path, *, frames: int, period: int, alpha: bool = False, **output: object) -> Path:
    """Write gray that is light in the first half of each period of so many frames."""
    info = VideoInfo(Size(36, 64), RATE, has_alpha=alpha)
    with open_writer(path, info=info, output=OutputSettings.model_validate(output)) as writer:
        for index in range(frames):
            light = np.float32((0.8 if 2 * (index % period) < period else 0.3) + index / 500)
            frame = Frame(index, index / RATE, np.full((36, 64, 3), 0.8 if alpha else light, np.float32))
            shown = np.full((36, 64), 1.0 if light > 0.5 else 0.2, np.float32)
            writer.write(replace(frame, alpha=shown if alpha else None))
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".gif", ".webp"])
def test_files_of_all_kinds_are_measured(tmp_path: Path, suffix: str) -> None:
    measured = measure_flashes(write(tmp_path / f"strobe{suffix}", frames=24, period=4))
    assert (measured.frames, measured.until) == (24, None)
    assert measured.report.general == 5
    assert measured.report.passages[0][0] == 0


def test_a_loop_is_measured_beyond_its_end(tmp_path: Path) -> None:
    short = write(tmp_path / "short.mkv", frames=4, period=4, codec="ffv1")
    assert measure_flashes(short).report.general == 0.5
    assert measure_flashes(short, loops=True).report.general == 5


def test_what_is_transparent_counts_as_black(tmp_path: Path) -> None:
    assert measure_flashes(write(tmp_path / "a.apng", frames=24, period=4, alpha=True)).report.general == 5


def test_patience_ends_it_and_says_where(tmp_path: Path) -> None:
    measured = measure_flashes(write(tmp_path / "a.mp4", frames=24, period=40), patience=0)
    assert (measured.frames, measured.until) == (1, 0)


def test_damage_ends_it_where_that_is_asked(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.mkv", frames=40, period=40)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    assert measure_flashes(cut, RunOptions(keep_going=True)).frames > 0
