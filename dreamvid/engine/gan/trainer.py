"""Train the two networks of a GAN, step by step.

A step is a pure function of the variables, the pictures and the step's number: all random numbers follow from the
seed and that number. So a training that goes on from saved variables ends as if it had never been cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dreamvid.engine.gan.augmentation import augment, steered
from dreamvid.engine.gan.networks import build_discriminator, build_generator, keras_bytes, widths
from dreamvid.engine.runtime import keras, tf
from dreamvid.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from dreamvid.gan_file import GanSettings

_LEARNING_RATE = 0.1
"""Adam's, divided by the most channels of a network: wider layers add up more changes."""
_BETA_1, _BETA_2 = 0.5, 0.99
_PENALTY_PERIOD = 16
"""Steps from one gradient penalty to the next."""
_PENALTY = 0.003
"""Weight of the gradient penalty, for each px of a picture's side."""
_AVERAGE_PICTURES, _AVERAGE_SHARE = 10_000, 0.05
"""Half-life of the averaged generator in pictures, at most, and as a share of those seen."""
_STEERING_PICTURES = 50_000
"""Pictures after which the strength has changed by 1 where the discriminator is wholly wrong or right."""
_GENERATED_AT_ONCE = 64
_MAX_EXPONENT = 60.0
"""Of e in float32, with room for its product."""
_CODES = 127.5


class StepReport(NamedTuple):
    """Figures of one step: losses, mean scores, and the strength of the augmentation."""

    discriminator_loss: float
    generator_loss: float
    real_score: float
    generated_score: float
    strength: float


