"""Map RGB in [0, 1] to the input of a network.

Everything is an affine map of a pixel's three channels onto the network's N, so its gradient is exact.

A network without three channels sees the picture through a ``color_map``:

``gray``
    Luma (Rec. 601 weights) drives every channel. Going back, the gradient is spread evenly over R, G and B:
    that is the exact gradient of luma, projected onto neutral gray, so what is dreamed onto the frame has no
    tint.
``false-color``
    Channel k looks at the hue 2 pi k / N: its weights for R, G and B are 1/3 + 1/3 cos(2 pi k / N - hue).
    They are not negative and add up to one, so gray stays gray and the range is kept; for N >= 3 the map's
    condition number is 2. Two channels see red and cyan. Four are taken for RGBA: R, G, B and an opaque
    fourth. One channel sees luma, with its exact, tinted gradient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dreamvid.engine.runtime import tf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

ColorMap = Literal["gray", "false-color"]
Mode = Literal["tf", "torch", "caffe", "bytes", "unit"]

_LUMA = (0.299, 0.587, 0.114)
_RGBA = 4
_IDENTITY = np.eye(3)


@dataclass(frozen=True)
class InputMap:
    """``network input = rgb @ matrix + offset``; ``matrix`` is [3, N], ``offset`` [N].

    ``neutral`` spreads the gradient evenly over R, G and B.
    """

    matrix: tuple[tuple[float, ...], ...]
    offset: tuple[float, ...]
    neutral: bool = False

    @property
    def channels(self) -> int:
        """Channels that the network sees."""
        return len(self.offset)

    def __call__(self, rgb: Any) -> Any:
        """Map float32 ``[N, H, W, 3]`` in [0, 1] to float32 ``[N, H, W, C]``."""
        matrix = np.asarray(self.matrix, np.float32)
        offset = tf.constant(self.offset, tf.float32)
        if self.neutral:
            mean = tf.reduce_mean(rgb, axis=-1, keepdims=True)
            luma = tf.reduce_sum(rgb * tf.constant(_LUMA, tf.float32), axis=-1, keepdims=True)
            gray = mean + tf.stop_gradient(luma - mean)
            return gray * tf.constant(matrix.sum(axis=0)) + offset
        if matrix.shape[1] == 3:  # noqa: PLR2004  R, G and B
            for order in (matrix, matrix[:, ::-1]):
                if not np.any(order - np.diag(np.diag(order))):
                    turned = rgb if order is matrix else rgb[..., ::-1]
                    return turned * tf.constant(np.diag(order)[:: 1 if order is matrix else -1]) + offset
        return tf.tensordot(rgb, tf.constant(matrix), axes=1) + offset

    def from_channels(self, values: Any) -> Any:
        """Map the network's own channels, float32 ``[N, H, W, C]`` in [0, 1], to the range that it takes."""
        if self.channels == len(_LUMA):
            return self(values)
        span = np.asarray(self.matrix, np.float32).sum(axis=0)
        return values * tf.constant(span) + tf.constant(self.offset, tf.float32)


def show_channels(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return ``[..., C]`` in [0, 1] as RGB ``[..., 3]``: RGB itself, one channel as gray, others in false color."""
    colors, _ = _color_matrix(values.shape[-1], "false-color")
    shown: NDArray[np.float32] = (values @ (colors / colors.sum(axis=1, keepdims=True)).T).astype(np.float32)
    return shown


def input_map(low: Sequence[float], high: Sequence[float], *, channels: int, color_map: ColorMap) -> InputMap:
    """Return the map for ``channels`` whose values run from ``low`` to ``high`` (one number, or one each)."""
    colors, opaque = _color_matrix(channels, color_map)
    bottom = np.broadcast_to(np.asarray(low, np.float64), (channels,))
    span = np.broadcast_to(np.asarray(high, np.float64), (channels,)) - bottom
    return _freeze(
        colors * span, bottom + opaque * span, neutral=channels != len(_LUMA) and color_map == "gray"
    )


def preset_map(mode: Mode) -> InputMap:
    """Return the preprocessing of ``keras.applications`` (``imagenet_utils.preprocess_input``) for RGB.

    ``tf`` is [-1, 1]; ``torch`` subtracts ImageNet's mean and divides by its deviation; ``caffe`` is BGR in
    0..255 less the mean; ``bytes`` is 0..255; ``unit`` is [0, 1].
    """
    if mode == "torch":
        mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
        return _freeze(_IDENTITY / deviation, -mean / deviation)
    if mode == "caffe":
        return _freeze(255.0 * _IDENTITY[:, ::-1], -np.array([103.939, 116.779, 123.68]))
    low, high = {"tf": (-1.0, 1.0), "bytes": (0.0, 255.0), "unit": (0.0, 1.0)}[mode]
    return input_map([low], [high], channels=3, color_map="gray")


def _color_matrix(channels: int, color_map: ColorMap) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return ``[3, N]`` in [0, 1] and what is added to each channel."""
    opaque = np.zeros(channels)
    if channels == len(_LUMA):
        return _IDENTITY, opaque
    if color_map == "gray" or channels == 1:
        return np.repeat(np.array(_LUMA)[:, None], channels, axis=1), opaque
    if channels == _RGBA:
        opaque[3] = 1.0
        return np.eye(3, 4), opaque
    hues = 2.0 * np.pi * np.arange(3)[:, None] / 3.0
    looks = 2.0 * np.pi * np.arange(channels)[None, :] / channels
    return (1.0 + np.cos(looks - hues)) / 3.0, opaque


def _freeze(matrix: NDArray[np.float64], offset: NDArray[np.float64], *, neutral: bool = False) -> InputMap:
    rows = tuple(tuple(float(x) for x in row) for row in matrix)
    return InputMap(rows, tuple(float(x) for x in offset), neutral)
