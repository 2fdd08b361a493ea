"""Activations are where the picture holds what a channel looks for, however the picture is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid.config.settings import ModelSettings
from dreamvid.engine import activations
from dreamvid.engine.activations import ActivationReader
from dreamvid.engine.network import load_network
from dreamvid.engine.runtime import keras, tf
from dreamvid.errors import ModelError, ObjectiveError
from dreamvid.types import FeatureAxis, Size

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.engine.network import Network
    from dreamvid.types import RGB


@pytest.fixture(scope="module")
def detecting(detectors: Path) -> Network:
    return load_network(ModelSettings(name=str(detectors), input_range="0,1"), with_classes=True)


def scene(height: int = 45, width: int = 64) -> RGB:
    """Return mid-gray with a red square whose center is (10, 20) px and whose side is 7 px."""
    picture = np.full((height, width, 3), 0.5, np.float32)
    picture[7:14, 17:24] = 1.0, 0.0, 0.0
    return picture


@pytest.mark.parametrize("height", [44, 45])
def test_a_channel_fires_where_the_picture_has_what_it_detects(detecting: Network, height: int) -> None:
    reader = ActivationReader(detecting, ["detectors"])
    red = reader.read(scene(height))["detectors"][..., 0]
    down, across = reader.axes("detectors", Size(height, 64))
    rows, columns = np.nonzero(red == red.max())
    assert red.max() == pytest.approx(1.0)
    assert np.ptp([down.center(int(row)) for row in rows]) <= 6
    assert np.mean([down.center(int(row)) for row in rows]) == pytest.approx(10, abs=1)
    assert np.mean([across.center(int(column)) for column in columns]) == pytest.approx(20, abs=1)


def test_the_other_channel_fires_at_the_edge_alone(detecting: Network) -> None:
    reader = ActivationReader(detecting, ["detectors"])
    edges = reader.read(scene())["detectors"][..., 1]
    _, across = reader.axes("detectors", Size(45, 64))
    columns = np.nonzero(edges[5] > 0.05)[0]
    assert {across.center(int(column)) for column in columns} <= {23.0, 24.0, 25.0, 1.0, 0.0}


@pytest.mark.parametrize("make", ["toy", "borderless_toy", "dreamnet"])
@pytest.mark.parametrize("size", [(61, 83), (64, 80)])
def test_centers_are_those_of_the_gradient(
    make: str, size: tuple[int, int], request: pytest.FixtureRequest
) -> None:
    network: Network = request.getfixturevalue(make)
    layer = {"dreamnet": "stem_2_relu"}.get(make, "deep")
    reader = ActivationReader(network, [layer])
    down, across = reader.axes(layer, Size(*size))
    picture = tf.constant(np.random.default_rng(1).random((1, *size, 3), np.float32))
    with tf.GradientTape() as tape:
        tape.watch(picture)
        (feature,) = network.extractor([layer])(picture)
        row, column = feature.shape[1] // 2, feature.shape[2] // 2
        total = tf.reduce_sum(tf.square(feature[0, row, column]))
    seen = np.abs(tape.gradient(total, picture).numpy()[0]).sum(-1) > 0
    assert (down.count, across.count) == tuple(feature.shape[1:3])
    for axis, index, lines in ((down, row, seen.any(1)), (across, column, seen.any(0))):
        ends = np.flatnonzero(lines)
        assert axis.center(index) == pytest.approx((ends[0] + ends[-1]) / 2, abs=1)
        assert axis.field == pytest.approx(ends[-1] - ends[0] + 1, abs=2)


@pytest.mark.parametrize("make", ["toy", "borderless_toy", "dreamnet"])
@pytest.mark.parametrize("size", [(300, 301), (517, 190), (63, 900)])
def test_a_large_picture_is_read_in_windows_to_the_same_numbers(
    make: str, size: tuple[int, int], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    network: Network = request.getfixturevalue(make)
    layers = ["mixed1", "stem_1"] if make == "dreamnet" else ["deep", "low", "logits"]
    picture = np.random.default_rng(2).random((*size, 3), np.float32)
    reader = ActivationReader(network, layers)
    whole = reader.read(picture)
    monkeypatch.setattr(activations, "WINDOW_PIXELS", 128 * 128)
    assert len(reader._spans(max(size), min(size))) > 1
    parts = reader.read(picture)
    for layer in layers:
        np.testing.assert_allclose(parts[layer], whole[layer], rtol=1e-4, atol=1e-4)


def test_classes_are_a_map_whose_mean_are_the_logits(detecting: Network, dreamnet: Network) -> None:
    picture = scene()
    maps = ActivationReader(detecting, ["logits", "detectors"]).read(picture)
    np.testing.assert_allclose(maps["logits"], maps["detectors"], rtol=1e-6)
    maps = ActivationReader(dreamnet, ["logits"]).read(picture)
    (logits,) = dreamnet.extractor(["logits"])(tf.constant(picture[None]))
    assert maps["logits"].shape == (3, 4, 200)
    np.testing.assert_allclose(maps["logits"].mean((0, 1)), logits[0, 0, 0], atol=1e-4)


def test_a_classifier_of_more_than_a_mean_gives_no_map(tmp_path: Path) -> None:
    layers = keras.layers
    picture = keras.Input((32, 32, 3))
    hidden = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, name="first")(picture))
    hidden = layers.Dense(3, activation="relu")(hidden)
    model = keras.Model(picture, layers.Dense(2, activation="softmax")(hidden))
    model.save(tmp_path / "deep.keras")
    settings = ModelSettings(name=str(tmp_path / "deep.keras"), input_range="0,1")
    reader = ActivationReader(load_network(settings, with_classes=True), ["logits", "first"])
    maps = reader.read(scene())
    assert maps["logits"].shape == (1, 1, 2)
    assert reader.axes("logits", Size(45, 64))[1] == FeatureAxis(1, 31.5, 64.0, 64.0)


def test_a_network_of_fixed_size_is_read_in_the_picture_s_own_pixels(tmp_path: Path) -> None:
    layers = keras.layers
    picture = keras.Input((16, 16, 3))
    first = layers.Conv2D(1, 1, 4, name="first", kernel_initializer="ones")(picture)
    model = keras.Model(picture, layers.Dense(16)(layers.Reshape((16,))(first)))
    map_again = layers.Conv2D(2, 1, name="second")(layers.Reshape((4, 4, 1))(model.output))
    keras.Model(picture, map_again).save(tmp_path / "fixed.keras")
    settings = ModelSettings(name=str(tmp_path / "fixed.keras"), input_range="0,1")
    reader = ActivationReader(load_network(settings), ["second", "first"])
    down, across = reader.axes("first", Size(32, 64))
    assert (down.center(1), across.center(1)) == (8.5, 17.5)
    assert reader.read(scene(32, 64))["first"].shape == (4, 4, 1)


def test_a_tiny_picture_is_read(dreamnet: Network) -> None:
    maps = ActivationReader(dreamnet, ["mixed4", "logits"]).read(np.zeros((1, 1, 3), np.float32))
    assert maps["mixed4"].shape == (1, 1, 480)


def test_unknown_layers_and_overflowing_ones_are_told(dreamnet: Network, endless_toy: Network) -> None:
    with pytest.raises(ObjectiveError, match="did you mean 'mixed4'"):
        ActivationReader(dreamnet, ["mixd4"])
    with pytest.raises(ModelError, match="layer 'deep' gives no finite numbers"):
        ActivationReader(endless_toy, ["deep"]).read(scene())
