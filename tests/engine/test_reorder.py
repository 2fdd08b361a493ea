"""Convolutions that shrink a map change places with the pooling before them, and nothing else changes."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dreamvid.config.settings import ModelSettings
from dreamvid.engine.network import load_network
from dreamvid.engine.runtime import keras

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.engine.network import Network
    from dreamvid.types import RGB

OUTPUTS = ("reduced", "mixed")


def block(path: Path, *, kernel: int = 1, pool_stride: int = 1, padding: str = "same") -> Network:
    """Return the network of one Inception block: a pooled and reduced branch beside a plain one."""
    layers = keras.layers
    picture: Any = keras.Input((None, None, 3))
    x = layers.Conv2D(24, 3, padding="same", activation="relu", name="wide")(picture)
    pooled = layers.AveragePooling2D(3, pool_stride, padding=padding, name="pooled")(x)
    reduced = layers.Conv2D(8, kernel, padding="same", bias_initializer="ones", name="reduced")(pooled)
    normed = layers.BatchNormalization(name="normed", moving_mean_initializer="ones")(reduced)
    mixed = layers.Activation("relu", name="mixed")(normed)
    keras.Model(picture, mixed).save(path)
    return load_network(ModelSettings(name=str(path), input_range="-1,1"))


def order(network: Network, outputs: tuple[str, ...]) -> list[str]:
    return [node.kind for node in network.extractor(outputs)._graph.nodes]


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_the_result_stays_the_same(tmp_path: Path, photo: RGB, padding: str) -> None:
    network = block(tmp_path / "block.keras", padding=padding)
    for name in OUTPUTS:
        (plain,) = network.extractor((name,), fold=False)(photo[None, :50, :61])
        (swapped,) = network.extractor((name,))(photo[None, :50, :61])
        assert np.allclose(swapped, plain, rtol=1e-4, atol=1e-5)


def test_the_pooling_comes_last(tmp_path: Path) -> None:
    network = block(tmp_path / "block.keras")
    assert order(network, ("mixed",)) == ["Conv2D", "Conv2D", "AveragePooling2D", "Activation"]


def test_a_pooling_that_is_asked_for_stays(tmp_path: Path) -> None:
    network = block(tmp_path / "block.keras")
    assert order(network, ("pooled", "mixed")) == ["Conv2D", "AveragePooling2D", "Conv2D", "Activation"]


@pytest.mark.parametrize("change", [{"kernel": 3}, {"pool_stride": 2}])
def test_other_pairs_stay(tmp_path: Path, change: dict[str, Any]) -> None:
    network = block(tmp_path / "block.keras", **change)
    assert order(network, ("mixed",)) == ["Conv2D", "AveragePooling2D", "Conv2D", "Activation"]


def test_the_embedded_network_gains(dreamnet: Network, photo: RGB) -> None:
    kinds = order(dreamnet, ("mixed5",))
    before_pooling = [kind for kind, after in pairwise(kinds) if after == "AveragePooling2D"]
    assert before_pooling.count("Conv2D") == 6  # one a mixed block; the reductions stay
    (plain,) = dreamnet.extractor(("mixed5",), fold=False)(photo[None])
    (faster,) = dreamnet.extractor(("mixed5",))(photo[None])
    spread = float(np.abs(np.asarray(plain)).max())
    assert np.abs(np.asarray(faster) - np.asarray(plain)).max() < 1e-4 * spread
