"""Pictures to train on: squares of frames and pictures, evenly spaced, counted without near-duplicates."""

from __future__ import annotations

import itertools
import logging
from fractions import Fraction
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from dreamvid.errors import DreamvidError, ReadError
from dreamvid.pipelines.gan import pictures as module
from dreamvid.pipelines.gan.pictures import (
    MIN_PICTURES,
    TrainingPictures,
    count_different,
    evenly_spaced,
    read_training_pictures,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray


def read(source: Path, size: int | None = 16, **part: Fraction) -> TrainingPictures:
    values = {"start": Fraction(0), "duration": None, **part}
    return read_training_pictures(source, size, keep_going=False, **values)  # type: ignore[arg-type]  # as given


def random_codes(count: int, side: int = 20, seed: int = 0) -> NDArray[np.uint8]:
    small = np.random.default_rng(seed).integers(0, 256, (count, 4, 4, 3), np.uint8)
    return np.stack([cv2.resize(one, (side, side), interpolation=cv2.INTER_CUBIC) for one in small])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of 20 pictures of 20 px."""
    path = tmp_path / "pictures"
    path.mkdir()
    for index, picture in enumerate(random_codes(20)):
        cv2.imwrite(str(path / f"{index:02d}.png"), picture)
    return path


def test_frames_are_squares_about_the_center(square_clip: Callable[..., Path], tmp_path: Path) -> None:
    clip = square_clip(tmp_path / "clip.mkv", 20, lambda index: (index / 19, 1.0 - index / 19, 0.0))
    found = read(clip)
    assert found.codes.shape == (20, 16, 16, 3)
    assert found.name == "clip.mkv"
    # The clip is 80 x 48 px; its square of color lies to the left of the middle 48 x 48, but for 8 px.
    assert abs(int(found.codes[0, 4, 1, 0]) - 0) < 40
    assert abs(int(found.codes[-1, 4, 1, 0]) - 255) < 40
    assert np.abs(found.codes[:, 8:, 8:].astype(int) - 128).max() <= 1


def test_a_part_of_a_video_is_read(clip: Path) -> None:
    with pytest.raises(ReadError, match="holds 5 pictures"):
        read(clip, start=Fraction(1, 12), duration=Fraction(5, 12))


def test_pictures_of_a_folder_may_have_any_size(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    cv2.imwrite(str(folder / "large.png"), random_codes(1, 50, seed=1)[0][:30])
    cv2.imwrite(str(folder / "small.png"), random_codes(1, 8, seed=2)[0])
    found = read(folder)
    assert found.codes.shape == (22, 16, 16, 3)
    assert found.enlarged == 1
    assert "1 of 22 pictures are smaller than 16 px" in caplog.text


def test_damaged_pictures_are_left_out(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "broken.png").write_bytes((folder / "00.png").read_bytes()[:60])
    with caplog.at_level(logging.WARNING):
        assert len(read(folder).codes) == 20
    assert "1 file is left out" in caplog.text


@pytest.mark.parametrize("count", [1, MIN_PICTURES - 1])
def test_too_few_pictures_are_an_error_of_one_line(folder: Path, count: int) -> None:
    for path in sorted(folder.iterdir())[count:]:
        path.unlink()
    with pytest.raises(ReadError, match=f"holds {count} picture") as caught:
        read(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing.mp4", "empty", "text.txt"])
def test_what_holds_no_pictures_is_an_error_of_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("no picture")
    with pytest.raises(DreamvidError) as caught:
        read(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_folder_has_no_start(folder: Path) -> None:
    with pytest.raises(DreamvidError, match="are for videos"):
        read(folder, start=Fraction(1))


def test_many_pictures_are_thinned_evenly(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read(folder).codes
    monkeypatch.setattr(module, "MAX_PICTURES", 16)
    monkeypatch.setattr(module, "MIN_PICTURES", 2)
    assert np.array_equal(read(folder).codes, whole[::2])


@pytest.mark.parametrize("count", range(1, 40))
@pytest.mark.parametrize("most", [3, 4, 8])
def test_what_is_kept_is_evenly_spaced(count: int, most: int) -> None:
    kept = [int(item) for item in evenly_spaced([np.array(index) for index in range(count)], most)]
    strides = {later - earlier for earlier, later in itertools.pairwise(kept)}
    assert kept[0] == 0
    assert len(strides) <= 1
    assert min(count, most / 2) <= len(kept) <= most


def test_noise_and_repetition_make_no_different_pictures() -> None:
    pictures = random_codes(12)
    noise = np.random.default_rng(3).integers(-4, 5, (3, *pictures.shape))
    noisy = np.clip(pictures + noise, 0, 255).astype(np.uint8).reshape(-1, *pictures.shape[1:])
    assert count_different(pictures) == 12
    assert count_different(noisy) == 12


def test_counting_ends_where_there_are_plenty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_COUNTED", 5)
    assert count_different(random_codes(12)) == 12


def test_the_fingerprint_follows_the_pictures(folder: Path) -> None:
    first = read(folder).fingerprint
    assert read(folder).fingerprint == first
    assert read(folder, size=32).fingerprint != first
    (folder / "00.png").unlink()
    assert read(folder).fingerprint != first
