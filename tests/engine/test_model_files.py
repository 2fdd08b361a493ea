"""Files of networks and weights: loaded safely, or refused in one line."""

from __future__ import annotations

import io
import json
import pickle
import random
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest

from dreamvid.config.settings import ModelSettings
from dreamvid.engine.architectures import find_model
from dreamvid.engine.model_files import load_model_file
from dreamvid.engine.network import load_network
from dreamvid.engine.runtime import keras, tf
from dreamvid.engine.weight_files import _arrays
from dreamvid.errors import DreamvidError, ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

layers = keras.layers


def small(*, lambda_layer: bool = False) -> Any:
    value = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(value)
    if lambda_layer:
        x = layers.Lambda(lambda y: y * 2.0, name="double")(x)
    return keras.Model(value, layers.Conv2D(5, 3, name="last")(x))


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


@pytest.fixture
def network(tmp_path: Path) -> Path:
    value = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, name="conv")(value)
    x = keras.layers.GlobalAveragePooling2D()(x)
    path = tmp_path / "net.keras"
    keras.Model(value, keras.layers.Dense(5, name="last")(x)).save(path)
    return path


def rewritten(path: Path, name: str, change: Callable[[bytes], bytes], *extra: tuple[str, bytes]) -> Path:
    """Return a copy of an archive with one member changed and others added."""
    made = path.with_name("made.keras")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.namelist():
            data = old.read(member)
            new.writestr(member, change(data) if member == name else data)
        for member, data in extra:
            new.writestr(member, data)
    return made


def with_weights(change: Callable[[Any], None]) -> Callable[[bytes], bytes]:
    def apply(data: bytes) -> bytes:
        stream = io.BytesIO(data)
        with h5py.File(stream, "r+") as file:
            change(file)
        return stream.getvalue()

    return apply


@pytest.mark.parametrize("kind", ["link", "external", "virtual", "huge"])
def test_weights_in_other_files_or_of_endless_size_are_refused(
    kind: str, network: Path, tmp_path: Path
) -> None:
    other = tmp_path / "secret.h5"
    with h5py.File(other, "w") as file:
        file["x"] = np.zeros((3, 3, 3, 4), np.float32)

    def replace_kernel(file: Any) -> None:
        name = next(path for path, shape in _arrays(file) if len(shape) == 4)
        del file[name]
        if kind == "link":
            file[name] = h5py.ExternalLink(str(other), "x")
        elif kind == "external":
            file.create_dataset(name, (3, 3, 3, 4), "f4", external=[(str(other), 0, 1000)])
        elif kind == "huge":
            file.create_dataset(name, (1 << 20, 1 << 20), "f4", chunks=(1, 1024))
        else:
            layout = h5py.VirtualLayout((3, 3, 3, 4), "f4")
            layout[:] = h5py.VirtualSource(str(other), "x", (3, 3, 3, 4))
            file.create_virtual_dataset(name, layout)

    refused(rewritten(network, "model.weights.h5", with_weights(replace_kernel)))


@pytest.mark.parametrize("number", range(40))
def test_a_damaged_network_loads_or_is_refused_in_one_line(number: int, network: Path) -> None:
    chance = random.Random(f"networks/{number}")  # noqa: S311  the same each time, that is the point

    def damage(data: bytes) -> bytes:
        made = bytearray(data)
        for _ in range(chance.randint(1, 6)):
            made[chance.randrange(len(made))] ^= 1 << chance.randrange(8)
        return bytes(made)

    name = chance.choice(["config.json", "metadata.json", "model.weights.h5"])
    made = rewritten(network, name, damage)
    if chance.random() < 0.3:
        made.write_bytes(damage(network.read_bytes()))
    try:
        load_model_file(made)
    except ModelError as error:
        assert "\n" not in str(error)  # noqa: PT017  either is right


def test_a_configuration_of_anything_is_refused_in_one_line(network: Path) -> None:
    configs: list[Any] = [
        None,
        5,
        [],
        {},
        {"class_name": "Functional"},
        {"module": "os", "class_name": "system"},
    ]
    for config in configs:
        text = json.dumps(config).encode()
        refused(rewritten(network, "config.json", lambda _, text=text: text))  # type: ignore[misc]  # bound now
