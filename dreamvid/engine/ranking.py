"""Choose channels by how strongly a picture activates them, for the terms ``rank`` and ``surprise``.

As in neural-dream (https://github.com/ProGamerGov/neural-dream, ``-channel_mode``), a layer's channels are ranked by
their activation, and the strong, the average or the weak ones dreamed; here by the mean of its square, and drawn by a
seed from an eighth of the channels. The choice is a pure function of network, picture and seed.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from dreamvid.engine.architectures import known_models
from dreamvid.engine.runtime import tf
from dreamvid.errors import ObjectiveError
from dreamvid.image.resize import resize
from dreamvid.objective import ChannelRank, Term

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.engine.network import Network
    from dreamvid.objective import Strength
    from dreamvid.types import RGB

_ELIGIBLE = 8
"""One channel in so many is drawn from, where that is enough."""
_SILENT = 1e-6
"""Mean square of a channel, as a share of its layer's strongest, up to which it counts as silent."""
_SURPRISE_LAYERS, _SURPRISE_CHANNELS = 2, 6


def choose_channels(term: Term, network: Network, picture: RGB, seed: int) -> tuple[Term, ...]:
    """Return the channels that a term stands for, or the term itself where it stands for none.

    Parameters
    ----------
    term
        Of any kind. The weights of the channels of ``rank`` add up to its own; those of ``surprise`` make up for
        how differently strong its layers are.
    picture
        ``[H, W, 3]`` float32 in [0, 1], by which channels are ranked.
    seed
        Draws from those that are eligible.

    Raises
    ------
    ObjectiveError
        For an unknown layer, or one with too few channels that the picture activates.
    """
    random = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed)))
    if term.kind == "rank":
        layer = network.layer(term.layer).name
        rank = ChannelRank.parse(term.argument)
        drawn = _draw(channel_powers(network, layer, picture), rank, random)
        if len(drawn) < rank.count:
            raise ObjectiveError(
                f"objective '{term}': the picture activates only {len(drawn)} channels of '{layer}'"
            )
        weight = _rounded(term.weight / rank.count)
        return tuple(Term("channel", layer, channel=c, weight=weight) for c in drawn)
    if term.kind == "surprise":
        return tuple(
            replace(t, weight=_rounded(t.weight * term.weight)) for t in _surprise(network, picture, random)
        )
    return (term,)


def channel_powers(network: Network, layer: str, picture: RGB) -> NDArray[np.float32]:
    """Return each channel's mean square over a picture ``[H, W, 3]``, ``[channels]``."""
    extractor = network.extractor((layer,))
    if extractor.fixed_size is not None:
        picture = np.clip(resize(picture, extractor.fixed_size), 0.0, 1.0)
    (feature,) = extractor(tf.constant(picture[None]))
    powers: NDArray[np.float32] = np.asarray(tf.reduce_mean(tf.square(feature), axis=(0, 1, 2)))
    return powers


def _draw(powers: NDArray[np.float32], rank: ChannelRank, random: np.random.Generator) -> list[int]:
    """Return channels of a rank in ascending order, fewer where the picture activates fewer."""
    order = np.argsort(powers, kind="stable")
    order = order[powers[order] > _SILENT * powers.max()]
    eligible = min(len(order), max(rank.count, math.ceil(len(order) / _ELIGIBLE)))
    first = {"weak": 0, "average": (len(order) - eligible) // 2, "strong": len(order) - eligible}[
        rank.strength
    ]
    group = order[first : first + eligible]
    return sorted(int(c) for c in random.choice(group, min(rank.count, eligible), replace=False))


def _surprise(network: Network, picture: RGB, random: np.random.Generator) -> list[Term]:
    """Return channels of two layers that dream well, strong or average ones of each."""
    layers = _good_layers(network)
    chosen: list[tuple[str, int, float]] = []
    for layer in random.choice(layers, min(_SURPRISE_LAYERS, len(layers)), replace=False):
        powers = channel_powers(network, str(layer), picture)
        strength: Strength = "strong" if random.random() < 0.5 else "average"  # noqa: PLR2004  even odds
        drawn = _draw(powers, ChannelRank(strength, _SURPRISE_CHANNELS), random)
        chosen += [(str(layer), channel, float(powers[channel])) for channel in drawn]
    if not chosen:
        raise ObjectiveError("objective 'surprise': the picture activates no channel; name a layer")
    weakest = min(power for _, _, power in chosen)
    return [
        Term("channel", layer, channel=channel, weight=float(f"{math.sqrt(weakest / power):.2g}"))
        for layer, channel, power in chosen
    ]


def _rounded(weight: float) -> float:
    """Return a weight as an objective's text says it, so that the text dreams the same."""
    return float(f"{weight:g}")


def _good_layers(network: Network) -> tuple[str, ...]:
    """Return the layers of a network that dream well: as registered, else those of its middle third.

    Raises
    ------
    ObjectiveError
        Where it has no layer that can be dreamed.
    """
    for entry in known_models():
        if entry.name == network.name:
            return entry.layers
    if not network.layers:
        raise ObjectiveError(f"{network.name} has no layer that keeps the shape of a picture, for 'surprise'")
    deepest = max(layer.depth for layer in network.layers)
    middle = tuple(layer.name for layer in network.layers if deepest <= 3 * layer.depth <= 2 * deepest)
    return middle or (network.layers[0].name,)
