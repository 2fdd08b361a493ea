"""Labelled photographs: read from shards, cut, mirrored and recoloured for training."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np

from dreamvid.image.resize import resize
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Photographs:
    """Pictures ``[N, S, S, 3]`` uint8 RGB and their labels ``[N]`` int32."""

    pictures: NDArray[np.uint8]
    labels: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.labels)

    def resized(self, side: int) -> Photographs:
        """Return them with another side, each pixel the average of the area it stands for."""
        if self.pictures.shape[1] == side:
            return self
        smaller = [
            cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA) for picture in self.pictures
        ]
        return Photographs(np.stack(smaller), self.labels)


def read_shards(folder: Path, pattern: str) -> Photographs:
    """Return all photographs of the shards ``folder/pattern``, in the shards' order.

    A shard is an ``.npz`` of ``data`` (uint8, encoded pictures end to end), ``offsets`` (n + 1) and ``labels`` (n).

    Raises
    ------
    FileNotFoundError
        Where no shard has such a name.
    ValueError
        Where a picture cannot be decoded.
    """
    paths = sorted(folder.glob(pattern))
    if not paths:
        raise FileNotFoundError(f"{folder}: has no shards {pattern}")
    with ThreadPoolExecutor() as pool:
        shards = list(pool.map(_read_shard, paths))
    return Photographs(
        np.concatenate([shard.pictures for shard in shards]),
        np.concatenate([shard.labels for shard in shards]),
    )


def _read_shard(path: Path) -> Photographs:
    with np.load(path) as shard:
        data, offsets, labels = shard["data"], shard["offsets"], shard["labels"]
    encoded = [data[start:end] for start, end in pairwise(offsets)]
    pictures = [_decode(item, f"{path}: picture {index}") for index, item in enumerate(encoded)]
    return Photographs(np.stack(pictures), labels.astype(np.int32))


def _decode(encoded: NDArray[np.uint8], what: str) -> NDArray[np.uint8]:
    picture = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB)
    if picture is None:
        raise ValueError(f"{what} cannot be decoded")
    return np.asarray(picture, np.uint8)


@dataclass(frozen=True)
class Augmentation:
    """How far a photograph may be changed, so that no two passes see the same one.

    ``area`` is the smallest share of it that is cut out, ``aspect`` the largest stretch of that part,
    ``brightness`` the largest shift (of a range of 2), ``contrast`` and ``saturation`` the largest relative change.
    """

    area: float = 0.4
    aspect: float = 1.2
    brightness: float = 0.2
    contrast: float = 0.25
    saturation: float = 0.4

    def apply(self, pictures: NDArray[np.uint8], side: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return ``[N, side, side, 3]`` float32 in [-1, 1] of pictures ``[N, S, S, 3]`` uint8."""
        result = np.empty((len(pictures), side, side, 3), np.float32)
        for index, picture in enumerate(pictures):
            cut = self._cut(picture.shape[0], side, rng)
            moved = cv2.warpAffine(
                picture,
                cut,
                (side, side),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REFLECT_101,
            )
            result[index] = cv2.transform(moved.astype(np.float32), self._color(rng))
        return np.clip(result, -1.0, 1.0, out=result)

    def _cut(self, source: int, side: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the map from an output pixel to the source: a part of it, mirrored half the time."""
        edge = source * np.sqrt(rng.uniform(self.area, 1.0))
        stretch = np.exp(0.5 * np.log(self.aspect) * rng.uniform(-1.0, 1.0))
        width, height = (min(source, edge * stretch), min(source, edge / stretch))
        left, top = (rng.uniform(0.0, source - width), rng.uniform(0.0, source - height))
        across, down = (width / side, height / side)
        if rng.random() < 0.5:
            left, across = (left + width, -across)
        return np.array([[across, 0, left + across / 2 - 0.5], [0, down, top + down / 2 - 0.5]])

    def _color(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return the 3 x 4 matrix from 0..255 to a recoloured -1..1."""
        saturation = 1.0 + self.saturation * rng.uniform(-1.0, 1.0)
        contrast = 1.0 + self.contrast * rng.uniform(-1.0, 1.0)
        brightness = self.brightness * rng.uniform(-1.0, 1.0)
        matrix = contrast * (saturation * np.eye(3) + (1.0 - saturation) * np.tile(_LUMA, (3, 1)))
        return np.hstack([matrix / 127.5, np.full((3, 1), brightness - contrast)]).astype(np.float32)


def normalized(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return uint8 pictures as float32 in [-1, 1]."""
    return pictures.astype(np.float32) / 127.5 - 1.0


def enlarged(pictures: NDArray[np.uint8], side: int = 160) -> NDArray[np.float32]:
    """Return uint8 pictures as float32 in [-1, 1], bicubic at ``side`` px: large enough to dream."""
    return np.stack([resize(picture, Size(side, side)) for picture in normalized(pictures)])


@dataclass(frozen=True)
class Batch:
    """Pictures ``[N, side, side, 3]`` in [-1, 1], labels ``[N]``, and noise of the pictures' shape or None."""

    pictures: NDArray[np.float32]
    labels: NDArray[np.int32]
    noise: NDArray[np.float32] | None


def batches(
    photographs: Photographs, size: int, side: int, *, seed: tuple[int, ...], noise: bool = False
) -> Iterator[Batch]:
    """Yield one pass over the photographs, shuffled and augmented, in whole batches of ``size``.

    What is drawn is a pure function of ``seed`` and the batch's place. The next batches are prepared meanwhile.
    """
    order = np.random.default_rng(seed).permutation(len(photographs))
    augmentation = Augmentation()

    def prepare(place: int) -> Batch:
        rng = np.random.default_rng((*seed, place))
        chosen = order[place * size : (place + 1) * size]
        pictures = augmentation.apply(photographs.pictures[chosen], side, rng)
        start = rng.standard_normal(pictures.shape, np.float32) if noise else None
        return Batch(pictures, photographs.labels[chosen], start)

    with ThreadPoolExecutor(1) as pool:
        prefetch = [pool.submit(prepare, place) for place in range(min(2, len(photographs) // size))]
        for place in range(len(photographs) // size):
            batch = prefetch.pop(0).result()
            if place + 2 < len(photographs) // size:
                prefetch.append(pool.submit(prepare, place + 2))
            yield batch
