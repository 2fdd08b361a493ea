"""Chunks give back what was written, and say at once what that will be."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid.media.lossless import Ffv1Chunks
from dreamvid.types import Frame, Size

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("size", [Size(1, 1), Size(15, 40), Size(33, 17), Size(64, 96)], ids=str)
@pytest.mark.parametrize("alpha", [False, True], ids=["rgb", "rgba"])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_picture_is_read_as_it_was_said_to_be(
    tmp_path: Path, *, bits: int, alpha: bool, size: Size
) -> None:
    random = np.random.default_rng(3)
    chunks = Ffv1Chunks(size, bits, alpha)
    path = tmp_path / "000001.mkv"
    sink = chunks.create(path)
    frames = [
        Frame(
            index,
            Fraction(index, 25),
            random.random((*size, 3), dtype=np.float32),
            random.random(size, dtype=np.float32) if alpha else None,
        )
        for index in range(4)
    ]
    said = [sink.write(frame) for frame in frames]
    sink.close()
    found = list(chunks.read(path))
    assert len(found) == len(said)
    for frame, (rgb, a), (rgb_said, a_said) in zip(frames, found, said, strict=True):
        assert np.array_equal(rgb, rgb_said)
        assert np.abs(rgb - frame.rgb).max() <= 0.51 / (2**bits - 1)
        assert (a is None) == (a_said is None) == (not alpha)
        if a is not None and a_said is not None:
            assert np.array_equal(a, a_said)
