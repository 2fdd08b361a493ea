"""The order of pictures: every one once in a pass, the same for the same seed and step."""

from __future__ import annotations

import numpy as np
import pytest

from dreamvid.pipelines.gan.batches import Batches

CODES = np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1)


@pytest.mark.parametrize("batch", [3, 10, 25])
def test_each_pass_has_every_picture_once(batch: int) -> None:
    batches = Batches(CODES, batch, seed=1)
    seen = np.concatenate([batches[step].ravel() for step in range(20)])
    passes = seen[: len(seen) // 10 * 10].reshape(-1, 10)
    assert (np.sort(passes, axis=1) == np.arange(10)).all()
    assert len({tuple(order) for order in passes.tolist()}) == len(passes)


def test_a_step_is_the_same_after_any_other() -> None:
    forwards = [Batches(CODES, 4, seed=1)[step] for step in range(9)]
    batches = Batches(CODES, 4, seed=1)
    assert all(np.array_equal(batches[step], forwards[step]) for step in (8, 0, 5, 5))
    assert not all(np.array_equal(Batches(CODES, 4, seed=2)[step], forwards[step]) for step in range(9))