class GanTrainer:
    """The networks, their optimizers, and the step that trains them.

    Parameters
    ----------
    settings
        Sizes and seed; the networks begin with random weights that follow from the seed.
    """

    def __init__(self, settings: GanSettings) -> None:
        self._settings = settings
        keras.utils.set_random_seed(settings.seed)
        self._generator = build_generator(settings)
        self._average = build_generator(settings)
        self._average.set_weights(self._generator.get_weights())
        self._discriminator = build_discriminator(settings)
        rate = _LEARNING_RATE / widths(settings)[-1]
        self._optimizers = []
        for network in (self._generator, self._discriminator):
            optimizer = keras.optimizers.Adam(rate, beta_1=_BETA_1, beta_2=_BETA_2)
            optimizer.build(network.trainable_variables)
            self._optimizers.append(optimizer)
        self._strength = tf.Variable(0.0, trainable=False)
        self._compiled = tf.function(self._step, autograph=False)
        self._compiled_penalty = tf.function(self._penalize, autograph=False)
        self._compiled_average = tf.function(
            lambda latent: self._average(latent, training=False), autograph=False
        )

    def step(self, codes: NDArray[np.uint8], number: int) -> StepReport:
        """Train on a batch of real pictures ``[N, S, S, C]``; ``number`` is the step's, from 0."""
        seed = tf.constant([self._settings.seed, number], tf.int64)
        real = tf.constant(codes)
        if number % _PENALTY_PERIOD == 0:
            self._compiled_penalty(real, seed)
        figures = self._compiled(real, seed, tf.constant(number, tf.float32))
        return StepReport(*(float(figure) for figure in figures))

    def generate(self, latents: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the averaged generator's pictures of latent vectors, ``[N, S, S, C]`` in [0, 1]."""
        parts = [
            self._compiled_average(latents[start : start + _GENERATED_AT_ONCE])
            for start in range(0, len(latents), _GENERATED_AT_ONCE)
        ]
        pictures: NDArray[np.float32] = (np.concatenate(parts) + np.float32(1.0)) / np.float32(2.0)
        return pictures

    def generator_bytes(self) -> bytes:
        """Return the averaged generator as a ``.keras`` file."""
        return keras_bytes(self._average)

    def discriminator_bytes(self) -> bytes:
        """Return the discriminator as a ``.keras`` file."""
        return keras_bytes(self._discriminator)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all variables by name."""
        return {name: np.asarray(variable) for name, variable in self._variables().items()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Set all variables.

        Raises
        ------
        ModelError
            Where they are not those of these settings.
        """
        variables = self._variables()
        if {name: tuple(variable.shape) for name, variable in variables.items()} != {
            name: array.shape for name, array in arrays.items()
        }:
            raise ModelError("its variables are not of the shapes that its settings say")
        for name, variable in variables.items():
            variable.assign(arrays[name])

    def _variables(self) -> dict[str, Any]:
        groups = {
            "generator": self._generator.variables,
            "average": self._average.variables,
            "discriminator": self._discriminator.variables,
            "generator_optimizer": self._optimizers[0].variables,
            "discriminator_optimizer": self._optimizers[1].variables,
            "strength": [self._strength],
        }
        return {
            f"{group}_{index}": variable
            for group, variables in groups.items()
            for index, variable in enumerate(variables)
        }

    def _step(self, codes: Any, seed: Any, number: Any) -> tuple[Any, ...]:
        fold_in = tf.random.experimental.stateless_fold_in
        real = _pixels(codes)
        latent = tf.random.stateless_normal([codes.shape[0], self._settings.latent_size], fold_in(seed, 1))
        with tf.GradientTape(persistent=True) as tape:
            generated = self._generator(latent, training=True)
            seen = augment(tf.concat([real, generated], 0), self._strength, fold_in(seed, 2))
            scores = self._discriminator(seen, training=True)
            real_scores, generated_scores = tf.split(scores, 2)
            discriminator_loss = tf.reduce_mean(
                tf.nn.softplus(-real_scores) + tf.nn.softplus(generated_scores)
            )
            generator_loss = tf.reduce_mean(tf.nn.softplus(-generated_scores))
        generator, discriminator = (
            self._generator.trainable_variables,
            self._discriminator.trainable_variables,
        )
        *gradients, towards = tape.gradient(discriminator_loss, [*discriminator, generated])
        # A score depends on its picture alone. So its derivative by the picture, which takes most of the time, serves
        # both losses; by the score they have the derivatives sigmoid(score) and -sigmoid(-score).
        towards *= -tf.exp(tf.minimum(-generated_scores, _MAX_EXPONENT))
        self._optimizers[0].apply(tape.gradient(generated, generator, output_gradients=towards), generator)
        self._optimizers[1].apply(gradients, discriminator)
        self._update_average(number)
        self._strength.assign(steered(self._strength, real_scores, self._settings.batch / _STEERING_PICTURES))
        return (
            discriminator_loss,
            generator_loss,
            tf.reduce_mean(real_scores),
            tf.reduce_mean(generated_scores),
            self._strength.read_value(),
        )

    def _penalize(self, codes: Any, seed: Any) -> None:
        """Take a step against the discriminator's gradient on real pictures (R1: Mescheder et al. 2018, 1801.04406).

        It is taken now and then, and weighs as much more (Karras et al. 2020, 1912.04958, appendix B).
        """
        real = augment(_pixels(codes), self._strength, tf.random.experimental.stateless_fold_in(seed, 3))
        with tf.GradientTape() as outer:
            with tf.GradientTape(watch_accessed_variables=False) as inner:
                inner.watch(real)
                scores = self._discriminator(real, training=True)
            slopes = tf.reduce_sum(tf.square(inner.gradient(scores, real)), axis=(1, 2, 3))
            weight = _PENALTY * self._settings.size * _PENALTY_PERIOD
            loss = tf.reduce_mean(slopes) * (0.5 * weight)
        variables = self._discriminator.trainable_variables
        gradients = [  # biases behind the last ReLU do not change it
            tf.zeros_like(variable) if gradient is None else gradient
            for gradient, variable in zip(outer.gradient(loss, variables), variables, strict=True)
        ]
        self._optimizers[1].apply(gradients, variables)

    def _update_average(self, number: Any) -> None:
        """Move the averaged generator towards the trained one."""
        seen = (number + 1.0) * self._settings.batch
        half_life = tf.minimum(float(_AVERAGE_PICTURES), seen * _AVERAGE_SHARE)
        share = 1.0 - 0.5 ** (self._settings.batch / half_life)
        for average, trained in zip(self._average.variables, self._generator.variables, strict=True):
            average.assign_add(share * (trained - average))


def _pixels(codes: Any) -> Any:
    return tf.cast(codes, tf.float32) / _CODES - 1.0
