"""A clip of several shots, and a dream of it that depends on everything that a dream may, and takes no network."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid.config.preset import Preset
from dreamvid.config.settings import OutputSettings
from dreamvid.media.output.writer import open_writer
from dreamvid.pipelines.build import LoadedDreamer
from dreamvid.pipelines.landscape import Landscape, write_wind
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.video import dream_file
from dreamvid.types import Frame, Size, VideoInfo

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.pipelines.scenes import BuildDreamer
    from dreamvid.types import RGB, StepMap

SIZE, RATE = Size(36, 64), Fraction(24000, 1001)
SHOTS = (30, 26, 80)
"""Lengths of the shots, in frames."""


class Waves:
    """A dream that takes no network."""

    def dream(
        self,
        image: RGB,
        *,
        detail: RGB | None = None,
        steps: int | None = None,
        step_map: StepMap | None = None,
        frame_index: int | None = None,
    ) -> RGB:
        base = image if detail is None else image + detail
        phase = np.float32(frame_index or 0) + np.float32(steps or 0)
        strength = np.float32(0.02) * (1.0 if step_map is None else step_map[..., None])
        waves = base + strength * np.sin(40.0 * base + phase)
        return np.asarray(np.clip(waves, 0.0, 1.0), np.float32)


def load_waves(*_: object) -> LoadedDreamer:
    resolved = {"precision": "float32", "device": "a processor", "objective": "waves"}
    return LoadedDreamer(Waves(), lambda _: dict(resolved), {})  # type: ignore[arg-type]  # no network


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


@pytest.fixture(scope="session")
def settings() -> Preset:
    """Settings that divide the last shot in three, at points after 24 frames."""
    steady = {"flow": {"scale": 64}, "steps": 2, "decay": 0.95, "blend": 0.4, "renew": "24f"}
    return Preset.build({"ascent": {"steps": 4}, "stability": steady, "output": {"codec": "ffv1"}})


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
