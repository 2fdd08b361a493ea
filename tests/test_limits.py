"""What is too much, what raises it, and what is said."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest

from dreamvid.errors import ReadError, SettingsError
from dreamvid.limits import VIDEO_BYTES, Limits, machine_memory
from dreamvid.types import Size


def test_what_is_not_named_keeps_its_default() -> None:
    assert Limits.parse("pixels=900M") == Limits(pixels=900_000_000)
    assert Limits.parse("frames=1.5k, memory=64G,fps=2000") == Limits(
        frames=1500, memory=64 * 10**9, fps=2000
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pixel=1M", "did you mean 'pixels'"),
        ("", "there are pixels, frames, fps, memory"),
        ("pixels", "must be a number such as 900M"),
        ("pixels=0", "must be a number"),
        ("pixels=-5", "must be a number"),
        ("pixels=1e9", "must be a number"),
        ("pixels=" + "9" * 400, "must be a number"),
        ("frames=1,,", "no limit is called ''"),
    ],
)
def test_what_is_no_limit_is_one_line(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(message)) as caught:
        Limits.parse(text)
    assert len(str(caught.value)) < 200


def test_long_films_and_large_pictures_are_fine() -> None:
    usual = Limits()
    usual.check_picture("16K.mp4", Size(8640, 15360))
    usual.check_frames("a night at 24 a second", 1_000_000)
    usual.check_rate("slow motion", Fraction(1000))


def test_each_refusal_names_a_limit_that_lets_it_through() -> None:
    def retry(text: str) -> Limits:
        found = re.search(r"--limits (\S+=\d+[kMGT]?)", text)
        assert found is not None
        return Limits.parse(found[1])

    size, usual = Size(30000, 30001), Limits()
    with pytest.raises(ReadError, match=r"x is 30001x30000, 900 M pixels; at most 200 M are read") as caught:
        usual.check_picture("x", size)
    retry(str(caught.value)).check_picture("x", size)
    with pytest.raises(ReadError, match="5 M frames") as caught:
        usual.check_frames("x", 5_000_001)
    retry(str(caught.value)).check_frames("x", 5_000_001)
    with pytest.raises(ReadError, match="frames a second") as caught:
        usual.check_rate("x", Fraction(2_000_001, 2000))
    retry(str(caught.value)).check_rate("x", Fraction(2_000_001, 2000))
    with pytest.raises(SettingsError, match="take about 173 GB of memory") as refused:
        Limits(memory=24 * 10**9).check_memory("x", Size(16384, 16384), VIDEO_BYTES)
    retry(str(refused.value)).check_memory("x", Size(16384, 16384), VIDEO_BYTES)


def test_the_machine_says_what_it_has() -> None:
    memory = machine_memory()
    assert memory is None or memory > 1 << 28
