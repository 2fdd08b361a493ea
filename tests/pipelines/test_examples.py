"""Examples are the patches that fire a unit most, where and when the source has them, spread over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import imageio.v3 as iio
import numpy as np
import pytest

from dreamvid.errors import ReadError
from dreamvid.pipelines.examples import Example, strongest_patches, strongest_patches_by_layer

if TYPE_CHECKING:
    from pathlib import Path


def center(example: Example) -> tuple[float, float]:
    top, left, bottom, right = example.box
    return (top + bottom) / 2, (left + right) / 2


def test_the_patch_shows_what_fires_the_unit_with_place_and_time(
    tmp_path: Path, color_reader: Any, square_clip: Any
) -> None:
    clip = square_clip(tmp_path / "red.mkv", 24, lambda index: (1.0, 0.0, 0.0) if index >= 12 else None)
    found = strongest_patches(clip, color_reader, "color", [0, 2], count=4, size=9)
    assert found[2] == []
    (example,) = found[0]
    assert example.seconds == 0.5
    assert example.file == clip
    assert example.activation == pytest.approx(1.0, abs=0.02)
    assert center(example) == pytest.approx((14, 18), abs=6)
    assert example.patch.shape == (9, 9, 3)
    assert example.patch.dtype == np.float32
    np.testing.assert_allclose(example.patch.mean((0, 1)), (1.0, 0.0, 0.0), atol=0.35)


def test_patches_are_spread_over_time(tmp_path: Path, color_reader: Any, square_clip: Any) -> None:
    clip = square_clip(tmp_path / "long.mkv", 200, lambda index: (0.6 + 0.4 * index / 200, 0.2, 0.2), rate=10)
    found = strongest_patches(clip, color_reader, "color", [0], count=3, size=8)[0]
    assert len(found) == 3
    assert [e.activation for e in found] == sorted((e.activation for e in found), reverse=True)
    times = sorted(e.seconds or 0.0 for e in found)
    assert min(np.diff(times)) >= 1.0
    assert times[-1] > 19


def test_a_short_clip_gives_fewer_patches_rather_than_the_same_second_again(
    tmp_path: Path, color_reader: Any, square_clip: Any
) -> None:
    clip = square_clip(tmp_path / "short.mkv", 18, lambda _: (0.0, 1.0, 0.0))
    found = strongest_patches(clip, color_reader, "color", [1], count=9, size=8)[1]
    assert len(found) == 1


def test_a_folder_gives_one_patch_a_picture_whatever_their_sizes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, color_reader: Any
) -> None:
    picture = np.full((40, 60, 3), 128, np.uint8)
    iio.imwrite(tmp_path / "c.png", picture)
    picture[10:20, 10:20] = 200, 20, 20
    iio.imwrite(tmp_path / "b.png", picture[:33])
    picture[10:20, 10:20] = 255, 0, 0
    iio.imwrite(tmp_path / "a red.png", picture)
    (tmp_path / "notes.txt").write_text("no picture", encoding="utf-8")
    (tmp_path / "sub").mkdir()
    found = strongest_patches(tmp_path, color_reader, "color", [0], count=5, size=8)[0]
    assert [e.file.name for e in found] == ["a red.png", "b.png"]
    assert [e.seconds for e in found] == [None, None]
    assert "1 file is left out, as no readable picture, such as notes.txt" in caplog.text


def test_a_picture_is_seen_small_and_its_patch_cut_from_the_whole(tmp_path: Path, color_reader: Any) -> None:
    picture = np.full((480, 800, 3), 128, np.uint8)
    picture[400:440, 720:760] = 0, 0, 255
    iio.imwrite(tmp_path / "large.png", picture)
    reader = color_reader
    (example,) = strongest_patches(tmp_path / "large.png", reader, "color", [2], count=2, size=16, width=200)[
        2
    ]
    assert reader.sizes == {(120, 200)}
    assert example.box[2] - example.box[0] == example.box[3] - example.box[1] == 36
    assert center(example) == pytest.approx((420, 740), abs=20)


def test_patches_stay_within_the_picture(tmp_path: Path, color_reader: Any) -> None:
    picture = np.full((20, 30, 3), 128, np.uint8)
    picture[:2, -2:] = 255, 0, 0
    iio.imwrite(tmp_path / "corner.png", picture)
    (example,) = strongest_patches(tmp_path / "corner.png", color_reader, "color", [0], count=1, size=4)[0]
    top, left, bottom, right = example.box
    assert 0 <= top < bottom <= 20
    assert 0 <= left < right <= 30
    assert bottom - top == right - left


def test_all_units_are_found_in_one_pass(tmp_path: Path, color_reader: Any, square_clip: Any) -> None:
    clip = square_clip(tmp_path / "c.mkv", 6, lambda _: (1.0, 0.0, 0.0), rate=6)
    reader = color_reader
    found = strongest_patches_by_layer(clip, reader, {"color": [0, 1, 2]}, count=2, size=8)
    assert reader.pictures == 6
    assert set(found["color"]) == {0, 1, 2}


def test_what_holds_no_picture_is_told_in_one_line(tmp_path: Path, color_reader: Any) -> None:
    (tmp_path / "a.txt").write_text("x", encoding="utf-8")
    with pytest.raises(ReadError, match="holds no pictures; name a folder of pictures, a picture or a video"):
        strongest_patches(tmp_path, color_reader, "color", [0], count=1, size=8)
    with pytest.raises(ReadError):
        strongest_patches(tmp_path / "missing.mp4", color_reader, "color", [0], count=1, size=8)
