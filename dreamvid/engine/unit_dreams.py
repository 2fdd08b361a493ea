"""Dream one picture by many channels or classes at a time, each its own copy.

The octaves, steps and filters are those of :class:`~dreamvid.engine.dreamer.DreamEngine`; here a batch holds the
same picture once for each unit, so that all units of a layer share one compiled function. Pictures that do not fit
into one window are dreamed one after the other by that engine.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dreamvid.config.settings import RunSettings
from dreamvid.engine.dreamer import DreamEngine, check_picture, jitter_shifts, window_budget
from dreamvid.engine.gradient_filters import GradientFilters, filter_gradient, penalty
from dreamvid.engine.graph_transforms import LOGITS
from dreamvid.engine.octaves import SMALLEST_SIDE, OctavePlan
from dreamvid.engine.runtime import tf
from dreamvid.engine.tiling import BATCH_PIXELS, Grid, TilePlan, WindowBatch
from dreamvid.image.resize import resize
from dreamvid.objective import Objective, Term
from dreamvid.schedule.fields import constant
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dreamvid.config.settings import AscentSettings, OctaveSettings
    from dreamvid.engine.network import Network
    from dreamvid.types import RGB


class UnitDream(NamedTuple):
    """A picture ``[H, W, 3]`` that a unit has dreamed, and its objective after and before."""

    picture: RGB
    score: float
    start_score: float


class UnitDreamer:
    """Dreams a picture by the units of one layer (or of ``logits``).

    As in the dream's objectives, a channel is excited by its mean square over positions, a class by its mean logit;
    a unit is a weighted sum of these, ``[C]``.
    """

    def __init__(
        self,
        network: Network,
        output: str,
        octaves: OctaveSettings,
        ascent: AscentSettings,
        *,
        seed: int,
        precision: str,
    ) -> None:
        self._network = network
        self._output = output
        self._octaves = octaves
        self._ascent = ascent
        self._run = RunSettings(seed=seed)
        self._filters = GradientFilters.of(ascent)
        self._extractor = network.extractor((output,), precision=precision)
        self._budget = window_budget(network, (output,))

    def dream(self, image: RGB, units: NDArray[np.float32]) -> Iterator[UnitDream]:
        """Yield the picture ``[H, W, 3]`` in [0, 1] as each of ``units``, ``[N, C]``, dreams it.

        Raises
        ------
        EngineError
            Where the picture holds numbers that are not finite, or memory does not suffice.
        """
        check_picture(image, "picture")
        plan = self._plan_tiles(Size(*image.shape[:2]))
        if plan.count > 1:
            for unit in units:
                engine = self._engine(unit)
                dreamed = engine.dream(image)
                yield UnitDream(dreamed, engine.score(dreamed), engine.score(image))
            return
        excitation = self._score(image[None]).numpy()[0]
        pixels = plan.window.height * plan.window.width
        batch = max(1, min(BATCH_PIXELS, self._budget) // pixels)
        for start in range(0, len(units), batch):
            part = units[start : start + batch]
            dreams = self._dream_batch(image, part)
            scores = np.sum(self._score(dreams).numpy() * part, axis=-1)
            for dreamed, score, start_score in zip(dreams, scores, part @ excitation, strict=True):
                yield UnitDream(dreamed, float(score), float(start_score))

    def _dream_batch(self, image: RGB, units: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the dreams ``[N, H, W, 3]`` of a picture that fits into one window."""
        steps = constant(self._ascent.steps)
        smallest = max(SMALLEST_SIDE, 2 * self._extractor.stride, self._extractor.min_size)
        sizes = OctavePlan.build(Size(*image.shape[:2]), self._octaves, smallest=smallest).sizes
        changes: list[RGB] = []
        for octave, size in enumerate(sizes):
            source = resize(image, size)
            start = np.stack(
                [np.clip(source + resize(change, size), 0.0, 1.0) for change in changes]
                or [source] * len(units)
            )
            plan = self._plan_tiles(size)
            shifts = jitter_shifts(self._run.seed, octave, steps * self._ascent.substeps, plan.reach)
            dreamed = self._compiled(
                start, source, units, shifts, self._coefficients(), Grid.of(plan).pack()
            ).numpy()
            changes = list(dreamed - source)
        return np.asarray(dreamed, np.float32)

    def _coefficients(self) -> NDArray[np.float32]:
        """Return step size, color, precondition, total-variation weight and L2 weight, ``[5]``."""
        ascent = self._ascent
        step_size = constant(ascent.step_size) / ascent.substeps
        rest = (ascent.color, ascent.precondition, ascent.total_variation, ascent.l2)
        return np.array([step_size, *(constant(value) for value in rest)], np.float32)

    @cached_property
    def _compiled(self) -> Any:
        pictures = tf.TensorSpec([None, None, None, 3])
        signature = [
            pictures,
            tf.TensorSpec([None, None, 3]),
            tf.TensorSpec([None, None]),
            tf.TensorSpec([None, 2], tf.int32),
            tf.TensorSpec([5]),
            tf.TensorSpec([None], tf.int32),
        ]
        return tf.function(self._ascend, input_signature=signature, autograph=False)

    def _ascend(  # noqa: PLR0917  the signature of a tf.function
        self, start: Any, source: Any, units: Any, shifts: Any, coefficients: Any, grid: Any
    ) -> Any:
        """Return ``start`` after one substep for each of ``shifts``."""
        step_size, color, frequency_exponent, total_variation, l2 = tf.unstack(coefficients)
        grid = Grid.unpack(grid)
        # As in the dream's ascent, the network stays a function of its own: every run chooses the same kernels.
        gradient = tf.function(
            self._gradient,
            input_signature=[tf.TensorSpec([None, None, None, 3]), tf.TensorSpec([None, None])],
            autograph=False,
            experimental_attributes={"_noinline": True},
        )

        def direction(inputs: Any) -> Any:
            raw, picture = inputs
            filtered, _ = filter_gradient(raw, self._filters, color, frequency_exponent)
            return filtered - penalty(picture - source, total_variation, l2)

        def step(index: Any, pictures: Any) -> Any:
            shift = shifts[index]
            window = WindowBatch(grid, shift, 0)
            rows, columns = window.vertical.indices()[0], window.horizontal.indices()[0]
            seen = tf.gather(tf.gather(pictures, rows, axis=1), columns, axis=2)
            raw = tf.slice(
                gradient(seen, units), (0, shift[0], shift[1], 0), (-1, grid.height, grid.width, 3)
            )
            change = tf.map_fn(direction, (raw, pictures), fn_output_signature=tf.TensorSpec([None, None, 3]))
            return index + 1, tf.ensure_shape(
                tf.clip_by_value(pictures + step_size * change, 0.0, 1.0), start.shape
            )

        _, pictures = tf.while_loop(
            lambda index, _: index < tf.shape(shifts)[0],
            step,
            (tf.constant(0), start),
            parallel_iterations=1,
        )
        return pictures

    def _gradient(self, seen: Any, units: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(seen)
            score = tf.reduce_sum(self._excitation(seen) * units)
        return tape.gradient(score, seen)

    def _excitation(self, seen: Any) -> Any:
        """Return the mean square of each channel, or each mean logit, ``[N, C]``, of pictures ``[N, H, W, 3]``."""
        (features,) = self._extractor(seen)
        return tf.reduce_mean(features if self._output == LOGITS else tf.square(features), axis=(1, 2))

    @cached_property
    def _score(self) -> Any:
        signature = [tf.TensorSpec([None, None, None, 3])]
        return tf.function(self._excitation, input_signature=signature, autograph=False)

    def _engine(self, unit: NDArray[np.float32]) -> DreamEngine:
        """Return the engine that dreams by one unit."""
        terms = tuple(
            Term("class", argument=str(channel), reduce="mean", weight=float(unit[channel]))
            if self._output == LOGITS
            else Term("channel", self._output, channel, weight=float(unit[channel]))
            for channel in map(int, np.flatnonzero(unit))
        )
        return DreamEngine(
            self._network,
            Objective(terms),
            octaves=self._octaves,
            ascent=self._ascent,
            run=self._run,
            precision=self._extractor.precision,
        )

    def _plan_tiles(self, size: Size) -> TilePlan:
        extractor = self._extractor
        return TilePlan.build(
            size,
            stride=extractor.stride,
            receptive_field=extractor.receptive_field,
            margin=extractor.margin,
            fixed_size=extractor.fixed_size,
            budget=self._budget,
            jitter=self._ascent.jitter,
        )
