"""Accentuate a photograph: keep it, and strengthen what the network sees in it.

Gradient ascent changes the Fourier coefficients of what is added, in decorrelated colors, weighted by the magnitudes
of photographs, and is tied to the photograph by an L2 penalty on pixels (Hamblin et al. 2024, "Feature Accentuation",
arXiv 2402.10039). Departures: the penalty is not on features, and the octaves' scales take the place of random crops.
"""

from __future__ import annotations

import logging
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from dreamvid.engine.ascent import gradient
from dreamvid.engine.dreamer import DreamEngine, check_picture, jitter_shifts
from dreamvid.engine.parameterization import adam, correlate_colors, unit_spectrum
from dreamvid.engine.runtime import tf
from dreamvid.engine.tiling import Grid
from dreamvid.schedule.fields import constant
from dreamvid.types import Size

if TYPE_CHECKING:
    from dreamvid.engine.tiling import TilePlan
    from dreamvid.types import RGB, StepMap

_log = logging.getLogger(__name__)

_RATE = 12.0
"""Learning rate as a multiple of the step size."""
_TIE = 3.0
"""Weight of the L2 penalty, beside a gradient of mean absolute value 1."""
_BORDER = 32
"""A Fourier transform joins opposite borders: so many px of mirror image, at least, keep them apart."""
_LONGEST_WAVE = 256
"""In px; longer ones weigh no more."""
_DARKEST = 0.01
_ANY_SPECTRUM = (3, None, None)
_ANY_PICTURE = (None, None, 3)


class AccentuationEngine(DreamEngine):
    """Accentuates stills; made from the same settings as a dream, of which it uses objective, octaves and steps."""

    def dream(
        self,
        image: RGB,
        *,
        detail: RGB | None = None,
        steps: int | None = None,
        step_map: StepMap | None = None,
        frame_index: int | None = None,
    ) -> RGB:
        """Return the accentuated picture, same size and range.

        Each of ``steps`` is one gradient at the scale of each octave. With ``detail`` or ``step_map``, which only
        frames of videos have, it is dreamed as usual.

        Raises
        ------
        EngineError
            Where the picture holds numbers that are not finite, or memory does not suffice.
        """
        if detail is not None or step_map is not None:
            return super().dream(
                image, detail=detail, steps=steps, step_map=step_map, frame_index=frame_index
            )
        check_picture(image, "picture")
        size = Size(*image.shape[:2])
        sizes = self._plan_octaves(size).sizes
        steps = constant(self._ascent.steps) if steps is None else steps
        shifts = [
            jitter_shifts(self._run.seed, octave, steps, self.plan_tiles(each).reach, frame_index=frame_index)
            for octave, each in enumerate(sizes)
        ]
        canvas = Size(*(_transform_length(side) for side in size))
        below, right = canvas.height - size.height, canvas.width - size.width
        source = np.clip(
            np.pad(image, ((0, below), (0, right), (0, 0)), mode="symmetric"), _DARKEST, 1 - _DARKEST
        )
        logits = np.log(source / (1.0 - source)).astype(np.float32)
        weights = unit_spectrum(canvas, 3, longest=_LONGEST_WAVE)
        zeros = tf.zeros([*weights.shape, 2])
        state = (zeros, zeros, zeros)
        total = steps * len(sizes)
        for index in range(total):
            octave = index % len(sizes)
            shift = shifts[octave][index // len(sizes)]
            numbers = np.array(self._numbers(index, total), np.float32)
            inputs = (state, logits, weights, image, np.array(sizes[octave], np.int32), shift, numbers)
            state = self._run_smaller_on_oom(
                self.plan_tiles(sizes[octave]), partial(self._step_in_tiles, inputs)
            )
        added = self._pictures(state[0], logits, weights) - tf.sigmoid(logits)
        accentuated: RGB = np.clip(image + added.numpy()[: size.height, : size.width], 0.0, 1.0)
        if steps and not state[0].numpy().any():
            _log.warning(
                "the objective has no gradient on this picture, so that nothing is accentuated; try another"
            )
        return accentuated

    def _step_in_tiles(self, inputs: tuple[Any, ...], plan: TilePlan) -> Any:
        return self._step(*inputs, Grid.of(plan).pack())

    def _numbers(self, index: int, total: int) -> tuple[float, ...]:
        """Return a step's number, its learning rate, which falls to 0, and the weight of variety."""
        rate = _RATE * constant(self._ascent.step_size) * (0.5 + 0.5 * np.cos(np.pi * index / total))
        variety = self._ascent.variety
        return index + 1.0, rate, 1.0 if variety is None else constant(variety)

    @staticmethod
    def _pictures(parameters: Any, logits: Any, weights: Any) -> Any:
        spectrum = tf.complex(parameters[..., 0], parameters[..., 1]) * tf.cast(weights, tf.complex64)
        values = tf.signal.irfft2d(spectrum, tf.shape(logits)[:2])
        return tf.sigmoid(logits + correlate_colors(tf.transpose(values, [1, 2, 0])))

    @cached_property
    def _step(self) -> Any:
        parameters = tf.TensorSpec([*_ANY_SPECTRUM, 2])
        signature = [
            (parameters, parameters, parameters),
            tf.TensorSpec(_ANY_PICTURE),
            tf.TensorSpec(_ANY_SPECTRUM),
            tf.TensorSpec(_ANY_PICTURE),
            tf.TensorSpec([2], tf.int32),
            tf.TensorSpec([2], tf.int32),
            tf.TensorSpec([3]),
            tf.TensorSpec([None], tf.int32),
        ]
        return tf.function(self._trace_step, input_signature=signature, autograph=False)

    def _trace_step(  # noqa: PLR0917  the signature of a tf.function
        self,
        state: Any,
        logits: Any,
        weights: Any,
        source: Any,
        size: Any,
        shift: Any,
        numbers: Any,
        grid: Any,
    ) -> Any:
        parameters, mean, square = state
        count, rate, variety = tf.unstack(numbers)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(parameters)
            canvas = self._pictures(parameters, logits, weights)
            picture = canvas[: tf.shape(source)[0], : tf.shape(source)[1]]
            added = picture - tf.sigmoid(logits)[: tf.shape(source)[0], : tf.shape(source)[1]]
            view = tf.image.resize(picture, size, antialias=True)
        upstream = gradient(
            view,
            shift,
            self._weights,
            Grid.unpack(grid),
            variety=variety,
            extractor=self._extractor,
            objective=self._objective,
        )
        upstream = tf.where(tf.math.is_finite(upstream), upstream, 0.0)
        pull = tape.gradient(view, picture, output_gradients=upstream)
        pull = tf.math.divide_no_nan(pull, tf.reduce_mean(tf.abs(pull))) - _TIE * added
        change = tape.gradient(picture, parameters, output_gradients=pull)
        change, mean, square = adam(change, mean, square, count, rate)
        return parameters + change, mean, square


def _transform_length(side: int) -> int:
    """Return an even length, with room for the border, of which a Fourier transform is fast."""
    return 2 * int(cv2.getOptimalDFTSize((side + _BORDER + 1) // 2))
