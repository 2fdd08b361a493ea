"""Makes the channels of every mixed layer equally loud, without changing what the network says.

DeepDream climbs the mean square of a layer. Left as trained, a few loud channels own it, and every picture fills
with their one texture. ReLU lets a channel be divided by any positive number if the convolutions behind it multiply
by the same: so each channel of ``mixed0``, ``mixed1``, ... is divided by its own root mean square over photographs.
The logits stay as they were, and a dream takes from each place what stands out there.

What is equally loud in photographs need not be in dreams: where one channel answers its own gradient better than all
others, its texture still wins. `equalize_in_dreams` measures that, and evens it out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import keras
    from numpy.typing import NDArray

_BATCH = 250
_BRANCHES = ("1x1", "3x3", "double_2", "pool_1x1")
_READERS = ("1x1", "3x3_reduce", "double_reduce", "pool_1x1")
_RAREST = 0.05
"""Least share of the layer's median that a channel is divided by: one that hardly ever wakes is not made a giant."""
_RAREST_IN_DREAMS = 0.3
_STEPS, _STEP = 14, 0.02


def equalize(network: keras.Model, pictures: NDArray[np.float32]) -> None:
    """Rescale the channels of a network from `dreamnet.network.build_network` in place.

    Parameters
    ----------
    network
        Trained, computing in float32.
    pictures
        Photographs ``[N, H, W, 3]`` in [-1, 1] to measure with.
    """
    names = [
        layer.name for layer in network.layers if layer.name.startswith("mixed") and "_" not in layer.name
    ]
    for name, loudness in zip(names, _loudness(network, names, pictures), strict=True):
        _rescale(network, name, np.maximum(loudness, _RAREST * np.median(loudness)))


def equalize_in_dreams(
    network: keras.Model, names: Sequence[str], pictures: NDArray[np.float32], *, rounds: int = 3
) -> None:
    """Even out, in place, how loud the channels of some layers are in the layer's own dreams.

    Parameters
    ----------
    network
        As for `equalize`, which comes first.
    names
        Layers whose dreams one texture owns.
    pictures
        Photographs ``[N, H, W, 3]`` in [-1, 1], large enough to dream: 160 px, some dozens of them.
    rounds
        How often they are dreamed, measured and evened out.
    """
    for name in names:
        for _ in range(rounds):
            loudness = _loudness(network, [name], _dreamed(network, name, pictures))[0]
            relative = loudness / max(float(np.median(loudness)), 1e-12)
            _rescale(network, name, np.maximum(relative, _RAREST_IN_DREAMS))


def _dreamed(network: keras.Model, name: str, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return pictures after some steps up the mean square of a layer, one octave, gradients smoothed."""
    import keras  # noqa: PLC0415  slow to import

    climb = _gradient(keras.Model(network.input, network.get_layer(name).output))
    dreamed = pictures.copy()
    for _ in range(_STEPS):
        gradient = np.stack([cv2.GaussianBlur(one, (7, 7), 1.0) for one in np.asarray(climb(dreamed))])
        gradient /= np.abs(gradient).mean(axis=(1, 2, 3), keepdims=True) + 1e-30
        dreamed = np.clip(dreamed + _STEP * gradient, -1.0, 1.0, dtype=np.float32)
    return dreamed


def _gradient(probe: keras.Model) -> Callable[[NDArray[np.float32]], Any]:
    """Return the gradient of a model's mean square by its input, on TensorFlow or on JAX."""
    import keras  # noqa: PLC0415  slow to import
    from keras import ops  # noqa: PLC0415

    def score(value: Any) -> Any:
        return ops.sum(ops.mean(ops.square(value), axis=(1, 2, 3)))

    if keras.backend.backend() == "jax":
        import jax  # noqa: PLC0415  only where it is the backend

        weights = [variable.value for variable in probe.trainable_variables]
        averages = [variable.value for variable in probe.non_trainable_variables]
        return jax.jit(jax.grad(lambda x: score(probe.stateless_call(weights, averages, x)[0])))  # type: ignore[no-any-return]

    import tensorflow as tf  # noqa: PLC0415  only where it is the backend

    def climb(pictures: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(pictures)
            value = score(probe(pictures))
        return tape.gradient(value, pictures)

    compiled = tf.function(climb, autograph=False)
    return lambda pictures: compiled(tf.constant(pictures))


def _rescale(network: keras.Model, name: str, scale: NDArray[np.float32]) -> None:
    """Divide a layer's channels, and multiply by the same in the convolutions that read them."""
    following = f"mixed{int(name.removeprefix('mixed')) + 1}"
    known = {layer.name for layer in network.layers}
    readers = [f"{following}_{reader}" for reader in _READERS] if following in known else ["head"]
    _divide(network, name, scale)
    for reader in readers:
        kernel = network.get_layer(reader).kernel
        kernel.assign(np.asarray(kernel) * scale[None, None, :, None])


def _divide(network: keras.Model, name: str, scale: NDArray[np.float32]) -> None:
    start = 0
    for branch in _BRANCHES:
        norm = network.get_layer(f"{name}_{branch}_norm")
        part = scale[start : start + norm.gamma.shape[0]]
        for weight in (norm.gamma, norm.beta):
            weight.assign(np.asarray(weight) / part)
        start += len(part)


def _loudness(
    network: keras.Model, names: list[str], pictures: NDArray[np.float32]
) -> list[NDArray[np.float32]]:
    """Return the root mean square of each channel of each layer."""
    import keras  # noqa: PLC0415  slow to import

    outputs: Any = [network.get_layer(name).output for name in names]
    probe = keras.Model(network.input, outputs)
    sums = [np.zeros(output.shape[-1], np.float64) for output in outputs]
    for start in range(0, len(pictures), _BATCH):
        found = probe.predict_on_batch(pictures[start : start + _BATCH])
        values = found if isinstance(found, list) else [found]
        sums = [
            total + np.mean(np.square(value, dtype=np.float64), axis=(1, 2)).sum(axis=0)
            for total, value in zip(sums, values, strict=True)
        ]
    return [np.sqrt(total / len(pictures)).astype(np.float32) for total in sums]
