"""What a network sees of a picture, and which way the gradient comes back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dreamvid.engine.architectures import known_models
from dreamvid.engine.preprocessing import InputMap, input_map, preset_map
from dreamvid.engine.runtime import keras, tf

MODULES = {
    "inceptionv3": "inception_v3",
    "vgg16": "vgg16",
    "vgg19": "vgg19",
    "resnet50v2": "resnet_v2",
    "mobilenetv2": "mobilenet_v2",
    "xception": "xception",
    "inceptionresnetv2": "inception_resnet_v2",
    "densenet121": "densenet",
    "efficientnetv2s": "efficientnet_v2",
}


def picture() -> Any:
    return tf.constant(np.random.default_rng(0).random((2, 5, 6, 3), np.float32))


def gradient(mapping: InputMap, rgb: Any) -> Any:
    weights = tf.constant(np.random.default_rng(1).normal(size=(2, 5, 6, mapping.channels)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(rgb)
        score = tf.reduce_sum(mapping(rgb) * weights)
    return tape.gradient(score, rgb).numpy(), weights.numpy()


@pytest.mark.parametrize("entry", [e for e in known_models() if e.download], ids=lambda e: e.name)
def test_preprocessing_is_that_of_keras_applications(entry: Any) -> None:
    module = getattr(keras.applications, MODULES[entry.name])
    wanted = module.preprocess_input(picture().numpy() * 255.0)
    np.testing.assert_allclose(preset_map(entry.mode)(picture()), wanted, atol=2e-4, rtol=1e-5)


def test_gray_network_sees_luma() -> None:
    seen = input_map([0.0], [1.0], channels=1, color_map="gray")(picture())
    wanted = (picture().numpy() * [0.299, 0.587, 0.114]).sum(-1, keepdims=True)
    np.testing.assert_allclose(seen, wanted, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 2, 4, 7])
def test_gray_map_gives_back_neutral_detail_and_the_exact_rise_along_it(channels: int) -> None:
    mapping = input_map([-1.0], [1.0], channels=channels, color_map="gray")
    got, weights = gradient(mapping, picture())
    np.testing.assert_allclose(got[..., 0], got[..., 1], atol=1e-6)
    np.testing.assert_allclose(got[..., 0], got[..., 2], atol=1e-6)
    np.testing.assert_allclose(got.sum(-1), 2.0 * weights.sum(-1), atol=1e-5)


@pytest.mark.parametrize("channels", [2, 4, 5, 12])
def test_false_color_keeps_range_and_gray(channels: int) -> None:
    mapping = input_map([0.0], [255.0], channels=channels, color_map="false-color")
    seen = mapping(picture()).numpy()
    assert seen.min() >= 0.0
    assert seen.max() <= 255.001
    gray = mapping(tf.fill([1, 1, 1, 3], 0.25)).numpy()[0, 0, 0]
    opaque = [255.0] if channels == 4 else []
    np.testing.assert_allclose(gray, [63.75] * (channels - len(opaque)) + opaque, rtol=1e-5)


@pytest.mark.parametrize(("channels", "limit"), [(2, 4.0), (4, 1.001), (5, 2.001), (12, 2.001)])
def test_false_color_is_well_conditioned(channels: int, limit: float) -> None:
    matrix = np.array(input_map([0.0], [1.0], channels=channels, color_map="false-color").matrix)
    values = np.linalg.svd(matrix, compute_uv=False)
    assert values[0] / values[min(channels, 3) - 1] < limit


def test_false_color_gradient_is_exact() -> None:
    mapping = input_map([0.0], [1.0], channels=5, color_map="false-color")
    got, weights = gradient(mapping, picture())
    np.testing.assert_allclose(got, weights @ np.array(mapping.matrix, np.float32).T, atol=1e-5)


def test_three_channels_see_the_picture_itself() -> None:
    for color_map in ("gray", "false-color"):
        seen = input_map([-1.0], [1.0], channels=3, color_map=color_map)(picture())
        np.testing.assert_allclose(seen, picture() * 2.0 - 1.0, atol=1e-6)
