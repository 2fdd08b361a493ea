"""Clips that other libraries get wrong, with their true frames and times; not part of the project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dreamvid.errors import DamagedError, ReadError
from dreamvid.media.input.source import open_source
from dreamvid.types import Frame, Size

HARD = Path(__file__).parents[3] / ".." / "shared" / "clips" / "hard"
TRUTH: dict[str, Any] = (
    json.loads((HARD / "truth.json").read_text()) if (HARD / "truth.json").is_file() else {}
)

pytestmark = pytest.mark.skipif(not TRUTH, reason="the folder of difficult clips is not on this machine")

WHOLE = sorted(n for n, t in TRUTH.items() if t["frames"] and not t.get("decoder_errors"))
DAMAGED = sorted(n for n, t in TRUTH.items() if t.get("decoder_errors"))
NOTHING = sorted(n for n, t in TRUTH.items() if not t["frames"])


def read(name: str, *, keep_going: bool = False) -> list[Frame]:
    return list(open_source(HARD / name, keep_going=keep_going))


def picture(name: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    frame = read(name)[5]
    return frame.rgb


@pytest.mark.parametrize("name", WHOLE)
def test_frames_sizes_and_times_are_true(name: str, caplog: pytest.LogCaptureFixture) -> None:
    frames = read(name)
    truth = TRUTH[name]
    assert len(frames) == truth["frames"]
    assert {Size(*f.rgb.shape[:2]) for f in frames} == {Size(truth["size"][1], truth["size"][0])}
    assert [float(f.pts) for f in frames] == pytest.approx(truth["seconds"], abs=2e-6)
    expected = {"hdr_hevc.mp4": "HDR", "interlaced.mp4": "interlaced", "trunc.ts": "lacks frames"}.get(name)
    assert [expected in note for note in caplog.messages if expected] == ([True] if expected else [])
    assert len(caplog.messages) == (1 if expected else 0)


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_refused_unless_one_keeps_going(name: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(DamagedError, match=r"damaged at \d+\.\d+ s"):
        read(name)
    frames = read(name, keep_going=True)
    assert 0 < len(frames) <= TRUTH[name]["frames"]
    assert [float(f.pts) for f in frames] == pytest.approx(TRUTH[name]["seconds"][: len(frames)], abs=2e-6)
    assert caplog.messages


@pytest.mark.parametrize("name", NOTHING)
def test_what_holds_no_frames_is_one_line(name: str) -> None:
    with pytest.raises(ReadError) as caught:
        read(name)
    assert "\n" not in str(caught.value)


def test_the_same_picture_in_different_colors_is_the_same() -> None:
    reference = picture("bt709.mp4")
    for name in ("bt601.mp4", "fullrange.mp4"):
        assert np.abs(picture(name) - reference).mean() * 255 < 2.5
        assert np.abs((picture(name) - reference).mean(axis=(0, 1))).max() * 255 < 1


def test_hdr_looks_like_the_same_scene_in_sdr() -> None:
    difference = picture("hdr_hevc.mp4") - picture("ten_sdr.mp4")
    assert np.abs(difference).mean() * 255 < 5.6


def test_alpha_is_the_same_in_each_container() -> None:
    alphas = [read(name)[0].alpha for name in ("alpha_vp9.webm", "alpha_ffv1.mkv", "alpha.apng")]
    for alpha in alphas:
        assert alpha is not None
        assert alpha.min() < 0.05
        assert alpha.max() > 0.95
    one, other = alphas[0], alphas[1]
    assert one is not None
    assert other is not None
    assert np.abs(one - other).mean() < 0.02
