"""Handwritten digits to train on: scikit-learn's, or the user's MNIST from an IDX file or ``mnist.npz``."""

from __future__ import annotations

import gzip
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING

import numpy as np

from dreamvid.errors import ReadError
from dreamvid.image.resize import resize
from dreamvid.text import printable
from dreamvid.types import Size

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

DIGITS = "digits"
"""What names scikit-learn's digits instead of a file."""

_DIGITS_MAX = 16.0
_IDX_BYTES = b"\0\0\x08"
"""The first bytes of an IDX file of bytes; the next one is the number of dimensions."""
_IDX_PICTURES = 3
_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_MAX_BYTES = 1 << 30
_MAX_SIDE = 256
_GRAY_RANKS = (3, 4)
_TRAINING_PICTURES = "x_train"


def load_digits(size: int) -> NDArray[np.uint8]:
    """Return scikit-learn's 1,797 digits of 8 x 8 px, enlarged to ``[N, size, size, 1]``, white on black."""
    from sklearn.datasets import load_digits as load  # noqa: PLC0415  takes a second

    pictures = load().images.astype(np.float32) / np.float32(_DIGITS_MAX)
    return _fitted(pictures[..., None], size)


def is_array_file(path: Path) -> bool:
    """Return whether a file is an IDX file, packed or not, or an ``.npz``, by its first bytes."""
    try:
        with path.open("rb") as file:
            head = file.read(len(_ZIP))
        return head[:3] == _IDX_BYTES or (head[:2] == _GZIP) or (head == _ZIP and path.suffix == ".npz")
    except OSError:
        return False


def read_array_file(path: Path, size: int) -> NDArray[np.uint8]:
    """Return the pictures of an IDX file (also packed, ``.gz``) or an ``.npz``, fitted to ``[N, size, size, C]``.

    Pictures of 28 x 28 px get a border of 2 px, as LeNet's. C is 1 or 3.

    Raises
    ------
    ReadError
        In one line, for what is damaged or holds no pictures.
    """
    name = printable(path)
    try:
        pictures = _read_npz(path) if path.suffix == ".npz" else _read_idx(path)
    except (OSError, EOFError, ValueError, KeyError, struct.error, zlib.error, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())
        raise ReadError(f"{name}: is damaged or no IDX or .npz file of pictures ({reason})") from error
    if pictures.ndim not in _GRAY_RANKS or pictures.dtype != np.uint8 or 0 in pictures.shape:
        raise ReadError(f"{name} holds no pictures of bytes, [N, height, width] or [N, height, width, 3]")
    pictures = pictures.reshape(*pictures.shape[:3], -1)
    if pictures.shape[3] not in {1, 3} or max(pictures.shape[1:3]) > _MAX_SIDE:
        raise ReadError(f"{name} holds no small pictures, gray or RGB, but {pictures.shape}")
    return _fitted(pictures.astype(np.float32) / np.float32(255.0), size)


def _read_idx(path: Path) -> NDArray[np.uint8]:
    """Return the array of an IDX file (http://yann.lecun.com/exdb/mnist, "the IDX file format")."""
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
    with gzip.open(path, "rb") if packed else path.open("rb") as stream:
        magic = stream.read(4)
        if magic[:3] != _IDX_BYTES:
            raise ValueError("it does not begin as IDX files of bytes do")
        if magic[3] != _IDX_PICTURES:
            raise ValueError("it holds labels; name the file of the images")
        shape = struct.unpack(">3I", stream.read(12))
        count = shape[0] * shape[1] * shape[2]
        if not 0 < count <= _MAX_BYTES:
            raise ValueError(f"it says that it has {shape[0]} pictures of {shape[2]} x {shape[1]} px")
        data = stream.read(count)
    if len(data) != count:
        raise ValueError("it is cut off")
    return np.frombuffer(data, np.uint8).reshape(shape)


def _read_npz(path: Path) -> NDArray[np.uint8]:
    with zipfile.ZipFile(path) as archive:
        if sum(info.file_size for info in archive.infolist()) > _MAX_BYTES:
            raise ValueError("it is too large")
    with np.load(path, allow_pickle=False) as arrays:
        if _TRAINING_PICTURES not in arrays.files:
            raise ValueError(f"it has no {_TRAINING_PICTURES}")
        pictures: NDArray[np.uint8] = arrays[_TRAINING_PICTURES]
    return pictures


def _fitted(pictures: NDArray[np.float32], size: int) -> NDArray[np.uint8]:
    """Return pictures ``[N, h, w, C]`` in [0, 1] on black squares of ``size`` px, as bytes."""
    height, width = pictures.shape[1:3]
    side = max(height, width)
    side += 4 if side == 28 else 0  # noqa: PLR2004  MNIST's
    top, left = (side - height) // 2, (side - width) // 2
    padding = ((top, side - height - top), (left, side - width - left), (0, 0))
    fitted = [resize(np.pad(picture, padding), Size(size, size)) for picture in pictures]
    codes: NDArray[np.uint8] = np.rint(np.clip(fitted, 0.0, 1.0) * 255.0).astype(np.uint8)
    return codes
