"""What a video is made for: rate, loop and codec follow, unless they are given."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from dreamvid.config.preset import Preset
from dreamvid.pipelines.purpose import for_purpose, stage_rate
from dreamvid.types import Size, VideoInfo


def vj(**settings: Any) -> Preset:
    return Preset.build({"output": {"purpose": "vj", **settings}})


def source(rate: Fraction, *, alpha: bool = False) -> VideoInfo:
    return VideoInfo(Size(48, 64), rate, has_alpha=alpha)


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (Fraction(24000, 1001), 25),
        (Fraction(24), 25),
        (Fraction(30000, 1001), 30),
        (Fraction(48), 50),
        (Fraction(60000, 1001), 60),
        (Fraction(120), 60),
        (Fraction(12), 25),
    ],
)
def test_the_nearest_rate_of_stages_is_taken(rate: Fraction, expected: int) -> None:
    assert stage_rate(rate) == expected


def test_a_video_for_vjs_is_hap(caplog: pytest.LogCaptureFixture) -> None:
    made = for_purpose(vj(), None, source(Fraction(30000, 1001)))
    assert made.output.fps == 30
    assert made.output.codec == "hap"
    assert not caplog.messages  # 29.97 is 30 for anyone who looks
    assert for_purpose(vj(), Path("a.mov"), source(Fraction(25), alpha=True)).output.codec == "hap-alpha"


def test_frames_shown_twice_are_said(caplog: pytest.LogCaptureFixture) -> None:
    for_purpose(vj(), None, source(Fraction(24)))
    assert "24 frames a second become 25" in caplog.text


def test_what_is_given_stays() -> None:
    made = for_purpose(vj(fps=24, codec="prores"), None, source(Fraction(24)))
    assert made.output.fps == 24
    assert made.output.codec == "prores"
    assert for_purpose(vj(), Path("a.mp4"), source(Fraction(25))).output.codec == "auto"
    plain = Preset()
    assert for_purpose(plain, None, source(Fraction(24))) is plain


def test_a_trip_for_vjs_is_a_loop() -> None:
    made = for_purpose(vj(), None, None)
    assert made.trip.loop
    assert made.output.fps == 30
    assert made.output.codec == "hap"
    straight = Preset.build({"output": {"purpose": "vj"}, "trip": {"loop": False}})
    assert not for_purpose(straight, None, None).trip.loop
