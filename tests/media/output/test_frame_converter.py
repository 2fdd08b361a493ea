"""What becomes of colors on their way into a file."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
import pytest

from dreamvid.media.color.filters import full_chroma
from dreamvid.media.color.palette import with_palette
from dreamvid.media.input.source import open_source
from dreamvid.types import Size


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("o.mp4", "h264"),
        ("o.mp4", "h265"),
        ("o.mp4", "av1"),
        ("o.mkv", "vp9"),
        ("o.mkv", "prores"),
        ("o.webm", "vp9"),
    ],
)
def test_chroma_is_not_shifted(write: Any, name: str, codec: str) -> None:
    """Half a pixel of shift would be an error of 2.6."""
    waves = np.linspace(0, 6 * np.pi, 128, dtype=np.float32)
    row = np.stack([0.5 + 0.3 * np.sin(waves), 0.5 + 0 * waves, 0.5 - 0.3 * np.sin(waves)], axis=1)
    rgb = np.tile(row[None], (128, 1, 1)).astype(np.float32)
    settings = {} if codec == "prores" else {"crf": 2}
    written = write(name, frames=1, size=Size(128, 128), pictures=[rgb], codec=codec, **settings)
    (frame,) = open_source(written.path)
    assert np.abs(frame.rgb - rgb).mean() * 255 < 1.2


@pytest.mark.parametrize(
    ("pix_fmt", "full"),
    [
        ("yuv420p", "yuv444p"),
        ("yuva420p", "yuva444p"),
        ("yuv420p10le", "yuv444p10le"),
        ("yuv422p10le", "yuv444p10le"),
        ("yuva444p10le", None),
        ("bgr0", None),
        ("rgb24", None),
    ],
)
def test_only_halved_chroma_is_sampled(pix_fmt: str, full: str | None) -> None:
    assert full_chroma(pix_fmt) == full


def _rgb(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> np.ndarray[Any, np.dtype[Any]]:
    frame = av.VideoFrame.from_ndarray(pixels, format="rgba" if pixels.shape[2] == 4 else "rgb24")
    return np.asarray(with_palette(frame).reformat(format="rgba").to_ndarray())


def test_few_colors_are_kept_exactly() -> None:
    noise = np.random.default_rng(0)
    colors = noise.integers(0, 256, (20, 3), dtype=np.uint8)
    pixels = colors[noise.integers(0, 20, (60, 80))]
    assert np.abs(_rgb(pixels)[..., :3].astype(int) - pixels).max() <= 1


@pytest.mark.parametrize("light", [1.0, 0.2])
def test_many_colors_look_the_same_from_afar(draw: Any, light: float) -> None:
    pixels = np.rint(draw(3, Size(120, 160)) * 255 * light).astype(np.uint8)
    seen, meant = (
        cv2.GaussianBlur(p.astype(np.float32), (0, 0), 1.5) for p in (_rgb(pixels)[..., :3], pixels)
    )
    assert np.sqrt(((seen - meant) ** 2).mean()) < 1.5


def test_a_wholly_transparent_frame_is_one() -> None:
    assert not _rgb(np.zeros((16, 16, 4), np.uint8))[..., 3].any()


def test_the_same_picture_gets_the_same_palette(write: Any, draw: Any) -> None:
    written = write("o.gif", frames=3, pictures=[draw(1)] * 3, times=[Fraction(i, 10) for i in range(3)])
    with av.open(str(written.path)) as container:
        first, *rest = [frame.to_ndarray(format="rgba") for frame in container.decode(video=0)]
    assert all(np.array_equal(first, other) for other in rest)
