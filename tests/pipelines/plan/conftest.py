"""A clip of several shots, and its dream by one run."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid.config.preset import Preset
from dreamvid.config.settings import OutputSettings
from dreamvid.media.output.writer import open_writer
from dreamvid.pipelines.landscape import Landscape, write_wind
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.video import dream_file
from dreamvid.types import Frame, Size, VideoInfo
from tests.pipelines.plan.waves import load_waves

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.pipelines.scenes import BuildDreamer

SIZE, RATE = Size(36, 64), Fraction(24000, 1001)
SHOTS = (30, 26, 80)
"""Lengths of the shots, in frames."""


def write_shots(path: Path, lengths: tuple[int, ...] = SHOTS) -> Path:
    """Write a clip of shots, with sound."""
    sound = path.with_name("wind.wav")
    write_wind(sound, float(sum(lengths) / RATE))
    landscape, index = Landscape(SIZE), 0
    with open_writer(
        path,
        info=VideoInfo(SIZE, RATE, frames=sum(lengths)),
        output=OutputSettings(crf=8),
        streams_from=sound,
    ) as writer:
        for shot, length in enumerate(lengths):
            for frame in range(length):
                picture = np.roll(landscape.frame(frame / 24), 23 * shot, axis=1)
                picture = picture[:, ::-1] if shot % 2 else 1.0 - picture if shot % 4 == 2 else picture
                writer.write(Frame(index, index / RATE, np.ascontiguousarray(picture), duration=1 / RATE))
                index += 1
    sound.unlink()
    return path


@pytest.fixture(scope="session")
def build() -> BuildDreamer:
    """What loads the dream."""
    return load_waves


def steady_settings() -> Preset:
    """Return settings that divide the last shot in three, at points after 24 frames."""
    steady = {"flow": {"scale": 64}, "steps": 2, "decay": 0.95, "blend": 0.4, "renew": "24f"}
    return Preset.build({"ascent": {"steps": 4}, "stability": steady, "output": {"codec": "ffv1"}})


@pytest.fixture(scope="session")
def settings() -> Preset:
    """Those settings."""
    return steady_settings()


@pytest.fixture(scope="session")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clip; it lies alone in its folder."""
    return write_shots(tmp_path_factory.mktemp("clip") / "clip.mp4")


@pytest.fixture(scope="session")
def straight(shots: Path, settings: Preset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dream that one run makes of the clip."""
    output = tmp_path_factory.mktemp("straight") / "straight.mkv"
    dream_file(shots, output, settings, RunOptions(), build=load_waves)
    return output
