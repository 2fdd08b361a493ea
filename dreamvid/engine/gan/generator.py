"""Load trained generators, networks that make a picture from a vector of noise: of ``.gan`` and of Keras files."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from dreamvid.engine.model_files import load_gan_member, load_model_file
from dreamvid.engine.runtime import tf
from dreamvid.engine.weight_files import first_line
from dreamvid.errors import ModelError
from dreamvid.gan_file import GENERATOR, SUFFIX, open_gan
from dreamvid.text import printable
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from dreamvid.types import RGB

_log = logging.getLogger(__name__)

_MAX_LATENT_SIZE = 1 << 16
_LONGEST_SIDE = 4096
_PICTURE_RANK = 4
_GRAY, _COLOR = 1, 3
_SUFFIXES = (".keras", ".h5", ".hdf5")
_RANGES = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0), "hard_sigmoid": (0.0, 1.0)}
"""Ranges of pixels by a generator's last activation."""


@dataclass(frozen=True)
class Generator:
    """A generator whose latent vectors are standard normal.

    ``size`` is that of its pictures, ``latent_size`` the length of a vector.
    """

    name: str
    latent_size: int
    size: Size
    _run: Callable[[Any], Any] = field(repr=False)

    def picture(self, latent: NDArray[np.float32]) -> RGB:
        """Return the picture ``[H, W, 3]`` of a latent vector ``[latent_size]``, float32 in [0, 1].

        Pictures are made one by one, so that none depends on its company.

        Raises
        ------
        ModelError
            Where the picture has values that are not finite.
        """
        values = np.asarray(self._run(tf.constant(latent[None], tf.float32)))[0]
        if not np.isfinite(values).all():
            raise ModelError(f"{self.name}: makes pictures with values that are not finite")
        return np.ascontiguousarray(np.broadcast_to(np.clip(values, 0.0, 1.0), (*self.size, 3)))


def load_generator(path: Path, *, trust: bool = False) -> Generator:
    """Return the generator in a ``.gan`` file, or in a ``.keras`` or ``.h5`` file of another program.

    A generator takes one vector of floats, ``(batch, n)`` or ``(batch, 1, 1, n)``, and gives one picture of fixed
    size with 1 or 3 channels, channels last. The range of its pixels is the one that a ``.gan`` states, else that of
    its last activation (tanh or sigmoid); without either it is taken to be -1 to 1, with a warning.

    Raises
    ------
    ModelError
        In one line, for a file that is missing, damaged, or no such network.
    """
    name = printable(path)
    stated = None
    if path.suffix.lower() == SUFFIX:
        gan = open_gan(path)
        model = load_gan_member(gan, GENERATOR, trust=trust)
        stated = gan.settings.input_range
    elif path.is_file() and path.suffix.lower() not in _SUFFIXES:
        raise ModelError(f"{name}: must be a .gan, .keras or .h5 file")
    else:
        model = load_model_file(path, trust=trust)
    latent_shape, size = _shapes(model, name)
    low, high = stated or _pixel_range(model, name)
    scale, offset = 1.0 / (high - low), -low / (high - low)

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]  # TensorFlow is untyped
    def run(latent: Any) -> Any:
        values = model(tf.reshape(latent, (1, *latent_shape)), training=False)
        return tf.cast(values, tf.float32) * scale + offset

    latent_size = math.prod(latent_shape)
    try:
        run(tf.zeros((1, latent_size)))
    except (ArithmeticError, LookupError, TypeError, ValueError, tf.errors.OpError) as error:
        raise ModelError(f"{name}: its generator cannot be run ({first_line(error)})") from error
    return Generator(name, latent_size, size, run)


def _shapes(model: Any, name: str) -> tuple[tuple[int, ...], Size]:
    """Return the shape of a latent vector and the size of the pictures."""
    try:
        inputs, outputs = list(model.inputs or ()), list(model.outputs or ())
    except (AttributeError, ValueError):
        inputs, outputs = [], []
    if not inputs or not outputs:
        raise ModelError(f"{name}: has no fixed input; save it as a Functional or Sequential model, built")
    if len(inputs) != 1:
        raise ModelError(
            f"{name}: has {len(inputs)} inputs; a generator with conditions cannot be walked, only one with a single "
            "vector of noise"
        )
    shape = tuple(inputs[0].shape)[1:]
    is_vector = len(shape) == 1 or (len(shape) == _PICTURE_RANK - 1 and shape[:2] == (1, 1))
    if not is_vector or shape[-1] is None or not str(inputs[0].dtype).startswith(("float", "bfloat")):
        raise ModelError(
            f"{name}: is no generator: it takes {_text(inputs[0])}, not a vector of noise (batch, numbers)"
        )
    if shape[-1] > _MAX_LATENT_SIZE:
        raise ModelError(
            f"{name}: its vectors have {shape[-1]} numbers; at most {_MAX_LATENT_SIZE} are possible"
        )
    picture = tuple(outputs[0].shape)
    if (
        len(outputs) != 1
        or len(picture) != _PICTURE_RANK
        or picture[3] not in {_GRAY, _COLOR}
        or None in picture[1:3]
        or max(picture[1:3]) > _LONGEST_SIDE
    ):
        raise ModelError(
            f"{name}: is no generator: it gives {_text(outputs[0])}, not a picture (batch, height, width, 1 or 3)"
        )
    return shape, Size(*picture[1:3])


def _text(tensor: Any) -> str:
    shape = ", ".join("batch" if index == 0 else str(side) for index, side in enumerate(tensor.shape))
    return f"({shape}) of {tensor.dtype}"


def _pixel_range(model: Any, name: str) -> tuple[float, float]:
    """Return the range of a generator's pixels, by its last activation."""
    layer = model.layers[-1]
    while getattr(layer, "layers", None):
        layer = layer.layers[-1]
    activation = str(layer.get_config().get("activation", "")) or type(layer).__name__.lower()
    if activation not in _RANGES:
        _log.warning("%s: its pixels are taken to run from -1 to 1", name)
    return _RANGES.get(activation, (-1.0, 1.0))
