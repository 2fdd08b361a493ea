"""The two networks: a generator from latent vectors to pictures, and a discriminator that scores pictures.

Both follow DCGAN (Radford et al. 2015, arXiv 1511.06434): each layer doubles or halves the picture by convolutions of
4 x 4 with stride 2, whose channels double with each halving. Departures: the discriminator has no batch
normalization, whose statistics would tie the score of a picture to the others of its batch, and a hidden layer that
sees the whole picture. A generator of small pictures begins with a mapping network (after Karras et al. 2018,
arXiv 1812.04948), by which near latent vectors can become pictures that are far apart. It is normalized like the
layers behind it: without, it learned to ignore the vector.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dreamvid.engine.runtime import keras

if TYPE_CHECKING:
    from dreamvid.gan_file import GanSettings

_START = 4
"""Side of the map that a latent vector becomes, and of the one that the score is made from, in px."""
_KERNEL = 4
_MAPPING_UNITS = 128
_SLOPE = 0.2
SCORE = "score"


def build_generator(settings: GanSettings) -> Any:
    """Return the network from ``[N, latent_size]`` to pictures ``[N, S, S, C]`` in [-1, 1].

    Its layers are ``mapping1``, ``mapping2``, ..., ``start`` and ``up1``, ``up2``, ... towards the picture.
    """
    layers = keras.layers
    counts = widths(settings)
    latent = value = keras.Input((settings.latent_size,), name="latent")
    for number in range(1, settings.mapping + 1):
        value = layers.Dense(_MAPPING_UNITS, use_bias=False, name=f"mapping{number}")(value)
        value = layers.BatchNormalization(momentum=0.9, name=f"norm_mapping{number}")(value)
        value = layers.ReLU(name=f"relu_mapping{number}")(value)
    value = layers.Dense(_START * _START * counts[-1], use_bias=False, name="start")(value)
    value = layers.Reshape((_START, _START, counts[-1]), name="map")(value)
    for number, width in enumerate([*counts[-2::-1], settings.channels], 1):
        value = layers.BatchNormalization(momentum=0.9, name=f"norm{number}")(value)
        value = layers.ReLU(name=f"relu{number}")(value)
        value = layers.Conv2DTranspose(
            width, _KERNEL, strides=2, padding="same", use_bias=width == settings.channels, name=f"up{number}"
        )(value)
    return keras.Model(latent, layers.Activation("tanh", name="picture")(value), name="generator")


def build_discriminator(settings: GanSettings) -> Any:
    """Return the network from pictures in [-1, 1] to a score: real pictures above 0, generated ones below.

    It is fully convolutional: a picture of the training's size has one score, larger ones a map of scores. Its layers
    are ``down1``, ``down2``, ... from the picture on, ``whole``, which sees all of a picture, and ``score``.
    """
    layers = keras.layers
    picture = value = keras.Input((None, None, settings.channels), name="picture")
    for number, width in enumerate(widths(settings), 1):
        value = layers.Conv2D(width, _KERNEL, strides=2, padding="same", name=f"down{number}")(value)
        value = layers.LeakyReLU(negative_slope=_SLOPE, name=f"relu{number}")(value)
    value = layers.Conv2D(width, _START, name="whole")(value)
    value = layers.LeakyReLU(negative_slope=_SLOPE, name="relu_whole")(value)
    return keras.Model(picture, layers.Conv2D(1, 1, name=SCORE)(value), name="discriminator")


def keras_bytes(model: Any) -> bytes:
    """Return a model as the content of a ``.keras`` file."""
    with tempfile.TemporaryDirectory(prefix="dreamvid-") as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return path.read_bytes()


def widths(settings: GanSettings) -> list[int]:
    """Return the channels of the maps, from the largest map to that of 4 x 4."""
    count = (settings.size // _START).bit_length() - 1
    return [settings.width * 2**index for index in range(count)]
