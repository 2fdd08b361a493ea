"""Sizes worked out on paper are those that gradients show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dreamvid.config.settings import ModelSettings
from dreamvid.engine.graph import from_keras
from dreamvid.engine.network import load_network
from dreamvid.engine.receptive_field import Geometry, measure, strides
from dreamvid.engine.runtime import keras, tf

layers = keras.layers


def valid(x: Any) -> Any:
    x = layers.Conv2D(2, 3, strides=2)(x)
    x = layers.Conv2D(2, 3, dilation_rate=2)(x)
    x = layers.MaxPooling2D(3, 2)(x)
    return layers.Conv2D(2, (1, 5))(x)


def same(x: Any) -> Any:
    x = layers.Conv2D(2, 5, strides=2, padding="same")(x)
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    return layers.AveragePooling2D(2, 2, padding="same")(x)


def branches(x: Any) -> Any:
    x = layers.ZeroPadding2D(((0, 1), (0, 1)))(x)
    x = layers.Conv2D(2, 3, strides=2)(x)
    wide = layers.SeparableConv2D(2, 7, padding="same")(layers.Conv2D(2, 1)(x))
    return layers.Concatenate()([wide, layers.Conv2D(2, 3, padding="same")(x), layers.Cropping2D(0)(x)])


def grown(x: Any) -> Any:
    down = layers.Conv2D(2, 3, strides=2, padding="same")(x)
    up = layers.Conv2DTranspose(2, 4, strides=2, padding="same")(down)
    return layers.Concatenate()([x, up])


def gated(x: Any) -> Any:
    x = layers.Conv2D(4, 3, strides=2)(x)
    gate = layers.Reshape((1, 1, 4))(layers.GlobalAveragePooling2D()(x))
    return layers.Multiply()([x, layers.Conv2D(4, 1, activation="sigmoid")(gate)])


def network(make: Any) -> tuple[Any, Geometry]:
    keras.utils.set_random_seed(3)
    value = keras.Input((None, None, 1))
    model = keras.Model(value, make(value))
    return model, measure(from_keras(model, "test"))


def pull(model: Any, height: int, width: int, *, middle: bool) -> Any:
    """Return where the gradient of all outputs, or of the middle one, is not zero."""
    value = tf.constant(np.random.default_rng(0).random((1, height, width, 1), np.float32))
    with tf.GradientTape() as tape:
        tape.watch(value)
        result = model(value)
        h, w = result.shape[1] // 2, result.shape[2] // 2
        score = tf.reduce_sum(tf.square(result[:, h, w] if middle else result))
    return np.abs(tape.gradient(score, value).numpy()[0, :, :, 0]) > 0


@pytest.mark.parametrize("make", [valid, same, branches, grown])
def test_receptive_field_bounds_what_a_position_sees(make: Any) -> None:
    model, geometry = network(make)
    seen = pull(model, 96, 96, middle=True)
    extent = max(int(np.ptp(np.flatnonzero(seen.any(axis)))) + 1 for axis in (0, 1))
    assert extent <= geometry.receptive_field <= extent + 2 * geometry.stride


@pytest.mark.parametrize("make", [same, branches])
def test_receptive_field_is_exact_where_every_tap_counts(make: Any) -> None:
    model, geometry = network(make)
    seen = pull(model, 96, 96, middle=True)
    assert int(np.ptp(np.flatnonzero(seen.any(0)))) + 1 == geometry.receptive_field


@pytest.mark.parametrize("make", [valid, same, branches, gated])
def test_margin_is_what_the_end_lacks_in_the_worst_case(make: Any) -> None:
    model, geometry = network(make)
    if make is gated:  # its gate sees all, weakly; the margin counts the map alone
        assert geometry.margin == 1
        return
    lacking = [
        int(np.argmax(pull(model, size, size, middle=False).any(axis)[::-1]))
        for size in range(40, 49)
        for axis in (0, 1)
    ]
    assert geometry.margin == max(lacking)


def test_margin_covers_every_pixel_of_inceptionv3() -> None:
    extractor = load_network(ModelSettings(name="inceptionv3"), seed_weights=True).extractor(["mixed3"])
    for size in (96, 101, 108):
        full = size + extractor.margin
        rgb = tf.constant(np.random.default_rng(0).random((1, full, full, 3), np.float32))
        with tf.GradientTape() as tape:
            tape.watch(rgb)
            score = tf.reduce_sum(tf.square(extractor(rgb)[0]))
        seen = np.abs(tape.gradient(score, rgb).numpy()[0]).sum(-1) > 0
        assert seen[:size, :size].any(0).all()
        assert seen[:size, :size].any(1).all()


def test_smallest_size_is_the_smallest_that_runs() -> None:
    model, geometry = network(valid)
    size = geometry.min_size
    assert model.compute_output_shape((1, size, size, 1)) == (1, 5, 1, 2)
    with pytest.raises(ValueError, match="zero or negative"):
        model.compute_output_shape((1, size - 1, size - 1, 1))


def test_u_shaped_network_wants_multiples() -> None:
    def make(x: Any) -> Any:
        down = layers.MaxPooling2D(2)(layers.MaxPooling2D(2)(x))
        return layers.Add()([x, layers.UpSampling2D(4)(layers.Conv2D(1, 1)(down))])

    _, geometry = network(make)
    assert geometry.multiple == 4
    assert geometry.min_size == 4


def test_strides_are_counted_by_layer() -> None:
    value = keras.Input((None, None, 3))
    x = layers.Conv2D(2, 3, strides=2, name="a")(value)
    x = layers.MaxPooling2D(2, name="b")(x)
    x = layers.UpSampling2D(2, name="c")(x)
    found = strides(from_keras(keras.Model(value, x), "test"))
    assert (found["a"], found["b"], found["c"]) == (2, 4, 2)
