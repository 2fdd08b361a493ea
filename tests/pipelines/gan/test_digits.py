"""Handwritten digits: scikit-learn's, and MNIST's files, whole, packed, damaged and foreign."""

from __future__ import annotations

import gzip
import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from dreamvid.errors import DreamvidError, ReadError
from dreamvid.pipelines.gan.digits import is_array_file, load_digits, read_array_file
from dreamvid.pipelines.gan.pictures import read_training_pictures

PICTURES = np.random.default_rng(0).integers(0, 256, (20, 28, 28), np.uint8)
IDX = b"\0\0\x08\x03" + struct.pack(">3I", *PICTURES.shape) + PICTURES.tobytes()


def idx(tmp_path: Path, data: bytes = IDX, name: str = "train-images-idx3-ubyte") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


def test_the_bundled_digits_are_white_on_black() -> None:
    codes = load_digits(16)
    assert codes.shape == (1797, 16, 16, 1)
    assert codes.dtype == np.uint8
    assert codes.max() == 255
    assert codes[:, :, 0].mean() < 20 < codes[:, :, 8].mean()


def test_digits_are_a_source_unless_a_folder_is_named_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = read_training_pictures(Path("digits"), None, start=Fraction(0), duration=None, keep_going=False)
    assert (found.codes.shape, found.name, found.different) == ((1797, 16, 16, 1), "digits", 1797)
    Path("digits").mkdir()
    with pytest.raises(ReadError, match="digits holds no pictures"):
        read_training_pictures(Path("digits"), None, start=Fraction(0), duration=None, keep_going=False)


@pytest.mark.parametrize("packed", [False, True])
def test_an_idx_file_gets_a_border(tmp_path: Path, *, packed: bool) -> None:
    path = idx(tmp_path, gzip.compress(IDX) if packed else IDX)
    codes = read_array_file(path, 32)
    assert is_array_file(path)
    assert np.array_equal(codes[:, 2:-2, 2:-2, 0], PICTURES)
    assert not codes[:, :2].any()


def test_a_smaller_size_keeps_the_whole_digit(tmp_path: Path) -> None:
    codes = read_array_file(idx(tmp_path), 16)
    padded = np.pad(PICTURES, ((0, 0), (2, 2), (2, 2))).reshape(20, 16, 2, 16, 2).mean(axis=(2, 4))
    assert codes.shape == (20, 16, 16, 1)
    assert np.abs(codes[..., 0] - padded).max() <= 0.51


@pytest.mark.parametrize("channels", [0, 3])
def test_an_npz_file_is_read(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "mnist.npz"
    pictures = PICTURES if channels == 0 else np.repeat(PICTURES[..., None], channels, axis=3)
    np.savez_compressed(path, x_train=pictures, y_train=np.arange(20))
    assert is_array_file(path)
    assert np.array_equal(read_array_file(path, 32)[:, 2:-2, 2:-2].squeeze(), pictures)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (IDX[:-1], "cut off"),
        (IDX[:6], "is damaged or no IDX"),
        (b"\0\0\x08\x01" + IDX[4:], "it holds labels"),
        (IDX[:4] + b"\xff" * 12 + IDX[16:], "it says that it has"),
        (gzip.compress(IDX)[:-40], "is damaged or no IDX"),
        (gzip.compress(b"text"), "does not begin"),
    ],
)
def test_a_damaged_idx_file_is_an_error_of_one_line(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(ReadError, match=message) as caught:
        read_array_file(idx(tmp_path, data), 32)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "arrays",
    [
        {"pictures": PICTURES},
        {"x_train": PICTURES.astype(np.float32)},
        {"x_train": PICTURES[0]},
        {"x_train": PICTURES[:0]},
        {"x_train": np.zeros((2, 300, 300), np.uint8)},
        {"x_train": np.array([{}], object)},
    ],
)
def test_a_foreign_npz_file_is_an_error_of_one_line(tmp_path: Path, arrays: dict[str, object]) -> None:
    path = tmp_path / "other.npz"
    np.savez(path, allow_pickle=True, **arrays)  # type: ignore[arg-type]  # objects are the point
    with pytest.raises(DreamvidError) as caught:
        read_array_file(path, 32)
    assert "other.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_pictures_and_missing_files_are_no_arrays(tmp_path: Path) -> None:
    assert not is_array_file(idx(tmp_path, b"\x89PNG\r\n"))
    assert not is_array_file(tmp_path / "missing")
    assert not is_array_file(tmp_path)
