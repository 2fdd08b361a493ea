"""``.gan`` files of small untrained networks; weights are seeded."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from dreamvid.engine.runtime import keras
from dreamvid.gan_file import DISCRIMINATOR, GENERATOR, LOG, TRAINING, GanSettings, write_gan

layers = keras.layers

SIDE, LATENT_SIZE = 16, 8


def make_generator(channels: int = 3, activation: str = "tanh") -> Any:
    """Return an untrained generator of pictures of 16 px from 8 numbers."""
    keras.utils.set_random_seed(0)
    latent = value = keras.Input((LATENT_SIZE,))
    value = layers.Reshape((4, 4, 8))(layers.Dense(128, activation="relu")(value))
    value = layers.Conv2DTranspose(8, 4, strides=2, padding="same", activation="relu")(value)
    value = layers.BatchNormalization()(value)
    value = layers.Conv2DTranspose(
        channels,
        4,
        strides=2,
        padding="same",
        activation=activation,
        kernel_initializer=keras.initializers.RandomNormal(0, 2),
    )(value)
    return keras.Model(latent, value)


def make_discriminator(channels: int = 3) -> Any:
    """Return an untrained discriminator that maps pictures of any size to scores."""
    keras.utils.set_random_seed(1)
    picture = value = keras.Input((None, None, channels))
    for number, width in enumerate((8, 16), 1):
        value = layers.Conv2D(width, 4, strides=2, padding="same", name=f"down{number}")(value)
        value = layers.LeakyReLU(negative_slope=0.2, name=f"relu{number}")(value)
    return keras.Model(picture, layers.Conv2D(1, 4, name="score")(value))


def write_gan_file(path: Path, channels: int = 3, generator: Any = None, discriminator: Any = None) -> Path:
    """Write a ``.gan`` of these networks, or of small ones with 1 or 3 channels."""
    settings = GanSettings(
        size=SIDE, channels=channels, latent_size=LATENT_SIZE, width=8, batch=4, seed=0, source="clip.mp4",
        fingerprint="", pictures=20, different=20,
    )  # fmt: skip
    arrays = io.BytesIO()
    np.savez(arrays, none=np.zeros(1))
    members = {
        GENERATOR: _content(generator or make_generator(channels)),
        DISCRIMINATOR: _content(discriminator or make_discriminator(channels)),
        TRAINING: arrays.getvalue(),
        LOG: b"step\n",
    }
    write_gan(path, settings, members)
    return path


def _content(model: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return path.read_bytes()
