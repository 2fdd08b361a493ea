"""Makes the channels of every mixed layer equally loud, without changing what the network says.

DeepDream climbs the mean square of a layer. Left as trained, a few loud channels own it, and every picture fills
with their one texture. ReLU lets a channel be divided by any positive number if the convolutions behind it multiply
by the same: so each channel of ``mixed0``, ``mixed1``, ... is divided by its own root mean square over photographs.
The logits stay as they were, and a dream takes from each place what stands out there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

_BATCH = 250
_BRANCHES = ("1x1", "3x3", "double_2", "pool_1x1")
_READERS = ("1x1", "3x3_reduce", "double_reduce", "pool_1x1")
_RAREST = 0.05
"""Least share of the layer's median that a channel is divided by: one that hardly ever wakes is not made a giant."""


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
        scale = np.maximum(loudness, _RAREST * np.median(loudness))
        following = f"mixed{int(name.removeprefix('mixed')) + 1}"
        readers = [f"{following}_{reader}" for reader in _READERS] if following in names else ["head"]
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
        values = probe.predict_on_batch(pictures[start : start + _BATCH])
        sums = [
            total + np.mean(np.square(value, dtype=np.float64), axis=(1, 2)).sum(axis=0)
            for total, value in zip(sums, values, strict=True)
        ]
    return [np.sqrt(total / len(pictures)).astype(np.float32) for total in sums]
