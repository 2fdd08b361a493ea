"""An extractor is a plain function of the picture, at any size and in any format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dreamvid.config.settings import ModelSettings
from dreamvid.engine.network import Network, load_network
from dreamvid.engine.runtime import keras, tf
from dreamvid.errors import ObjectiveError

if TYPE_CHECKING:
    from pathlib import Path

layers = keras.layers


def picture(height: int = 64, width: int = 70, batch: int = 1) -> Any:
    return tf.constant(np.random.default_rng(0).random((batch, height, width, 3), np.float32))


def ascend(extractor: Any, rgb: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(rgb)
        score = tf.add_n([tf.reduce_mean(tf.square(output)) for output in extractor(rgb)])
    return tape.gradient(score, rgb)


def cosine(a: Any, b: Any) -> float:
    a, b = np.asarray(a, np.float64).ravel(), np.asarray(b, np.float64).ravel()
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def own(tmp_path: Path, make: Any, shape: Any = (None, None, 3)) -> Network:
    value = keras.Input(shape)
    path = tmp_path / "own.keras"
    keras.utils.set_random_seed(5)
    keras.Model(value, make(value)).save(path)
    return load_network(ModelSettings(name=str(path)))


def test_outputs_come_in_the_order_asked_for(dreamnet: Network) -> None:
    extractor = dreamnet.extractor(["mixed3", "logits", "mixed1"])
    deep, logits, shallow = extractor(picture(batch=2))
    assert extractor.outputs == ("mixed3", "logits", "mixed1")
    assert deep.shape == (2, 4, 5, dreamnet.layer("mixed3").channels)
    assert logits.shape == (2, 1, 1, 200)
    assert shallow.shape == (2, 8, 9, dreamnet.layer("mixed1").channels)


def test_only_what_the_outputs_need_is_there(dreamnet: Network) -> None:
    names = {node.name for node in dreamnet.extractor(["mixed1"])._graph.nodes}
    assert "mixed1" in names
    assert not any(name.startswith(("mixed2", "mixed3", "logits")) for name in names)


def test_one_trace_serves_all_frames_of_a_size(dreamnet: Network) -> None:
    extractor = dreamnet.extractor(["mixed1"])
    traces = []

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32)])  # type: ignore[untyped-decorator]
    def score(rgb: Any) -> Any:
        traces.append(1)
        return tf.reduce_mean(extractor(rgb)[0])

    for height in (48, 64, 81):
        assert np.isfinite(score(picture(height)).numpy())
    assert len(traces) == 1


def test_same_picture_same_bits(dreamnet: Network) -> None:
    extractor = dreamnet.extractor(["mixed2"])
    step = tf.function(lambda rgb: ascend(extractor, rgb))
    first, second = step(picture()).numpy(), step(picture()).numpy()
    assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize(("precision", "least"), [("bfloat16", 0.95), ("float16", 0.99)])
def test_short_formats_point_the_same_way(dreamnet: Network, precision: str, least: float) -> None:
    truth = ascend(dreamnet.extractor(["mixed3"]), picture())
    extractor = dreamnet.extractor(["mixed3"], precision=precision)
    assert extractor(picture())[0].dtype == tf.float32
    gradient = ascend(extractor, picture())
    assert cosine(gradient, truth) > least
    assert 0.9 < float(tf.norm(gradient) / tf.norm(truth)) < 1.1


def test_float16_gradient_survives_a_tiny_objective(dreamnet: Network) -> None:
    extractor = dreamnet.extractor(["mixed2"], precision="float16")

    def gradient(weight: float) -> Any:
        rgb = picture()
        with tf.GradientTape() as tape:
            tape.watch(rgb)
            score = weight * tf.reduce_mean(tf.square(extractor(rgb)[0]))
        return tape.gradient(score, rgb).numpy()

    small, large = gradient(1e-9), gradient(1e3)
    assert cosine(small, large) > 0.999
    np.testing.assert_allclose(np.linalg.norm(large) / np.linalg.norm(small), 1e12, rtol=1e-2)


def test_picture_smaller_than_the_network_can_take_is_continued(tmp_path: Path) -> None:
    network = own(tmp_path, lambda x: layers.Conv2D(2, 5)(layers.Conv2D(2, 7, strides=4)(x)))
    extractor = network.extractor([network.layers[-1].name])
    assert extractor.min_size == 23
    gradient = ascend(extractor, picture(9, 40))
    assert np.all(np.abs(gradient.numpy()).sum(axis=(2, 3)) > 0)


@pytest.mark.parametrize("known", [True, False], ids=["static size", "dynamic size"])
def test_u_shaped_network_takes_odd_sizes(tmp_path: Path, *, known: bool) -> None:
    def make(x: Any) -> Any:
        down = layers.MaxPooling2D(4)(layers.Conv2D(3, 3, padding="same")(x))
        return layers.Add(name="sum")([x, layers.UpSampling2D(4)(down)])

    extractor = own(tmp_path, make).extractor(["sum"])
    assert extractor.multiple == 4
    size = [1, 33, 50, 3] if known else [None, None, None, 3]
    run = tf.function(lambda rgb: extractor(rgb)[0], input_signature=[tf.TensorSpec(size, tf.float32)])
    assert run(picture(33, 50)).shape == (1, 36, 52, 3)


def test_dropout_is_off_even_where_the_file_turned_it_on(tmp_path: Path) -> None:
    network = own(
        tmp_path, lambda x: layers.Activation("relu", name="a")(layers.Dropout(0.9)(x, training=True))
    )
    np.testing.assert_allclose(network.extractor(["a"])(picture())[0], picture(), atol=1e-6)


def test_batch_norm_uses_its_moving_statistics(tmp_path: Path) -> None:
    network = own(tmp_path, lambda x: layers.BatchNormalization(name="n", epsilon=0.0)(x, training=True))
    np.testing.assert_allclose(network.extractor(["n"])(picture())[0], picture(), atol=1e-6)


def test_gray_network_gives_back_neutral_detail(tmp_path: Path) -> None:
    network = own(tmp_path, layers.Conv2D(4, 3, padding="same", name="c"), (None, None, 1))
    gradient = ascend(network.extractor(["c"]), picture()).numpy()
    assert network.input_channels == 1
    assert np.abs(gradient).max() > 0
    np.testing.assert_allclose(gradient, np.repeat(gradient[..., :1], 3, axis=-1), atol=1e-9)


def test_logits_of_a_network_without_classifier_are_refused(tmp_path: Path) -> None:
    network = own(tmp_path, layers.Conv2D(4, 3, name="c"))
    with pytest.raises(ObjectiveError, match="classifier"):
        network.extractor(["logits"])
