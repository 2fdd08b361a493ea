from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from dreamvid.errors import DamagedError, ReadError
from dreamvid.media.input.probe import probe
from dreamvid.media.input.source import open_source

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dreamvid.types import RGB

DELAYS = [40, 120, 1000, 0]


@pytest.fixture
def animation(tmp_path: Path, draw: Callable[..., RGB]) -> Path:
    """Four lossless frames with mixed delays; the left third is clear."""
    images = []
    for index in range(4):
        codes = np.rint(draw(index) * 255).astype(np.uint8)
        alpha = np.full((48, 64, 1), 255, np.uint8)
        alpha[:, :20] = 0
        images.append(Image.fromarray(np.concatenate([codes, alpha], axis=2)))
    path = tmp_path / "a.webp"
    images[0].save(path, save_all=True, append_images=images[1:], duration=DELAYS, lossless=True, exact=True)
    return path


def test_times_colors_and_alpha(animation: Path, read_index: Callable[[RGB], int]) -> None:
    info = probe(animation)
    assert (info.kind, info.video.frames, info.video.has_alpha) == ("animation", 4, True)
    assert info.video.variable_rate
    frames = list(open_source(animation))
    assert [f.pts for f in frames] == [0, Fraction(40, 1000), Fraction(160, 1000), Fraction(1160, 1000)]
    assert frames[-1].duration == Fraction(1, 10)  # as browsers show a frame of no duration
    assert [read_index(f.rgb[:, 20:]) for f in frames] == [0, 1, 2, 3]
    for frame in frames:
        assert frame.alpha is not None
        assert (frame.alpha[:, :20] == 0).all()
        assert (frame.alpha[:, 20:] == 1).all()


def test_cut_and_resampled(animation: Path, read_index: Callable[[RGB], int]) -> None:
    source = open_source(animation, start=Fraction(1, 20), duration=Fraction(1), fps=Fraction(10))
    assert [read_index(f.rgb[:, 20:]) for f in source] == [1, *[2] * 9]


def test_damage(animation: Path) -> None:
    data = animation.read_bytes()
    animation.write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises((DamagedError, ReadError)) as caught:
        list(open_source(animation))
    assert "damaged" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_still_webp_is_no_video(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "still.webp")
    with pytest.raises(ReadError, match="dreamvid image"):
        probe(tmp_path / "still.webp")
