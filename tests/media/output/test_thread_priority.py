"""No encoder makes threads real-time, neither its own nor those of the process; SVT-AV1 does so, run as root."""

from __future__ import annotations

import sys
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dreamvid.config.settings import OutputSettings
from dreamvid.media.output.thread_priority import scheduling
from dreamvid.media.output.writer import open_writer
from dreamvid.types import Frame, Size, VideoInfo

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="threads are listed on Linux alone")


@pytest.mark.parametrize("codec", ["h264", "h265", "vp9", "av1", "ffv1"])
def test_threads_keep_their_scheduling(tmp_path: Path, codec: str) -> None:
    size, rate, before = Size(64, 64), Fraction(24), set(scheduling().values())
    settings: Any = {"codec": codec, "speed": "fast"}
    writer = open_writer(
        tmp_path / "out.mkv", info=VideoInfo(size, rate), output=OutputSettings.model_validate(settings)
    )
    with writer:
        for index in range(5):
            writer.write(Frame(index, index / rate, np.full((*size, 3), 0.5, np.float32)))
        during = set(scheduling().values())
    assert during | set(scheduling().values()) <= before
