"""What every source of frames promises, whatever it reads."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from dreamvid.media.input.source import open_source
from dreamvid.types import FrameSource, Size

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KINDS = [
    "mp4",
    "mov",
    "mkv",
    "webm",
    "gif",
    "apng",
    "webp",
    "folder",
    "ts",
    "alpha",
    "cut",
    "resampled",
    "resized",
]


def clip(path: Path, codec: str, pix_fmt: str) -> Path:
    """Write twelve frames at 20 fps without the help of what is tested."""
    import av  # noqa: PLC0415  folders and WebP need none

    forms = {"mkv": "matroska", "ts": "mpegts"}
    form = forms.get(path.suffix[1:], path.suffix[1:])
    with av.open(str(path), "w", form) as container:
        stream: Any = container.add_stream(codec, rate=20)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        if "yuva" in pix_fmt:
            stream.metadata["alpha_mode"] = "1"
        for index in range(12):
            frame = av.VideoFrame.from_ndarray(picture(index), format="rgba").reformat(format=pix_fmt)
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def picture(index: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return ``[48, 64, 4]``: a gradient that brightens with time and is clear at the left."""
    rgba = np.zeros((48, 64, 4), np.uint8)
    rgba[..., 0] = np.arange(64) * 2
    rgba[..., 1] = index * 20
    rgba[:, 32:, 3] = 255
    return rgba


@pytest.fixture(params=KINDS)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> FrameSource:
    makers: dict[str, Callable[[], Path]] = {
        "webm": lambda: clip(tmp_path / "a.webm", "libvpx-vp9", "yuv420p"),
        "gif": lambda: clip(tmp_path / "a.gif", "gif", "rgb8"),
        "apng": lambda: clip(tmp_path / "a.apng", "apng", "rgba"),
        "alpha": lambda: clip(tmp_path / "a.webm", "libvpx-vp9", "yuva420p"),
        "webp": lambda: webp(tmp_path),
        "folder": lambda: folder(tmp_path),
    }
    kind: str = request.param
    suffix = kind if kind in {"mov", "mkv", "ts"} else "mp4"
    path = makers.get(kind, lambda: clip(tmp_path / f"a.{suffix}", "libx264", "yuv420p"))()
    return open_source(
        path,
        start=Fraction(1, 10) if kind == "cut" else Fraction(0),
        duration=Fraction(2, 5) if kind == "cut" else None,
        fps=Fraction(20) if kind == "folder" else Fraction(30) if kind == "resampled" else None,
        size=Size(30, 30) if kind == "resized" else None,
    )


def webp(place: Path) -> Path:
    images = [Image.fromarray(picture(index)) for index in range(12)]
    images[0].save(place / "a.webp", save_all=True, append_images=images[1:], duration=50, lossless=True)
    return place / "a.webp"


def folder(place: Path) -> Path:
    (place / "frames").mkdir()
    for index in range(12):
        Image.fromarray(picture(index)).save(place / "frames" / f"{index}.png")
    return place / "frames"


def test_pictures_are_float_rgb_of_the_announced_size(source: FrameSource) -> None:
    for frame in source:
        assert frame.rgb.shape == (*source.info.size, 3)
        assert frame.rgb.dtype == np.float32
        assert frame.rgb.flags.c_contiguous
        assert 0 <= frame.rgb.min() <= frame.rgb.max() <= 1


def test_alpha_is_there_exactly_when_announced(source: FrameSource) -> None:
    for frame in source:
        assert (frame.alpha is not None) == source.info.has_alpha
        if frame.alpha is not None:
            assert frame.alpha.shape == source.info.size
            assert frame.alpha.dtype == np.float32
            assert frame.alpha.min() < 0.05
            assert frame.alpha.max() > 0.95


def test_times_are_exact_begin_at_zero_and_grow(source: FrameSource) -> None:
    frames = list(source)
    assert all(isinstance(frame.pts, Fraction) for frame in frames)
    assert frames[0].pts == 0
    assert all(early.pts < late.pts for early, late in itertools.pairwise(frames))
    assert all(frame.duration is None or frame.duration > 0 for frame in frames)
    assert [frame.index for frame in frames] == list(range(len(frames)))


def test_the_announced_number_and_duration_are_right(source: FrameSource) -> None:
    frames = list(source)
    assert source.info.frames in {None, len(frames)}
    last = frames[-1]
    assert source.info.duration == pytest.approx(last.pts + (last.duration or 0), abs=0.011)
    assert source.info.rate == pytest.approx(len(frames) / source.info.duration, rel=0.03)


def test_it_can_be_read_again(source: FrameSource) -> None:
    for one, other in zip(source, source, strict=True):
        assert one.pts == other.pts
        np.testing.assert_array_equal(one.rgb, other.rgb)


def test_brightness_follows_time(source: FrameSource) -> None:
    levels = [float(frame.rgb[:, -8:, 1].mean()) for frame in source]
    assert levels == sorted(levels)
    assert levels[-1] > levels[0] + 0.3
