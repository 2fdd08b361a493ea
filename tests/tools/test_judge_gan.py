"""The judge of GANs tells copies, the real kind and something else apart."""

from __future__ import annotations

import numpy as np

from dreamvid.pipelines.gan.digits import load_digits
from judge_gan import distances, name_digits

RANDOM = np.random.default_rng(0)
REAL = RANDOM.uniform(0, 255, (60, 12)).astype(np.float32)


def test_copies_have_no_distance_and_others_a_large_one() -> None:
    copies, others = distances(REAL[:30], REAL), distances(REAL[:30] + 300, REAL)
    assert copies["generated_to_nearest_real"] == 0.0
    assert copies["share_below_real"] == 1.0
    assert (
        others["generated_to_nearest_real"] > others["random_real_pairs"] > others["real_to_nearest_real"] > 0
    )
    assert others["share_below_real"] == 0.0


def test_real_digits_are_named_and_noise_is_not() -> None:
    real = load_digits(16).reshape(1797, -1).astype(np.float32)
    found = name_digits(real[:300], real)
    assert found["confident"] > 0.95
    assert min(found["classes"].values()) > 0.05
    assert found["confident_held_out_real"] > 0.9
    assert found["confident_means_of_two"] < 0.6
    noise = RANDOM.uniform(0, 255, (50, 256)).astype(np.float32)
    assert name_digits(noise, real)["confident"] < 0.1
