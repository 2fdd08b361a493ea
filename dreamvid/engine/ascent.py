"""All gradient steps of one octave in one compiled function."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dreamvid.engine import gradient as gradients
from dreamvid.engine.gradient_filters import GradientFilters, filter_gradient, penalty
from dreamvid.engine.runtime import tf
from dreamvid.engine.tiling import Grid
from dreamvid.schedule.fields import constant

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.config.settings import AscentSettings
    from dreamvid.engine.extractor import Extractor
    from dreamvid.engine.objectives import BoundObjective
    from dreamvid.engine.tiles import TilePlan
    from dreamvid.types import RGB, StepMap

_CACHED_ASCENTS = 8
_PICTURE = (None, None, 3)
_EVEN = np.ones((1, 1, 1), np.float32)


class AscentInputs(NamedTuple):
    """What the compiled function is given.

    ``start`` and ``source`` are pictures ``[H, W, 3]``; ``pace`` ``[H, W, 1]`` or ``[1, 1, 1]``; ``shifts``
    ``[steps, 2]`` int32; ``weights`` ``[terms]``; ``rates`` ``[3]``: step size, total-variation and L2 weight;
    ``grid`` ``[11]`` int32.
    """

    start: Any
    source: Any
    pace: Any
    shifts: Any
    weights: Any
    rates: Any
    grid: Any


class AscentResult(NamedTuple):
    """Where the steps of an octave led.

    ``broken`` is the largest share of a step's gradient that was no finite number; ``alive`` whether any step had a
    gradient at all.
    """

    picture: RGB
    broken: float
    alive: bool


@lru_cache(maxsize=_CACHED_ASCENTS)
def compiled_ascent(
    extractor: Extractor, objective: BoundObjective, filters: GradientFilters, *, xla: bool = False
) -> GradientAscent:
    """Return the ascent of these; cached, since tracing it takes seconds."""
    return GradientAscent(extractor, objective, filters, xla=xla)


class GradientAscent:
    """Compiled gradient ascent for one extractor and objective; use :func:`compiled_ascent`.

    Compiled in are the extractor (network, layers, precision), the terms but for their weights, and how the
    gradient is filtered. Sizes, tiles, number of steps, shifts, weights and step sizes are tensors, so one trace
    serves all of them. With ``xla``, whose shapes are static, there is one trace for each :class:`TilePlan`.
    """

    def __init__(
        self, extractor: Extractor, objective: BoundObjective, filters: GradientFilters, *, xla: bool = False
    ) -> None:
        self.traces = 0
        self._extractor = extractor
        self._objective = objective
        self._filters = filters
        self._xla = xla
        self._compiled = lru_cache(maxsize=64)(self._compile)
        picture, weights, grid = (
            tf.TensorSpec(_PICTURE),
            tf.TensorSpec([None]),
            tf.TensorSpec([None], tf.int32),
        )
        self._value = tf.function(
            self._trace_value, input_signature=[picture, weights, grid], autograph=False
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
        pace: StepMap | None = None,
    ) -> AscentResult:
        """Take one step for each of ``shifts``, from ``start`` on; ``pace`` ``[H, W]`` stretches it by pixel."""
        scheduled = ascent.step_size, ascent.total_variation, ascent.l2
        rates = np.array([constant(rate) for rate in scheduled], np.float32)
        lengths = _EVEN if pace is None else pace[..., None]
        climb = AscentInputs(start, source, lengths, shifts, weights, rates, Grid.of(plan).pack())
        picture, broken, alive = self._compiled(plan if self._xla else None)(climb)
        return AscentResult(picture.numpy(), float(broken), bool(alive))

    def score(self, plan: TilePlan, picture: RGB, weights: NDArray[np.float32]) -> float:
        """Return the objective of a picture."""
        return float(self._value(picture, weights, Grid.of(plan).pack()))

    def _compile(self, plan: TilePlan | None) -> Any:
        """Return the compiled function for one plan, or (None) for all."""
        picture = tf.TensorSpec(_PICTURE if plan is None else (*plan.size, 3))
        signature = AscentInputs(
            picture,
            picture,
            tf.TensorSpec([None, None, 1]),
            tf.TensorSpec([None, 2], tf.int32),
            tf.TensorSpec([None]),
            tf.TensorSpec([3]),
            tf.TensorSpec([None], tf.int32),
        )

        def trace(climb: AscentInputs) -> Any:
            self.traces += 1
            return self._steps(climb, Grid.unpack(climb.grid) if plan is None else Grid.of(plan))

        # Nothing here needs AutoGraph, which takes most of a trace's time.
        return tf.function(trace, input_signature=[signature], autograph=False, jit_compile=self._xla or None)

    def _steps(self, climb: AscentInputs, grid: Grid) -> Any:
        step_size, total_variation, l2 = tf.unstack(climb.rates)

        def step(index: Any, picture: Any, broken: Any, alive: Any) -> Any:
            raw = gradients.gradient(
                picture,
                climb.shifts[index],
                climb.weights,
                grid,
                extractor=self._extractor,
                objective=self._objective,
            )
            treated, missing = filter_gradient(raw, self._filters)
            pull = treated - penalty(picture - climb.source, total_variation, l2)
            picture = tf.clip_by_value(picture + step_size * climb.pace * pull, 0.0, 1.0)
            picture = tf.ensure_shape(picture, climb.start.shape)
            return index + 1, picture, tf.maximum(broken, missing), alive | tf.reduce_any(treated != 0.0)

        _, picture, broken, alive = tf.while_loop(
            lambda index, *_: index < tf.shape(climb.shifts)[0],
            step,
            (tf.constant(0), climb.start, tf.constant(0.0), tf.constant(False)),
            parallel_iterations=1,
        )
        return picture, broken, alive

    def _trace_value(self, picture: Any, weights: Any, grid: Any) -> Any:
        return gradients.value(
            picture, weights, Grid.unpack(grid), extractor=self._extractor, objective=self._objective
        )
