"""Resizing: sizes, ranges, no aliasing, exact identity."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamvid.image.resize import cover, resize
from dreamvid.types import Size


@pytest.mark.parametrize("shape", [(40, 60, 3), (40, 60), (1, 60, 3), (40, 1, 3), (1, 1, 3)])
@pytest.mark.parametrize("size", [Size(20, 30), Size(80, 90), Size(20, 90), Size(1, 1), Size(41, 59)])
def test_every_shape_comes_out_at_the_size(shape: tuple[int, ...], size: Size) -> None:
    image = np.full(shape, 0.25, np.float32)
    result = resize(image, size)
    assert result.shape == (*size, *shape[2:])
    assert result.dtype == np.float32
    assert np.allclose(result, 0.25, atol=1e-6)


def test_the_same_size_is_the_same_picture() -> None:
    image = np.random.default_rng(0).random((5, 7, 3), dtype=np.float32)
    assert resize(image, Size(5, 7)) is image


def test_shrinking_does_not_alias() -> None:
    stripes = np.zeros((64, 64, 3), np.float32)
    stripes[:, ::2] = 1.0
    assert np.allclose(resize(stripes, Size(32, 32)), 0.5, atol=1e-6)


def test_cover_crops_about_the_center() -> None:
    image = np.zeros((40, 80, 3), np.float32)
    image[:, 20:60] = 1.0
    assert cover(image, Size(20, 20)).shape == (20, 20, 3)
    assert cover(image, Size(20, 20)).min() == pytest.approx(1.0, abs=0.01)


def test_cover_keeps_the_middle_exactly() -> None:
    image = np.zeros((40, 100, 3), np.float32)
    image[:, 30:70] = 1.0
    np.testing.assert_array_equal(cover(image, Size(40, 40)), np.ones((40, 40, 3), np.float32))


@pytest.mark.parametrize("shape", [(9, 13, 3), (9, 13), (1, 13), (40, 3, 4)])
@pytest.mark.parametrize("size", [Size(27, 39), Size(9, 13), Size(5, 40), Size(49, 3), Size(1, 1)])
def test_cover_has_the_size_and_keeps_the_range(shape: tuple[int, ...], size: Size) -> None:
    image = (np.random.default_rng(1).random(shape) > 0.5).astype(np.float32)
    covered = cover(image, size)
    assert covered.shape == (*size, *shape[2:])
    assert covered.dtype == np.float32
    assert 0 <= covered.min() <= covered.max() <= 1


@given(*[st.integers(1, 80)] * 4)
@settings(max_examples=60, deadline=None)
def test_cover_shrinks_no_side_below_the_size(height: int, width: int, to_height: int, to_width: int) -> None:
    covered = cover(np.full((height, width), 0.5, np.float32), Size(to_height, to_width))
    assert covered.shape == (to_height, to_width)


def test_cover_of_the_same_size_is_the_same_picture() -> None:
    image = np.random.default_rng(0).random((5, 7, 3), dtype=np.float32)
    assert cover(image, Size(5, 7)) is image
