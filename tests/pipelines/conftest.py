"""Small landscapes with sound, and settings that dream quickly."""

from __future__ import annotations

import wave
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dreamvid.config.preset import Preset
from dreamvid.config.settings import OutputSettings
from dreamvid.media.output.writer import open_writer
from dreamvid.pipelines.landscape import Landscape, write_wind
from dreamvid.types import FeatureAxis, Frame, Size, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from dreamvid.types import RGB

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


class ColorReader:
    """A network of one layer ``color``, whose channels are how red, green and blue each 4 px are."""

    def __init__(self) -> None:
        self.sizes: set[tuple[int, ...]] = set()
        self.pictures = 0

    def read(self, picture: RGB) -> dict[str, NDArray[np.float32]]:
        self.pictures += 1
        self.sizes.add(picture.shape[:2])
        small = picture[1::4, 1::4]
        return {"color": np.maximum(2.0 * small - small.sum(-1, keepdims=True), 0.0)}

    def axes(self, layer: str, size: Size) -> tuple[FeatureAxis, FeatureAxis]:
        assert layer == "color"
        down, across = (FeatureAxis(len(range(1, length, 4)), 1.0, 4.0, 9.0) for length in size)
        return down, across


@pytest.fixture
def color_reader() -> ColorReader:
    """A network that finds colors."""
    return ColorReader()


@pytest.fixture
def square_clip() -> Callable[..., Path]:
    """Return what writes a lossless clip of a square of 12 px at (8, 12) px on gray.

    Its arguments are a path, a number of frames, what gives the color of each, None for no square, and the rate.
    """

    def write(
        path: Path, frames: int, color: Callable[[int], tuple[float, float, float] | None], rate: int = 24
    ) -> Path:
        with open_writer(
            path, info=VideoInfo(SIZE, Fraction(rate)), output=OutputSettings(codec="ffv1")
        ) as writer:
            for index in range(frames):
                picture = np.full((*SIZE, 3), 0.5, np.float32)
                picture[8:20, 12:24] = 0.5 if color(index) is None else color(index)
                writer.write(Frame(index, Fraction(index, rate), picture))
        return path

    return write


@pytest.fixture
def write_wav(tmp_path: Path) -> Callable[..., Path]:
    """Give a function that writes samples in [-1, 1] as a mono WAV file."""

    def write(samples: np.ndarray[Any, Any], rate: int = 22050) -> Path:
        with wave.open(str(tmp_path / "music.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(np.round(samples * 32767).astype("<i2").tobytes())
        return tmp_path / "music.wav"

    return write
