"""Resizing: sizes, ranges, no aliasing, exact identity."""

from __future__ import annotations

import numpy as np
import pytest

from dreamvid.resample import cover, resize
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
