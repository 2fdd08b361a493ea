"""What a dream's steps look at: how much of a picture at once, and how far it is shifted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.engine.network import Network
    from dreamvid.types import Size

_MEMORY = 1.5e9
"""Bytes of activations that a window may take; what ``auto`` tiles by."""
_BYTES_PER_FEATURE = 4.0
"""Bytes that a gradient takes for each feature of each layer: measured 2.1 (ResNet) to 4.8 (VGG) in float32."""


def window_budget(network: Network, outputs: tuple[str, ...]) -> int:
    """Return how many pixels a window may have for its gradient to take about 1.5 GB."""
    known = [layer.depth for layer in network.layers if layer.name in outputs]
    deepest = max(known) if len(known) == len(outputs) else max(layer.depth for layer in network.layers)
    features = sum(
        info.channels / info.stride**2
        for info in network.layers
        if info.depth <= deepest and info.kind != "BatchNormalization"
    )
    return round(_MEMORY / (_BYTES_PER_FEATURE * max(features, 1.0)))


def shifts(
    seed: int, octave: int, steps: int, reach: Size, frame_index: int | None = None
) -> NDArray[np.int32]:
    """Return the random shifts of an octave's steps, ``[steps, 2]`` int32 (y, x), each in 0..reach px.

    A pure function of (seed, octave, step), and of the frame's index where one is given; more steps leave the
    first ones as they were.
    """
    key = (octave, 0 if frame_index is None else frame_index + 1)
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=key)))
    return generator.integers(0, np.array(reach), (steps, 2), dtype=np.int32, endpoint=True)
