"""Every combination of container and codec that the documentation lists is read: frames, order, times and size."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from dreamvid.media.input.source import open_source
from dreamvid.types import RGB, Size

MakeClip = Callable[..., Path]

FRAMES = 8
RATE = Fraction(25)
ENCODERS = {
    "h264": "libx264",
    "hevc": "libx265",
    "vp8": "libvpx",
    "vp9": "libvpx-vp9",
    "av1": "libsvtav1",
    "prores": "prores_ks",
    "flv1": "flv",
    "msmpeg4v3": "msmpeg4",
}
PIXEL_FORMATS = {
    "prores": "yuv422p10le",
    "mjpeg": "yuvj420p",
    "png": "rgb24",
    "qtrle": "rgb24",
    "cfhd": "yuv422p10le",
    "huffyuv": "yuv422p",
    "cinepak": "rgb24",
    "dvvideo": "yuv420p",
}
SIZES = {"dvvideo": Size(576, 720), "h263": Size(144, 176)}
OPTIONS = {"hevc": {"x265-params": "log-level=none"}}
MUXERS = {".mpg": "mpeg", ".wmv": "asf", ".y4m": "yuv4mpegpipe", ".m2ts": "mpegts"}


def _documented() -> list[tuple[str, str]]:
    text = (Path(__file__).parents[3] / "docs" / "formats.md").read_text(encoding="utf-8")
    _, table = text.split("| suffix | video codecs, by FFmpeg's names |", 1)
    rows = re.findall(r"^\| (\..*?) \| (.*?) \|$", table.split("\n\n", 1)[0], re.MULTILINE)
    return [
        (s, codec) for suffixes, codecs in rows for s in suffixes.split(", ") for codec in codecs.split(", ")
    ]


def test_the_documentation_lists_formats() -> None:
    assert len(_documented()) > 50


@pytest.mark.parametrize(("suffix", "codec"), _documented())
def test_each_documented_format_is_read(
    make_clip: MakeClip, read_index: Callable[[RGB], int], suffix: str, codec: str
) -> None:
    path = make_clip(
        name=f"clip{suffix}",
        codec=ENCODERS.get(codec, codec),
        frames=FRAMES,
        rate=RATE,
        size=SIZES.get(codec, Size(128, 160)),
        pix_fmt=PIXEL_FORMATS.get(codec, "yuv420p"),
        options={"b": "4M", **OPTIONS.get(codec, {})},
        muxer=MUXERS.get(suffix),
    )
    with av.open(str(path)) as container:
        context: Any = container.streams.video[0].codec_context
        assert context.codec.canonical_name == codec
    source = open_source(path)
    frames = list(source)
    assert [read_index(frame.rgb) for frame in frames] == list(range(FRAMES))
    assert [float(frame.pts) for frame in frames] == pytest.approx(
        [index / RATE for index in range(FRAMES)], abs=0.0011
    )
    assert frames[0].rgb.shape[:2] == source.info.size
