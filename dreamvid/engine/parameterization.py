"""Parameterizations of pictures for feature visualization: what gradient ascent changes instead of pixels.

``fourier``
    Coefficients of a real Fourier transform in decorrelated colors, weighted by the magnitudes that photographs have,
    then a sigmoid (Olah et al. 2017, "Feature Visualization", who weight them by 1 / frequency). Steps of equal size
    give spectra and colors like photographs'.
``maco``
    The phase alone; the magnitude is that of photographs (Fel et al. 2023, "Unlocking Feature Visualization for
    Deeper Networks with MAgnitude Constrained Optimization").
``pixels``
    The pixels themselves.

Decorrelated colors ``u`` are the principal components of the sRGB values of photographs, each of variance 1:
``rgb = u @ DECORRELATED``. Pictures of other than three channels have no such basis, and keep theirs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from dreamvid.engine.gradient_filters import COLOR_COVARIANCE
from dreamvid.engine.runtime import tf

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.config.visualization import ParameterizationName

_RGB_CHANNELS = 3
_START_DEVIATION = 0.5
"""Standard deviation of a start before the sigmoid: noise that one sees, so that few ReLUs are shut."""
_PIXEL_NOISE = 0.05
_SPECTRUM = ((6.592, -1.368, 0.079), (6.955, -1.972, 0.036), (6.649, -1.428, -0.073))
"""(a, b, c) of ``ln magnitude = a + b ln f + c (ln f)^2`` for each decorrelated color, f in cycles per picture.

