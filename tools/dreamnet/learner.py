"""One training step, on TensorFlow or on JAX."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import keras
import numpy as np
from keras import ops

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamnet.photographs import Batch
    from dreamnet.recipe import EmbeddedSettings, Phase

_TINY = 1e-12


class Scores(NamedTuple):
    """Mean loss of a batch and the share of its pictures that were recognized."""

    loss: Any
    accuracy: Any


class Learner(Protocol):
    """Changes a network, batch by batch."""

    def learn(self, batch: Batch) -> Scores:
        """Take one step on a batch and return its scores from before the step."""

    def store(self) -> None:
        """Write what was learned into the network's and the optimizer's variables."""


def make_learner(
    network: keras.Model, optimizer: keras.Optimizer, phase: Phase, recipe: EmbeddedSettings
) -> Learner:
    """Return the learner for Keras's backend."""
    maker = _JaxLearner if keras.backend.backend() == "jax" else _TensorFlowLearner
    return maker(network, optimizer, phase, recipe)


class _Step:
    """What both backends share: the loss, and the ball that pictures are changed within."""

    def __init__(
        self, network: keras.Model, optimizer: keras.Optimizer, phase: Phase, recipe: EmbeddedSettings
    ) -> None:
        self.network = network
        self.optimizer = optimizer
        self.phase = phase
        self.loss = keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=recipe.label_smoothing
        )

    def scores(self, logits: Any, labels: Any) -> Scores:
        wanted = ops.one_hot(labels, logits.shape[-1])
        right = ops.equal(ops.argmax(logits, axis=-1), ops.cast(labels, "int32"))
        return Scores(self.loss(wanted, logits), ops.mean(ops.cast(right, "float32")))

    def started(self, noise: Any) -> Any:
        """Return a random change within the ball: noise ``[N, S, S, 3]`` of a length that fills it evenly."""
        length = _length(noise)
        return noise * (self._radius(noise) * 0.5 / (length + _TINY))

    def worsened(self, change: Any, gradient: Any) -> Any:
        """Return the change after one step along the gradient, back within the ball."""
        radius = self._radius(change)
        step = radius * (1.25 if self.phase.attack_steps == 1 else 2.0 / self.phase.attack_steps)
        change = change + gradient * (step / (_length(gradient) + _TINY))
        return change * ops.minimum(1.0, radius / (_length(change) + _TINY))

    def _radius(self, change: Any) -> float:
        return self.phase.radius * float(change.shape[1]) / 64.0


def _length(value: Any) -> Any:
    return ops.sqrt(ops.sum(ops.square(value), axis=(1, 2, 3), keepdims=True))


class _TensorFlowLearner(_Step):
    """A compiled step over the network's own variables."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        import tensorflow as tf  # noqa: PLC0415  only where it is the backend

        self._tf = tf
        self._compiled = tf.function(self._learn, autograph=False)

    def learn(self, batch: Batch) -> Scores:
        return Scores(*self._compiled(batch.pictures, batch.labels, batch.noise))

    def store(self) -> None:
        """Nothing to do: the variables themselves were changed."""

    def _learn(self, pictures: Any, labels: Any, noise: Any) -> tuple[Any, Any]:
        if noise is not None:
            pictures = pictures + self._attack(pictures, labels, noise)
        with self._tf.GradientTape() as tape:
            scores = self.scores(self.network(pictures, training=True), labels)
        variables = self.network.trainable_variables
        self.optimizer.apply(tape.gradient(scores.loss, variables), variables)
        return scores

    def _attack(self, pictures: Any, labels: Any, noise: Any) -> Any:
        change = self.started(noise)
        for _ in range(self.phase.attack_steps):
            with self._tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(change)
                logits = self.network(pictures + change, training=False)
                loss = self.scores(logits, labels).loss
            change = self.worsened(change, tape.gradient(loss, change))
        return change


class _JaxLearner(_Step):
    """A compiled step over a copy of the variables, which `store` writes back."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        import jax  # noqa: PLC0415  only where it is the backend

        self._jax = jax
        self._compiled = jax.jit(self._learn, donate_argnums=0)
        self._state = tuple(
            [variable.value for variable in group]
            for group in (
                network_group(self.network),
                self.network.non_trainable_variables,
                self.optimizer.variables,
            )
        )

    def learn(self, batch: Batch) -> Scores:
        self._state, scores = self._compiled(self._state, batch.pictures, batch.labels, batch.noise)
        return Scores(*scores)

    def store(self) -> None:
        groups = (network_group(self.network), self.network.non_trainable_variables, self.optimizer.variables)
        for group, values in zip(groups, self._state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(np.asarray(value))

    def _learn(self, state: Any, pictures: Any, labels: Any, noise: Any) -> tuple[Any, Scores]:
        weights, averages, momenta = state
        if noise is not None:
            pictures = pictures + self._attack(state, pictures, labels, noise)

        def loss(weights: Any) -> tuple[Any, tuple[Any, Any]]:
            logits, updated = self.network.stateless_call(weights, averages, pictures, training=True)
            scores = self.scores(logits, labels)
            return scores.loss, (scores, updated)

        gradients, (scores, averages) = self._jax.grad(loss, has_aux=True)(weights)
        weights, momenta = self.optimizer.stateless_apply(momenta, gradients, weights)
        return (weights, averages, momenta), scores

    def _attack(self, state: Any, pictures: Any, labels: Any, noise: Any) -> Any:
        weights, averages, _ = state

        def loss(change: Any) -> Any:
            logits, _ = self.network.stateless_call(weights, averages, pictures + change, training=False)
            return self.scores(logits, labels).loss

        change = self.started(noise)
        for _ in range(self.phase.attack_steps):
            change = self.worsened(change, self._jax.grad(loss)(change))
        return change


def network_group(network: keras.Model) -> list[Any]:
    """Return the variables that gradients change."""
    variables: list[Any] = network.trainable_variables
    return variables


def recognized(
    network: keras.Model, pictures: NDArray[np.float32], labels: NDArray[np.int32]
) -> tuple[float, float]:
    """Return the shares of pictures ``[N, S, S, 3]`` in [-1, 1] whose label is the first guess, and among five."""
    first = fifth = 0
    for start in range(0, len(labels), 250):
        logits = network.predict_on_batch(pictures[start : start + 250])
        best = np.argsort(-logits, axis=-1)[:, :5] == labels[start : start + 250, None]
        first += int(best[:, 0].sum())
        fifth += int(best.sum())
    return first / len(labels), fifth / len(labels)
