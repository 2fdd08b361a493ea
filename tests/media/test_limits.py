"""Limits on the size of inputs."""

from __future__ import annotations

from fractions import Fraction

import pytest

from dreamvid.errors import ReadError
from dreamvid.media.limits import check_frames, check_picture, check_rate
from dreamvid.types import Size


def test_long_films_and_large_pictures_are_read() -> None:
    check_picture("16K.mp4", Size(8640, 15360))
    check_frames("a night at 24 frames a second", 1_000_000)
    check_rate("slow motion", Fraction(1000))


def test_what_is_beyond_a_limit_is_refused() -> None:
    with pytest.raises(ReadError, match="x is 30001x30000; at most 200 megapixels are read"):
        check_picture("x", Size(30000, 30001))
    with pytest.raises(ReadError, match="x has 5 million frames; at most 5 million are read; --fps"):
        check_frames("x", 5_000_001)
    with pytest.raises(ReadError, match=r"x has 1000\.5 frames a second; at most 1000 are read"):
        check_rate("x", Fraction(2001, 2))
