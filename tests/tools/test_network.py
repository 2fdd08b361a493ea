from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pytest

from dreamnet.equalize import equalize, equalize_in_dreams
from dreamnet.export import export
from dreamnet.network import FusedBatchNormalization, build_network
from dreamnet.plot import plot
from dreamvid.config.settings import ModelSettings
from dreamvid.engine.network import load_network

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SHIPPED = Path(__file__).parents[2] / "dreamvid" / "engine" / "weights" / "dreamnet.keras"


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(5)
    return build_network(200)


def strided(network: keras.Model) -> Iterator[Any]:
    for layer in network.layers:
        if max(getattr(layer, "strides", (1, 1))) > 1:
            yield layer


def test_it_is_small(network: keras.Model) -> None:
    assert network.count_params() <= 3_000_000


def test_it_has_the_layers_that_objectives_name(network: keras.Model) -> None:
    names = [
        layer.name for layer in network.layers if layer.name.startswith("mixed") and "_" not in layer.name
    ]
    assert names == [f"mixed{index}" for index in range(6)]
    assert network.layers[-1].name == "logits"


def test_no_kernel_covers_some_pixels_more_often_than_others(network: keras.Model) -> None:
    sizes = {
        layer.name: (getattr(layer, "kernel_size", None) or layer.pool_size, layer.strides)
        for layer in strided(network)
    }
    assert len(sizes) == 4
    assert all(size[0] % stride[0] == 0 for size, stride in sizes.values())


@pytest.mark.parametrize("training", [False, True])
def test_the_fused_normalization_is_that_of_keras(training: bool) -> None:  # noqa: FBT001  both ways
    ours, theirs = FusedBatchNormalization(momentum=0.9), keras.layers.BatchNormalization(momentum=0.9)
    values = np.random.default_rng(0).normal(1.0, 2.0, (16, 12, 12, 4)).astype(np.float32)
    one, two = ours(values, training=training), theirs(values, training=training)
    assert np.allclose(one, two, atol=1e-4)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert np.allclose(mine, other, rtol=2e-3)  # the fused variance is the unbiased one


def test_the_network_that_trains_has_the_weights_of_the_one_that_ships(network: keras.Model) -> None:
    fused = build_network(200, fused=True)
    assert [w.shape for w in fused.get_weights()] == [w.shape for w in network.get_weights()]
    assert [v.path.split("/")[0] for v in fused.variables] == [
        v.path.split("/")[0] for v in network.variables
    ]


def test_an_export_is_half_precision_and_the_same_each_time(network: keras.Model, tmp_path: Path) -> None:
    export(network, tmp_path / "one.keras")
    time.sleep(1.1)  # so that a time in the file would differ
    export(network, tmp_path / "two.keras")
    assert (tmp_path / "one.keras").read_bytes() == (tmp_path / "two.keras").read_bytes()
    assert (tmp_path / "one.keras").stat().st_size <= 6_000_000
    assert keras.config.dtype_policy().name == "float32"
    loaded = load_network(ModelSettings(name=str(tmp_path / "one.keras")), with_classes=True)
    picture = np.random.default_rng(0).uniform(0, 1, (1, 64, 64, 3)).astype(np.float32)
    ours = np.mean(loaded.extractor(["logits"])(picture)[0], axis=(1, 2))
    assert np.allclose(ours, network(picture * 2 - 1), atol=0.02)


def test_equalized_channels_are_equally_loud_and_the_logits_stay() -> None:
    keras.utils.set_random_seed(6)
    net = build_network(10)
    rng = np.random.default_rng(0)
    for layer in net.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.gamma.assign(rng.uniform(0.2, 2.0, layer.gamma.shape))
            layer.beta.assign(rng.uniform(-0.5, 0.5, layer.beta.shape))
    pictures = rng.uniform(-1, 1, (32, 48, 48, 3)).astype(np.float32)
    before = np.asarray(net(pictures))
    equalize(net, pictures)
    assert np.allclose(net(pictures), before, atol=1e-3 * np.abs(before).max())
    for index in range(6):
        seen = keras.Model(net.input, net.get_layer(f"mixed{index}").output)(pictures)
        loudness = np.sqrt(np.mean(np.square(seen), axis=(0, 1, 2)))
        assert np.median(loudness) == pytest.approx(1.0, abs=0.01)
        assert loudness.max() < 1.01


def test_a_channel_that_owns_a_dream_is_evened_out_and_the_logits_stay() -> None:
    keras.utils.set_random_seed(6)
    net = build_network(10)
    pictures = np.random.default_rng(0).uniform(-1, 1, (4, 64, 64, 3)).astype(np.float32)
    equalize(net, pictures)
    norm = net.get_layer("mixed3_3x3_norm")
    loud = np.ones(norm.gamma.shape, np.float32)
    loud[5] = 6.0
    norm.gamma.assign(np.asarray(norm.gamma) * loud)
    before = np.asarray(net(pictures))
    shares = [_share(net, pictures, 128 + 5)]
    equalize_in_dreams(net, ["mixed3"], pictures, rounds=2)
    shares.append(_share(net, pictures, 128 + 5))
    assert shares[0] > 0.3
    assert shares[1] < 0.5 * shares[0]
    assert np.allclose(net(pictures), before, atol=1e-3 * np.abs(before).max())


def _share(net: keras.Model, pictures: NDArray[np.float32], channel: int) -> float:
    """Return the share of one channel in the mean square of a dream of mixed3."""
    from dreamnet.equalize import _dreamed  # noqa: PLC0415  what is under test measures by it

    value = keras.Model(net.input, net.get_layer("mixed3").output)(_dreamed(net, "mixed3", pictures))
    power = np.mean(np.square(value), axis=(0, 1, 2))
    return float(power[channel] / power.sum())


def test_what_ships_is_of_this_architecture(network: keras.Model) -> None:
    shipped = keras.saving.load_model(SHIPPED, compile=False)
    assert [layer.name for layer in shipped.layers] == [layer.name for layer in network.layers]
    assert [w.shape for w in shipped.get_weights()] == [w.shape for w in network.get_weights()]
    assert SHIPPED.stat().st_size <= 6_000_000


def test_a_log_becomes_a_plot(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="plots are drawn with the extra 'train'")
    record = {
        "phase": "plain",
        "side": 32,
        "loss": 2.0,
        "accuracy": 0.5,
        "validation_top1": 0.4,
        "validation_top5": 0.8,
    }
    records = json.loads(json.dumps([record, record, record | {"phase": "robust", "side": 64}]))
    plot(records, tmp_path / "log.png")
    assert (tmp_path / "log.png").read_bytes().startswith(b"\x89PNG")
