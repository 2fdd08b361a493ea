from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

if TYPE_CHECKING:
    from pathlib import Path

SIDE = 16


def write_shard(path: Path, count: int, seed: int) -> None:
    """Write a shard of two classes: reddish and bluish pictures."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count).astype(np.uint8)
    encoded = []
    for label in labels:
        picture = rng.integers(0, 120, (SIDE, SIDE, 3)).astype(np.uint8)
        picture[:, :, 2 if label == 0 else 0] += 120  # BGR
        encoded.append(cv2.imencode(".png", picture)[1])
    offsets = np.cumsum([0, *(len(item) for item in encoded)]).astype(np.uint32)
    np.savez(path, data=np.concatenate(encoded), offsets=offsets, labels=labels)


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    write_shard(folder / "train_00.npz", 24, seed=0)
    write_shard(folder / "train_01.npz", 24, seed=1)
    write_shard(folder / "val_00.npz", 16, seed=2)
    return folder
