"""Dreams a picture: gradient ascent through octaves, all steps of an octave in one compiled function.

Only detail travels from octave to octave. Octave k starts from its own base, the source at that size plus the
given detail at that size, and from what the octaves before have *changed*, enlarged::

    base_k  = source_k + detail_k
    start_k = base_k + enlarged(dream_(k-1) - base_(k-1))

So a given detail keeps its low band in the coarse octaves and its high band in the fine ones, nothing is
counted twice, and with no steps at all the dream is source + detail, exactly.
"""

from __future__ import annotations

import logging
from dataclasses import fields, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Self

import numpy as np

from dreamvid.engine.ascent import compiled_ascent
from dreamvid.engine.gradient_filters import GradientFilters
from dreamvid.engine.layout import shifts, window_budget
from dreamvid.engine.network import clear_network_cache
from dreamvid.engine.objectives import BoundObjective
from dreamvid.engine.octaves import SMALLEST_SIDE, OctavePlan
from dreamvid.engine.pictures import check_picture, clipped
from dreamvid.engine.relief import Relief
from dreamvid.engine.tiles import BATCH_PIXELS, TilePlan
from dreamvid.errors import EngineError, NonFiniteDreamError, SettingsError
from dreamvid.image.resize import resize
from dreamvid.schedule.fields import constant
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from dreamvid.config.settings import AscentSettings, OctaveSettings, RunSettings
    from dreamvid.engine.ascent import AscentResult
    from dreamvid.engine.network import Network
    from dreamvid.objective import Objective
    from dreamvid.types import RGB, StepMap

_GPU_BATCH_PIXELS = 16 * BATCH_PIXELS
_WORST = 0.5
"""Share of a gradient that may be no finite number before the dream is given up."""

_log = logging.getLogger(__name__)

__all__ = ["DreamEngine", "clear_cache", "shifts"]


def clear_cache() -> None:
    """Forget the networks and compiled functions that the process has cached, which frees their memory.

    Engines that exist keep theirs.
    """
    clear_network_cache()
    compiled_ascent.cache_clear()


