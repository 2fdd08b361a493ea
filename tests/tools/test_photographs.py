from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamnet.photographs import Augmentation, Photographs, batches, normalized, read_shards

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def gradient(count: int = 3, side: int = 32) -> NDArray[np.uint8]:
    """Pictures that grow brighter to the right in red, downwards in green."""
    ramp = np.linspace(40, 210, side)
    picture = np.stack(
        [np.tile(ramp, (side, 1)), np.tile(ramp[:, None], (1, side)), np.full((side, side), 128)], -1
    )
    return np.stack([picture] * count).astype(np.uint8)


def test_shards_are_read_in_order_as_rgb(shards: Path) -> None:
    photographs = read_shards(shards, "train_*.npz")
    assert photographs.pictures.shape == (48, 16, 16, 3)
    means = photographs.pictures.mean(axis=(1, 2))
    assert np.array_equal(photographs.labels == 0, means[:, 0] > means[:, 2])  # class 0 is the reddish one
    assert np.array_equal(photographs.labels[:24], read_shards(shards, "train_00.npz").labels)


def test_a_picture_that_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    labels, offsets = np.zeros(1, np.uint8), np.array([0, 9], np.uint32)
    np.savez(tmp_path / "train_00.npz", data=np.zeros(9, np.uint8), offsets=offsets, labels=labels)
    with pytest.raises(ValueError, match=r"train_00\.npz: picture 0 cannot be decoded"):
        read_shards(tmp_path, "train_*.npz")


def test_missing_shards_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no shards train_\*"):
        read_shards(tmp_path, "train_*.npz")


def test_photographs_shrink_by_area() -> None:
    photographs = Photographs(gradient(), np.zeros(3, np.int32))
    small = photographs.resized(8)
    assert small.pictures.shape == (3, 8, 8, 3)
    assert abs(float(small.pictures.mean()) - float(photographs.pictures.mean())) < 1.0
    assert photographs.resized(32) is photographs


def test_without_freedom_nothing_changes() -> None:
    pictures = gradient()
    still = Augmentation(area=1.0, aspect=1.0, brightness=0.0, contrast=0.0, saturation=0.0)
    seen = still.apply(pictures, 32, np.random.default_rng(0))
    plain = normalized(pictures)
    assert all(
        min(np.abs(found - kept).max(), np.abs(found[:, ::-1] - kept).max()) < 1e-5
        for found, kept in zip(seen, plain, strict=True)
    )


def test_cuts_lie_within_the_picture_and_keep_its_orientation() -> None:
    seen = Augmentation(brightness=0.0, contrast=0.0, saturation=0.0).apply(
        gradient(64), 24, np.random.default_rng(1)
    )
    down = seen[:, -1, :, 1].mean(axis=1) - seen[:, 0, :, 1].mean(axis=1)
    across = seen[:, :, -1, 0].mean(axis=1) - seen[:, :, 0, 0].mean(axis=1)
    assert (down > 0.5).all()  # never upside down
    assert 16 < (across > 0).sum() < 48  # mirrored about half the time
    lowest, highest = normalized(gradient(1)).min(), normalized(gradient(1)).max()
    assert seen.min() >= lowest - 1e-5
    assert seen.max() <= highest + 1e-5


def test_colors_vary_and_stay_in_range() -> None:
    seen = Augmentation().apply(gradient(32), 32, np.random.default_rng(2))
    assert seen.dtype == np.float32
    assert seen.min() >= -1.0
    assert seen.max() <= 1.0
    assert seen.mean(axis=(1, 2, 3)).std() > 0.05


def test_a_pass_shows_each_photograph_once_and_depends_on_its_seed_alone() -> None:
    photographs = Photographs(gradient(20), np.arange(20, dtype=np.int32))
    first = list(batches(photographs, 5, 32, seed=(1, 2), noise=True))
    again = list(batches(photographs, 5, 32, seed=(1, 2), noise=True))
    other = list(batches(photographs, 5, 32, seed=(1, 3), noise=True))
    assert sorted(np.concatenate([batch.labels for batch in first])) == list(range(20))
    for one, two, three in zip(first, again, other, strict=True):
        assert np.array_equal(one.pictures, two.pictures)
        assert one.noise is not None
        assert two.noise is not None
        assert np.array_equal(one.noise, two.noise)
        assert not np.array_equal(one.labels, three.labels)


def test_a_broken_picture_ends_the_pass() -> None:
    photographs = Photographs(np.zeros((10, 8, 8, 2), np.uint8), np.zeros(10, np.int32))
    with pytest.raises(Exception, match="transform"):
        list(batches(photographs, 5, 8, seed=(0,)))
