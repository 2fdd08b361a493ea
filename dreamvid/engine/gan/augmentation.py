"""Augment pictures at random, differentiably, and steer how often: adaptive discriminator augmentation.

After Karras et al. 2020, "Training Generative Adversarial Networks with Limited Data" (arXiv 2006.06676): real and
generated pictures go through the same random transforms before the discriminator sees them, each transform with a
probability, the strength, which rises where the discriminator is too sure of the real pictures. Of the paper's
transforms these are the ones that mirror, move, scale and color; rotation is left out, so that a picture is resampled
by two small matrices.
"""

from __future__ import annotations

import math
from typing import Any

from dreamvid.engine.runtime import tf

MAX_STRENGTH = 0.8
"""Above this probability the generator would learn the transforms themselves (figure 5 of the paper)."""
TARGET = 0.6
"""Mean sign of the discriminator's score of real pictures that the strength is steered to."""

_TRANSLATION = 0.125
_SCALE = 0.2
_BRIGHTNESS = 0.2
_CONTRAST = 0.5
_SATURATION = 1.0
_TRANSFORMS = 7


def augment(pictures: Any, strength: Any, seed: Any) -> Any:
    """Return the pictures, each transformed at random.

    Parameters
    ----------
    pictures
        ``[N, S, S, C]`` float32 in [-1, 1], C is 1 or 3.
    strength
        Probability of each transform.
    seed
        Two integers, from which all random numbers follow.
    """
    count, size, channels = pictures.shape[0], pictures.shape[1], pictures.shape[3]
    draws = tf.random.stateless_normal([_TRANSFORMS + 2, count], seed)
    happens = tf.random.stateless_uniform(
        [_TRANSFORMS, count], tf.random.experimental.stateless_fold_in(seed, 1)
    )
    normal = draws[:_TRANSFORMS] * tf.cast(happens < strength, tf.float32)
    mirrored = tf.where(normal[0] > 0.0, -1.0, 1.0)
    scale = tf.exp(normal[1] * (_SCALE * math.log(2.0)))
    stretch = tf.exp(normal[2] * (_SCALE * math.log(2.0)))
    moved = tf.cast(happens[3] < strength, tf.float32) * _TRANSLATION
    pictures = _resample(
        pictures,
        _matrices(scale * stretch, draws[_TRANSFORMS] * moved * size, size),
        _matrices(mirrored * scale / stretch, draws[_TRANSFORMS + 1] * moved * size, size),
    )
    if channels > 1:
        gray = tf.reduce_mean(pictures, axis=-1, keepdims=True)
        pictures = gray + (pictures - gray) * _each(tf.exp(normal[4] * (_SATURATION * math.log(2.0))))
    contrast = tf.exp(normal[5] * (_CONTRAST * math.log(2.0)))
    return pictures * _each(contrast) + _each(normal[6] * _BRIGHTNESS)


def _each(values: Any) -> Any:
    return values[:, None, None, None]


def _matrices(scale: Any, shift: Any, size: int) -> Any:
    """Return the matrices ``[N, size, size]`` that scale lines about their middle and shift them, by px.

    Rows are linear interpolations of the line, which is mirrored beyond its ends. A negative scale mirrors it.
    """
    middle = (size - 1) / 2.0
    places = tf.range(size, dtype=tf.float32) - middle
    at = (places[None, :] - shift[:, None]) / scale[:, None] + middle
    at = (
        size - tf.abs(tf.math.floormod(at + 0.5, 2.0 * size) - size) - 0.5
    )  # mirrored into [-0.5, size - 0.5]
    distance = tf.abs(tf.clip_by_value(at, 0.0, size - 1.0)[:, :, None] - tf.range(size, dtype=tf.float32))
    return tf.nn.relu(1.0 - distance)


def _resample(pictures: Any, down: Any, across: Any) -> Any:
    return tf.einsum("nyh,nhwc,nxw->nyxc", down, pictures, across, optimize="optimal")


def steered(strength: Any, scores: Any, rate: float) -> Any:
    """Return the strength after a step in which real pictures had these scores; ``rate`` is how fast it moves."""
    error = tf.reduce_mean(tf.sign(scores)) - TARGET
    return tf.clip_by_value(strength + rate * error, 0.0, MAX_STRENGTH)
