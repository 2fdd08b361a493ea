"""Files of networks and weights: loaded safely, or refused in one line."""

from __future__ import annotations

import functools
import pickle
import shutil
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dreamvid.config.settings import ModelSettings
from dreamvid.engine.architectures import find_model
from dreamvid.engine.files import load_model_file
from dreamvid.engine.loading import scramble
from dreamvid.engine.network import load_network
from dreamvid.engine.runtime import keras, tf
from dreamvid.errors import DreamvidError, ModelError

layers = keras.layers


def small(*, lambda_layer: bool = False) -> Any:
    value = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(value)
    if lambda_layer:
        x = layers.Lambda(lambda y: y * 2.0, name="double")(x)
    return keras.Model(value, layers.Conv2D(5, 3, name="last")(x))


@functools.cache
def mobilenet(top: bool) -> Any:  # noqa: FBT001  cached by position
    if top:
        model = keras.applications.MobileNetV2(weights=None, classes=7)
    else:
        model = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(None, None, 3))
    scramble(model, seed=4)
    return model


def save_legacy(model: Any, path: Path) -> None:
    """Write weights as Keras 2 did (and keras.applications' own files are)."""
    from keras.src.legacy.saving import legacy_h5_format  # noqa: PLC0415  there is no public writer

    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)


