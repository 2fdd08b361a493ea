"""Feature visualization: pictures of what channels and classes of a network respond to, many at a time.

Each picture of a batch has an objective of its own: a weighted sum of the layer's channels, averaged over positions,
or of class logits. The weights are given at run time, so that all units of a layer share one compiled function.

Several pictures of one unit differ by their start, and by a penalty on the mean cosine between the Gram matrices of
their features (Olah et al. 2017, "diversity"), as a share of the objective.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

from dreamvid.config.settings import AscentSettings, OctaveSettings
from dreamvid.engine.dreamer import is_out_of_memory, window_budget
from dreamvid.engine.graph_transforms import LOGITS
from dreamvid.engine.parameterization import adam, make_parameterization
from dreamvid.engine.preprocessing import show_channels
from dreamvid.engine.robust_transforms import random_views, transform
from dreamvid.engine.runtime import tf
from dreamvid.engine.unit_dreams import UnitDreamer
from dreamvid.errors import EngineError, ObjectiveError
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dreamvid.config.visualization import VisualizationSettings
    from dreamvid.engine.network import Network
    from dreamvid.types import RGB

_log = logging.getLogger(__name__)

Unit = int | Mapping[int, float]
"""A channel or class, or several with their weights: ``{3: 1, 7: 1}`` excites both, ``{3: -1}`` inhibits one."""

BATCH = 16
"""Pictures at a time; more gain nothing on a processor."""
_CANDIDATES = 32
"""Starts of which each unit takes the one that excites it most."""
_RETRIES = 3
_ALPHA_PERCENTILE = 99.0


class UnitPicture(NamedTuple):
    """What one unit responds to.

    ``picture`` is ``[size, size, 3]`` float32 sRGB in [0, 1]; ``alpha`` ``[size, size]`` float32 in [0, 1], where the
    gradient has been; ``score`` the objective on the picture and ``start_score`` on what it started from;
    ``attempts`` how many starts were tried. ``reason`` says why nothing was found, in one line; else it is empty.
    """

    picture: RGB
    alpha: NDArray[np.float32]
    score: float
    start_score: float
    attempts: int
    reason: str = ""


class _Task(NamedTuple):
    """One picture to make: channel weights ``[C]``, and the key of its random numbers."""

    weights: NDArray[np.float32]
    key: tuple[int, ...]


class FeatureVisualizer:
    """Makes pictures of a layer's channels, or of classes (``output`` is ``logits``), for one network and settings.

    ``octaves`` and ``ascent`` are the settings of the dream of given images; their defaults where None.
    Compiles at the first picture, which takes seconds. The same settings, units and machine give the same pictures
    bit for bit; other units in its batch change a picture a little, as Adam amplifies rounding (on dreamnet by 0.004
    on average).

    Raises
    ------
    ObjectiveError
        For a layer that there is none of, or classes of a network without a classifier.
    """

    def __init__(
        self,
        network: Network,
        output: str,
        settings: VisualizationSettings,
        *,
        precision: str = "float32",
        octaves: OctaveSettings | None = None,
        ascent: AscentSettings | None = None,
    ) -> None:
        self._settings = settings
        self._network = network
        self._octaves = octaves or OctaveSettings()
        self._ascent = ascent or AscentSettings()
        # Behind pooling there are no positions to compare; the deepest map stands in.
        is_map = output != LOGITS and network.layer(output).stride > 0
        compared = () if is_map or not network.layers else (network.layers[-1].name,)
        self._extractor = network.extractor((output, *compared), precision=precision)
        self._output = output if output == LOGITS else network.layer(output).name
        self._channels = len(network.classes) if output == LOGITS else network.layer(output).channels
        self._parameterization = make_parameterization(
            settings.parameterization, settings.size, network.input_channels
        )
        self._view = self._extractor.fixed_size or Size(settings.size, settings.size)
        budget = window_budget(network, (self._output,))
        self._batch = min(BATCH, max(1, budget // (self._view.height * self._view.width)))

    def visualize(self, units: Sequence[Unit], *, image: RGB | None = None) -> list[UnitPicture]:
        """Return one picture for each unit, in their order.

        From noise, a unit that is given several times gets pictures that differ. With an ``image``, ``[H, W, 3]`` in
        [0, 1], each unit dreams that by octaves, as the dream of a still does; pictures and alpha have its size.

        Raises
        ------
        ObjectiveError
            For a channel or class that there is none of.
        EngineError
            Where memory does not suffice.
        """
        tasks = self._tasks(units)
        if image is not None:
            return self._dream(image, tasks)
        results: dict[int, UnitPicture] = {}
        for attempt in range(1 + _RETRIES):
            left = [index for index in range(len(tasks)) if index not in results or results[index].reason]
            made = self._ascend_all([tasks[index] for index in left], attempt)
            results |= dict(zip(left, made, strict=True))
        return [results[index] for index in range(len(tasks))]

    def _tasks(self, units: Sequence[Unit]) -> list[_Task]:
        """Return what to make of units; equal ones are numbered."""
        tasks: list[_Task] = []
        seen: dict[tuple[int, ...], int] = {}
        for unit in units:
            weights = {unit: 1.0} if isinstance(unit, int) else dict(unit)
            vector = np.zeros(self._channels, np.float32)
            for channel, weight in weights.items():
                if not 0 <= channel < self._channels:
                    what = "classes" if self._output == LOGITS else f"channels in '{self._output}'"
                    raise ObjectiveError(
                        f"{self._network.name} has {self._channels} {what}, 0 to {self._channels - 1}; "
                        f"there is no {channel}"
                    )
                vector[channel] = weight
            key = tuple(sorted(weights))
            tasks.append(_Task(vector, (*key, seen.setdefault(key, 0))))
            seen[key] += 1
        return tasks

    def _dream(self, image: RGB, tasks: Sequence[_Task]) -> list[UnitPicture]:
        """Return the picture as each unit dreams it, by octaves."""
        made = []
        for dream in self._unit_dreamer.dream(image, np.stack([task.weights for task in tasks])):
            reason = (
                "" if dream.score > dream.start_score else "no gradient: nothing in the picture activates it"
            )
            alpha = _alpha(np.abs(dream.picture - image).sum(axis=-1))
            made.append(UnitPicture(dream.picture, alpha, dream.score, dream.start_score, 1, reason))
        return made

    @cached_property
    def _unit_dreamer(self) -> UnitDreamer:
        return UnitDreamer(
            self._network,
            self._output,
            self._octaves,
            self._ascent,
            seed=self._settings.seed,
            precision=self._extractor.precision,
        )

    def _ascend_all(self, tasks: Sequence[_Task], attempt: int) -> list[UnitPicture]:
        """Return the pictures of all tasks, a batch at a time, smaller ones where memory is short."""
        made: list[UnitPicture] = []
        while len(made) < len(tasks):
            try:
                made += self._ascend(tasks[len(made) : len(made) + self._batch], attempt)
            except (tf.errors.OpError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if self._batch == 1:
                    raise EngineError(
                        f"not enough memory for a picture of {self._settings.size} px; make it smaller (--size)"
                    ) from error
                self._batch = max(1, self._batch // 2)
                _log.warning("out of memory: going on with %d pictures at once", self._batch)
        return made

    def _ascend(self, tasks: Sequence[_Task], attempt: int) -> list[UnitPicture]:
        weights = np.stack([task.weights for task in tasks])
        start = self._starts(tasks, weights, attempt)
        views = np.stack(
            [
                random_views(self._settings, self._view, self._generator(1, attempt, *task.key))
                for task in tasks
            ],
            axis=1,
        )
        similar = np.array(
            [[a.key[:-1] == b.key[:-1] and a is not b for b in tasks] for a in tasks], np.float32
        )
        pictures, gradients, score, start_score = (
            value.numpy()
            for value in self._compiled(start, weights, self._settings.diversity * similar, views)
        )
        reasons = [
            "" if after > before else _reason(task)
            for task, before, after in zip(tasks, start_score, score, strict=True)
        ]
        return [
            UnitPicture(
                show_channels(picture), _alpha(gradient), float(after), float(before), attempt + 1, reason
            )
            for picture, gradient, after, before, reason in zip(
                pictures, gradients, score, start_score, reasons, strict=True
            )
        ]

    def _generator(self, *key: int) -> np.random.Generator:
        return np.random.Generator(
            np.random.Philox(np.random.SeedSequence(self._settings.seed, spawn_key=key))
        )

    def _starts(
        self, tasks: Sequence[_Task], weights: NDArray[np.float32], attempt: int
    ) -> NDArray[np.float32]:
        """Return the parameters that each task starts from: of the candidates those that excite its unit most.

        Each further attempt has candidates of more contrast.
        """
        candidates = np.stack(
            [
                self._parameterization.start(self._generator(0, attempt, index), contrast=1.0 + attempt)
                for index in range(_CANDIDATES)
            ]
        )
        scores = self._activations(candidates) @ weights.T
        ranked = np.argsort(-scores, axis=0, kind="stable")
        return candidates[[ranked[task.key[-1] % _CANDIDATES, column] for column, task in enumerate(tasks)]]

    def _activations(self, parameters: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the layer's activations averaged over positions, ``[N, C]``."""
        batches = [
            self._mean_activations(parameters[start : start + BATCH]).numpy()
            for start in range(0, len(parameters), BATCH)
        ]
        return np.concatenate(batches)

    @cached_property
    def _mean_activations(self) -> Any:
        signature = [tf.TensorSpec([None, *self._parameterization.shape])]

        def activations(parameters: Any) -> Any:
            pictures = self._parameterization.pictures(parameters)
            return tf.reduce_mean(self._features(self._still(pictures))[0], axis=(1, 2))

        return tf.function(activations, input_signature=signature, autograph=False)

    @cached_property
    def _compiled(self) -> Any:
        signature = [
            tf.TensorSpec([None, *self._parameterization.shape]),
            tf.TensorSpec([None, self._channels]),
            tf.TensorSpec([None, None]),
            tf.TensorSpec([None, None, 8]),
        ]
        return tf.function(self._ascend_batch, input_signature=signature, autograph=False)

    def _ascend_batch(self, start: Any, weights: Any, penalties: Any, views: Any) -> Any:
        """Return pictures, the sum of their gradients' absolute values, scores after, and before."""
        # As in the dream's ascent, the network stays a function of its own: every run chooses the same kernels.
        gradient = tf.function(
            self._view_gradient,
            input_signature=[
                tf.TensorSpec([None, *self._view, None]),
                tf.TensorSpec([None, self._channels]),
                tf.TensorSpec([None, None]),
            ],
            autograph=False,
            experimental_attributes={"_noinline": True},
        )
        size, steps = self._settings.size, tf.shape(views)[0]

        def step(index: Any, parameters: Any, mean: Any, square: Any, share: Any) -> Any:
            with tf.GradientTape(persistent=True) as tape:
                tape.watch(parameters)
                pictures = self._parameterization.pictures(parameters)
                seen = transform(pictures, views[index], self._view)
            _, upstream = gradient(seen, weights, penalties)
            pixel_gradient = tape.gradient(seen, pictures, output_gradients=upstream)
            change, mean, square = self._update(
                tape.gradient(pictures, parameters, output_gradients=pixel_gradient),
                mean,
                square,
                index,
                steps,
            )
            strength = tf.reduce_sum(tf.abs(pixel_gradient), axis=-1)
            return index + 1, self._limit(parameters + change), mean, square, share + strength

        zeros = tf.zeros_like(start)
        share = tf.zeros([tf.shape(start)[0], size, size])
        _, parameters, _, _, share = tf.while_loop(
            lambda index, *_: index < steps,
            step,
            (tf.constant(0), start, zeros, zeros, share),
            parallel_iterations=1,
        )
        before, _ = gradient(self._still(self._parameterization.pictures(start)), weights, penalties)
        pictures = self._parameterization.pictures(parameters)
        after, _ = gradient(self._still(pictures), weights, penalties)
        return pictures, share, after, before

    def _update(self, gradient: Any, mean: Any, square: Any, index: Any, steps: Any) -> tuple[Any, Any, Any]:
        """Return the change of the parameters and Adam's new moments."""
        settings = self._settings
        rate = settings.learning_rate or self._parameterization.learning_rate
        if not self._parameterization.adaptive:
            axes = list(range(1, len(gradient.shape)))
            size = tf.reduce_mean(tf.abs(gradient), axis=axes, keepdims=True)
            return rate * tf.math.divide_no_nan(gradient, size), mean, square
        count = tf.cast(index + 1, tf.float32)
        rate *= 0.5 + 0.5 * tf.cos(np.pi * tf.cast(index, tf.float32) / tf.cast(steps, tf.float32))
        return adam(gradient, mean, square, count, rate)

    def _limit(self, parameters: Any) -> Any:
        return parameters if self._parameterization.adaptive else tf.clip_by_value(parameters, 0.0, 1.0)

    def _view_gradient(self, seen: Any, weights: Any, penalties: Any) -> Any:
        """Return each picture's objective ``[N]`` and its gradient, less the penalties', of what the network sees."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(seen)
            features = self._features(seen)
            score = tf.reduce_sum(tf.reduce_mean(features[0], axis=(1, 2)) * weights, axis=-1)
            ascended = tf.cond(
                tf.reduce_any(penalties > 0.0),
                lambda: score - tf.stop_gradient(tf.abs(score)) * _similarity(features[-1], penalties),
                lambda: score,
            )
        return score, tape.gradient(ascended, seen)

    def _features(self, seen: Any) -> Any:
        """Return the layer's output, and the map that is compared, for the network's own channels in [0, 1]."""
        return self._extractor.run(self._extractor.input_map.from_channels(seen))

    def _still(self, pictures: Any) -> Any:
        """Return pictures at the size that the network sees, not moved."""
        size = self._settings.size
        if self._view == (size, size):
            return pictures
        return tf.image.resize(pictures, list(self._view))


def _reason(task: _Task) -> str:
    """Return why the picture of a unit has not come about, in one line."""
    if task.weights.max() <= 0.0:
        return "no gradient: it is 0 already and never less; name a layer before the activation"
    return f"no gradient: none of {_CANDIDATES} noise pictures activates it, in {1 + _RETRIES} attempts"


def _similarity(features: Any, weights: Any) -> Any:
    """Return how alike each picture is to others, ``[N]``: the weighted mean cosine of Gram matrices.

    ``features`` is ``[N, h, w, C]``; ``weights`` ``[N, N]`` says how much each counts for each.
    """
    flat = tf.reshape(features, [tf.shape(features)[0], -1, features.shape[-1]])
    gram = tf.matmul(flat, flat, transpose_a=True)
    gram = tf.math.l2_normalize(tf.reshape(gram, [tf.shape(gram)[0], -1]), axis=-1)
    cosines = tf.matmul(gram, gram, transpose_b=True)
    others = tf.math.count_nonzero(weights, axis=-1, dtype=tf.float32)
    return tf.math.divide_no_nan(tf.reduce_sum(cosines * weights, axis=-1), others)


def _alpha(strength: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the share of the gradient at each pixel in [0, 1], smoothed."""
    smooth = cv2.GaussianBlur(strength, (0, 0), max(strength.shape) / 48)
    peak = np.percentile(smooth, _ALPHA_PERCENTILE)
    return np.clip(smooth / peak, 0.0, 1.0) if peak > 0.0 else np.zeros_like(strength)
