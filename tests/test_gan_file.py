"""What a ``.gan`` file holds comes back; what is damaged or foreign is an error of one line."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid.errors import DreamvidError, ModelError
from dreamvid.gan_file import (
    DISCRIMINATOR,
    GENERATOR,
    LOG,
    TRAINING,
    GanSettings,
    latent_vectors,
    open_gan,
    write_gan,
)

if TYPE_CHECKING:
    from pathlib import Path

SIZES = GanSettings(
    size=16, channels=1, latent_size=8, width=16, batch=4, seed=5, source="clip.mp4", fingerprint="ab",
    pictures=20, different=18, steps=30, pictures_seen=120, seconds=1.5, version="1",
)  # fmt: skip


def members() -> dict[str, bytes]:
    buffer = io.BytesIO()
    np.savez(buffer, weights=np.arange(3.0))
    return {GENERATOR: b"generator", DISCRIMINATOR: b"x" * 500, TRAINING: buffer.getvalue(), LOG: b"step\n"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "some.gan"
    write_gan(path, SIZES, members())
    return path


def rewritten(file: Path, **changes: bytes | None) -> Path:
    """Replace members of a file, by the names without their suffixes, or drop them."""
    with zipfile.ZipFile(file) as archive:
        contents: dict[str, bytes | None] = {name: archive.read(name) for name in archive.namelist()}
    contents |= {next(name for name in contents if name.startswith(key)): changes[key] for key in changes}
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in contents.items():
            if content is not None:
                archive.writestr(name, content)
    return file


def settings_with(**values: object) -> bytes:
    with_defaults = {name: getattr(SIZES, name) for name in SIZES.__slots__}
    return json.dumps({"format": 1, **with_defaults, **values}).encode()


def test_what_was_written_comes_back(file: Path) -> None:
    gan = open_gan(file)
    assert gan.settings == SIZES
    assert gan.read(GENERATOR) == b"generator"
    assert gan.arrays()["weights"].tolist() == [0.0, 1.0, 2.0]
    with gan.extract(DISCRIMINATOR) as path:
        assert path.suffix == ".keras"
        assert path.read_bytes() == b"x" * 500
    assert not path.exists()


def test_writing_replaces_the_file_before(file: Path) -> None:
    write_gan(file, replace(SIZES, steps=60), members())
    assert open_gan(file).settings.steps == 60
    assert [path.name for path in file.parent.iterdir()] == ["some.gan"]


def test_the_same_content_is_the_same_file(file: Path) -> None:
    first = file.read_bytes()
    write_gan(file, SIZES, members())
    assert file.read_bytes() == first


def test_a_flipped_bit_is_found(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[data.index(b"xxxx") + 100] ^= 1
    file.write_bytes(data)
    with pytest.raises(ModelError, match=r"some\.gan: is damaged \(Bad CRC"):
        open_gan(file).read(DISCRIMINATOR)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_file_that_is_cut_off_is_an_error(file: Path, share: float) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ModelError, match=r"some\.gan: is damaged or no \.gan file"):
        open_gan(file)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"generator": None}, "has no generator.keras"),
        ({"settings": b"[1, 2]"}, "its settings cannot be read"),
        ({"settings": b"\xff"}, "its settings cannot be read"),
        ({"settings": settings_with(format=2)}, "later version"),
        ({"settings": settings_with(channels=4)}, "its settings are not possible"),
        ({"settings": settings_with(size=-16)}, "its settings are not possible"),
        ({"settings": settings_with(latent_size=10**9)}, "its settings are not possible"),
        ({"settings": settings_with(input_range=[1, -1])}, "its settings are not possible"),
    ],
)
def test_a_foreign_file_is_an_error(file: Path, changes: dict[str, bytes | None], message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        open_gan(rewritten(file, **changes))
    assert "\n" not in str(caught.value)


def test_damaged_variables_are_an_error(file: Path) -> None:
    gan = open_gan(rewritten(file, training=b"PK no arrays"))
    with pytest.raises(ModelError, match=r"some\.gan: is damaged"):
        gan.arrays()


def test_a_missing_file_and_a_folder_are_errors(tmp_path: Path) -> None:
    for path in (tmp_path / "none.gan", tmp_path):
        with pytest.raises(DreamvidError) as caught:
            open_gan(path)
        assert path.name in str(caught.value)


def test_a_seed_is_the_same_vector_in_any_company() -> None:
    together = latent_vectors([3, 4, 2**32], 16)
    assert together.shape == (3, 16)
    assert together.dtype == np.float32
    assert np.array_equal(latent_vectors([4], 16)[0], together[1])
    assert not np.array_equal(together[0], together[1])
