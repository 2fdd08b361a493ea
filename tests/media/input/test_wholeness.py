"""What is whole is not called damaged, however unusual; what is cut, swapped or lost is."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from dreamvid.media.input.probe import probe
from dreamvid.media.input.source import open_source
from dreamvid.media.input.wholeness import flaw

MakeClip = Callable[..., Path]


def flaw_of(path: Path) -> str | None:
    return flaw(path, probe(path).format_name)


@pytest.mark.parametrize(
    "settings",
    [
        {"name": "a.mkv", "chapters": [(0, 400, "One")], "sound": 0.5, "metadata": {"title": "T"}},
        {"name": "live.mkv", "container_options": {"live": "1"}},
        {"name": "a.webm", "codec": "libvpx-vp9", "container_options": {"cluster_time_limit": "100"}},
        {"name": "a.gif", "codec": "gif", "pix_fmt": "rgb8", "rate": Fraction(10)},
        {"name": "a.apng", "codec": "apng", "pix_fmt": "rgb24"},
        {"name": "a.avi", "codec": "mpeg4", "sound": 2.0, "sound_codec": "mp2"},
        {"name": "a.ts", "sound": 0.5},
        {"name": "camera.ts", "container_options": {"mpegts_m2ts_mode": "1"}},
        {"name": "a.mp4"},
    ],
    ids=lambda settings: settings["name"],
)
def test_what_is_whole_has_no_flaw(settings: dict[str, object], make_clip: MakeClip) -> None:
    assert flaw_of(make_clip(**settings)) is None


def test_blank_bytes_after_the_end_of_a_gif_are_no_flaw(make_clip: MakeClip) -> None:
    path = make_clip(name="a.gif", codec="gif", pix_fmt="rgb8", rate=Fraction(10))
    path.write_bytes(path.read_bytes() + bytes(300))
    assert flaw_of(path) is None
    path.write_bytes(path.read_bytes() + b"more")
    assert "more follows" in (flaw_of(path) or "")


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "word"),
    [
        ("a.mkv", "ffv1", "bgr0", "cut off"),
        ("a.apng", "apng", "rgb24", "checksum"),
        ("a.avi", "mpeg4", "yuv420p", "cut off"),
        ("a.ts", "libx264", "yuv420p", "no packet"),
    ],
)
def test_a_stretch_that_is_missing_is_a_flaw(
    name: str, codec: str, pix_fmt: str, word: str, make_clip: MakeClip
) -> None:
    path = make_clip(name=name, codec=codec, pix_fmt=pix_fmt)
    data = path.read_bytes()
    middle = len(data) // 2
    path.write_bytes(data[:middle] + data[middle + 10 :])
    assert word in (flaw_of(path) or "")


def test_a_frame_that_an_even_rate_lacks_is_remarked_on(make_clip: MakeClip) -> None:
    notes: list[str] = []
    ticks = [index for index in range(41) if index != 17]
    path = make_clip(frames=40, ticks=ticks, time_base=Fraction(1, 24), options={"bf": "0"})
    assert len(list(open_source(path, notify=notes.append))) == 40
    assert ["lacks frames, the first at 0.71 s" in note for note in notes] == [True]


@pytest.mark.parametrize("ticks", [[0, 1, 3, 4, 7, 9, 10, 14], [0, 10, 11, 30], list(range(0, 40, 2))])
def test_a_rate_that_varies_lacks_nothing(ticks: list[int], make_clip: MakeClip) -> None:
    path = make_clip(frames=len(ticks), ticks=ticks, time_base=Fraction(1, 24), options={"bf": "0"})
    assert probe(path).gap is None
