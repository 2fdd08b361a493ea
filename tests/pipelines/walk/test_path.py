"""Paths through latent space: where they lead, how they close, and that their vectors stay standard normal."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid.gan_file import latent_vectors
from dreamvid.pipelines.walk.path import LatentPath, NoisePath, SeedPath, slerp
from dreamvid.schedule.easing import Easing

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE = 64


def seed_path(*seeds: int, easing: str = "sine", closed: bool = True) -> SeedPath:
    return SeedPath(list(latent_vectors(seeds, SIZE)), Easing(easing), closed)


def vectors(path: LatentPath, count: int) -> NDArray[np.float32]:
    return np.stack([path.at(index / count) for index in range(count)])


def steps(path: LatentPath, count: int) -> NDArray[np.float32]:
    """Return the lengths of the steps of a loop, that from the last to the first at the end."""
    walked = vectors(path, count)
    return np.asarray(np.linalg.norm(np.roll(walked, -1, axis=0) - walked, axis=1), np.float32)


def test_a_great_circle_turns_evenly_and_its_length_changes_evenly() -> None:
    start, end = latent_vectors([1, 2], SIZE)
    end = 1.5 * end
    way = np.stack([slerp(start, end, share) for share in np.linspace(0.0, 1.0, 11)]).astype(np.float64)
    lengths = np.linalg.norm(way, axis=1)
    np.testing.assert_allclose(np.diff(lengths), np.diff(lengths).mean(), rtol=1e-4)
    angles = np.arccos(np.sum(way[1:] * way[:-1], axis=1) / (lengths[1:] * lengths[:-1]))
    np.testing.assert_allclose(angles, angles.mean(), rtol=1e-4)
    np.testing.assert_allclose(way[[0, -1]], [start, end], rtol=1e-5)


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0, 0.0])
def test_vectors_of_one_direction_have_a_straight_way(factor: float) -> None:
    (start,) = latent_vectors([3], SIZE)
    middle = slerp(start, np.float32(factor) * start, 0.5)
    np.testing.assert_allclose(middle, (1.0 + factor) / 2.0 * start, atol=1e-6)


def test_a_path_meets_each_of_its_seeds() -> None:
    seeds = (4, 9, 2)
    for closed, ways in ((True, 3), (False, 2)):
        path = seed_path(*seeds, closed=closed)
        met = [path.at(index / ways) for index in range(ways + 1)]
        expected = latent_vectors([*seeds, 4][: ways + 1], SIZE)
        np.testing.assert_allclose(met, expected, rtol=1e-5)


def test_one_seed_alone_stands_still() -> None:
    for closed in (True, False):
        path = seed_path(5, closed=closed)
        assert all(
            np.allclose(path.at(position), latent_vectors([5], SIZE)[0]) for position in (0.0, 0.4, 1.0)
        )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "path", [lambda seed: seed_path(seed, 20, 30), lambda seed: NoisePath.random(seed, SIZE, 2.0)]
)
def test_the_last_step_of_a_loop_is_at_most_the_median_one(path: object, seed: int) -> None:
    assert callable(path)
    for count in (24, 120, 217):
        lengths = steps(path(seed), count)
        assert lengths[-1] <= np.median(lengths)


@pytest.mark.parametrize("frequency", [0.25, 2.0, 10.0])
def test_a_noise_path_is_standard_normal_everywhere_and_closed(frequency: float) -> None:
    paths = [replace(NoisePath.random(seed, SIZE, frequency), start=0.0) for seed in range(100)]
    for position in (0.0, 0.13, 0.77):
        values = np.concatenate([path.at(position) for path in paths])
        assert abs(values.mean()) < 0.04
        assert abs(values.std() - 1.0) < 0.04
    np.testing.assert_allclose(paths[0].at(1.0), paths[0].at(0.0), atol=1e-6)


def test_frequency_is_how_much_happens() -> None:
    lengths = [steps(NoisePath.random(7, SIZE, frequency), 480).sum() for frequency in (1.0, 2.0, 4.0, 8.0)]
    assert all(more > 1.5 * less for less, more in pairwise(lengths))


def test_the_same_seed_is_the_same_path() -> None:
    one, same, other = (vectors(NoisePath.random(seed, SIZE, 2.0), 9) for seed in (3, 3, 4))
    assert np.array_equal(one, same)
    assert not np.allclose(one, other)


def test_a_linear_path_never_rests() -> None:
    still, moving = (steps(seed_path(1, 2, 3, easing=name), 90) for name in ("sine", "linear"))
    assert still.min() < 0.1 * np.median(still)
    assert moving.min() > 0.8 * np.median(moving)
