"""HAP and DXV: what VJ programs play, read back by FFmpeg's decoders."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from dreamvid.config.settings import OutputSettings
from dreamvid.errors import WriteError
from dreamvid.media.input.source import open_source
from dreamvid.media.output import codecs
from dreamvid.media.output.codecs import choose_codec
from dreamvid.media.output.hap import scaled_ycocg
from dreamvid.media.output.writer import open_writer
from dreamvid.types import RGB, Alpha, Frame, Size, VideoInfo

if TYPE_CHECKING:
    from pathlib import Path

TAGS = {"hap": "Hap1", "hap-alpha": "Hap5", "hap-q": "HapY", "dxv": "DXD3"}
DECIBELS = {"hap": 35, "hap-alpha": 35, "hap-q": 37, "dxv": 35}


def picture(index: int, size: Size) -> RGB:
    """Return colored waves with some grain."""
    y, x = np.mgrid[: size.height, : size.width] / 40
    waves = np.stack([np.sin(x + index), np.sin(y + x / 3), np.cos(y - index / 2)], axis=-1)
    grain = np.random.default_rng(index).normal(0, 0.01, waves.shape)
    return (0.5 + 0.35 * waves + grain).clip(0, 1).astype(np.float32)


def ramp(size: Size) -> Alpha:
    return np.tile(np.linspace(0, 1, size.width, dtype=np.float32), (size.height, 1))


def write(path: Path, codec: Any, size: Size, *, alpha: bool = False, frames: int = 3) -> list[Frame]:
    info = VideoInfo(size, Fraction(30), frames=frames, has_alpha=alpha)
    pictures = [
        Frame(index, Fraction(index, 30), picture(index, size), ramp(size) if alpha else None)
        for index in range(frames)
    ]
    with open_writer(path, info=info, output=OutputSettings(codec=codec)) as writer:
        for frame in pictures:
            writer.write(frame)
    return pictures


def decibels(written: Any, read: Any) -> float:
    return float(-10 * np.log10(np.mean(np.square(written - read))))


@pytest.mark.parametrize("size", [Size(96, 128), Size(75, 101)])
@pytest.mark.parametrize("codec", TAGS)
def test_frames_come_back_under_the_right_tag(codec: str, size: Size, tmp_path: Path) -> None:
    path = tmp_path / "loop.mov"
    written = write(path, codec, size)
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.codec_tag == TAGS[codec]
    frames = list(open_source(path))
    assert [frame.pts for frame in frames] == [frame.pts for frame in written]
    for one, other in zip(frames, written, strict=True):
        assert decibels(one.rgb[: size.height, : size.width], other.rgb) > DECIBELS[codec]


def test_alpha_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "layer.mov"
    written = write(path, "hap-alpha", Size(96, 128), alpha=True)
    for one, other in zip(open_source(path), written, strict=True):
        assert one.alpha is not None
        assert decibels(one.alpha, other.alpha) > 40


def test_chroma_of_faint_blocks_is_enlarged_and_of_strong_ones_is_not() -> None:
    faint, strong, gray = [140, 120, 110, 255], [250, 10, 30, 255], [77, 77, 77, 255]
    rgba = np.repeat(np.array([faint, strong, gray], np.uint8), 4, axis=0)[None].repeat(4, axis=0)
    stored = scaled_ycocg(rgba).astype(float)
    assert stored[0, ::4, 2].tolist() == [24, 0, 24]
    scale = stored[..., 2] / 8 + 1
    co, cg, luma = (stored[..., 0] - 128) / scale, (stored[..., 1] - 128) / scale, stored[..., 3]
    decoded = np.stack([luma + co - cg, luma + cg, luma - co - cg], axis=-1)
    assert np.abs(decoded - rgba[..., :3]).max() <= 1.0


def test_without_its_packages_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecs, "can_encode_hap", lambda: False)
    with pytest.raises(WriteError, match=r"pip install cramjam etcpak"):
        choose_codec(".mov", OutputSettings(codec="hap"), VideoInfo(Size(48, 64), Fraction(24)))
