"""Folded and reordered networks compute what the original ones do."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dreamvid.config.settings import ModelSettings
from dreamvid.engine.architectures import known_models
from dreamvid.engine.graph import Graph, Ref, from_keras
from dreamvid.engine.graph_transforms import fold_batch_norms
from dreamvid.engine.network import load_network
from dreamvid.engine.runtime import keras, tf
from dreamvid.engine.weight_files import randomize_weights

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.engine.extractor import Extractor
    from dreamvid.engine.network import Network
    from dreamvid.types import RGB

layers = keras.layers

# The deepest layer that is compared, and how many batch norms must be left before it.
DEPTHS = {
    "dreamnet": ("mixed5", 0),
    "inceptionv3": ("mixed7", 0),
    "vgg16": ("block5_conv1", 0),
    "vgg19": ("block5_conv1", 0),
    "resnet50v2": ("conv4_block2_out", 9),
    "mobilenetv2": ("out_relu", 0),
    "xception": ("block8_sepconv2_act", 0),
    "inceptionresnetv2": ("block17_3_ac", 0),
    "densenet121": ("conv4_block6_concat", 27),
    "efficientnetv2s": ("block6b_add", 0),
}


def relative_error(got: Any, wanted: Any) -> float:
    got, wanted = np.asarray(got), np.asarray(wanted)
    return float(np.max(np.abs(got - wanted)) / np.max(np.abs(wanted)))


def norms(extractor: Extractor) -> int:
    return sum(node.kind == "BatchNormalization" for node in extractor._graph.nodes)


def test_every_known_model_is_compared() -> None:
    assert set(DEPTHS) == {entry.name for entry in known_models()}


@pytest.mark.parametrize("name", DEPTHS)
def test_architecture_folds_without_changing_its_output(name: str) -> None:
    deepest, left = DEPTHS[name]
    network = load_network(ModelSettings(name=name), seed_weights=True)
    outputs = [network.layers[2].name, deepest]
    folded, original = network.extractor(outputs), network.extractor(outputs, fold=False)
    rgb = tf.constant(np.random.default_rng(1).random((1, 96, 101, 3), np.float32))
    for got, wanted in zip(folded(rgb), original(rgb), strict=True):
        assert float(tf.reduce_max(tf.abs(wanted))) > 1e-3
        assert relative_error(got, wanted) < 1e-4
    assert norms(folded) <= left < max(1, norms(original)) or norms(original) == 0


def build(*, ends: int = 1, make: Any) -> tuple[Graph, Any]:
    value = keras.Input((None, None, 4))
    model = keras.Model(value, make(value))
    assert len(model.outputs) == ends
    randomize_weights(model)
    return from_keras(model, "test"), model


def agree(graph: Graph, folded: Graph) -> None:
    value = tf.constant(np.random.default_rng(2).normal(size=(1, 14, 15, 4)).astype(np.float32))
    runs = [g.run(_calls(g), value) for g in (folded, graph)]
    for got, wanted in zip(*runs, strict=True):
        assert relative_error(got, wanted) < 1e-4


def _calls(graph: Graph) -> dict[str, Any]:
    from dreamvid.engine.extractor import materialize  # noqa: PLC0415  a detail of this helper

    built: dict[int, Any] = {}
    return {node.name: materialize(node, "float32", built) for node in graph.nodes}


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize(
    "layer",
    [
        lambda b: layers.Conv2D(6, 3, strides=2, use_bias=b),
        lambda b: layers.Conv2D(6, 3, groups=2, use_bias=b),
        lambda b: layers.DepthwiseConv2D(3, depth_multiplier=3, use_bias=b),
        lambda b: layers.SeparableConv2D(5, 3, depth_multiplier=2, use_bias=b),
        lambda b: layers.Conv2DTranspose(5, 3, strides=2, use_bias=b),
        lambda b: layers.Dense(5, use_bias=b),
    ],
    ids=["conv", "grouped", "depthwise", "separable", "transposed", "dense"],
)
def test_every_linear_layer_takes_in_its_batch_norm(layer: Any, *, use_bias: bool, scale: bool) -> None:
    graph, _ = build(
        make=lambda x: layers.BatchNormalization(scale=scale, center=not scale)(layer(use_bias)(x))
    )
    folded = fold_batch_norms(graph)
    assert len(graph.nodes) == 2
    assert len(folded.nodes) == 1
    agree(graph, folded)


@pytest.mark.parametrize(
    "make",
    [
        lambda x: layers.BatchNormalization()(layers.Conv2D(4, 3, activation="relu")(x)),
        lambda x: layers.BatchNormalization()(layers.ReLU()(layers.Conv2D(4, 3)(x))),
        lambda x: layers.BatchNormalization()(layers.Add()([x, layers.Conv2D(4, 3, padding="same")(x)])),
        lambda x: layers.BatchNormalization(axis=1)(layers.Resizing(8, 8)(layers.Conv2D(4, 3)(x))),
    ],
    ids=["activation in the layer", "activation between", "after an addition", "other axis"],
)
def test_batch_norm_that_cannot_be_folded_stays(make: Any) -> None:
    graph, _ = build(make=make)
    folded = fold_batch_norms(graph)
    assert [node.kind for node in folded.nodes] == [node.kind for node in graph.nodes]
    agree(graph, folded)


def test_convolution_that_something_else_takes_too_is_left_alone() -> None:
    def make(x: Any) -> Any:
        conv = layers.Conv2D(4, 3, padding="same")(x)
        return layers.Concatenate()([layers.BatchNormalization()(conv), conv])

    graph, _ = build(make=make)
    folded = fold_batch_norms(graph)
    assert len(folded.nodes) == 3
    agree(graph, folded)


def test_convolution_that_is_used_twice_is_left_alone() -> None:
    def make(x: Any) -> Any:
        shared = layers.Conv2D(4, 3, padding="same")
        return shared(layers.BatchNormalization()(shared(x)))

    graph, _ = build(make=make)
    folded = fold_batch_norms(graph)
    assert [node.kind for node in folded.nodes] == ["Conv2D", "BatchNormalization", "Conv2D"]
    agree(graph, folded)


def test_requested_convolution_is_left_alone_and_its_norm_kept() -> None:
    graph, _ = build(
        make=lambda x: layers.BatchNormalization(name="norm")(layers.Conv2D(4, 3, name="conv")(x))
    )
    wanted = graph.cut([Ref("conv"), Ref("norm")])
    folded = fold_batch_norms(wanted)
    assert len(folded.nodes) == 2
    agree(wanted, folded)


def test_folded_batch_norm_can_still_be_asked_for() -> None:
    graph, _ = build(
        make=lambda x: layers.BatchNormalization(name="norm")(layers.Conv2D(4, 3, name="conv")(x))
    )
    folded = fold_batch_norms(graph.cut([Ref("norm")]))
    assert folded.outputs == (Ref("conv"),)
    agree(graph, folded)


BLOCK_OUTPUTS = ("reduced", "mixed")


def inception_block(path: Path, *, kernel: int = 1, pool_stride: int = 1, padding: str = "same") -> Network:
    """Return the network of one Inception block: a pooled and reduced branch beside a plain one."""
    picture: Any = keras.Input((None, None, 3))
    x = layers.Conv2D(24, 3, padding="same", activation="relu", name="wide")(picture)
    pooled = layers.AveragePooling2D(3, pool_stride, padding=padding, name="pooled")(x)
    reduced = layers.Conv2D(8, kernel, padding="same", bias_initializer="ones", name="reduced")(pooled)
    normed = layers.BatchNormalization(name="normed", moving_mean_initializer="ones")(reduced)
    mixed = layers.Activation("relu", name="mixed")(normed)
    keras.Model(picture, mixed).save(path)
    return load_network(ModelSettings(name=str(path), input_range="-1,1"))


def kinds(network: Network, outputs: tuple[str, ...]) -> list[str]:
    return [node.kind for node in network.extractor(outputs)._graph.nodes]


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_swapped_pooling_gives_the_same_result(tmp_path: Path, photo: RGB, padding: str) -> None:
    network = inception_block(tmp_path / "block.keras", padding=padding)
    for name in BLOCK_OUTPUTS:
        (plain,) = network.extractor((name,), fold=False)(photo[None, :50, :61])
        (swapped,) = network.extractor((name,))(photo[None, :50, :61])
        assert np.allclose(swapped, plain, rtol=1e-4, atol=1e-5)


def test_the_pooling_comes_after_the_convolution(tmp_path: Path) -> None:
    network = inception_block(tmp_path / "block.keras")
    assert kinds(network, ("mixed",)) == ["Conv2D", "Conv2D", "AveragePooling2D", "Activation"]


def test_a_pooling_that_is_asked_for_stays(tmp_path: Path) -> None:
    network = inception_block(tmp_path / "block.keras")
    assert kinds(network, ("pooled", "mixed")) == ["Conv2D", "AveragePooling2D", "Conv2D", "Activation"]


@pytest.mark.parametrize("change", [{"kernel": 3}, {"pool_stride": 2}])
def test_other_pairs_stay(tmp_path: Path, change: dict[str, Any]) -> None:
    network = inception_block(tmp_path / "block.keras", **change)
    assert kinds(network, ("mixed",)) == ["Conv2D", "AveragePooling2D", "Conv2D", "Activation"]


def test_the_embedded_network_gains(dreamnet: Network, photo: RGB) -> None:
    sequence = kinds(dreamnet, ("mixed5",))
    before_pooling = [kind for kind, after in pairwise(sequence) if after == "AveragePooling2D"]
    assert before_pooling.count("Conv2D") == 6  # one a mixed block; the reductions stay
    (plain,) = dreamnet.extractor(("mixed5",), fold=False)(photo[None])
    (faster,) = dreamnet.extractor(("mixed5",))(photo[None])
    spread = float(np.abs(np.asarray(plain)).max())
    assert np.abs(np.asarray(faster) - np.asarray(plain)).max() < 1e-4 * spread
