"""The step of a training: it learns, its state is all there is, and the average follows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dreamvid.engine.gan.networks import build_discriminator, build_generator
from dreamvid.engine.gan.trainer import GanTrainer
from dreamvid.engine.runtime import tf
from dreamvid.errors import ModelError
from dreamvid.gan_file import GanSettings, latent_vectors

OTHER: dict[str, Any] = {"source": "", "fingerprint": "", "pictures": 8, "different": 8}
SETTINGS = GanSettings(size=16, channels=3, latent_size=8, width=4, batch=8, seed=3, **OTHER)
RED = np.zeros((8, 16, 16, 3), np.uint8) + np.array([230, 20, 20], np.uint8)


def trained(trainer: GanTrainer, first: int, last: int) -> GanTrainer:
    for step in range(first, last):
        trainer.step(RED, step)
    return trainer


def same(one: GanTrainer, other: GanTrainer) -> bool:
    first, second = one.arrays(), other.arrays()
    return all(np.array_equal(first[name], second[name]) for name in first | second)


def test_a_training_goes_on_from_its_arrays_bit_for_bit() -> None:
    uncut = trained(GanTrainer(SETTINGS), 0, 20)
    cut = trained(GanTrainer(SETTINGS), 0, 13)
    resumed = GanTrainer(replace(SETTINGS, steps=13))
    assert not same(cut, resumed)
    resumed.restore(cut.arrays())
    assert same(cut, resumed)
    assert same(trained(resumed, 13, 20), uncut)
    assert not same(GanTrainer(replace(SETTINGS, seed=4)), GanTrainer(SETTINGS))


def test_the_generator_goes_the_way_that_its_own_loss_falls() -> None:
    trainer = GanTrainer(replace(SETTINGS, mapping=2))
    before = trainer.arrays()
    untrained = build_generator(replace(SETTINGS, mapping=2))
    untrained.set_weights([before[f"generator_{index}"] for index in range(len(untrained.variables))])
    seed = tf.constant([SETTINGS.seed, 1], tf.int64)  # of step 1, which takes no penalty
    latent = tf.random.stateless_normal([8, 8], tf.random.experimental.stateless_fold_in(seed, 1))
    discriminator = build_discriminator(SETTINGS)
    discriminator.set_weights(
        [before[f"discriminator_{index}"] for index in range(len(discriminator.variables))]
    )
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.nn.softplus(-discriminator(untrained(latent, training=True))))
    gradients = tape.gradient(loss, untrained.trainable_variables)
    trainer.step(RED, 1)
    after = trainer.arrays()
    momenta = [array for name, array in after.items() if name.startswith("generator_optimizer_")][2::2]
    assert len(momenta) == len(gradients) > 5
    for momentum, gradient in zip(momenta, gradients, strict=True):  # Adam's first one is half the gradient
        assert np.allclose(2.0 * momentum, gradient, rtol=1e-3, atol=1e-6 * np.abs(gradient).max() + 1e-7)


def test_a_training_of_before_mapping_networks_goes_on() -> None:
    old = trained(GanTrainer(SETTINGS), 0, 2)
    names = [layer.name for layer in build_generator(SETTINGS).layers]
    assert "mapping1" not in names
    resumed = GanTrainer(SETTINGS)
    resumed.restore(old.arrays())
    assert same(trained(resumed, 2, 4), trained(old, 2, 4))


def test_the_averaged_generator_learns_the_pictures() -> None:
    trainer = GanTrainer(replace(SETTINGS, width=16))
    latents = latent_vectors(range(70), 8)
    before = trainer.generate(latents)
    trained(trainer, 0, 150)
    after = trainer.generate(latents)
    assert after.shape == (70, 16, 16, 3)
    assert 0.0 <= after.min() <= after.max() <= 1.0
    target = RED[0] / 255.0
    assert np.abs(after - target).mean() < 0.75 * np.abs(before - target).mean()


def test_arrays_of_other_shapes_are_an_error() -> None:
    trainer = GanTrainer(SETTINGS)
    arrays = GanTrainer(replace(SETTINGS, width=8)).arrays()
    with pytest.raises(ModelError, match="not of the shapes"):
        trainer.restore(arrays)
    with pytest.raises(ModelError, match="not of the shapes"):
        trainer.restore({})
