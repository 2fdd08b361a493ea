"""Small networks of the kinds that people bring: a U-Net for segmentation, a discriminator, an autoencoder.

The U-Net and the discriminator are trained on toy tasks, which takes seconds; weights and data are seeded.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamvid.engine.runtime import keras

layers = keras.layers
Pictures = NDArray[np.float32]

SIDE = 128
UNET_LAYERS = ("down_1", "down_2", "down_3", "bottom", "up_3", "up_2", "up_1")
"""One layer of each block, of 16 channels at least."""


def make_unet(side: int | None = SIDE, channels: int = 1) -> Any:
    """Return an untrained U-Net with skip connections (Ronneberger et al. 2015): pictures in, a mask out.

    ``channels`` are those of the picture, ``side`` its height and width in px, None where they are free.
    """
    keras.utils.set_random_seed(0)
    picture = x = keras.Input((side, side, channels), name="scan")
    skips = []
    for level, width in enumerate((16, 24, 32), 1):
        x = _block(x, width, f"down_{level}")
        skips.append(x)
        x = layers.MaxPooling2D(2, name=f"pool_{level}")(x)
    x = layers.Dropout(0.1, name="dropout")(_block(x, 48, "bottom"))
    for level, width in ((3, 32), (2, 24), (1, 16)):
        x = layers.UpSampling2D(2, name=f"grow_{level}")(x)
        x = layers.Concatenate(name=f"skip_{level}")([skips[level - 1], x])
        x = _block(x, width, f"up_{level}")
    return keras.Model(picture, layers.Conv2D(1, 1, activation="sigmoid", name="mask")(x), name="unet")


def _block(x: Any, channels: int, name: str) -> Any:
    x = layers.Conv2D(channels, 3, padding="same", use_bias=False, name=f"{name}_conv")(x)
    return layers.ReLU(name=name)(layers.BatchNormalization(momentum=0.8, name=f"{name}_norm")(x))


def disks_in_noise(count: int, seed: int, side: int = SIDE) -> tuple[Pictures, Pictures]:
    """Return pictures of darker and brighter disks in noise, and masks of the brighter, ``[N, H, W, 1]``."""
    rng = np.random.default_rng(seed)
    pictures = rng.normal(0.5, 0.15, (count, side, side)).astype(np.float32)
    masks = np.zeros_like(pictures)
    y, x = np.mgrid[:side, :side]
    for picture, mask in zip(pictures, masks, strict=True):
        for bright in (True, False, True):
            radius, row, column = rng.uniform(side / 16, side / 6), *rng.uniform(0, side, 2)
            inside = np.hypot(y - row, x - column) < radius
            picture[inside] += 0.3 if bright else -0.3
            mask[inside] = 1.0 if bright else 0.0
    return np.clip(pictures, 0.0, 1.0)[..., None], masks[..., None]


def train_unet() -> Any:
    """Return the U-Net, trained to find bright disks in noise."""
    model = make_unet()
    pictures, masks = disks_in_noise(64, seed=1)
    model.compile(keras.optimizers.Adam(5e-3), "binary_crossentropy")
    model.fit(pictures, masks, batch_size=8, epochs=4, verbose=0)
    return model


def make_discriminator(side: int = 32, channels: int = 3) -> Any:
    """Return the untrained discriminator of a DCGAN (Radford et al. 2016): strided convolutions and one score."""
    keras.utils.set_random_seed(1)
    picture = x = keras.Input((side, side, channels))
    for index, width in enumerate((16, 32, 64), 1):
        x = layers.Conv2D(width, 4, strides=2, padding="same", name=f"conv_{index}")(x)
        x = layers.LeakyReLU(negative_slope=0.2, name=f"leaky_{index}")(x)
        x = layers.Dropout(0.3, name=f"dropout_{index}")(x)
    return keras.Model(picture, layers.Dense(1, name="score")(layers.Flatten()(x)), name="discriminator")


def train_discriminator() -> Any:
    """Return the discriminator, trained to tell pictures of disks from the noise in them."""
    model = make_discriminator()
    real, _ = disks_in_noise(64, seed=2, side=32)
    noise = np.random.default_rng(3).normal(0.5, 0.15, real.shape).astype(np.float32)
    pictures = np.repeat(np.concatenate([real, np.clip(noise, 0.0, 1.0)]), 3, axis=-1)
    labels = np.repeat([1.0, 0.0], len(real))[:, None].astype(np.float32)
    model.compile(keras.optimizers.Adam(2e-3), keras.losses.BinaryCrossentropy(from_logits=True))
    model.fit(pictures, labels, batch_size=16, epochs=8, verbose=0)
    return model


def make_autoencoder(channels: int = 3) -> Any:
    """Return an untrained autoencoder of free size: strided convolutions down, transposed ones up."""
    keras.utils.set_random_seed(2)
    picture = keras.Input((None, None, channels))
    x = layers.Conv2D(12, 3, strides=2, padding="same", activation="relu", name="encode_1")(picture)
    x = layers.Conv2D(24, 3, strides=2, padding="same", activation="relu", name="code")(x)
    x = layers.Conv2DTranspose(12, 3, strides=2, padding="same", activation="relu", name="decode_1")(x)
    x = layers.Conv2DTranspose(channels, 3, strides=2, padding="same", activation="sigmoid", name="picture")(
        x
    )
    return keras.Model(picture, x, name="autoencoder")
