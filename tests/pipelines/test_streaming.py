"""Memory does not grow with the length of a video: measured on real files, with the dream left out."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from dreamvid.config.settings import OutputSettings
from dreamvid.media.output.writer import open_writer
from dreamvid.types import Frame, Size, VideoInfo

RATE = 10
SIZE = Size(96, 128)
FRAME_BYTES = 96 * 128 * 3 * 4

_SCRIPT = """
import sys
from pathlib import Path
from dreamvid.media.input.source import open_source
from dreamvid.media.output.writer import open_writer
from dreamvid.flow.stabilizer import IndependentFrames
from dreamvid.pipelines.frame_loop import dream_video
from dreamvid.config.settings import OutputSettings

class Same:
    def dream(self, image, *, detail=None, steps=None, step_map=None, frame_index=None):
        return image

source = open_source(Path(sys.argv[1]))
writer = open_writer(Path(sys.argv[2]), info=source.info, output=OutputSettings(speed="fast"),
                     streams_from=Path(sys.argv[1]), metadata={})
report = dream_video(source, Same(), IndependentFrames(), writer)
# not ru_maxrss, which counts the parent of this process as well
peak = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
print(report.frames, int(peak) * 1024)
"""


def make(path: Path, seconds: int) -> Path:
    noise = np.random.default_rng(0).random((8, *SIZE, 3), dtype=np.float32)
    writer = open_writer(
        path,
        info=VideoInfo(SIZE, Fraction(RATE)),
        output=OutputSettings(crf=40, speed="fast"),
        streams_from=None,
        metadata={},
    )
    with writer:
        for index in range(seconds * RATE):
            writer.write(Frame(index, Fraction(index, RATE), noise[index % 8]))
    return path


def peak(source: Path) -> tuple[int, int]:
    command = [sys.executable, "-c", _SCRIPT, str(source), str(source.with_suffix(".out.mp4"))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    frames, memory = done.stdout.split()[-2:]
    return int(frames), int(memory)


@pytest.mark.e2e
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_ten_minutes_need_no_more_memory_than_ten_seconds(tmp_path: Path) -> None:
    short_frames, short = peak(make(tmp_path / "short.mp4", 10))
    long_frames, long = peak(make(tmp_path / "long.mp4", 600))
    assert (short_frames, long_frames) == (10 * RATE, 600 * RATE)
    assert long - short < 100 * FRAME_BYTES  # of 5,900 frames more
