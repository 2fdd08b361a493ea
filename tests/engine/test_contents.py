"""Files of networks that unfold, claim or point to more than they should are refused before anything is made."""

from __future__ import annotations

import json
import random
import resource
import zipfile
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest

from dreamvid.engine.files import load_model_file, load_weights_file
from dreamvid.engine.runtime import keras
from dreamvid.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MOST_GROWTH = 600_000
"""Kilobytes by which a refusal may make the process grow."""


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


def refused(path: Path) -> str:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelError) as caught:
        load_model_file(path)
    assert "\n" not in str(caught.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_GROWTH
    return str(caught.value)


def test_what_is_changed_is_good_at_first(network: Path) -> None:
    load_model_file(rewritten(network, "", lambda data: data))


def test_an_archive_that_unfolds_is_refused(network: Path) -> None:
    bomb = rewritten(network, "config.json", lambda data: data + b" " * (100 << 20))
    assert "unfolds to" in refused(bomb)
    crowd = rewritten(network, "", lambda data: data, *((f"{n}.txt", b"") for n in range(10_001)))
    assert "unfolds to 10004 files" in refused(crowd)


@pytest.mark.parametrize("count", [600_000_000, 900_000_000_000])
@pytest.mark.parametrize("text", ['"units": 5', '"filters": 4'])
def test_a_network_of_endless_weights_is_refused(text: str, count: int, network: Path) -> None:
    key = text.split(":", maxsplit=1)[0]
    huge = rewritten(
        network, "config.json", lambda data: data.replace(text.encode(), f"{key}: {count}".encode())
    )
    message = refused(huge)
    assert "describes a network of" in message if "units" in key else "incompatible with the layer" in message


def test_an_old_file_of_endless_weights_is_refused(network: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.h5"
    load_model_file(network).save(path)
    load_model_file(path)
    with h5py.File(path, "r+") as file:
        text = file.attrs["model_config"].replace('"units": 5', '"units": 900000000000')
        file.attrs["model_config"] = text
    assert "describes a network of" in refused(path)


def weights(change: Callable[[Any], None]) -> Callable[[bytes], bytes]:
    def apply(data: bytes) -> bytes:
        import io  # noqa: PLC0415  a detail of this helper

        stream = io.BytesIO(data)
        with h5py.File(stream, "r+") as file:
            change(file)
        return stream.getvalue()

    return apply


def test_weights_of_endless_size_are_refused(network: Path) -> None:
    def claim(file: Any) -> None:
        file.create_dataset("huge", (1 << 20, 1 << 20), "f4", chunks=(1, 1024))

    assert "claims weights of 4398.0 GB" in refused(rewritten(network, "model.weights.h5", weights(claim)))


@pytest.mark.parametrize("kind", ["link", "external", "virtual"])
def test_weights_in_other_files_are_not_opened(kind: str, network: Path, tmp_path: Path) -> None:
    other = tmp_path / "secret.h5"
    with h5py.File(other, "w") as file:
        file["x"] = np.zeros(4, np.float32)

    def point(file: Any) -> None:
        if kind == "link":
            file["there"] = h5py.ExternalLink(str(other), "x")
        elif kind == "external":
            file.create_dataset("there", (4,), "f4", external=[(str(other), 0, 16)])
        else:
            layout = h5py.VirtualLayout((4,), "f4")
            layout[:] = h5py.VirtualSource(str(other), "x", (4,))
            file.create_virtual_dataset("there", layout)

    assert "another file, which is not opened" in refused(
        rewritten(network, "model.weights.h5", weights(point))
    )
    bare = tmp_path / "bare.weights.h5"
    with h5py.File(bare, "w") as file:
        point(file)
    with pytest.raises(ModelError, match="another file, which is not opened"):
        load_weights_file(bare, lambda *_: None, name="any", need_top=False)


def test_a_ring_of_groups_is_walked_once(network: Path) -> None:
    def ring(file: Any) -> None:
        file["ring"] = file["/"]

    load_model_file(rewritten(network, "model.weights.h5", weights(ring)))


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
