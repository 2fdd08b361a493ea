"""Weights of named networks: from files or downloads, or refused in one line."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest

from dreamvid.config.settings import ModelSettings
from dreamvid.engine.network import load_network
from dreamvid.engine.runtime import keras, tf
from dreamvid.engine.weight_files import randomize_weights
from dreamvid.errors import DreamvidError

if TYPE_CHECKING:
    from pathlib import Path


@functools.cache
def mobilenet(top: bool) -> Any:  # noqa: FBT001  cached by position
    if top:
        model = keras.applications.MobileNetV2(weights=None, classes=7)
    else:
        model = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(None, None, 3))
    randomize_weights(model, seed=4)
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
    small = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(4, 3)])
    small.save_weights(tmp_path / "small.weights.h5")
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


def test_the_names_of_layers_do_not_depend_on_what_was_built_before() -> None:
    keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(1, 3), keras.layers.BatchNormalization()])
    network = load_network(ModelSettings(name="inceptionv3"), seed_weights=True)
    names = [layer.name for layer in network.layers]
    assert names[:2] == ["conv2d", "batch_normalization"]
    assert {"conv2d_93", "mixed10", "batch_normalization_93", "concatenate_1"} <= set(names)
