"""Compute convolutions by the kernels of their gradient, which are faster on processors without AVX-512.

There oneDNN computes TensorFlow's convolutions by copying each position's neighborhood and multiplying matrices, but
their gradients directly. A convolution of stride 1 is the gradient of one whose kernel is turned by 180 degrees and
has input and output channels exchanged, so it can go the same way. Measured with AVX2 on one thread, a gradient step
of VGG16 takes 0.82 of the time, dreamnet's and InceptionV3's 0.93; with AVX-512 it takes as long as before.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from dreamvid.engine.runtime import cpu_flags, keras, tf

if TYPE_CHECKING:
    from collections.abc import Callable

_FEWEST_CHANNELS = 16
"""Below, neighborhoods are small enough to copy."""


def prefers_gradient_kernels(precision: str) -> bool:
    """Return whether this machine convolves faster in this precision by :func:`by_gradient_kernel`."""
    if precision != "float32" or tf.config.get_visible_devices("GPU"):
        return False
    largest = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper()
    return "avx2" in cpu_flags() and (largest.startswith("AVX2") or "avx512f" not in cpu_flags())


def by_gradient_kernel(layer: Any) -> Callable[[Any], Any] | None:
    """Return the layer as a function that computes the same by the gradient's kernel, but for rounding.

    None for what is no convolution of stride 1 that keeps the size, with a kernel of more than one position and odd
    sides.
    """
    if type(layer) is not keras.layers.Conv2D or not _is_suitable(layer):
        return None
    array = np.asarray(layer.kernel)
    kernel = tf.constant(array)
    turned = tf.constant(np.ascontiguousarray(array[::-1, ::-1].transpose(0, 1, 3, 2)))
    bias = tf.constant(np.asarray(layer.bias)) if layer.use_bias else None

    @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow is untyped
    def convolve(values: Any) -> tuple[Any, Callable[[Any], Any]]:
        return _transposed(values, turned), lambda upstream: _transposed(upstream, kernel)

    def call(values: Any) -> Any:
        result = convolve(values)
        return layer.activation(result if bias is None else tf.nn.bias_add(result, bias))

    return call


def _is_suitable(layer: Any) -> bool:
    return (
        tuple(layer.strides) == tuple(layer.dilation_rate) == (1, 1)
        and layer.padding == "same"
        and layer.groups == 1
        and layer.data_format == "channels_last"
        and max(layer.kernel_size) > 1
        and all(side % 2 for side in layer.kernel_size)
        and layer.kernel.shape[2] >= _FEWEST_CHANNELS
    )


def _transposed(values: Any, kernel: Any) -> Any:
    """Return the transposed convolution ``[N, h, w, in]`` of ``[N, h, w, out]`` by ``[kh, kw, in, out]``."""
    size = tf.concat([tf.shape(values)[:3], kernel.shape[2:3]], 0)
    result = tf.nn.conv2d_transpose(values, kernel, size, 1, "SAME")
    return tf.ensure_shape(result, (*values.shape[:3], kernel.shape[2]))