def refused(name: Path | str, **options: Any) -> str:
    with pytest.raises(DreamvidError) as caught:
        load_network(ModelSettings(name=str(name), weights=options.pop("weights", None)), **options)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 500
    return message


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_model_file_is_loaded(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"net{suffix}"
    model = small()
    with pytest.warns(UserWarning, match="HDF5") if suffix == ".h5" else _nothing():
        _save(model, path)
    network = load_network(ModelSettings(name=str(path)))
    value = tf.constant(np.random.default_rng(0).random((1, 20, 20, 3), np.float32))
    np.testing.assert_allclose(network.extractor(["last"])(value)[0], model(value), atol=1e-5)
    assert [layer.name for layer in network.layers] == ["conv", "last"]


def _save(model: Any, path: Path) -> None:
    if path.suffix == ".h5":
        import warnings  # noqa: PLC0415  a detail of this helper

        model.save(path)
        warnings.warn("HDF5", UserWarning, stacklevel=1)  # Keras logs its own through absl
    else:
        model.save(path)


def _nothing() -> Any:
    import contextlib  # noqa: PLC0415  a detail of this helper

    return contextlib.nullcontext()


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_lambda_layer_needs_trust(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"net{suffix}"
    small(lambda_layer=True).save(path)
    message = refused(path)
    assert "--trust-model" in message
    assert str(path) in message
    network = load_network(ModelSettings(name=str(path)), trust=True)
    assert [layer.name for layer in network.layers] == ["conv", "double", "last"]
    for precision in ("float32", "bfloat16"):
        extractor = network.extractor(["last"], precision=precision)
        assert float(tf.reduce_max(tf.abs(extractor(tf.ones([1, 9, 9, 3]))[0]))) > 0.0


def test_missing_folder_and_foreign_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.keras").write_text("not a network")
    (tmp_path / "net.pt").write_bytes(b"PK")
    (tmp_path / "pickle.h5").write_bytes(pickle.dumps({"a": 1}))
    (tmp_path / "empty.keras").write_bytes(b"")
    (tmp_path / "folder.keras").mkdir()
    assert "no such file" in refused(tmp_path / "gone.keras")
    assert "no Keras file" in refused(tmp_path / "text.keras")
    assert "no Keras file" in refused(tmp_path / "pickle.h5")
    assert "no Keras file" in refused(tmp_path / "empty.keras")
    assert "must be a .keras" in refused(tmp_path / "net.pt")
    assert "is a folder" in refused(tmp_path / "folder.keras")


def test_a_configuration_nested_beyond_measure_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "deep.keras", "w") as archive:
        archive.writestr("config.json", "[" * 100_000 + "]" * 100_000)
    assert "is damaged" in refused(tmp_path / "deep.keras")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_damaged_file_is_refused(tmp_path: Path, suffix: str) -> None:
    whole, cut = tmp_path / f"net{suffix}", tmp_path / f"cut{suffix}"
    small().save(whole)
    data = whole.read_bytes()
    cut.write_bytes(data[: len(data) * 2 // 3])
    assert str(cut) in refused(cut)


def test_file_under_another_suffix_is_named(tmp_path: Path) -> None:
    small().save(tmp_path / "net.keras")
    shutil.move(tmp_path / "net.keras", tmp_path / "net.h5")
    assert "another suffix" in refused(tmp_path / "net.h5")


def test_archive_without_a_network_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "net.keras", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    assert "damaged" in refused(tmp_path / "net.keras")


def test_weights_alone_are_no_network(tmp_path: Path) -> None:
    small().save_weights(tmp_path / "net.weights.h5")
    assert "--weights" in refused(tmp_path / "net.weights.h5")


@keras.saving.register_keras_serializable("test")
class Sub(keras.Model):  # type: ignore[misc]  # Keras is untyped
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.conv = layers.Conv2D(2, 3)

    def call(self, value: Any) -> Any:
        return self.conv(value)


def test_subclassed_model_is_refused(tmp_path: Path) -> None:
    model = Sub()
    model(np.zeros((1, 8, 8, 3), np.float32))
    model.save(tmp_path / "net.keras")
    assert "subclassed" in refused(tmp_path / "net.keras")


def test_unknown_layer_class_is_named(tmp_path: Path) -> None:
    small().save(tmp_path / "net.keras")
    with zipfile.ZipFile(tmp_path / "net.keras") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    ours, theirs = (
        '"module": "{}", "class_name": "{}"'.format(*names)
        for names in (("keras.layers", "Conv2D"), ("m", "Mine"))
    )
    config = parts["config.json"].decode().replace(ours, theirs)
    parts["config.json"] = config.encode()
    with zipfile.ZipFile(tmp_path / "own.keras", "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    assert "holds the class 'Mine'" in refused(tmp_path / "own.keras")


def test_several_inputs_and_flat_input_are_refused(tmp_path: Path) -> None:
    one, two = keras.Input((None, None, 3)), keras.Input((None, None, 3))
    keras.Model([one, two], layers.Add()([one, two])).save(tmp_path / "two.keras")
    flat = keras.Input((10,))
    keras.Model(flat, layers.Dense(2)(flat)).save(tmp_path / "flat.keras")
    assert "2 inputs" in refused(tmp_path / "two.keras")
    assert "(None, 10)" in refused(tmp_path / "flat.keras")


@pytest.mark.parametrize(
    ("top", "with_classes"), [(False, False), (True, True)], ids=["without top", "with top"]
)
@pytest.mark.parametrize("kind", ["new", "new as .h5", "legacy", "legacy as .weights.h5", "keras"])
def test_weights_of_a_named_network(tmp_path: Path, kind: str, *, top: bool, with_classes: bool) -> None:
    model = mobilenet(top)
    names = {
        "new": "a.weights.h5",
        "new as .h5": "a.h5",
        "legacy": "a.h5",
        "legacy as .weights.h5": "a.weights.h5",
        "keras": "a.keras",
    }
    path = tmp_path / names[kind]
    if kind.startswith("legacy"):
        save_legacy(model, path)
    elif kind == "keras":
        model.save(path)
    else:
        model.save_weights(tmp_path / "a.weights.h5")
        (tmp_path / "a.weights.h5").rename(path)
    network = load_network(ModelSettings(name="MobileNetV2", weights=path), with_classes=with_classes)
    kernel = next(v for v in model.weights if "Conv1" in v.path and len(v.shape) == 4)
    np.testing.assert_array_equal(network.loaded.graph.node("Conv1").arrays()[0], kernel.numpy())
    if with_classes:
        assert len(network.classes) == 7
        assert network.extractor(["logits"])(tf.zeros([1, 64, 64, 3]))[0].shape == (1, 1, 1, 7)


def test_classifier_in_the_weights_is_left_where_none_is_needed(tmp_path: Path) -> None:
    save_legacy(mobilenet(True), tmp_path / "a.h5")
    network = load_network(ModelSettings(name="mobilenetv2", weights=tmp_path / "a.h5"))
    assert network.extractor(["block_2_add"]).stride == 4


def test_classifier_that_the_weights_lack_is_missed(tmp_path: Path) -> None:
    save_legacy(mobilenet(False), tmp_path / "a.h5")
    assert "classifier" in refused("mobilenetv2", weights=tmp_path / "a.h5", with_classes=True)


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    mobilenet(False).save_weights(tmp_path / "a.weights.h5")
    message = refused("vgg16", weights=tmp_path / "a.weights.h5")
    assert "another network's" in message
    assert "no such file" in refused("vgg16", weights=tmp_path / "gone.h5")
    small().save_weights(tmp_path / "small.weights.h5")
    assert "another network's" in refused("dreamnet", weights=tmp_path / "small.weights.h5")


def test_weights_of_the_right_number_but_other_shapes_are_refused(tmp_path: Path) -> None:
    wide = keras.applications.MobileNetV2(
        weights=None, include_top=False, input_shape=(None, None, 3), alpha=0.5
    )
    wide.save_weights(tmp_path / "a.weights.h5")
    assert "do not fit mobilenetv2" in refused("mobilenetv2", weights=tmp_path / "a.weights.h5")


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    mobilenet(False).save_weights(tmp_path / "a.weights.h5")
    data = (tmp_path / "a.weights.h5").read_bytes()
    (tmp_path / "a.weights.h5").write_bytes(data[: len(data) // 2])
    assert "damaged" in refused("mobilenetv2", weights=tmp_path / "a.weights.h5")


@pytest.mark.parametrize("with_classes", [False, True])
def test_offline_download_says_where_to_put_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture, *, with_classes: bool
) -> None:
    from urllib.error import URLError  # noqa: PLC0415  needed here alone

    from keras.src.utils import file_utils  # noqa: PLC0415  there is no public place to cut the wire

    def offline(*_: Any, **__: Any) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setattr(file_utils, "urlretrieve", offline)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(file_utils.config, "keras_home", lambda: str(tmp_path))
    message = refused("MobileNetV2", with_classes=with_classes)
    assert caplog.messages == [f"downloading the weights of mobilenetv2 (9 MB) into {tmp_path / 'models'}"]
    assert str(tmp_path / "models") in message
    assert "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224" in message
    assert ("no_top" in message) is not with_classes
    assert "--weights FILE" in message


def test_weights_in_the_cache_of_keras_are_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from keras.src.utils import file_utils  # noqa: PLC0415  the same

    name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"
    monkeypatch.setattr(file_utils.config, "keras_home", lambda: str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    model = mobilenet(False)
    save_legacy(model, tmp_path / "models" / name)
    network = load_network(ModelSettings(name="mobilenetv2"))
    assert not caplog.messages
    np.testing.assert_array_equal(network.loaded.graph.node("Conv1").arrays()[0], model.weights[0].numpy())


@pytest.mark.parametrize(
    "name", ["DreamNet", "INCEPTIONV3", "inception_v3", "Inception-V3", "EfficientNetV2S"]
)
def test_names_are_found_whatever_their_case(name: str) -> None:
    assert find_model(name).name == name.lower().replace("_", "").replace("-", "")


def test_unknown_name_gets_a_suggestion() -> None:
    assert "did you mean 'inceptionv3'" in refused("inceptonv3")


def test_embedded_network_is_small_and_loads_in_safe_mode() -> None:
    path = Path(__file__).parents[2] / "dreamvid" / "engine" / "weights" / "dreamnet.keras"
    assert path.stat().st_size < 6e6
    assert load_model_file(path).name == "dreamnet"


def test_error_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        load_model_file(tmp_path / "gone.keras")
