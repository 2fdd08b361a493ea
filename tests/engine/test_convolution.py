"""Convolutions by the gradient's kernel compute the same, and are chosen where oneDNN lacks AVX-512."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dreamvid.config.settings import ModelSettings
from dreamvid.engine import convolution, extractor
from dreamvid.engine.convolution import by_gradient_kernel, prefers_gradient_kernels
from dreamvid.engine.network import _build_extractor, load_network
from dreamvid.engine.runtime import keras, tf


def picture(*shape: int) -> Any:
    return tf.constant(np.random.default_rng(0).random(shape, np.float32))


def value_and_gradient(call: Any, values: Any) -> tuple[Any, Any]:
    with tf.GradientTape() as tape:
        tape.watch(values)
        result = call(values)
        score = tf.reduce_mean(tf.square(result))
    return result.numpy(), tape.gradient(score, values).numpy()


def built(filters: int = 24, size: Any = 3, **settings: Any) -> Any:
    keras.utils.set_random_seed(3)
    settings = {"padding": "same", "activation": "relu", "bias_initializer": "normal"} | settings
    layer = keras.layers.Conv2D(filters, size, **settings)
    layer.build((None, None, None, 16))
    return layer


@pytest.mark.parametrize("size", [3, (1, 7), 5])
def test_a_convolution_and_its_gradient_are_those_of_the_layer(size: Any) -> None:
    layer = built(size=size)
    call = by_gradient_kernel(layer)
    values = picture(2, 21, 18, 16)
    expected, found = value_and_gradient(layer, values), value_and_gradient(call, values)
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_allclose(b, a, atol=1e-5 * np.abs(a).max())


@pytest.mark.parametrize(
    "settings",
    [
        {"strides": 2},
        {"size": 1},
        {"size": 2},
        {"padding": "valid"},
        {"dilation_rate": 2},
        {"groups": 2},
    ],
)
def test_other_convolutions_stay_as_they_are(settings: dict[str, Any]) -> None:
    assert by_gradient_kernel(built(**settings)) is None


def test_layers_that_are_no_convolutions_stay_as_they_are() -> None:
    assert by_gradient_kernel(keras.layers.MaxPooling2D()) is None
    assert by_gradient_kernel(tf.identity) is None


@pytest.mark.parametrize(
    ("flags", "largest", "precision", "expected"),
    [
        ({"avx2"}, "", "float32", True),
        ({"avx2"}, "", "bfloat16", False),
        ({"avx2", "avx512f"}, "", "float32", False),
        ({"avx2", "avx512f"}, "AVX2", "float32", True),
        (set(), "", "float32", False),
    ],
)
def test_processors_without_avx512_use_gradient_kernels(
    monkeypatch: pytest.MonkeyPatch, flags: set[str], largest: str, precision: str, *, expected: bool
) -> None:
    monkeypatch.setattr(convolution, "cpu_flags", lambda: frozenset(flags))
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda _: [])
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", largest)
    assert prefers_gradient_kernels(precision) is expected


def test_a_network_dreams_the_same_by_gradient_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    network = load_network(ModelSettings())
    values = picture(1, 96, 80, 3)
    gradients, turned = [], []

    def counted(layer: Any) -> Any:
        call = by_gradient_kernel(layer)
        turned.append(call is not None)
        return call

    monkeypatch.setattr(extractor, "by_gradient_kernel", counted)
    for chosen in (False, True):
        monkeypatch.setattr(extractor, "prefers_gradient_kernels", lambda _, chosen=chosen: chosen)
        _build_extractor.cache_clear()
        own = network.extractor(("mixed4",))
        gradients.append(value_and_gradient(lambda rgb, own=own: own(rgb)[0], values)[1])
    _build_extractor.cache_clear()
    assert any(turned)
    np.testing.assert_allclose(gradients[1], gradients[0], atol=1e-4 * np.abs(gradients[0]).max())
