"""Random transforms: none at strength 0, the same for the same seed, differentiable, steered by the scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dreamvid.engine.gan.augmentation import MAX_STRENGTH, _matrices, augment, steered
from dreamvid.engine.runtime import tf

PICTURES = np.random.default_rng(0).uniform(-1, 1, (200, 8, 8, 3)).astype(np.float32)


def augmented(strength: float, seed: int = 0) -> Any:
    return augment(tf.constant(PICTURES), tf.constant(strength), tf.constant([seed, 0], tf.int64)).numpy()


def changed(result: Any) -> float:
    """Return the share of pictures that are not as they were."""
    return float((np.abs(result - PICTURES).max(axis=(1, 2, 3)) > 1e-4).mean())


def test_strength_is_the_probability_of_each_transform() -> None:
    assert changed(augmented(0.0)) == 0.0
    assert 0.3 < changed(augmented(0.1)) < 0.7  # 1 - 0.9 ** 7 = 0.52; some change nothing
    assert changed(augmented(1.0)) == 1.0


def test_random_numbers_follow_from_the_seed() -> None:
    assert np.array_equal(augmented(0.5, 3), augmented(0.5, 3))
    assert not np.array_equal(augmented(0.5, 3), augmented(0.5, 4))


def test_gray_pictures_stay_gray() -> None:
    gray = np.repeat(PICTURES[..., :1], 3, axis=-1)
    result = augment(tf.constant(gray), tf.constant(0.8), tf.constant([0, 0], tf.int64)).numpy()
    assert np.abs(result - result[..., :1]).max() < 1e-5
    one = augment(tf.constant(PICTURES[..., :1]), tf.constant(0.8), tf.constant([0, 0], tf.int64))
    assert one.shape == (200, 8, 8, 1)


@pytest.mark.parametrize(
    ("scale", "shift", "expected"),
    [
        (1.0, 0.0, [0, 1, 2, 3]),
        (-1.0, 0.0, [3, 2, 1, 0]),
        (1.0, 1.0, [0, 0, 1, 2]),
        (1.0, -2.0, [2, 3, 3, 2]),
        (1.0, 0.5, [0, 0.5, 1.5, 2.5]),
        (2.0, 0.0, [0.75, 1.25, 1.75, 2.25]),
        (0.5, 0.0, [0.5, 0.5, 2.5, 2.5]),
    ],
)
def test_lines_are_scaled_and_moved_and_mirrored_beyond_their_ends(
    scale: float, shift: float, expected: list[float]
) -> None:
    matrices = _matrices(tf.constant([scale]), tf.constant([shift]), 4)
    line = np.array([0.0, 1.0, 2.0, 3.0])
    assert (matrices.numpy()[0] @ line).round(5).tolist() == pytest.approx(expected)


def test_pictures_get_gradients() -> None:
    pictures = tf.constant(PICTURES[:4])
    with tf.GradientTape() as tape:
        tape.watch(pictures)
        total = tf.reduce_sum(augment(pictures, tf.constant(0.8), tf.constant([0, 0], tf.int64)) ** 2)
    gradient = tape.gradient(total, pictures).numpy()
    nudge = 1e-2 * np.sign(gradient)
    moved = augment(pictures + nudge, tf.constant(0.8), tf.constant([0, 0], tf.int64))
    before = augment(pictures, tf.constant(0.8), tf.constant([0, 0], tf.int64))
    rise = float(tf.reduce_sum(moved**2) - tf.reduce_sum(before**2))
    assert rise == pytest.approx(float((gradient * nudge).sum()), rel=0.1)


def test_strength_rises_where_real_pictures_are_told_too_surely_and_stays_in_range() -> None:
    sure, unsure = tf.ones([8]), tf.concat([tf.ones([4]), -tf.ones([4])], 0)
    assert float(steered(tf.constant(0.5), sure, 0.1)) == pytest.approx(0.54)
    assert float(steered(tf.constant(0.5), unsure, 0.1)) == pytest.approx(0.44)
    assert float(steered(tf.constant(MAX_STRENGTH), sure, 1.0)) == pytest.approx(MAX_STRENGTH)
    assert float(steered(tf.constant(0.0), unsure, 1.0)) == 0.0