Means of 4,000 photographs of ImageNet (64 px), as tools/measure_spectrum.py gives them.
"""
_PHOTOGRAPH_DEVIATION = 0.275
"""Standard deviation of sRGB values in the same photographs."""
_SIGMOID_SLOPE = 0.25


def _principal_components() -> NDArray[np.float32]:
    """Return ``[3, 3]``: how each decorrelated color shows in R, G and B, the strongest first."""
    variances, vectors = np.linalg.eigh(COLOR_COVARIANCE.astype(np.float64))
    components = (vectors * np.sqrt(variances)).T[::-1]
    components *= np.sign(components[:, :1])
    return np.asarray(components, np.float32)


DECORRELATED = _principal_components()


class Parameterization(ABC):
    """Turns parameters of ``shape`` into pictures; ``learning_rate`` is the default.

    ``adaptive`` says whether Adam changes the parameters; else each step is the normalized gradient, and [0, 1] the
    limits.
    """

    learning_rate: float
    adaptive: bool = True

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    @abstractmethod
    def start(self, generator: np.random.Generator, contrast: float = 1.0) -> NDArray[np.float32]:
        """Return random parameters of one picture, of ``shape``; ``contrast`` multiplies the noise, where it may."""

    @abstractmethod
    def pictures(self, parameters: Any) -> Any:
        """Return ``[N, size, size, C]`` in [0, 1] of parameters ``[N, *shape]``."""


class Fourier(Parameterization):
    """Spectrum in decorrelated colors; parameters are real and imaginary parts, ``[C, size, size // 2 + 1, 2]``."""

    learning_rate = 0.08

    def __init__(self, size: int, channels: int) -> None:
        super().__init__((channels, size, size // 2 + 1, 2))
        self._size = size
        self._weights = _unit_spectrum(size, channels)

    def start(self, generator: np.random.Generator, contrast: float = 1.0) -> NDArray[np.float32]:
        """Return noise with a natural spectrum."""
        return np.float32(_START_DEVIATION * contrast) * generator.standard_normal(self.shape, np.float32)

    def pictures(self, parameters: Any) -> Any:
        """Return the pictures of the weighted spectra."""
        spectrum = tf.complex(parameters[..., 0], parameters[..., 1]) * tf.cast(self._weights, tf.complex64)
        return tf.sigmoid(_correlate(_inverse_transform(spectrum, self._size)))


class Maco(Parameterization):
    """Phases at the magnitudes of photographs; parameters are angles, ``[C, size, size // 2 + 1]``."""

    learning_rate = 0.2

    def __init__(self, size: int, channels: int) -> None:
        super().__init__((channels, size, size // 2 + 1))
        self._size = size
        # Two independent normal parts have a mean magnitude of sqrt(pi / 2), and these have a deviation of 1.
        contrast = np.sqrt(2.0) * _PHOTOGRAPH_DEVIATION / _SIGMOID_SLOPE
        self._magnitude = (contrast * _unit_spectrum(size, channels)).astype(np.float32)

    def start(self, generator: np.random.Generator, contrast: float = 1.0) -> NDArray[np.float32]:  # noqa: ARG002  fixed
        """Return random phases."""
        return generator.uniform(-np.pi, np.pi, self.shape).astype(np.float32)

    def pictures(self, parameters: Any) -> Any:
        """Return the pictures of these phases."""
        spectrum = tf.complex(tf.cos(parameters), tf.sin(parameters)) * tf.cast(self._magnitude, tf.complex64)
        return tf.sigmoid(_correlate(_inverse_transform(spectrum, self._size)))


class Pixels(Parameterization):
    """The pixels themselves, ``[size, size, C]``, from gray noise."""

    learning_rate = 0.01
    adaptive = False

    def __init__(self, size: int, channels: int) -> None:
        super().__init__((size, size, channels))

    def start(self, generator: np.random.Generator, contrast: float = 1.0) -> NDArray[np.float32]:
        """Return weak white noise around gray."""
        noise = _PIXEL_NOISE * contrast * generator.standard_normal(self.shape)
        return np.clip(0.5 + noise, 0.0, 1.0).astype(np.float32)

    def pictures(self, parameters: Any) -> Any:
        """Return the parameters."""
        return parameters


def make_parameterization(name: ParameterizationName, size: int, channels: int) -> Parameterization:
    """Return the parameterization of this name for pictures ``[size, size, channels]``."""
    if name == "pixels":
        return Pixels(size, channels)
    return Fourier(size, channels) if name == "fourier" else Maco(size, channels)


def _unit_spectrum(size: int, channels: int) -> NDArray[np.float32]:
    """Return magnitudes as photographs have, ``[channels, size, size // 2 + 1]``; the mean's as the lowest's.

    Multiplied by standard normal real and imaginary parts they give values of standard deviation 1. Channels that are
    no decorrelated colors get those of the first, which is nearly luma.
    """
    down, across = np.fft.fftfreq(size, 1.0 / size)[:, None], np.fft.rfftfreq(size, 1.0 / size)[None, :]
    logarithm = np.log(np.maximum(np.hypot(down, across), 1.0))
    colors = range(channels) if channels == _RGB_CHANNELS else [0] * channels
    magnitudes = np.stack([np.exp(np.polyval(_SPECTRUM[color][::-1], logarithm)) for color in colors])
    twice = np.full(magnitudes.shape[-1], 2.0)  # all columns but the first stand for their mirror images, too
    twice[0] = 1.0
    variance = 2.0 * np.sum(twice * magnitudes**2, axis=(1, 2), keepdims=True) / size**4
    return np.asarray(magnitudes / np.sqrt(variance), np.float32)


def _inverse_transform(spectrum: Any, size: int) -> Any:
    """Return ``[N, size, size, C]`` of spectra ``[N, C, size, size // 2 + 1]``."""
    return tf.transpose(tf.signal.irfft2d(spectrum, [size, size]), [0, 2, 3, 1])


def _correlate(values: Any) -> Any:
    """Return decorrelated colors ``[N, H, W, C]`` as colors; other channel counts than three stay as they are."""
    if values.shape[-1] != _RGB_CHANNELS:
        return values
    return tf.tensordot(values, tf.constant(DECORRELATED), 1)
