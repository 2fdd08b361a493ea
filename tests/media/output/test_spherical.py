"""What files say of panoramas: written, read back by FFmpeg, carried from input to output."""

from __future__ import annotations

import json
import shutil
import subprocess
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from dreamvid.config.settings import OutputSettings
from dreamvid.media.input.probe import probe
from dreamvid.media.input.source import open_source
from dreamvid.media.output.writer import open_writer
from dreamvid.pipelines.landscape import write_wind
from dreamvid.types import Frame, Size, Spherical, VideoInfo

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = Spherical()
TURNED = Spherical(30.5, -10.0, 5.25, (0.0, 0.125, 0.0, 0.125), "top-bottom")


def write(path: Path, spherical: Spherical | None, *, frames: int = 6, sound: Path | None = None) -> None:
    info = VideoInfo(Size(32, 64), Fraction(25), frames=frames, spherical=spherical)
    with open_writer(path, info=info, output=OutputSettings(), streams_from=sound) as writer:
        for index in range(frames):
            picture = np.full((32, 64, 3), index / frames, np.float32)
            writer.write(Frame(index, Fraction(index, 25), picture))


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize("spherical", [PLAIN, TURNED, None])
def test_files_say_what_was_written(suffix: str, spherical: Spherical | None, tmp_path: Path) -> None:
    path = tmp_path / f"around{suffix}"
    write(path, spherical)
    assert probe(path).video.spherical == spherical
    levels = [float(frame.rgb.mean()) for frame in open_source(path)]
    assert levels == pytest.approx([index / 6 for index in range(6)], abs=0.02)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_ffprobe_finds_the_spherical_side_data(suffix: str, tmp_path: Path) -> None:
    if shutil.which("ffprobe") is None:
        pytest.skip("there is no ffprobe")
    path = tmp_path / f"around{suffix}"
    write(path, Spherical(yaw=90.0))
    command = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(path)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    data = {entry["side_data_type"]: entry for entry in found["streams"][0]["side_data_list"]}
    assert data["Spherical Mapping"]["projection"] == "equirectangular"
    assert data["Spherical Mapping"]["yaw"] == 90


def test_sound_stays_where_it_was(tmp_path: Path) -> None:
    tone, flat, around = (tmp_path / name for name in ("tone.wav", "flat.mp4", "around.mp4"))
    write_wind(tone, 1.0)
    write(flat, None, frames=25, sound=tone)
    write(around, PLAIN, frames=25, sound=tone)

    def packets(path: Path) -> list[bytes]:
        with av.open(str(path)) as container:
            return [bytes(packet) for packet in container.demux() if packet.size]

    assert packets(around) == packets(flat)
