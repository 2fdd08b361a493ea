"""Model files of Keras 2 load as what they were, or one line says what they are."""

from __future__ import annotations

import json
import re
import warnings
from functools import reduce
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest

from dreamvid.config.settings import ModelSettings
from dreamvid.engine.graph import from_keras
from dreamvid.engine.keras2 import FUNCTIONS, TFOpLambda
from dreamvid.engine.model_files import load_model_file
from dreamvid.engine.network import load_network
from dreamvid.engine.receptive_field import strides
from dreamvid.engine.runtime import keras, tf
from dreamvid.engine.weight_files import randomize_weights
from dreamvid.errors import ModelError
from tests.engine.keras2_files import (
    SLASH,
    keras2_config,
    lambda_function,
    save_keras2,
    set_config,
    write_archive,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

layers = keras.layers
suffixes = pytest.mark.parametrize("suffix", [".h5", ".keras"])


def own_layers() -> Any:
    value = keras.Input((32, 32, 3))
    x = layers.Conv2D(4, 3, padding="same", use_bias=False)(value)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, strides=2)(x)
    x = layers.Activation("swish")(layers.SeparableConv2D(6, 3)(x))
    x = layers.Conv2DTranspose(5, 3, strides=2)(x)
    x = layers.PReLU(shared_axes=[1, 2])(layers.LeakyReLU(0.3)(x))
    x = layers.UpSampling2D(2)(layers.ZeroPadding2D(1)(layers.ELU()(x)))
    return keras.Model(value, layers.Concatenate()([x, layers.Multiply()([x, x])]))


def nested() -> Any:
    """Return a model with a nested one that is called twice, and a frozen Sequential one as its output."""
    value = keras.Input((None, None, 4))
    x = layers.DepthwiseConv2D(3, padding="same")(value)
    inner = keras.Model(value, layers.Conv2D(4, 3, padding="same")(layers.BatchNormalization()(x)))
    last = keras.Sequential([keras.Input((None, None, 4)), layers.Conv2D(3, 1), layers.BatchNormalization()])
    last.trainable = False
    value = keras.Input((32, 32, 3))
    return keras.Model(value, last(inner(layers.ReLU()(inner(layers.Conv2D(4, 1)(value))))))


def sequential() -> Any:
    head = [layers.Flatten(), layers.Dense(5), layers.Softmax()]
    return keras.Sequential([keras.Input((32, 32, 3)), layers.SeparableConv2D(4, 3), *head])


def functions() -> Any:
    """Return a model that calls functions on its tensors, a constant first among them."""
    value = keras.Input((32, 32, 3))
    x = layers.Conv2D(6, 3, padding="same", name="conv")(value / 127.5 - 1.0)
    y = keras.ops.relu6(x)[..., :4]
    z = keras.ops.concatenate([x, y], axis=-1)
    z = keras.ops.relu(z * 0.5 + keras.ops.sigmoid(z))
    return keras.Model(value, layers.Conv2D(2, 1, name="last")(2.0 - z))


def fine_tuned() -> Any:
    """Return a classifier on an application whose first layers are frozen."""
    base = keras.applications.MobileNetV2((32, 32, 3), 0.35, include_top=False, weights=None)
    for layer in base.layers[:60]:
        layer.trainable = False
    value = keras.Input((32, 32, 3))
    x = base(value / 127.5 - 1.0, training=False)
    return keras.Model(value, layers.Dense(4)(layers.GlobalAveragePooling2D()(x)))


def application(name: str, *args: Any) -> Callable[[], Any]:
    return lambda: getattr(keras.applications, name)((32, 32, 3), *args, weights=None, classes=5)


MODELS: dict[str, Callable[[], Any]] = {
    "own layers": own_layers,
    "nested": nested,
    "sequential": sequential,
    "functions": functions,
    "fine-tuned": fine_tuned,
    "mobilenet": application("MobileNet", 0.25),
}


def make(model: Any, path: Path) -> Any:
    randomize_weights(model)
    save_keras2(model, path)
    return model


def picture(channels: int = 3) -> Any:
    return np.random.default_rng(0).random((1, 32, 32, channels), np.float32)


