"""The baseline: the loop of TensorFlow's DeepDream tutorial, written anew from its description.

InceptionV3 as Keras builds it (batch norms not folded, float32), cut at ``mixed5``; the objective is the sum
of the means of ``mixed3`` and ``mixed5``. Pictures are ``[1, H, W, 3]`` float32 in [-1, 1]. In each step
``g = d objective / d x``, ``g /= std(g) + 1e-8``, ``x = clip(x + 0.01 g, -1, 1)``; octaves are
``base * 1.3^n`` for n = -2..2, the whole picture (not only its detail) is resized from one to the next.

Untiled, all steps of an octave run within one compiled function. Tiled, one compiled function makes the
gradient of one step: the picture is rolled at random, gradients of tiles of at most 512 px are added up, the
sum is rolled back. As in the tutorial, the last row and column of tiles is left out unless it is the only
one.
(https://www.tensorflow.org/tutorials/generative/deepdream)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.types import RGB, Size

LAYERS = ("mixed3", "mixed5")
OCTAVES = range(-2, 3)
OCTAVE_SCALE = 1.3
STEP_SIZE = 0.01
TILE = 512


def save_random_inception(path: Path, *, seed: int = 1) -> None:
    """Write InceptionV3 with seeded random weights, as Keras draws them, as a ``.weights.h5`` file."""
    from dreamvid.engine.runtime import keras

    keras.utils.set_random_seed(seed)
    keras.applications.InceptionV3(include_top=False, weights=None).save_weights(path)


class TutorialDream:
    """The tutorial's two loops on one network."""

    def __init__(self, weights: Path) -> None:
        from dreamvid.engine.runtime import keras, tf  # TensorFlow without its chatter

        whole = keras.applications.InceptionV3(include_top=False, weights=None)
        whole.load_weights(weights)
        self._network = keras.Model(whole.input, [whole.get_layer(name).output for name in LAYERS])
        picture = tf.TensorSpec([None, None, None, 3], tf.float32)
        count = tf.TensorSpec([], tf.int32)
        self._ascend = tf.function(self._ascend_steps, input_signature=[picture, count])
        self._tiled = tf.function(self._tiled_gradient, input_signature=[picture])

    def dream(self, base: RGB, steps: int, *, octaves: range = OCTAVES, tiled: bool = False) -> RGB:
        """Return the dream of a picture in [0, 1]; its size is the base's times the last octave's factor."""
        from dreamvid.engine.runtime import tf

        height, width = base.shape[:2]
        x = tf.constant(base[np.newaxis] * 2.0 - 1.0)
        for octave in octaves:
            factor = OCTAVE_SCALE**octave
            x = tf.image.resize(x, (int(height * factor), int(width * factor)))
            if tiled:
                for _ in range(steps):
                    x = tf.clip_by_value(x + self._tiled(x) * STEP_SIZE, -1.0, 1.0)
            else:
                x = self._ascend(x, tf.constant(steps))
        result: RGB = np.asarray(x[0] * 0.5 + 0.5, dtype=np.float32)
        return result

    def _objective(self, x: Any) -> Any:
        from dreamvid.engine.runtime import tf

        return tf.add_n([tf.reduce_mean(output) for output in self._network(x, training=False)])

    def _ascend_steps(self, x: Any, steps: Any) -> Any:
        from dreamvid.engine.runtime import tf

        for _ in tf.range(steps):
            with tf.GradientTape() as tape:
                tape.watch(x)
                value = self._objective(x)
            gradient = tape.gradient(value, x)
            gradient /= tf.math.reduce_std(gradient) + 1e-8
            x = tf.clip_by_value(x + gradient * STEP_SIZE, -1.0, 1.0)
        return x

    def _tiled_gradient(self, x: Any) -> Any:
        from dreamvid.engine.runtime import tf

        shift = tf.random.uniform([2], -TILE, TILE, tf.int32)
        rolled = tf.roll(x, shift, [1, 2])
        total = tf.zeros_like(rolled)
        size = tf.shape(rolled)
        for top in tf.range(0, tf.maximum(_last_start(size[1]), 1), TILE):
            for left in tf.range(0, tf.maximum(_last_start(size[2]), 1), TILE):
                with tf.GradientTape() as tape:
                    tape.watch(rolled)
                    value = self._objective(rolled[:, top : top + TILE, left : left + TILE])
                total += tape.gradient(value, rolled)
        gradient = tf.roll(total, -shift, [1, 2])
        return gradient / (tf.math.reduce_std(gradient) + 1e-8)


def _last_start(length: Any) -> Any:
    """Return where the last tile of a side begins: the tutorial stops short of it."""
    return (length - 1) // TILE * TILE


def covered_share(size: Size) -> float:
    """Return the share of all pixels, over the octaves, to which the tiled loop gives gradient in a step."""
    seen = total = 0
    for octave in OCTAVES:
        height, width = (int(side * OCTAVE_SCALE**octave) for side in size)
        seen += min(height, max(_last_start(height), TILE)) * min(width, max(_last_start(width), TILE))
        total += height * width
    return seen / total
