"""Networks that several engine tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dreamvid.config.settings import ModelSettings
from dreamvid.engine.network import load_network
from dreamvid.engine.runtime import keras

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.engine.network import Network
    from dreamvid.types import RGB


@pytest.fixture(scope="session")
def dreamnet() -> Network:
    """Return the embedded network."""
    return load_network(ModelSettings())


def make_toy(
    path: Path, *, padding: str = "same", size: int | None = None, scale: float = 1.0, channels: int = 3
) -> Network:
    """Return a small network of the user's own: layers low, mid (stride 4), deep, and five classes."""
    layers, rng = keras.layers, np.random.default_rng(5)
    picture: Any = keras.Input((size, size, channels))
    x = layers.Conv2D(8, 3, 2, padding=padding, activation="swish", name="low")(picture)
    x = layers.Conv2D(12, 3, 2, padding=padding, activation="swish", name="mid")(x)
    x = layers.Conv2D(12, 3, 1, padding=padding, activation="swish", name="deep")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    model = keras.Model(picture, layers.Dense(5, activation="softmax", name="classes")(x))
    for weight in model.weights:
        spread = scale * np.sqrt(2 / max(1, np.prod(weight.shape[:-1])))
        weight.assign(spread * rng.standard_normal(weight.shape))
    model.save(path)
    return load_network(ModelSettings(name=str(path), input_range="-1,1"), with_classes=True)


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """Return a small network that keeps the picture's borders."""
    return make_toy(tmp_path_factory.mktemp("toy") / "same.keras")


@pytest.fixture(scope="session")
def borderless_toy(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """Return a small network without padding: it loses what does not fill its last stride."""
    return make_toy(tmp_path_factory.mktemp("toy") / "valid.keras", padding="valid")


@pytest.fixture(scope="session")
def endless_toy(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """Return a small network whose features overflow."""
    return make_toy(tmp_path_factory.mktemp("toy") / "endless.keras", scale=1e20)


@pytest.fixture(scope="session")
def loud_toy(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """Return a small network whose features overflow in float16 only."""
    return make_toy(tmp_path_factory.mktemp("toy") / "loud.keras", scale=600.0)


@pytest.fixture(scope="session")
def silent_toy(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """Return a small network whose features are all zero."""
    return make_toy(tmp_path_factory.mktemp("toy") / "silent.keras", scale=0.0)


@pytest.fixture(scope="session")
def photo() -> RGB:
    """Return 192 x 256 px of clouds in color: noise of natural spectrum, from a fixed seed."""
    rng, size = np.random.default_rng(3), (192, 256)
    down, across = np.fft.fftfreq(size[0])[:, None], np.fft.fftfreq(size[1])[None, :]
    fall = 1 / np.maximum(np.hypot(down, across), 1 / 256) ** 1.2
    planes = [np.fft.ifft2(np.fft.fft2(rng.standard_normal(size)) * fall).real for _ in range(3)]
    picture = 0.5 + 0.18 * np.stack([plane / plane.std() for plane in planes], -1)
    clipped: RGB = np.clip(picture, 0, 1).astype(np.float32)
    return clipped
