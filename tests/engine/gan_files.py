"""``.gan`` files of small untrained networks; weights are seeded."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from dreamvid.engine.gan.networks import build_discriminator, build_generator, keras_bytes
from dreamvid.engine.runtime import keras
from dreamvid.gan_file import DISCRIMINATOR, GENERATOR, LOG, TRAINING, GanSettings, write_gan

if TYPE_CHECKING:
    from pathlib import Path

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


def write_gan_file(path: Path, channels: int = 3, generator: Any = None, discriminator: Any = None) -> Path:
    """Write a ``.gan`` of these networks, or of untrained ones with 1 or 3 channels, as training begins with."""
    keras.utils.set_random_seed(0)
    settings = GanSettings(
        size=SIDE, channels=channels, latent_size=LATENT_SIZE, width=8, batch=4, seed=0, source="clip.mp4",
        fingerprint="", pictures=20, different=20,
    )  # fmt: skip
    arrays = io.BytesIO()
    np.savez(arrays, none=np.zeros(1))
    members = {
        GENERATOR: keras_bytes(generator or build_generator(settings)),
        DISCRIMINATOR: keras_bytes(discriminator or build_discriminator(settings)),
        TRAINING: arrays.getvalue(),
        LOG: b"step\n",
    }
    write_gan(path, settings, members)
    return path
