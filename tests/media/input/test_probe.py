from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from dreamvid.errors import ReadError
from dreamvid.media.input.probe import probe
from dreamvid.types import Size, VideoInfo

MakeClip = Callable[..., Path]


def test_the_facts_of_a_plain_clip(make_clip: MakeClip) -> None:
    info = probe(make_clip(frames=12))
    video = info.video
    assert info.kind == "video"
    assert (info.suffix, info.stream_index, float(info.start)) == (".mp4", 0, 0.0)
    assert video == VideoInfo(Size(48, 64), Fraction(24), frames=12, duration=Fraction(1, 2))
    assert not any((video.has_alpha, video.hdr, video.variable_rate, info.interlaced))
    assert (info.color.matrix, info.color.full_range) == (1, False)


@pytest.mark.parametrize(
    "rate", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60), Fraction(25, 2)]
)
@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.ts"])
def test_rates_are_exact(make_clip: MakeClip, rate: Fraction, name: str) -> None:
    video = probe(make_clip(name=name, rate=rate, frames=20)).video
    assert video.rate == rate
    assert video.frames == 20
    assert not video.variable_rate


def test_a_varying_rate_is_seen(make_clip: MakeClip) -> None:
    ticks = [0, 40, 80, 400, 440, 480]
    for name in ("a.mp4", "a.mkv"):
        video = probe(make_clip(name=name, frames=6, ticks=ticks, time_base=Fraction(1, 1000))).video
        assert video.variable_rate
        assert video.frames == 6
        assert video.duration is not None
        assert video.rate == 6 / video.duration


def test_sound_chapters_and_texts(make_clip: MakeClip) -> None:
    chapters = [(0, 200, "one"), (200, 500, "two")]
    info = probe(make_clip(sound=1.0, chapters=chapters, metadata={"title": "Ti=t;le"}))
    assert [stream.codec for stream in info.audio] == ["aac"]
    assert [(c.start, c.end, c.metadata["title"]) for c in info.chapters] == [
        (0, Fraction(1, 5), "one"),
        (Fraction(1, 5), Fraction(1, 2), "two"),
    ]
    assert info.metadata["title"] == "Ti=t;le"
    assert info.subtitles == ()


def test_sound_that_lasts_longer_does_not_lengthen_the_video(make_clip: MakeClip) -> None:
    for name in ("a.mp4", "a.mkv"):
        video = probe(make_clip(name=name, frames=12, sound=2.0)).video
        assert video.frames == 12
        assert video.duration == pytest.approx(0.5, abs=0.002)


def test_cover_art_is_not_the_video(make_clip: MakeClip) -> None:
    info = probe(make_clip(cover=True))
    assert info.video.size == Size(48, 64)
    assert len([s for s in info.streams if s.kind == "video"]) == 2


def _mark_as_auxiliary(path: Path, handler: bytes) -> None:
    """Give the second video track of an MP4 file another handler."""
    data = bytearray(path.read_bytes())
    places = [match.start() + 12 for match in re.finditer(b"hdlr", bytes(data))]
    second = [place for place in places if data[place : place + 4] == b"vide"][1]
    data[second : second + 4] = handler
    path.write_bytes(data)


def _two_videos(path: Path, codec: str = "libx264", formats: Sequence[str] = ("yuv420p",) * 2) -> Path:
    """Write a plain video and a noisy one, which has more bits."""
    random = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        streams: list[Any] = []
        for pix_fmt in formats:
            stream: Any = container.add_stream(codec, rate=24)
            stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
            stream.disposition = av.stream.Disposition.default
            streams.append(stream)
        for index in range(6):
            for stream, noise in zip(streams, (0, 255), strict=True):
                pixels = random.integers(0, noise + 1, (stream.height, stream.width, 3)).astype(np.uint8)
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame.pts, frame.time_base = index, Fraction(1, 24)
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("handler", [b"auxv", b"pict", b"meta"])
def test_planes_of_alpha_and_depth_are_not_the_video(tmp_path: Path, handler: bytes) -> None:
    path = _two_videos(tmp_path / "two.mp4")
    assert probe(path).stream_index == 1  # both are videos, and this one has more bits
    _mark_as_auxiliary(path, handler)
    assert probe(path).stream_index == 0


def test_a_gray_plane_of_the_same_size_is_not_the_video(tmp_path: Path) -> None:
    assert probe(_two_videos(tmp_path / "two.mkv", "ffv1", ("gray", "yuv444p"))).stream_index == 1
    assert probe(_two_videos(tmp_path / "two.mkv", "ffv1", ("yuv444p", "gray"))).stream_index == 0


def test_a_track_that_refers_to_its_master_is_not_the_video(tmp_path: Path) -> None:
    path = _two_videos(tmp_path / "two.mp4")
    data = path.read_bytes()
    second = [match.start() for match in re.finditer(b"tkhd", data)][1]
    # An edit list, which nothing needs here, is overwritten by a reference of the same length.
    edits = data.index(b"edts", second)
    size = int.from_bytes(data[edits - 4 : edits], "big")
    reference = struct.pack(">I4sI", 12, b"auxl", 1)
    reference += struct.pack(">I4s", size - 8 - len(reference), b"free")
    path.write_bytes(data[:edits] + b"tref" + reference.ljust(size - 8, b"\0") + data[edits + size - 4 :])
    assert probe(path).stream_index == 0


def test_depth_hdr_and_shape_of_pixels(make_clip: MakeClip) -> None:
    video = probe(make_clip(pix_fmt="yuv420p10le", transfer=18, primaries=9, sar=Fraction(4, 3))).video
    assert (video.depth, video.hdr, video.sar) == (10, True, Fraction(4, 3))


def test_a_single_frame(make_clip: MakeClip) -> None:
    video = probe(make_clip(frames=1)).video
    assert video == VideoInfo(Size(48, 64), Fraction(24), frames=1, duration=Fraction(1, 24))


def test_where_the_video_starts_in_the_container(make_clip: MakeClip) -> None:
    ticks = [5000 + 40 * i for i in range(5)]
    path = make_clip(name="a.mkv", rate=Fraction(25), frames=5, ticks=ticks, time_base=Fraction(1, 1000))
    assert probe(path).start == 5


def test_a_stream_without_frames(make_clip: MakeClip) -> None:
    with pytest.raises(ReadError, match=r"without a single frame"):
        probe(make_clip(name="a.mkv", frames=0, sound=0.3))