class DreamEngine:
    """Implements :class:`dreamvid.types.Dreamer` for one network, objective and set of settings.

    Everything is checked here, before the first picture. Compiling happens at the first one and takes a few
    seconds; every size, number of steps and weight after it runs in the same compiled function, except with
    ``xla`` (for GPUs), which compiles anew for each size.

    Parameters
    ----------
    network
        What dreams.
    objective
        What it ascends.
    octaves, ascent, run
        The settings of the same names.
    guides
        Guide images by the path that the objective names, RGB in [0, 1].
    precision
        ``float32``, ``bfloat16`` or ``float16``: what the network computes in. All else is float32.
    xla
        Whether TensorFlow's compiler XLA builds the function.

    Raises
    ------
    ObjectiveError
        For a layer, channel, class or guide image that there is none of.
    """

    def __init__(
        self,
        network: Network,
        objective: Objective,
        *,
        octaves: OctaveSettings,
        ascent: AscentSettings,
        run: RunSettings,
        guides: Mapping[str, RGB] | None = None,
        precision: str = "float32",
        xla: bool = False,
    ) -> None:
        self.precision = precision
        self._octaves = octaves
        self._ascent = ascent
        self._run = run
        self._objective = BoundObjective.bind(objective, network, guides or {}, precision=precision)
        self._extractor = network.extractor(self._objective.outputs, precision=precision)
        self._weights = objective.weights
        self._budget = window_budget(network, self._objective.outputs)
        self._xla = xla
        self._relief = Relief(self._finer)
        self._climber = compiled_ascent(self._extractor, self._objective, GradientFilters.of(ascent), xla=xla)
        self.plan_tiles = lru_cache(maxsize=256)(self._plan_tiles)

        def exact() -> DreamEngine:
            return DreamEngine(
                network,
                objective,
                octaves=octaves,
                ascent=ascent,
                run=run,
                guides=guides,
                xla=xla,
            )

        self._exact = lru_cache(maxsize=1)(exact)

    @property
    def traces(self) -> int:
        """How often the steps of an octave were traced: once, with ``xla`` once for each size."""
        return self._climber.traces

    def dream(
        self,
        image: RGB,
        *,
        detail: RGB | None = None,
        steps: int | None = None,
        effort: StepMap | None = None,
        frame_index: int | None = None,
    ) -> RGB:
        """Return the dreamed picture, same size and range.

        Where most of the gradient is no finite number in a lower precision, the picture is dreamed in float32.

        Parameters
        ----------
        image
            ``[H, W, 3]`` float32 in [0, 1].
        detail
            Added before the ascent, ``[H, W, 3]`` float32, signed; penalties count it as added detail.
        steps
            Gradient steps per octave; the settings' where None. With 0 the result is ``image + detail``.
        effort
            ``[H, W]``, 0 and up: how many steps' worth each pixel goes in all, in equal parts; ``steps`` where None.
            Gradients are of the whole picture: where few of them must do, each can be a longer step.
        frame_index
            Varies the random shifts from frame to frame; None keeps them the same for every picture.

        Raises
        ------
        EngineError
            Where image or detail hold numbers that are not finite, or memory does not suffice.
        BrokenDreamError
            Where most of the gradient is no finite number in float32 either.
        """
        check_picture(image, "picture")
        if detail is not None:
            check_picture(detail, "carried detail", image.shape)
        if effort is not None and effort.shape != image.shape[:2]:
            raise EngineError(f"effort has shape {effort.shape}; {image.shape[:2]} is needed")
        steps = constant(self._ascent.steps) if steps is None else steps
        try:
            return self._dream(image, detail, steps, effort, frame_index)
        except NonFiniteDreamError as error:
            if self.precision == "float32":
                raise
            _log.warning("%s; such pictures are dreamed in float32", error)
            return self._in_float32()._dream(image, detail, steps, effort, frame_index)  # noqa: SLF001  its own kind

    def _dream(
        self, image: RGB, detail: RGB | None, steps: int, effort: StepMap | None, frame_index: int | None
    ) -> RGB:
        """Run through all octaves; a BrokenDreamError where the gradient is no finite number."""
        alive = not steps or not self._weights.any()
        pace = None if effort is None or not steps else np.asarray(effort / steps, np.float32)
        change: RGB | None = None
        for octave, size in enumerate(self._plan_octaves(Size(*image.shape[:2])).sizes):
            source = resize(image, size)
            base = source if detail is None else clipped(source + resize(detail, size))
            start = base if change is None else clipped(base + resize(change, size))
            dreamed = start
            if steps:
                plan = self.plan_tiles(size)
                moves = shifts(self._run.seed, octave, steps, plan.reach, frame_index=frame_index)
                reached = self._climb(
                    plan, start, source, moves, None if pace is None else resize(pace, size)
                )
                dreamed, alive = reached.picture, alive or reached.alive
            change = dreamed - base
        if not alive:
            _log.warning(
                "the objective has no gradient on this picture, so that nothing is dreamed: its channel or neuron "
                "is silent here; try another"
            )
        return clipped(dreamed)

    def score(self, image: RGB) -> float:
        """Return the objective of a picture ``[H, W, 3]`` in [0, 1] at its full size, penalties left out."""
        check_picture(image, "picture")
        plan = self._plan_tiles(Size(*image.shape[:2]), jitter=0)
        return self._relief.run(plan, lambda fitting: self._climber.score(fitting, image, self._weights))

    def plan_for(self, size: Size) -> list[dict[str, object]]:
        """Return the octaves of a picture of this size, coarsest first, and how each is tiled.

        Each has ``size`` and ``window`` (``WxH``), ``tiles`` (their number), ``batch`` and ``layout`` (words).
        Ready for JSON; a pure function of size, settings and network.
        """
        plans = [self.plan_tiles(octave) for octave in self._plan_octaves(size).sizes]
        return [
            {
                "size": str(plan.size),
                "tiles": plan.count,
                "window": str(plan.window),
                "batch": plan.batch,
                "layout": str(plan),
            }
            for plan in plans
        ]

    def vary(self, *, objective: Objective | None = None, ascent: AscentSettings | None = None) -> Self:
        """Return an engine with other weights, steps or step settings that shares all that is compiled.

        Raises
        ------
        SettingsError
            Where the terms differ by more than their weights, or the ascent in what is compiled in
            (``normalize``, ``smoothing``, ``laplacian``).
        """
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        if objective is not None:
            terms = [bound.term for bound in self._objective.terms]
            if [replace(term, weight=1.0) for term in objective.terms] != terms:
                raise SettingsError("objective: only the weights of its terms may change within a scene")
            other._weights = objective.weights
        if ascent is not None:
            for name in (field.name for field in fields(GradientFilters)):
                if getattr(ascent, name) != getattr(self._ascent, name):
                    raise SettingsError(f"ascent.{name}: must stay the same within a scene")
            other._ascent = ascent
        return other

    def _plan_octaves(self, size: Size) -> OctavePlan:
        return OctavePlan.build(size, self._octaves, smallest=self._smallest())

    def _smallest(self) -> int:
        """Return the least side of a picture in which the network sees something."""
        return max(SMALLEST_SIDE, 2 * self._extractor.stride, self._extractor.min_size)

    def _plan_tiles(self, size: Size, *, jitter: int | None = None) -> TilePlan:
        extractor = self._extractor
        return TilePlan.build(
            size,
            stride=extractor.stride,
            receptive_field=extractor.receptive_field,
            margin=extractor.margin,
            fixed_size=extractor.fixed_size,
            tile=self._run.tile,
            budget=self._budget,
            batch_pixels=_GPU_BATCH_PIXELS if self._xla else BATCH_PIXELS,
            jitter=self._ascent.jitter if jitter is None else jitter,
        )

    def _finer(self, plan: TilePlan, pixels: int) -> TilePlan:
        """Return the plan of the same picture whose windows have at most so many pixels."""
        extractor = self._extractor
        return TilePlan.build(
            plan.size,
            stride=extractor.stride,
            receptive_field=extractor.receptive_field,
            margin=extractor.margin,
            fixed_size=extractor.fixed_size,
            budget=pixels,
            jitter=max(plan.reach),
        )

    def _in_float32(self) -> DreamEngine:
        """Return the same engine in float32, made when it is first needed."""
        exact = self._exact()
        other = object.__new__(DreamEngine)
        other.__dict__.update(exact.__dict__, _weights=self._weights, _ascent=self._ascent)
        return other

    def _climb(
        self, plan: TilePlan, start: RGB, source: RGB, moves: NDArray[np.int32], pace: StepMap | None
    ) -> AscentResult:
        """Run all steps of one octave, each with its shift; pictures are ``[h, w, 3]``."""

        def climb(fitting: TilePlan) -> AscentResult:
            return self._climber.run(
                fitting, start, source, shifts=moves, weights=self._weights, ascent=self._ascent, pace=pace
            )

        reached = self._relief.run(plan, climb)
        if reached.broken > _WORST:
            what = f"{reached.broken:.0%} of the gradient is no finite number in {self.precision}"
            if self.precision == "float32":
                what += "; the network's weights are damaged, or --input-range is not its own"
            raise NonFiniteDreamError(what)
        return reached
