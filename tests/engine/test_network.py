"""Networks of any make give their layers, classes and outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dreamvid.config.settings import ModelSettings
from dreamvid.engine.architectures import known_models
from dreamvid.engine.dreamer import clear_cache
from dreamvid.engine.network import Network, load_network
from dreamvid.engine.objectives import BoundObjective
from dreamvid.engine.runtime import keras, tf
from dreamvid.engine.weight_files import randomize_weights
from dreamvid.errors import ObjectiveError
from dreamvid.objective import layer_text, parse
from dreamvid.types import Size

if TYPE_CHECKING:
    from pathlib import Path

layers = keras.layers


def saved(tmp_path: Path, model: Any, **settings: Any) -> Network:
    randomize_weights(model)
    path = tmp_path / "own.keras"
    model.save(path)
    return load_network(ModelSettings(name=str(path), **settings))


def picture(height: int, width: int) -> Any:
    return tf.constant(np.random.default_rng(0).random((1, height, width, 3), np.float32))


def agree(network: Network, model: Any, outputs: list[str], wanted: list[Any], size: tuple[int, int]) -> None:
    rgb = picture(*size)
    expected = keras.Model(model.inputs, wanted)(rgb)
    expected = expected if isinstance(expected, list) else [expected]
    for got, want in zip(network.extractor(outputs)(rgb), map(np.asarray, expected), strict=True):
        np.testing.assert_allclose(np.reshape(got, want.shape), want, atol=1e-4 * np.abs(want).max())


def test_layers_are_in_order_of_depth(dreamnet: Network) -> None:
    depths = [layer.depth for layer in dreamnet.layers]
    assert depths == sorted(depths)
    mixed = [dreamnet.layer(f"mixed{i}") for i in range(6)]
    assert [layer.depth for layer in mixed] == sorted({layer.depth for layer in mixed})
    assert [layer.stride for layer in mixed] == [4, 8, 8, 16, 16, 16]
    assert dreamnet.layer("mixed3").channels == 480
    assert dreamnet.layer("mixed3").kind == "Concatenate"
    assert dreamnet.layer("MIXED3").name == "mixed3"


def test_unknown_layer_gets_a_suggestion(dreamnet: Network) -> None:
    with pytest.raises(ObjectiveError, match="did you mean 'mixed4'"):
        dreamnet.extractor(["mixd4"])
    with pytest.raises(ObjectiveError, match="models layers"):
        dreamnet.layer("qqqqqqqqqq")


ODD_NAMES = (
    "my layer: 1, x#2",
    "größe",
    "_private",
    "a*b",
    "it's",
    'say "so"',
    "class:1",
    "@home (new)",
    "1",
)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_layers_of_any_name_are_listed_and_dreamed(tmp_path: Path, suffix: str) -> None:
    x = value = keras.Input((None, None, 3))
    for name in ODD_NAMES:
        x = layers.Conv2D(4, 3, padding="same", activation="relu", name=name)(x)
    model = keras.Model(value, x)
    randomize_weights(model)
    model.save(tmp_path / f"own{suffix}")
    network = load_network(ModelSettings(name=str(tmp_path / f"own{suffix}")))
    assert tuple(layer.name for layer in network.layers) == ODD_NAMES
    objective = parse(", ".join(layer_text(name) for name in ODD_NAMES))
    outputs = BoundObjective.bind(objective, network, {}).outputs
    assert outputs == ODD_NAMES
    wanted = np.asarray(model(picture(16, 16)))
    for precision, tolerance in (("float32", 1e-4), ("bfloat16", 0.1)):
        features = tf.function(network.extractor(outputs, precision=precision))(picture(16, 16))
        np.testing.assert_allclose(features[-1], wanted, atol=tolerance * wanted.max())


def test_embedded_network_knows_its_classes(dreamnet: Network) -> None:
    assert len(dreamnet.classes) == 200
    assert dreamnet.class_index("espresso") == dreamnet.class_index(str(dreamnet.class_index("espresso")))
    with pytest.raises(ObjectiveError, match="0 to 199"):
        dreamnet.class_index("200")


def test_registered_layers_exist(dreamnet: Network) -> None:
    for name in ("dreamnet", "vgg16", "mobilenetv2"):
        network = (
            dreamnet if name == "dreamnet" else load_network(ModelSettings(name=name), seed_weights=True)
        )
        entry = next(entry for entry in known_models() if entry.name == name)
        for layer in entry.layers:
            assert network.layer(layer).channels > 0


def test_seeded_weights_are_the_same_each_time() -> None:
    out = []
    for _ in range(2):
        clear_cache()
        network = load_network(ModelSettings(name="mobilenetv2"), seed_weights=True)
        out.append(network.extractor(["block_3_expand_relu"])(picture(40, 40))[0].numpy())
    assert out[0].tobytes() == out[1].tobytes()
    assert 0.0 < out[0].std() < 100.0


def test_logits_are_those_before_the_softmax() -> None:
    network = load_network(ModelSettings(name="mobilenetv2"), seed_weights=True, with_classes=True)
    model = keras.applications.MobileNetV2(weights=None)
    randomize_weights(model)
    rgb = picture(224, 224)
    seen = network.loaded.input_map(rgb)
    wanted = model(seen)
    logits = network.extractor(["logits"])(rgb)[0]
    assert logits.shape == (1, 1, 1, 1000)
    np.testing.assert_allclose(tf.nn.softmax(logits[:, 0, 0]), wanted, rtol=1e-2, atol=1e-6)
    assert network.class_index("tabby") == 281


def test_dense_head_becomes_a_map_of_logits(tmp_path: Path) -> None:
    value = keras.Input((32, 48, 3))
    x = layers.MaxPooling2D(4)(layers.Conv2D(5, 3, padding="same", activation="relu", name="conv")(value))
    x = layers.Dense(9, activation="relu", name="fc")(layers.Dropout(0.5)(layers.Flatten()(x)))
    x = layers.BatchNormalization(name="norm")(x)
    model = keras.Model(value, layers.Dense(4, activation="softmax", name="predictions")(x))
    network = saved(tmp_path, model)
    extractor = network.extractor(["fc", "logits"])
    assert network.fixed_size is None
    assert extractor.fixed_size is None
    assert network.layer("fc").channels == 9
    assert network.classes == ("0", "1", "2", "3")
    rgb = picture(32, 48)
    fc, logits = extractor(rgb)
    wanted = keras.Model(value, [model.get_layer("fc").output, model.output])(rgb)
    np.testing.assert_allclose(fc[:, 0, 0], wanted[0], atol=1e-4)
    np.testing.assert_allclose(tf.nn.softmax(logits[:, 0, 0]), wanted[1], atol=1e-5)
    assert extractor(picture(40, 64))[1].shape == (1, 3, 5, 4)
    assert extractor.min_size == 48


def test_softmax_layer_after_global_pooling_is_taken_off(tmp_path: Path) -> None:
    value = keras.Input((None, None, 3))
    pooled = layers.GlobalAveragePooling2D()(layers.Conv2D(6, 3)(value))
    model = keras.Model(value, layers.Softmax()(pooled))
    network = saved(tmp_path, model)
    agree(network, model, ["logits"], [pooled], (20, 22))


def test_layers_behind_pooling_are_listed_unless_a_map_is_made_of_them(tmp_path: Path) -> None:
    value = keras.Input((None, None, 3))
    x = layers.Conv2D(6, 3, name="conv")(value)
    scale = layers.Dense(6, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    x = layers.GlobalAveragePooling2D(name="pool")(layers.Multiply(name="scaled")([x, scale]))
    model = keras.Model(value, layers.Dense(2, name="last")(layers.Dense(7, name="hidden")(x)))
    network = saved(tmp_path, model)
    assert [layer.name for layer in network.layers] == ["conv", "scaled"]
    assert [layer.name for layer in network.pooled_layers] == ["pool", "hidden", "last"]
    assert network.layer("hidden").shape == (None, 7)
    agree(network, model, ["hidden"], [model.get_layer("hidden").output], (20, 22))


def test_feature_vector_is_no_classifier(tmp_path: Path) -> None:
    value = keras.Input((None, None, 3))
    model = keras.Model(value, layers.GlobalAveragePooling2D()(layers.Conv2D(6, 3)(value)))
    assert saved(tmp_path, model).classes == ()


def test_fixed_convolutional_network_runs_at_any_size(tmp_path: Path) -> None:
    value = keras.Input((32, 32, 3))
    x = layers.Conv2D(4, 3, name="a")(value)
    model = keras.Model(value, layers.Conv2D(4, 3, strides=2, name="b")(x))
    network = saved(tmp_path, model)
    assert network.fixed_size is None
    agree(network, model, ["a", "b"], [model.get_layer("a").output, model.output], (32, 32))
    assert network.extractor(["b"])(picture(51, 80))[0].shape == (1, 24, 38, 4)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
def test_enlarging_layers_run_at_any_size_as_in_keras(tmp_path: Path, interpolation: str) -> None:
    value = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 3, strides=2, padding="same", name="low")(value)
    x = layers.UpSampling2D((2, 4), interpolation=interpolation, name="grown")(x)
    model = keras.Model(value, layers.Conv2D(2, 3, name="last")(x))
    network = saved(tmp_path, model)
    agree(network, model, ["grown", "last"], [model.get_layer("grown").output, model.output], (20, 24))
    extractor = network.extractor(["last"], precision="bfloat16")
    run = tf.function(extractor, input_signature=[tf.TensorSpec([None, None, None, 3])])
    assert run(picture(20, 24))[0].shape == (1, 18, 46, 2)


def test_layers_with_spectral_normalization_are_those_inside(tmp_path: Path) -> None:
    value = keras.Input((32, 32, 3))
    x = layers.SpectralNormalization(layers.Conv2D(4, 4, strides=2, padding="same"), name="conv")(value)
    x = layers.Flatten()(layers.LeakyReLU(name="leaky")(x))
    model = keras.Model(value, layers.SpectralNormalization(layers.Dense(1), name="score")(x))
    model(picture(32, 32), training=True)
    network = saved(tmp_path, model)
    found = [(layer.name, layer.kind, layer.stride) for layer in network.layers]
    assert found == [("conv", "Conv2D", 2), ("leaky", "LeakyReLU", 2), ("score", "Conv2D", 2)]
    assert network.classes == ("0",)
    agree(network, model, ["leaky"], [model.get_layer("leaky").output], (32, 32))
    score = network.extractor(["score"])(picture(32, 32))[0]
    np.testing.assert_allclose(score[:, 0, 0], model(picture(32, 32)), atol=1e-4)


def test_network_that_only_runs_at_its_own_size_says_so(tmp_path: Path) -> None:
    value = keras.Input((24, 32, 3))
    x = layers.Conv2D(4, 3, padding="same", name="free")(value)
    x = layers.Reshape((12, 64, 4))(x)
    model = keras.Model(value, layers.Conv2D(4, 3, name="bound")(x))
    network = saved(tmp_path, model)
    assert network.fixed_size == Size(24, 32)
    assert network.extractor(["free"]).fixed_size is None
    assert network.extractor(["bound"]).fixed_size == Size(24, 32)
    agree(network, model, ["bound"], [model.output], (24, 32))


def test_flatten_that_feeds_something_else_binds_only_what_follows(tmp_path: Path) -> None:
    value = keras.Input((16, 16, 3))
    x = layers.Conv2D(2, 3, name="conv")(value)
    model = keras.Model(value, layers.Dense(3)(layers.LayerNormalization()(layers.Flatten()(x))))
    network = saved(tmp_path, model)
    assert [layer.name for layer in network.layers] == ["conv"]
    assert network.fixed_size is None
    assert network.extractor(["logits"]).fixed_size == Size(16, 16)


def test_sequential_network(tmp_path: Path) -> None:
    model = keras.Sequential(
        [keras.Input((None, None, 3)), layers.Conv2D(3, 3, name="a"), layers.ReLU(name="b")]
    )
    network = saved(tmp_path, model)
    assert [layer.name for layer in network.layers] == ["a", "b"]
    agree(network, model, ["b"], [model.outputs[0]], (20, 20))


@pytest.mark.parametrize("sequential", [False, True])
def test_layers_of_nested_networks_are_exposed(tmp_path: Path, *, sequential: bool) -> None:
    def inner(name: str) -> Any:
        stack = [
            layers.Conv2D(4, 3, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(name="act"),
        ]
        if sequential:
            return keras.Sequential(stack, name=name)
        value = x = keras.Input((None, None, 4))
        for layer in stack:
            x = layer(x)
        return keras.Model(value, x, name=name)

    outer = keras.Input((None, None, 3))
    block = inner("block")
    x = layers.Conv2D(4, 1, name="first")(outer)
    once = block(x)
    twice = block(once)
    model = keras.Model(outer, layers.Conv2D(2, 3, name="last")(inner("other")(twice)))
    network = saved(tmp_path, model)
    names = [layer.name for layer in network.layers]
    assert names[:4] == ["first", "block/conv", "block/norm", "block/act"]
    assert {"block~2/act", "other/conv", "last"} <= set(names)
    assert network.layer("other").name == "other/act"
    loaded = keras.models.load_model(tmp_path / "own.keras")
    agree(network, loaded, ["last"], [loaded.output], (30, 30))


def test_keras_operations_between_layers_are_run(tmp_path: Path) -> None:
    value = keras.Input((None, None, 3))
    x = keras.ops.relu(layers.Conv2D(4, 3, name="conv")(value * 2.0) + 0.5)
    model = keras.Model(value, layers.Conv2D(2, 3, name="last")(keras.ops.concatenate([x, x * x], axis=-1)))
    network = saved(tmp_path, model)
    agree(network, model, ["last"], [model.output], (20, 20))
    assert network.extractor(["last"], precision="bfloat16")(picture(20, 20))[0].shape == (1, 16, 16, 2)


@pytest.mark.parametrize(
    ("channels", "color_map"), [(1, "gray"), (2, "false-color"), (4, "gray"), (6, "false-color")]
)
def test_network_of_any_number_of_channels_dreams_rgb(tmp_path: Path, channels: int, color_map: str) -> None:
    value = keras.Input((None, None, channels))
    network = saved(tmp_path, keras.Model(value, layers.Conv2D(3, 3, name="c")(value)), color_map=color_map)
    rgb = picture(16, 18)
    with tf.GradientTape() as tape:
        tape.watch(rgb)
        score = tf.reduce_mean(tf.square(network.extractor(["c"])(rgb)[0]))
    assert network.input_channels == channels
    assert tape.gradient(score, rgb).shape == rgb.shape


@pytest.mark.parametrize(
    ("first", "settings", "high"),
    [
        (layers.Rescaling(1 / 127.5, offset=-1.0), {}, 255.0),
        (layers.Normalization(mean=[120.0] * 3, variance=[9.0] * 3), {}, 255.0),
        (layers.Rescaling(2.0, offset=-1.0), {}, 1.0),
        (lambda x: x, {}, 1.0),
        (lambda x: x, {"input_range": "-7,9"}, 9.0),
    ],
    ids=["rescaled bytes", "normalized bytes", "rescaled unit", "nothing", "told"],
)
def test_input_range_of_a_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, first: Any, settings: Any, high: float
) -> None:
    value = keras.Input((None, None, 3))
    path = tmp_path / "own.keras"
    keras.Model(value, layers.Conv2D(2, 1, name="c")(first(value))).save(path)
    network = load_network(ModelSettings(name=str(path), **settings))
    assert float(tf.reduce_max(network.loaded.input_map(tf.ones([1, 2, 2, 3])))) == pytest.approx(high)
    assert ("taken to run from 0 to 1" in caplog.text) is (high == 1.0)


def test_saved_classic_keeps_its_preprocessing(tmp_path: Path) -> None:
    value = keras.Input((None, None, 3))
    network = saved(tmp_path, keras.Model(value, layers.Conv2D(2, 1)(value), name="vgg16"))
    seen = network.loaded.input_map(tf.ones([1, 1, 1, 3])).numpy()[0, 0, 0]
    np.testing.assert_allclose(seen, 255.0 - np.array([103.939, 116.779, 123.68]), atol=1e-3)


def test_a_network_is_loaded_once() -> None:
    settings = ModelSettings(name="mobilenetv2")
    first = load_network(settings, seed_weights=True)
    assert load_network(ModelSettings(name="mobilenetv2"), seed_weights=True) is first
    assert load_network(settings, seed_weights=True, with_classes=True) is not first
    clear_cache()
    assert load_network(settings, seed_weights=True) is not first


def test_a_file_that_has_changed_is_loaded_anew(tmp_path: Path) -> None:
    value = keras.Input((None, None, 3))
    path = tmp_path / "own.keras"
    model = keras.Model(value, layers.Conv2D(2, 1, name="c")(value))
    networks = []
    for seed in (0, 1):
        randomize_weights(model, seed)
        model.save(path)
        networks.append(load_network(ModelSettings(name=str(path))))
        assert load_network(ModelSettings(name=str(path))) is networks[-1]
    kernels = [network.loaded.graph.node("c").arrays()[0] for network in networks]
    assert not np.array_equal(kernels[0], kernels[1])
    np.testing.assert_array_equal(kernels[1], model.weights[0].numpy())


def test_weights_that_have_changed_are_loaded_anew(tmp_path: Path) -> None:
    model = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(None, None, 3))
    settings = ModelSettings(name="mobilenetv2", weights=tmp_path / "a.weights.h5")
    for seed in (0, 1):
        randomize_weights(model, seed)
        model.save_weights(settings.weights)
        kernel = load_network(settings).loaded.graph.node("Conv1").arrays()[0]
        np.testing.assert_array_equal(kernel, model.weights[0].numpy())


def test_an_extractor_is_built_once(dreamnet: Network) -> None:
    first = dreamnet.extractor(["mixed1"])
    assert dreamnet.extractor(("mixed1",)) is first
    assert dreamnet.extractor(["mixed1"], precision="bfloat16") is not first
    assert dreamnet.extractor(["mixed1"], fold=False) is not first
