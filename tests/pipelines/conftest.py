"""Small landscapes with sound, and settings that dream quickly."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from dreamvid.config.preset import Preset
from dreamvid.config.settings import OutputSettings
from dreamvid.media.output.writer import open_writer
from dreamvid.pipelines.landscape import Landscape, write_wind
from dreamvid.types import Frame, Size, VideoInfo

if TYPE_CHECKING:
    from pathlib import Path

RATE = Fraction(12000, 1001)
SIZE = Size(48, 80)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Ten frames at 12000/1001 a second, with as much sound."""
    path, sound, frames = tmp_path / "clip.mp4", tmp_path / "wind.wav", 10
    write_wind(sound, float(frames / RATE))
    landscape = Landscape(SIZE)
    writer = open_writer(
        path,
        info=VideoInfo(SIZE, RATE, frames=frames),
        output=OutputSettings(),
        streams_from=sound,
        metadata={"title": "A landscape"},
    )
    with writer:
        for index in range(frames):
            writer.write(Frame(index, index / RATE, landscape.frame(index / 12), duration=1 / RATE))
    sound.unlink()
    return path


@pytest.fixture
def quick() -> Preset:
    """A dream that takes a moment."""
    return Preset.build({"octaves": 2, "ascent": {"steps": 1}, "run": {"precision": "float32"}})
