"""Smooth and normalize a gradient before it becomes a step; penalize the added detail."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from dreamvid.engine.runtime import tf

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.config.settings import AscentSettings, Normalize

_TINY = 1e-30
"""Gradients below this count as zero and are not scaled."""

COLOR_COVARIANCE = np.array(
    [[0.9971, 0.8690, 0.7778], [0.8690, 0.9568, 0.9049], [0.7778, 0.9049, 1.0461]], np.float32
)
"""Of the sRGB values of 4,000 photographs of ImageNet (64 px), its mean diagonal brought to 1."""

_PRECONDITIONED_OCTAVES = 6
"""Frequencies below 1/64 of a pixel are weighted alike."""

_BLUR = np.array([1, 4, 6, 4, 1], np.float32) / 16
_TV_EDGE = 1 / 255
"""Differences below about this count as flat in the total variation."""


@dataclass(frozen=True, slots=True)
class GradientFilters:
    """The settings of :func:`filter_gradient`: the fields of the ``ascent`` settings of the same names."""

    normalize: Normalize
    smoothing: float
    laplacian: int

    @classmethod
    def of(cls, ascent: AscentSettings) -> Self:
        """Return those of the settings."""
        return cls(ascent.normalize, ascent.smoothing, ascent.laplacian)


def filter_gradient(
    gradient: Any, filters: GradientFilters, color: Any = 0.0, frequency_exponent: Any = 0.0
) -> tuple[Any, Any]:
    """Return a gradient ``[H, W, 3]`` filtered and normalized, and the share of it that was NaN or infinite.

    Entries that are not finite count as zero. The result's mean absolute value or standard deviation is 1,
    or 0 where the gradient is. ``color`` and ``frequency_exponent`` are float32 scalars in [0, 1]; see
    :func:`correlate_colors` and :func:`precondition`. 0 costs nothing.
    """
    total = tf.reduce_sum(tf.abs(gradient))
    gradient, total, nonfinite = tf.cond(
        tf.math.is_finite(total),
        lambda: (gradient, total, tf.constant(0.0)),
        lambda: _zero_nonfinite(gradient),
    )
    gradient = _divide(gradient, total / _count_nonzero(gradient))
    if filters.smoothing > 0:
        gradient = smooth(gradient, filters.smoothing)
    if filters.laplacian > 0:
        gradient = laplacian_normalize(gradient, filters.laplacian)
    if filters.smoothing > 0 or filters.laplacian > 0 or filters.normalize == "std":
        gradient = normalize(gradient, filters.normalize)
    color, frequency_exponent = tf.convert_to_tensor(color), tf.convert_to_tensor(frequency_exponent)
    gradient = tf.cond(
        (color > 0.0) | (frequency_exponent > 0.0),
        lambda: normalize(
            correlate_colors(precondition(gradient, frequency_exponent), color), filters.normalize
        ),
        lambda: gradient,
    )
    return gradient, nonfinite


def correlate_colors(gradient: Any, share: Any) -> Any:
    """Return the gradient ``[H, W, 3]`` with colors that change together as in photographs, to a share in [0, 1].

    A step of ascent in decorrelated colors ``u`` with ``rgb = C u`` is ``C C^T`` times the gradient of the sRGB
    values (Olah et al. 2017, "Feature Visualization"); ``C C^T`` is the covariance of those values in photographs.
    """
    mixed = share * COLOR_COVARIANCE + (1.0 - share) * np.eye(3, dtype=np.float32)
    return tf.tensordot(gradient, mixed, 1)


def precondition(gradient: Any, exponent: Any) -> Any:
    """Return the gradient ``[H, W, 3]`` with its spectrum multiplied by 1 / frequency to a power.

    Spectra of photographs fall as 1 / frequency (Field 1987). The bands of a Laplacian pyramid stand for it, each an
    octave wide: unlike a Fourier transform they join no border to the opposite one.
    """
    low = gradient[None]
    bands = []
    for _ in range(_PRECONDITIONED_OCTAVES):
        smaller = _downsample(low)
        bands.append(low - _upsample(smaller, low))
        low = smaller
    weight = tf.pow(2.0, exponent)
    merged = low
    for band in reversed(bands):
        merged = weight * _upsample(merged, band) + band
    return merged[0]


def normalize(gradient: Any, method: Normalize) -> Any:
    """Return the gradient over its mean absolute value (Google's) or standard deviation (the tutorial's).

    Either is taken over the entries that are not zero, which is nearly all of them but for a neuron, whose
    gradient is a spot: over the whole picture its mean would be next to nothing and one step would burn the
    spot out (a departure from both sources).
    """
    entries = _count_nonzero(gradient)
    if method == "mean-abs":
        scale = tf.reduce_sum(tf.abs(gradient)) / entries
    else:
        mean = tf.reduce_sum(gradient) / entries
        scale = tf.sqrt(tf.maximum(tf.reduce_sum(tf.square(gradient)) / entries - tf.square(mean), 0.0))
    return _divide(gradient, scale)


def smooth(gradient: Any, sigma: float) -> Any:
    """Return the mean of three Gaussian blurs, of 0.5, 1 and 2 times ``sigma`` px.

    As in pytorch-deepdream (https://github.com/gordicaleksa/pytorch-deepdream) and Hvass Labs' tutorial 14;
    unlike there the kernels reach three standard deviations of the widest. Edges repeat the last pixel.
    """
    down, across = _gaussian_filters(sigma)
    radius = down.shape[0] // 2
    height, width = tf.shape(gradient)[0], tf.shape(gradient)[1]
    rows = tf.clip_by_value(tf.range(-radius, height + radius), 0, height - 1)
    columns = tf.clip_by_value(tf.range(-radius, width + radius), 0, width - 1)
    padded = tf.gather(tf.gather(gradient, rows), columns, axis=1)[None]
    return tf.nn.conv2d(tf.nn.conv2d(padded, down, 1, "VALID"), across, 1, "VALID")[0]


def laplacian_normalize(gradient: Any, levels: int) -> Any:
    """Return the gradient with each of ``levels`` bands, and what is below them, at equal strength.

    The Laplacian-pyramid normalization of TensorFlow's classic DeepDream notebook (2015): split by a 5 x 5
    binomial filter, divide each band by its root mean square, merge.
    """
    low = gradient[None]
    bands = []
    for _ in range(levels):
        smaller = _downsample(low)
        bands.append(low - _upsample(smaller, low))
        low = smaller
    merged = _to_unit_rms(low)
    for band in reversed(bands):
        merged = _upsample(merged, band) + _to_unit_rms(band)
    return merged[0]


def total_variation_gradient(detail: Any) -> Any:
    """Return the gradient of sum sqrt(dx^2 + dy^2 + e^2) over pixels, ``[H, W, 3]`` (Rudin et al. 1992).

    Entries lie within about -3 and 3 whatever the detail's strength, as those of a normalized gradient do.
    """
    right = tf.pad(detail[:, 1:] - detail[:, :-1], [[0, 0], [0, 1], [0, 0]])
    down = tf.pad(detail[1:] - detail[:-1], [[0, 1], [0, 0], [0, 0]])
    length = tf.sqrt(tf.square(right) + tf.square(down) + _TV_EDGE**2)
    right, down = right / length, down / length
    from_left = tf.pad(right[:, :-1], [[0, 0], [1, 0], [0, 0]])
    from_above = tf.pad(down[:-1], [[1, 0], [0, 0], [0, 0]])
    return from_left + from_above - right - down


def penalty(detail: Any, total_variation: Any, l2: Any) -> Any:
    """Return what the penalties on the added detail pull back, ``[H, W, 3]``, beside a normalized gradient.

    ``l2`` weighs the gradient of sum detail^2 / 2, so detail settles near 1 / l2 where the objective's pull
    is average. Both weights are float32 scalars; 0 costs nothing.
    """
    varied = tf.cond(
        total_variation > 0.0,
        lambda: total_variation * total_variation_gradient(detail),
        lambda: tf.zeros_like(detail),
    )
    return varied + l2 * detail


def _gaussian_filters(sigma: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the three Gaussians as two filters, ``[n, 1, 3, 9]`` and ``[1, n, 9, 3]``.

    The first blurs each color down the columns three ways, the second along the rows and takes the mean: six
    small convolutions in two.
    """
    radius = max(1, math.ceil(6 * sigma))
    taps = np.arange(-radius, radius + 1)
    down = np.zeros((len(taps), 1, 3, 9), np.float32)
    across = np.zeros((1, len(taps), 9, 3), np.float32)
    for blur, factor in enumerate((0.5, 1.0, 2.0)):
        kernel = np.exp(-0.5 * (taps / (factor * sigma)) ** 2)
        kernel /= kernel.sum()
        for color in range(3):
            down[:, 0, color, 3 * color + blur] = kernel
            across[0, :, 3 * color + blur, color] = kernel / 3
    return down, across


def _binomial_filter(gain: float) -> Any:
    """Return the 5 x 5 binomial filter for three channels, each by itself, ``[5, 5, 3, 3]``."""
    return tf.constant(np.einsum("i,j,kl->ijkl", _BLUR, _BLUR, np.eye(3)) * gain, tf.float32)


def _downsample(picture: Any) -> Any:
    return tf.nn.conv2d(picture, _binomial_filter(1.0), 2, "SAME")


def _upsample(picture: Any, like: Any) -> Any:
    return tf.nn.conv2d_transpose(picture, _binomial_filter(4.0), tf.shape(like), 2, "SAME")


def _to_unit_rms(band: Any) -> Any:
    return _divide(band, tf.sqrt(tf.reduce_mean(tf.square(band))))


def _divide(gradient: Any, scale: Any) -> Any:
    return gradient / tf.where(scale > _TINY, scale, 1.0)


def _count_nonzero(gradient: Any) -> Any:
    return tf.maximum(tf.math.count_nonzero(gradient, dtype=tf.float32), 1.0)


def _zero_nonfinite(gradient: Any) -> tuple[Any, Any, Any]:
    """Return the gradient with 0 for NaN and infinity, its sum of absolute values, and the share replaced."""
    finite = tf.math.is_finite(gradient)
    gradient = tf.where(finite, gradient, 0.0)
    total = tf.reduce_sum(tf.abs(gradient))
    nonfinite = 1.0 - tf.reduce_mean(tf.cast(finite, tf.float32))
    return gradient, total, tf.where(tf.math.is_finite(total), nonfinite, 1.0)
