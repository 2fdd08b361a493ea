"""A source that begins at a later frame gives the very frames of a source that is read from its start."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from dreamvid.media.color.rgb import from_rgb
from dreamvid.media.input import decoder
from dreamvid.media.input import source as source_module
from dreamvid.media.input.source import open_source
from dreamvid.types import RGB, Frame, Size

MakeClip = Callable[..., Path]

SIZE = Size(48, 64)
CLIPS: dict[str, dict[str, Any]] = {
    "frames refer to both sides.mp4": {"codec": "libx264", "options": {"g": "20", "bf": "3"}},
    "open groups.mkv": {"codec": "libx264", "options": {"g": "20", "x264-params": "open-gop=1"}},
    "open groups.ts": {"codec": "libx264", "options": {"g": "20", "x264-params": "open-gop=1"}},
    "no keyframes.ts": {"codec": "libx264", "options": {"g": "20", "intra-refresh": "1"}},
    "open groups.mp4": {
        "codec": "libx265",
        "options": {"x265-params": "open-gop=1:keyint=20:log-level=none"},
    },
    "hidden frames.webm": {
        "codec": "libvpx-vp9",
        "options": {"g": "30", "auto-alt-ref": "1", "lag-in-frames": "12", "deadline": "realtime"},
    },
    "flash.flv": {"codec": "libx264", "options": {"g": "20", "bf": "2"}},
    "lossless.mkv": {"codec": "ffv1", "options": {"g": "12"}},
    "variable rate.mp4": {
        "codec": "libx264",
        "options": {"g": "20"},
        "time_base": Fraction(1, 1000),
        "ticks": [40 * index + 7 * (index % 5) for index in range(70)],
    },
}
WITHOUT_TIMES: dict[str, dict[str, Any]] = {
    "reordered.avi": {"codec": "mpeg4", "options": {"g": "20", "bf": "2"}},
    "windows.wmv": {"codec": "wmv2", "muxer": "asf"},
    "program.mpg": {"codec": "mpeg2video", "options": {"g": "12", "bf": "2"}, "muxer": "mpeg"},
    "raw.h264": {"codec": "libx264", "options": {"g": "20", "bf": "2"}, "muxer": "h264"},
    "picture.gif": {"codec": "gif", "pix_fmt": "rgb8"},
}
SELECTIONS: dict[str, dict[str, Any]] = {
    "whole": {},
    "trimmed": {"start": Fraction(1, 3), "duration": Fraction(2)},
    "resampled": {"fps": Fraction(17)},
    "trimmed and resampled": {"start": Fraction(1, 5), "fps": Fraction(50), "duration": Fraction(3, 2)},
}


def grainy(index: int, size: Size) -> RGB:
    """Return a picture of which no two are alike."""
    ramp = np.tile(np.linspace(0.1, 0.9, size.width), (size.height, 1))
    grain = np.random.default_rng(index).normal(0, 0.05, (*size, 3))
    return (np.roll(ramp, 3 * index, axis=1)[..., None] + grain).clip(0, 1).astype(np.float32)


def content(frames: Any) -> list[tuple[Any, ...]]:
    return [(f.index, f.pts, f.duration, f.rgb.tobytes()) for f in frames]


def check_every_beginning(path: Path, **selection: Any) -> None:
    source = open_source(path, **selection)
    whole = content(source)
    assert len(whole) > 20
    for first in {1, len(whole) // 3, len(whole) // 2, len(whole) - 1}:
        assert content(source.from_frame(first, whole[first][1])) == whole[first:]


@pytest.mark.parametrize("selection", SELECTIONS.values(), ids=SELECTIONS)
@pytest.mark.parametrize("name", CLIPS)
def test_frames_found_by_seeking_are_those_of_a_straight_read(
    make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch, name: str, selection: dict[str, Any]
) -> None:
    path = make_clip(**{"name": name, "frames": 70, "size": SIZE, "make": grainy, **CLIPS[name]})
    source = open_source(path, **selection)
    whole = content(source)
    monkeypatch.setattr(source_module._Source, "_timed_frames", None)  # the straight read
    for first in {1, len(whole) // 3, len(whole) // 2, len(whole) - 1}:
        assert content(source.from_frame(first, whole[first][1])) == whole[first:]


@pytest.mark.parametrize("name", WITHOUT_TIMES)
def test_containers_that_cannot_be_searched_give_the_same_frames(make_clip: MakeClip, name: str) -> None:
    path = make_clip(**{"name": name, "frames": 70, "size": SIZE, "make": grainy, **WITHOUT_TIMES[name]})
    check_every_beginning(path)
    check_every_beginning(path, **SELECTIONS["trimmed and resampled"])


def test_a_time_that_no_frame_has_is_not_relied_on(make_clip: MakeClip) -> None:
    source = open_source(make_clip(frames=40, make=grainy))
    whole = content(source)
    assert content(source.from_frame(30, whole[30][1] + Fraction(1, 100))) == whole[30:]


def test_only_the_frames_around_the_first_one_are_decoded(
    make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = open_source(make_clip(frames=200, options={"g": "10", "bf": "0"}))
    last = content(source)[-1]
    decoded: list[Fraction] = []
    read = decoder.read_container

    def spy(*args: Any, **options: Any) -> Any:
        for timed in read(*args, **options):
            decoded.append(timed.pts)
            yield timed

    monkeypatch.setattr(source_module, "read_container", spy)
    assert content(source.from_frame(199, last[1])) == [last]
    assert len(decoded) < 20


def test_frames_that_are_interlaced_only_later_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "mixed.ts"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("mpeg2video", rate=25)
        stream.width, stream.height, stream.pix_fmt = SIZE.width, SIZE.height, "yuv420p"
        interlaced: Any = av.CodecContext.create("mpeg2video", "w")
        interlaced.width, interlaced.height, interlaced.pix_fmt = SIZE.width, SIZE.height, "yuv420p"
        interlaced.time_base, interlaced.framerate = Fraction(1, 25), Fraction(25)
        interlaced.options = {"flags": "+ildct+ilme"}
        for encoder, begin in ((stream, 0), (interlaced, 30)):
            packets = []
            for index in range(begin, begin + 30):
                frame = from_rgb(grainy(index, SIZE), pix_fmt="yuv420p", matrix="bt601")
                frame.pts, frame.time_base = index, Fraction(1, 25)
                packets += encoder.encode(frame)
            for packet in (*packets, *encoder.encode(None)):
                packet.stream = stream
                container.mux(packet)
    source = open_source(path)
    whole = content(source)
    assert len(whole) >= 59  # the decoder drops one where the stream changes
    for first in range(26, 40):
        assert content(source.from_frame(first, whole[first][1])) == whole[first:]


def test_a_start_in_a_stream_that_cannot_be_searched_there_is_found(make_clip: MakeClip) -> None:
    path = make_clip(name="one keyframe.ts", frames=40, make=grainy, options={"g": "1000", "bf": "2"})
    whole = [f.rgb.tobytes() for f in open_source(path)]
    cut: list[Frame] = list(open_source(path, start=Fraction(1, 2)))
    assert [f.rgb.tobytes() for f in cut] == whole[12:]
