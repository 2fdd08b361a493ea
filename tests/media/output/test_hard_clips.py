"""Every good one of the difficult clips, passed through unchanged: frames, times and sound."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import pytest

from dreamvid.config.settings import OutputSettings
from dreamvid.media.input.source import open_source
from dreamvid.media.output.writer import open_writer

if TYPE_CHECKING:
    from pathlib import Path

SLOW = {"hdr_hevc.mp4"}
"""Its tone mapping takes seconds; other tests look at it."""


def _times(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        base = stream.time_base or Fraction(1)
        return sorted(packet.pts * base for packet in container.demux(stream) if packet.pts is not None)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_difficult_clips_keep_frames_times_and_sound(
    hard_clips: Path, tmp_path: Path, listen: Any, suffix: str
) -> None:
    truth = json.loads((hard_clips / "truth.json").read_text())
    good = [n for n, t in truth.items() if t["frames"] and not t["decoder_errors"] and n not in SLOW]
    assert len(good) > 20
    for name in good:
        source = open_source(hard_clips / name)
        path = tmp_path / f"{name}{suffix}"
        writer = open_writer(
            path,
            info=source.info,
            output=OutputSettings(speed="fast"),
            streams_from=hard_clips / name,
        )
        with writer:
            for frame in source:
                writer.write(frame)
        times = _times(path)
        # truth.json has six digits; Matroska and WebM round to 1 ms.
        near = 2e-6 if suffix in {".mp4", ".mov"} else 6e-4
        # Sound may come before the first picture.
        assert [float(time - times[0]) for time in times] == pytest.approx(
            truth[name]["seconds"], abs=near
        ), name
        before = [] if name in {"trans.gif", "alpha.apng"} else listen(hard_clips / name)
        after = listen(path)
        assert [each.layout for each in after] == [each.layout for each in before], name
        for old, new in zip(before, after, strict=True):
            assert new.begin == pytest.approx(old.begin, abs=0.03), name
            assert new.end == pytest.approx(old.end, abs=0.03), name
