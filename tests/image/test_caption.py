"""Captions are readable at small and large sizes, and fit."""

from __future__ import annotations

import numpy as np
import pytest

from dreamvid.image.caption import draw_caption


def gray(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 0.5, np.float32)


@pytest.mark.parametrize(("height", "width", "least"), [(170, 256, 8), (1080, 1920, 30), (96, 96, 8)])
def test_letters_grow_with_the_picture(height: int, width: int, least: int) -> None:
    captioned = draw_caption(gray(height, width), "HHH")
    rows, columns = np.nonzero(captioned.min(-1) > 0.7)
    assert least <= rows.max() - rows.min() + 1 <= 0.15 * height
    assert rows.min() > height / 2
    assert columns.max() < width / 2


def test_all_but_the_caption_stays() -> None:
    captioned = draw_caption(gray(200, 300), "mixed4")
    changed = np.abs(captioned - 0.5).max(-1) > 1 / 255
    assert changed.any()
    assert not changed[:170].any()
    assert captioned.dtype == np.float32
    assert captioned.max() <= 1.0


def test_a_name_that_is_too_long_loses_its_middle() -> None:
    name = "inception_resnet_block_8_1_conv_concatenation"
    captioned = draw_caption(gray(96, 96), name)
    ends = draw_caption(gray(96, 96), name[:4])
    assert np.array_equal(captioned[:, :20], ends[:, :20])
    columns = np.nonzero(captioned.min(-1) > 0.7)[1]
    assert 80 < columns.max() < 95


@pytest.mark.parametrize("text", ["Größe ☁", "new\nline", "\x07", "\udcff", "层"])
def test_any_name_can_be_written(text: str) -> None:
    assert draw_caption(gray(64, 64), text).shape == (64, 64, 3)


def test_a_tiny_picture_takes_a_caption() -> None:
    assert draw_caption(gray(4, 6), "mixed4").shape == (4, 6, 3)
