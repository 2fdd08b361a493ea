"""Gradient ascent: all steps of one octave in one compiled function.

What is compiled and what is given at run time::

    compiled    network, layers, precision, kinds of terms and their channels, guide features, gradient filters, XLA
    run time    pictures and their size, tiles, number of steps, shifts, weights of terms, step size, color, ...

So one trace, which takes seconds, serves all frames, octaves and schedules of a scene. XLA needs static shapes:
with it there is one trace for each :class:`~dreamvid.engine.tiling.TilePlan`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dreamvid.engine.gradient_filters import GradientFilters, filter_gradient, penalty
from dreamvid.engine.runtime import tf
from dreamvid.engine.tiling import Grid, WindowBatch, assemble
from dreamvid.schedule.fields import constant

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from dreamvid.config.settings import AscentSettings
    from dreamvid.engine.extractor import Extractor
    from dreamvid.engine.objectives import BoundObjective
    from dreamvid.engine.tiling import TilePlan
    from dreamvid.types import RGB, StepMap

_CACHED_ASCENTS = 8
_CACHED_XLA_PLANS = 64
_DEFAULT_VARIETY = 1.0
"""Where the settings leave it open: videos set their own."""
_ANY_SIZE = (None, None, 3)
_UNIFORM = np.ones((1, 1, 1), np.float32)
_WRAPPED_MARGIN = 128
"""Columns that gradient filters see beyond the borders of a picture that goes around; farther ones hardly count."""


class AscentInputs(NamedTuple):
    """Arguments of the compiled function.

    ``start`` and ``source`` are pictures ``[H, W, 3]``; ``step_scale`` multiplies the steps, ``[H, W, 1]`` or
    ``[1, 1, 1]``; ``shifts`` is ``[steps, 2]`` int32; ``weights`` ``[terms]``; ``coefficients`` ``[6]``: step size,
    color, precondition, variety, total-variation weight, L2 weight; ``grid`` ``[11]`` int32.
    """

    start: Any
    source: Any
    step_scale: Any
    shifts: Any
    weights: Any
    coefficients: Any
    grid: Any


class AscentResult(NamedTuple):
    """The picture ``[H, W, 3]`` after the steps of an octave.

    ``nonfinite`` is the largest share of a step's gradient that was NaN or infinite; ``has_gradient`` whether any
    step's gradient was other than zero.
    """

    picture: RGB
    nonfinite: float
    has_gradient: bool


@lru_cache(maxsize=_CACHED_ASCENTS)
def compiled_ascent(
    extractor: Extractor,
    objective: BoundObjective,
    filters: GradientFilters,
    *,
    xla: bool = False,
    wraps: bool = False,
) -> GradientAscent:
    """Return the ascent for these; the same arguments give the same object, already traced.

    With ``wraps`` it is for pictures that go around, as do their plans.
    """
    return GradientAscent(extractor, objective, filters, xla=xla, wraps=wraps)


class GradientAscent:
    """Compiled gradient ascent for one extractor and objective; :func:`compiled_ascent` shares them."""

    def __init__(
        self,
        extractor: Extractor,
        objective: BoundObjective,
        filters: GradientFilters,
        *,
        xla: bool = False,
        wraps: bool = False,
    ) -> None:
        self.traces = 0
        self._extractor = extractor
        self._objective = objective
        self._filters = filters
        self._xla = xla
        self._wraps = wraps
        self._compiled = lru_cache(maxsize=_CACHED_XLA_PLANS)(self._compile)
        # Nothing here needs AutoGraph, which takes most of a trace's time.
        self._value = tf.function(
            lambda picture, weights, grid: value(
                picture, weights, Grid.unpack(grid), extractor=extractor, objective=objective
            ),
            input_signature=[
                tf.TensorSpec(_ANY_SIZE),
                tf.TensorSpec([None]),
                tf.TensorSpec([None], tf.int32),
            ],
            autograph=False,
        )

    def run(
        self,
        plan: TilePlan,
        start: RGB,
        source: RGB,
        *,
        shifts: NDArray[np.int32],
        weights: NDArray[np.float32],
        ascent: AscentSettings,
        step_scale: StepMap | None = None,
    ) -> AscentResult:
        """Take one substep for each of ``shifts`` from ``start``; ``step_scale`` ``[H, W]`` multiplies it."""
        inputs = AscentInputs(
            start,
            source,
            _UNIFORM if step_scale is None else step_scale[..., None],
            shifts,
            weights,
            np.array(
                [
                    constant(value)
                    for value in (
                        constant(ascent.step_size) / ascent.substeps,
                        ascent.color,
                        ascent.precondition,
                        _DEFAULT_VARIETY if ascent.variety is None else ascent.variety,
                        ascent.total_variation,
                        ascent.l2,
                    )
                ],
                np.float32,
            ),
            Grid.of(plan).pack(),
        )
        picture, nonfinite, has_gradient = self._compiled(plan if self._xla else None)(inputs)
        return AscentResult(picture.numpy(), float(nonfinite), bool(has_gradient))

    def score(self, plan: TilePlan, picture: RGB, weights: NDArray[np.float32]) -> float:
        """Return the objective of a picture ``[H, W, 3]`` in [0, 1]."""
        return float(self._value(picture, weights, Grid.of(plan).pack()))

    def _compile(self, plan: TilePlan | None) -> Any:
        """Return the compiled function for one plan, or (None) for all."""
        picture = tf.TensorSpec(_ANY_SIZE if plan is None else (*plan.size, 3))
        signature = AscentInputs(
            start=picture,
            source=picture,
            step_scale=tf.TensorSpec([None, None, 1]),
            shifts=tf.TensorSpec([None, 2], tf.int32),
            weights=tf.TensorSpec([None]),
            coefficients=tf.TensorSpec([6]),
            grid=tf.TensorSpec([None], tf.int32),
        )

        def trace(inputs: AscentInputs) -> Any:
            self.traces += 1
            return self._ascend(inputs, Grid.unpack(inputs.grid) if plan is None else Grid.of(plan))

        return tf.function(trace, input_signature=[signature], autograph=False, jit_compile=self._xla or None)

    def _ascend(self, inputs: AscentInputs, grid: Grid) -> Any:
        step_size, color, frequency_exponent, variety, total_variation, l2 = tf.unstack(inputs.coefficients)

        def step(index: Any, picture: Any, worst: Any, has_gradient: Any) -> Any:
            raw = gradient(
                picture,
                inputs.shifts[index],
                inputs.weights,
                grid,
                variety=variety,
                extractor=self._extractor,
                objective=self._objective,
                wraps=self._wraps,
            )
            raw = tf.ensure_shape(raw, inputs.start.shape)
            filtered, nonfinite = self._with_margins(
                lambda raw: filter_gradient(raw, self._filters, color, frequency_exponent), raw
            )
            pulled, _ = self._with_margins(
                lambda d: (penalty(d, total_variation, l2), 0.0), picture - inputs.source
            )
            direction = filtered - pulled
            picture = tf.clip_by_value(picture + step_size * inputs.step_scale * direction, 0.0, 1.0)
            picture = tf.ensure_shape(picture, inputs.start.shape)
            has_gradient |= tf.reduce_any(filtered != 0.0)
            return index + 1, picture, tf.maximum(worst, nonfinite), has_gradient

        _, picture, nonfinite, has_gradient = tf.while_loop(
            lambda index, *_: index < tf.shape(inputs.shifts)[0],
            step,
            (tf.constant(0), inputs.start, tf.constant(0.0), tf.constant(False)),
            parallel_iterations=1,
        )
        return picture, nonfinite, has_gradient

    def _with_margins(self, work: Callable[[Any], tuple[Any, Any]], values: Any) -> tuple[Any, Any]:
        """Return ``work`` of ``[H, W, 3]``; where the picture goes around, it sees what is beyond the borders."""
        if not self._wraps:
            return work(values)
        width = tf.shape(values)[1]
        columns = tf.math.floormod(tf.range(-_WRAPPED_MARGIN, width + _WRAPPED_MARGIN), width)
        result, further = work(tf.gather(values, columns, axis=1))
        return tf.ensure_shape(result[:, _WRAPPED_MARGIN:-_WRAPPED_MARGIN], values.shape), further


def gradient(
    picture: Any,
    shift: Any,
    weights: Any,
    grid: Grid,
    *,
    variety: Any,
    extractor: Extractor,
    objective: BoundObjective,
    wraps: bool = False,
) -> Any:
    """Return the gradient ``[H, W, 3]`` float32 of the objective at a picture ``[H, W, 3]`` in [0, 1].

    Channels of layers are balanced by ``variety``, window by window
    (:func:`~dreamvid.engine.objectives.balance_channels`). The picture is shifted by ``shift`` (``[2]`` int32: y, x),
    cut into windows, and shifted back; with ``wraps`` it goes around. Each window's objective sums over all that it
    sees and only its tile's gradient is kept, so that tiles join as if the picture had been seen whole, with a
    ``variety`` of 0 exactly. One batch of windows is in memory at a time.
    """

    def batch_gradient(number: Any) -> Any:
        batch = WindowBatch(grid, shift, number, wraps=wraps)
        windows = batch.cut(picture)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(windows)
            score = objective.value(extractor(windows), weights, batch, tiles_only=False, variety=variety)
        return batch.tiles(tape.gradient(score, windows))

    return assemble(_for_each_batch(grid, batch_gradient), grid, shift, wraps=wraps)


def value(picture: Any, weights: Any, grid: Grid, *, extractor: Extractor, objective: BoundObjective) -> Any:
    """Return the objective of a picture ``[H, W, 3]`` in [0, 1], a float32 scalar; tiles add up to the whole."""
    no_shift = tf.zeros([2], tf.int32)

    def batch_value(number: Any) -> Any:
        batch = WindowBatch(grid, no_shift, number)
        return objective.value(extractor(batch.cut(picture)), weights, batch, tiles_only=True)

    return tf.reduce_sum(_for_each_batch(grid, batch_value))


def _for_each_batch(grid: Grid, work: Callable[[Any], Any]) -> Any:
    """Return ``work(0)``, ``work(1)``, ... for all batches, stacked, one after the other."""
    batches = grid.rows * grid.columns // grid.batch
    # `work` stays a function of its own in the graph. Inlined into the loop, TensorFlow's oneDNN pass would meet its
    # operations in an order that changes from run to run, and choose its kernels by that: no two runs would agree to
    # the last bit.
    work = tf.function(
        work,
        input_signature=[tf.TensorSpec([], tf.int32)],
        autograph=False,
        experimental_attributes={"_noinline": True},
    )
    if isinstance(batches, int) and batches == 1:
        return work(tf.constant(0))[None]
    results = tf.TensorArray(tf.float32, size=batches, element_shape=None)
    _, results = tf.while_loop(
        lambda number, _: number < batches,
        lambda number, results: (number + 1, results.write(number, work(number))),
        (tf.constant(0), results),
        parallel_iterations=1,
    )
    return results.stack()