def refused(path: Path, **options: Any) -> str:
    with pytest.raises(ModelError) as caught:
        load_model_file(path, **options)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


@suffixes
@pytest.mark.parametrize("name", MODELS)
def test_a_file_of_keras_2_computes_what_it_did(tmp_path: Path, name: str, suffix: str) -> None:
    path = tmp_path / f"net{suffix}"
    model = make(MODELS[name](), path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = load_model_file(path)
    np.testing.assert_allclose(loaded(picture()), model(picture()), rtol=1e-4, atol=1e-5)


@suffixes
def test_functions_can_be_dreamed_in_each_precision_and_tell_the_pixel_range(
    tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"net{suffix}"
    model = make(functions(), path)
    network = load_network(ModelSettings(name=str(path)))
    assert not network.loaded.range_assumed
    wanted = np.asarray(model(255 * picture()))
    for precision, tolerance in (("float32", 1e-4), ("bfloat16", 0.05)):
        (got,) = network.extractor(["last"], precision=precision)(tf.constant(picture()))
        np.testing.assert_allclose(got, wanted, atol=tolerance * np.abs(wanted).max())
    assert network.extractor(["last"])(tf.zeros([1, 50, 40, 3]))[0].shape == (1, 50, 40, 2)


def test_every_function_is_one_of_tensorflow() -> None:
    for name in FUNCTIONS:
        assert callable(reduce(getattr, name.split("."), tf))


@pytest.mark.parametrize(
    ("function", "options"),
    [
        ("cast", {"dtype": "float32"}),
        ("image.resize", {"size": [16, 64]}),
        ("math.reduce_mean", {"axis": [1, 2], "keepdims": True}),
        ("nn.bias_add", {"bias": [-103.9, -116.8, -123.7]}),
        ("math.maximum", {"y": 0.5}),
    ],
)
def test_a_function_computes_what_tensorflow_does(function: str, options: dict[str, Any]) -> None:
    wanted = reduce(getattr, function.split("."), tf)(picture(), **options)
    np.testing.assert_array_equal(TFOpLambda(function)(picture(), **options), wanted)


def test_a_function_joins_floats_of_several_formats() -> None:
    layer = TFOpLambda("math.add", dtype="bfloat16")
    assert layer(tf.ones([2]), y=tf.ones([2], tf.bfloat16)).dtype == tf.bfloat16
    assert TFOpLambda("math.truediv", dtype="bfloat16")(tf.ones([2]), y=127.5).dtype == tf.float32


def test_a_function_that_resizes_has_its_stride() -> None:
    value = keras.Input((32, 32, 3))
    x = TFOpLambda("image.resize", name="half")(value, size=[16, 16])
    x = TFOpLambda("image.resize", name="double")(x, size=[32, 32])
    x = TFOpLambda("image.resize", name="other")(x, size=[20, 20])
    x = TFOpLambda("nn.relu", name="relu")(x)
    found = strides(from_keras(keras.Model(value, x), "net"))
    assert found == {"(input)": 1, "half": 2, "double": 1}


@suffixes
@pytest.mark.parametrize("function", ["io.read_file", "py_function", "signal.fft2d", "keras.utils.get_file"])
def test_other_functions_are_refused_by_name(tmp_path: Path, suffix: str, function: str) -> None:
    path = tmp_path / f"net{suffix}"
    make(functions(), path)
    rewrite(path, lambda text: text.replace("nn.relu6", function))
    for trust in (False, True):
        message = refused(path, trust=trust)
        assert f"was saved by Keras 2 and calls the TensorFlow function tf.{function}" in message
        assert "save it as .keras" in message


def rewrite(path: Path, change: Callable[[str], str]) -> None:
    """Change the text of a file's configuration."""
    import io  # noqa: PLC0415  a detail of this helper
    import zipfile  # noqa: PLC0415  the same

    if path.suffix == ".h5":
        with h5py.File(path, "r+") as file:
            set_config(file, json.loads(change(file.attrs["model_config"])))
        return
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        config, weights = archive.read("config.json").decode(), archive.read("model.weights.h5")
    write_archive(path, json.loads(change(config)), weights)


@suffixes
def test_classes_that_are_not_keras_own_are_named(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"net{suffix}"
    for name in ("Mine", "mine>Conv2D"):
        make(own_layers(), path)
        rewrite(path, lambda text, name=name: text.replace('"Conv2D"', f'"{name}"'))  # type: ignore[misc]  # bound now
        assert f"holds the class '{name}', which is not Keras's own" in refused(path)


def test_what_keras_3_cannot_do_is_said_to_come_from_keras_2(tmp_path: Path) -> None:
    make(sequential(), tmp_path / "net.h5")
    rewrite(tmp_path / "net.h5", lambda text: text.replace('"softmax"', '"x"').replace('"units"', '"unit"'))
    message = refused(tmp_path / "net.h5")
    assert re.search(r"was saved by Keras 2 and cannot be converted \(.*unit.*\); build the network", message)


@suffixes
def test_layers_keep_the_slashes_in_their_names(tmp_path: Path, suffix: str) -> None:
    value = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 3, name=f"block1{SLASH}conv")(value)
    x = layers.ReLU(name=f"block1{SLASH}relu")(layers.BatchNormalization(name=f"block1{SLASH}bn")(x))
    path = tmp_path / f"net{suffix}"
    model = make(keras.Model(value, x), path)
    network = load_network(ModelSettings(name=str(path)))
    assert [layer.name for layer in network.layers] == ["block1/conv", "block1/bn", "block1/relu"]
    got = tf.function(network.extractor(["block1/bn", "block1/relu"]))(tf.constant(picture()))
    np.testing.assert_allclose(got[1], model(picture()), atol=1e-5)


@suffixes
def test_mixed_precision_is_read(tmp_path: Path, suffix: str) -> None:
    value = keras.Input((32, 32, 3))
    path = tmp_path / f"net{suffix}"
    make(keras.Model(value, layers.Conv2D(4, 3, dtype="mixed_float16")(value)), path)
    assert load_model_file(path).layers[1].dtype_policy.name == "mixed_float16"


@suffixes
def test_lambda_layers_need_trust(tmp_path: Path, suffix: str) -> None:
    value = keras.Input((32, 32, 3))
    model = keras.Model(value, layers.Lambda(lambda x: x * 2.0)(layers.Conv2D(4, 3)(value)))
    path = tmp_path / f"net{suffix}"
    model.save(path)
    config = keras2_config(model, is_archive=suffix == ".keras")
    config["config"]["layers"][-1]["config"]["function"] = lambda_function(lambda x: x * 2.0)
    rewrite(path, lambda _: json.dumps(config))
    message = refused(path)
    assert "has a Lambda layer, which is program code" in message
    assert "--trust-model" in message
    np.testing.assert_allclose(load_model_file(path, trust=True)(picture()), model(picture()), rtol=1e-5)


@pytest.mark.parametrize("form", ["list", "shape of the first layer", "build_input_shape"])
def test_sequential_models_of_every_version_are_read(tmp_path: Path, form: str) -> None:
    path = tmp_path / "net.h5"
    model = make(sequential(), path)
    config = keras2_config(model, is_archive=False)
    items = config["config"]["layers"]
    if form == "list":
        config["config"] = items
    else:
        shape = items.pop(0)["config"]["batch_input_shape"]
        place = items[0]["config"] if form == "shape of the first layer" else config["config"]
        place["batch_input_shape" if form == "shape of the first layer" else form] = shape
    rewrite(path, lambda _: json.dumps(config))
    np.testing.assert_allclose(load_model_file(path)(picture()), model(picture()), rtol=1e-5)


def test_weights_in_other_files_are_refused(tmp_path: Path) -> None:
    make(own_layers(), tmp_path / "net.h5")
    with h5py.File(tmp_path / "net.h5", "r+") as file, h5py.File(tmp_path / "other.h5", "w") as other:
        names: list[str] = []
        file["model_weights"].visit(names.append)
        name = next(name for name in names if name.endswith("kernel"))
        other["x"] = file["model_weights"][name][()]
        del file["model_weights"][name]
        file["model_weights"][name] = h5py.ExternalLink(str(tmp_path / "other.h5"), "x")
    refused(tmp_path / "net.h5")
