"""Parameterizations of pictures for feature visualization: what gradient ascent changes instead of pixels.

``fourier``
    Coefficients of a real Fourier transform, weighted by 1 / frequency, in decorrelated colors, then a sigmoid
    (Olah et al. 2017, "Feature Visualization"). Steps of equal size give spectra and colors like photographs'.
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
_PHOTOGRAPH_DEVIATION = 0.27
"""Standard deviation of sRGB values in photographs."""


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
    def start(self, generator: np.random.Generator) -> NDArray[np.float32]:
        """Return random parameters of one picture, of ``shape``."""

    @abstractmethod
    def pictures(self, parameters: Any) -> Any:
        """Return ``[N, size, size, C]`` in [0, 1] of parameters ``[N, *shape]``."""


class Fourier(Parameterization):
    """Spectrum in decorrelated colors; parameters are real and imaginary parts, ``[C, size, size // 2 + 1, 2]``."""

    learning_rate = 0.05

    def __init__(self, size: int, channels: int) -> None:
        super().__init__((channels, size, size // 2 + 1, 2))
        self._size = size
        weights = 1.0 / _frequencies(size)
        self._weights = (weights * _unit_deviation(weights, size)).astype(np.float32)

    def start(self, generator: np.random.Generator) -> NDArray[np.float32]:
        """Return noise with a natural spectrum."""
        return _START_DEVIATION * generator.standard_normal(self.shape, np.float32)

    def pictures(self, parameters: Any) -> Any:
        """Return the pictures of the weighted spectra."""
        spectrum = tf.complex(parameters[..., 0], parameters[..., 1]) * tf.cast(self._weights, tf.complex64)
        return tf.sigmoid(_correlate(_inverse_transform(spectrum, self._size)))


class Pixels(Parameterization):
    """The pixels themselves, ``[size, size, C]``, from gray noise."""

    learning_rate = 0.01
    adaptive = False

    def __init__(self, size: int, channels: int) -> None:
        super().__init__((size, size, channels))

    def start(self, generator: np.random.Generator) -> NDArray[np.float32]:
        """Return weak white noise around gray."""
        return (0.5 + _PIXEL_NOISE * generator.standard_normal(self.shape)).astype(np.float32)

    def pictures(self, parameters: Any) -> Any:
        """Return the parameters."""
        return parameters


def make_parameterization(name: ParameterizationName, size: int, channels: int) -> Parameterization:
    """Return the parameterization of this name for pictures ``[size, size, channels]``."""
    return Pixels(size, channels) if name == "pixels" else Fourier(size, channels)


def _frequencies(size: int) -> NDArray[np.float64]:
    """Return each coefficient's frequency, ``[size, size // 2 + 1]`` in cycles per px, the mean's as the lowest."""
    down, across = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :]
    frequencies: NDArray[np.float64] = np.maximum(np.hypot(down, across), 1.0 / size)
    return frequencies


def _unit_deviation(weights: NDArray[np.float64], size: int) -> float:
    """Return the factor at which standard normal parameters give values of standard deviation 1."""
    column = np.full(weights.shape[1], 2.0)
    column[0] = 1.0
    return float(size**2 / np.sqrt(2.0 * np.sum(column * weights**2)))


def _inverse_transform(spectrum: Any, size: int) -> Any:
    """Return ``[N, size, size, C]`` of spectra ``[N, C, size, size // 2 + 1]``."""
    return tf.transpose(tf.signal.irfft2d(spectrum, [size, size]), [0, 2, 3, 1])


def _correlate(values: Any) -> Any:
    """Return decorrelated colors ``[N, H, W, C]`` as colors; other channel counts than three stay as they are."""
    if values.shape[-1] != _RGB_CHANNELS:
        return values
    return tf.tensordot(values, tf.constant(DECORRELATED), 1)
