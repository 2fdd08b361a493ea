"""The architecture of dreamnet.

Inception-like (Szegedy et al. 2015, "Going deeper with convolutions"; 2016, "Rethinking the Inception
architecture for computer vision"), laid out for dreaming on a processor:

- Nothing but the stem runs at strides 2 and 4: there, time goes by. Widths are multiples of 32 where they can
  be, because vector units work in such blocks: a block of 24 channels costs as much as one of 32.
- No checkerboards (Odena et al. 2016, "Deconvolution and checkerboard artifacts"): kernels of strided convolutions
  are multiples of their stride, and the other reductions blur with [1, 2, 1] / 4 (Zhang 2019, "Making convolutional
  networks shift-invariant again"), built of two average poolings so that every Keras can load it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
from keras import layers


@dataclass(frozen=True)
class Widths:
    """Output channels of one mixed block's convolutions; its output has their ends' sum."""

    plain: int
    reduce: int
    single: int
    double_reduce: int
    double: tuple[int, int]
    pooled: int


STEM = (32, 32)
STAGES: tuple[tuple[Widths, ...], ...] = (
    (Widths(32, 32, 32, 32, (32, 32), 32),),
    (Widths(64, 64, 96, 32, (64, 64), 32), Widths(64, 64, 96, 32, (64, 64), 32)),
    (
        Widths(128, 96, 192, 64, (96, 96), 64),
        Widths(128, 96, 192, 64, (96, 96), 64),
        Widths(128, 128, 224, 64, (128, 128), 96),
    ),
)
HEAD = 768


class FusedBatchNormalization(layers.BatchNormalization):  # type: ignore[misc]  # Keras is untyped
    """Batch normalization by TensorFlow's fused operation: a quarter of a training step's time is saved.

    Its weights are those of Keras's own layer, which takes its place in the network that ships.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:  # noqa: FBT001  Keras's own
        """Return the normalized ``[N, h, w, C]``; averages are updated when training."""
        if keras.backend.backend() != "tensorflow":
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf  # noqa: PLC0415  only where it is the backend

        known = [] if training else [self.moving_mean.value, self.moving_variance.value]
        mean, variance = known or [tf.zeros([0]), tf.zeros([0])]
        result = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma.value,
            offset=self.beta.value,
            mean=mean,
            variance=variance,
            epsilon=self.epsilon,
            is_training=bool(training),
        )
        if training:
            for average, now in ((self.moving_mean, result[1]), (self.moving_variance, result[2])):
                average.assign(average * self.momentum + now * (1.0 - self.momentum))
        return result[0]


def build_network(classes: int, *, fused: bool = False) -> keras.Model:
    """Return the untrained network: RGB ``[N, H, W, 3]`` in [-1, 1] to float32 ``logits [N, classes]``.

    H and W are free. ``mixed0`` has stride 4, ``mixed1`` and ``mixed2`` stride 8, the others stride 16. ``fused``
    takes `FusedBatchNormalization`, for training.
    """
    normalization = FusedBatchNormalization if fused else layers.BatchNormalization
    builder = _Builder(normalization)
    picture = layers.Input((None, None, 3), name="picture")
    value = builder.convolution(picture, STEM[0], 6, "stem_1", strides=2)
    value = builder.convolution(value, STEM[1], 4, "stem_2", strides=2)
    number = 0
    for index, stage in enumerate(STAGES):
        if index:
            value = _halve(value, f"reduce_{index}")
        for widths in stage:
            value = builder.mixed(value, widths, f"mixed{number}")
            number += 1
    value = builder.convolution(value, HEAD, 1, "head")
    value = layers.GlobalAveragePooling2D(name="average", dtype="float32")(value)
    logits = layers.Dense(classes, name="logits", dtype="float32")(value)
    return keras.Model(picture, logits, name="dreamnet")


@dataclass(frozen=True)
class _Builder:
    normalization: Any

    def convolution(self, value: Any, channels: int, size: int, name: str, *, strides: int = 1) -> Any:
        value = layers.Conv2D(
            channels,
            size,
            strides=strides,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=name,
        )(value)
        value = self.normalization(momentum=0.97, epsilon=1e-3, name=f"{name}_norm")(value)
        return layers.Activation("relu", name=f"{name}_relu")(value)

    def mixed(self, value: Any, widths: Widths, name: str) -> Any:
        single = self.convolution(value, widths.reduce, 1, f"{name}_3x3_reduce")
        double = self.convolution(value, widths.double_reduce, 1, f"{name}_double_reduce")
        double = self.convolution(double, widths.double[0], 3, f"{name}_double_1")
        pooled = layers.AveragePooling2D(3, 1, "same", name=f"{name}_pool")(value)
        branches = [
            self.convolution(value, widths.plain, 1, f"{name}_1x1"),
            self.convolution(single, widths.single, 3, f"{name}_3x3"),
            self.convolution(double, widths.double[1], 3, f"{name}_double_2"),
            self.convolution(pooled, widths.pooled, 1, f"{name}_pool_1x1"),
        ]
        return layers.Concatenate(name=name)(branches)


def _halve(value: Any, name: str) -> Any:
    """Blur with [1, 2, 1] / 4 in both directions and take every second pixel."""
    value = layers.AveragePooling2D(2, 1, "same", name=f"{name}_blur")(value)
    return layers.AveragePooling2D(2, 2, "same", name=name)(value)
