"""Dream a picture: gradient ascent through octaves.

Only detail travels from octave to octave. Octave k starts from its own base, the source at that size plus the given
detail at that size, and from what the octaves before have *changed*, enlarged::

    base_k  = source_k + detail_k
    start_k = base_k + enlarged(dream_(k-1) - base_(k-1))

So a given detail keeps its low band in the coarse octaves and its high band in the fine ones, nothing is counted
twice, and with no steps at all the dream is source + detail, exactly.
"""

from __future__ import annotations

import copy
import logging
from dataclasses import fields, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from dreamvid.engine.ascent import compiled_ascent
from dreamvid.engine.boxes import Box, boxes_around
from dreamvid.engine.gradient_filters import GradientFilters
from dreamvid.engine.network import clear_network_cache
from dreamvid.engine.objectives import BoundObjective
from dreamvid.engine.octaves import SMALLEST_SIDE, OctavePlan
from dreamvid.engine.runtime import tf
from dreamvid.engine.tiling import BATCH_PIXELS, TilePlan, halo_for, largest_divisor
from dreamvid.errors import EngineError, NonFiniteDreamError, SettingsError
from dreamvid.image.resize import resize
from dreamvid.schedule.fields import constant
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from dreamvid.config.settings import AscentSettings, OctaveSettings, RunSettings
    from dreamvid.engine.ascent import AscentResult, GradientAscent
    from dreamvid.engine.network import Network
    from dreamvid.objective import Objective
    from dreamvid.types import RGB, StepMap

    Shifts = Callable[[Size], NDArray[np.int32]]

T = TypeVar("T")

_log = logging.getLogger(__name__)

_GPU_BATCH_PIXELS = 16 * BATCH_PIXELS
_MAX_NONFINITE = 0.5
"""Share of a gradient that may be no finite number before the dream is given up."""
_WINDOW_BYTES = 1.5e9
"""Bytes of activations that a window may take; what ``auto`` tiles by."""
_BYTES_PER_FEATURE = 4.0
"""Bytes that a gradient takes for each feature of each layer: measured 2.1 (ResNet) to 4.8 (VGG) in float32."""
_BOX_UNIT = Size(32, 32)
"""Height and width of boxes that are dreamed by themselves are multiples of this, in px."""
_OUT_OF_MEMORY = ("resource_exhausted", "out of memory", "oom when")
"""What TensorFlow and XLA say where they do not raise ``ResourceExhaustedError``."""


def clear_cache() -> None:
    """Forget the networks and compiled functions that are cached in the process, which frees their memory.

    Engines that are in use keep theirs.
    """
    clear_network_cache()
    compiled_ascent.cache_clear()


class DreamEngine:
    """Implements :class:`dreamvid.types.Dreamer` for one network, objective and set of settings.

    Everything is checked here, before the first picture. Compiling happens at the first one and takes a few seconds;
    engines of the same network, terms and gradient filters share what is compiled, in any order of use
    (:mod:`dreamvid.engine.ascent`).

    Parameters
    ----------
    network
        The network that dreams.
    objective
        What it ascends.
    octaves, ascent, run
        The settings of the same names.
    guides
        Guide images by the path that the objective names, RGB in [0, 1].
    precision
        ``float32``, ``bfloat16`` or ``float16``: what the network computes in. All else is float32.
    xla
        Whether TensorFlow's compiler XLA builds the function (for GPUs): faster, but anew for each size.

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
        self._xla = xla
        self._objective = BoundObjective.bind(objective, network, guides or {}, precision=precision)
        self._weights = objective.weights
        self._filters = GradientFilters.of(ascent)
        self._extractor = network.extractor(self._objective.outputs, precision=precision)
        self._compiled = compiled_ascent(self._extractor, self._objective, self._filters, xla=xla)
        self._window_budget = window_budget(network, self._objective.outputs)
        self._smaller_plans: dict[TilePlan, TilePlan] = {}
        settings: dict[str, Any] = {"octaves": octaves, "ascent": ascent, "run": run, "guides": guides}
        self._float32_engine = lru_cache(maxsize=1)(
            partial(type(self), network, objective, **settings, xla=xla)
        )

    @property
    def traces(self) -> int:
        """How often the steps of an octave were traced: once, with ``xla`` once for each size."""
        return self._compiled.traces

    def dream(
        self,
        image: RGB,
        *,
        detail: RGB | None = None,
        steps: int | None = None,
        step_map: StepMap | None = None,
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
        step_map
            ``[H, W]``, 0 and up: how many steps' worth each pixel goes in all, in equal parts; ``steps`` where None.
            Where few gradients must do, each can be a longer step. Where it is 0, the picture stays
            ``image + detail``, and takes no time but near the rest.
        frame_index
            Varies the random shifts from frame to frame; None keeps them the same for every picture.

        Raises
        ------
        EngineError
            Where image or detail hold numbers that are not finite, or memory does not suffice.
        NonFiniteDreamError
            Where most of the gradient is no finite number in float32 either.
        """
        check_picture(image, "picture")
        if detail is not None:
            check_picture(detail, "carried detail", image.shape)
        if step_map is not None and step_map.shape != image.shape[:2]:
            raise EngineError(f"step_map has shape {step_map.shape}; {image.shape[:2]} is needed")
        steps = constant(self._ascent.steps) if steps is None else steps
        if step_map is not None and not step_map.any():
            steps = 0
        try:
            return self._dream_octaves(image, detail, steps, step_map, frame_index)
        except NonFiniteDreamError as error:
            if self.precision == "float32":
                raise
            _log.warning("%s; such pictures are dreamed in float32", error)
        engine = copy.copy(self._float32_engine())
        engine._weights, engine._ascent = self._weights, self._ascent  # noqa: SLF001  of the same class
        return engine._dream_octaves(image, detail, steps, step_map, frame_index)  # noqa: SLF001  the same

    def _dream_octaves(
        self, image: RGB, detail: RGB | None, steps: int, step_map: StepMap | None, frame_index: int | None
    ) -> RGB:
        """Run all octaves, coarsest first; the arguments are those of :meth:`dream`."""
        step_scale = None if step_map is None or not steps else np.asarray(step_map / steps, np.float32)
        has_gradient = not steps or not self._weights.any()
        number = steps * self._ascent.substeps
        change: RGB | None = None
        for octave, size in enumerate(self._plan_octaves(Size(*image.shape[:2])).sizes):
            source = resize(image, size)
            base = source if detail is None else _clip(source + resize(detail, size))
            dreamed = base if change is None else _clip(base + self._enlarge(change, size))
            scale = None if step_scale is None else resize(step_scale, size)
            if steps:
                shifts = partial(jitter_shifts, self._run.seed, octave, number, frame_index=frame_index)
                dreamed, moved = self._ascend_octave(dreamed, source, shifts, scale)
                has_gradient = has_gradient or moved
            change = dreamed - base
        if not has_gradient:
            _log.warning(
                "the objective has no gradient on this picture, so that nothing is dreamed: its channel or neuron "
                "is silent here; try another"
            )
        return _clip(dreamed)

    def _enlarge(self, change: RGB, size: Size) -> RGB:
        """Return what an octave has changed at the size of the next."""
        return resize(change, size)

    def _ascend_octave(
        self, start: RGB, source: RGB, shifts: Shifts, step_scale: StepMap | None
    ) -> tuple[RGB, bool]:
        """Return the picture after all steps of an octave, and whether there was any gradient, where it was needed.

        ``start`` and ``source`` are ``[h, w, 3]``; ``shifts`` returns the steps' shifts for a reach; ``step_scale``,
        ``[h, w]``, multiplies the steps. Parts that do not move are left out.
        """
        size = Size(*start.shape[:2])
        boxes = self._boxes(step_scale, size)
        has_gradient = boxes != [Box.whole(size)]
        dreamed = start.copy()
        for box in boxes:
            plan = self.plan_tiles(box.size)
            scale = None if step_scale is None else step_scale[box.slices]
            result = self._ascend(plan, start[box.slices], source[box.slices], shifts(plan.reach), scale)
            dreamed[box.slices] = result.picture
            has_gradient = has_gradient or result.has_gradient
        return dreamed, has_gradient

    def _boxes(self, step_scale: StepMap | None, size: Size) -> list[Box]:
        """Return the parts of an octave that are dreamed, each by itself: what ``step_scale`` moves."""
        if step_scale is None or not self._objective.is_local:
            return [Box.whole(size)]
        stride = self._extractor.stride
        # Few sizes: XLA traces each anew, which takes seconds, and oneDNN prepares for each.
        unit = Size(*(-(-side // 4) for side in size)) if self._xla else _BOX_UNIT
        return boxes_around(step_scale > 0.0, context=self._context, stride=stride, unit=unit)

    @property
    def _context(self) -> int:
        """Pixels that a part of a picture needs around it to be dreamed by itself."""
        return halo_for(self._extractor.stride, self._extractor.receptive_field) // 2

    def _ascend(
        self,
        plan: TilePlan,
        start: RGB,
        source: RGB,
        shifts: NDArray[np.int32],
        step_scale: StepMap | None,
    ) -> AscentResult:
        """Run all steps of one octave or of a part of it, each with its shift; pictures are ``[h, w, 3]``."""
        compiled = self._compiled_around() if plan.wraps else self._compiled

        def ascend(plan: TilePlan) -> AscentResult:
            return compiled.run(
                plan,
                start,
                source,
                shifts=shifts,
                weights=self._weights,
                ascent=self._ascent,
                step_scale=step_scale,
            )

        result = self._run_smaller_on_oom(plan, ascend)
        if result.nonfinite > _MAX_NONFINITE:
            message = f"{result.nonfinite:.0%} of the gradient is no finite number in {self.precision}"
            if self.precision == "float32":
                message += "; the network's weights are damaged, or --input-range is not its own"
            raise NonFiniteDreamError(message)
        return result

    def _compiled_around(self) -> GradientAscent:
        """Return the ascent for pictures that go around."""
        return compiled_ascent(self._extractor, self._objective, self._filters, xla=self._xla, wraps=True)

    def score(self, image: RGB) -> float:
        """Return the objective of a picture ``[H, W, 3]`` in [0, 1] at its full size, penalties left out."""
        check_picture(image, "picture")
        plan = self.plan_tiles(Size(*image.shape[:2]), jitter=0)
        return self._run_smaller_on_oom(plan, lambda plan: self._compiled.score(plan, image, self._weights))

    def with_settings(
        self, *, objective: Objective | None = None, ascent: AscentSettings | None = None
    ) -> Self:
        """Return an engine with other weights, steps or step settings that shares all that is compiled.

        Raises
        ------
        SettingsError
            Where the terms differ by more than their weights, or the ascent in what is compiled in
            (``normalize``, ``smoothing``, ``laplacian``).
        """
        engine = copy.copy(self)
        if objective is not None:
            terms = [bound.term for bound in self._objective.terms]
            if [replace(term, weight=1.0) for term in objective.terms] != terms:
                raise SettingsError("objective: only the weights of its terms may change within a scene")
            engine._weights = objective.weights  # noqa: SLF001  of the same class
        if ascent is not None:
            filters = GradientFilters.of(ascent)
            for name in (field.name for field in fields(filters)):
                if getattr(filters, name) != getattr(self._filters, name):
                    raise SettingsError(f"ascent.{name}: must stay the same within a scene")
            engine._ascent = ascent  # noqa: SLF001  the same
        return engine

    def plan_for(self, size: Size) -> list[dict[str, object]]:
        """Return the octaves of a picture of this size, coarsest first, and how each is tiled.

        Each has ``size`` and ``window`` (``WxH``), ``tiles`` (their number), ``batch`` and ``layout`` (words).
        Ready for JSON; a pure function of size, settings and network.
        """
        plans = [self._plan_octave(octave) for octave in self._plan_octaves(size).sizes]
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

    def _plan_octave(self, size: Size) -> TilePlan:
        """Return how an octave is tiled: of a panorama, the band around its horizon."""
        return self.plan_tiles(size)

    def plan_tiles(self, size: Size, *, jitter: int | None = None, wraps: bool = False) -> TilePlan:
        """Return how one octave of this size is tiled; ``jitter`` px where it is not the settings'.

        With ``wraps`` the picture goes around from its right border to its left one.
        """
        return _build_plan(
            size,
            **self._network_geometry(),
            tile=self._run.tile,
            budget=self._window_budget,
            batch_pixels=_GPU_BATCH_PIXELS if self._xla else BATCH_PIXELS,
            jitter=self._ascent.jitter if jitter is None else jitter,
            wraps=wraps,
        )

    def _plan_octaves(self, size: Size) -> OctavePlan:
        return OctavePlan.build(size, self._octaves, smallest=self._least_side)

    @property
    def _least_side(self) -> int:
        """Least side, in px, of a picture in which the network sees something."""
        return max(SMALLEST_SIDE, 2 * self._extractor.stride, self._extractor.min_size)

    def _network_geometry(self) -> dict[str, Any]:
        extractor = self._extractor
        return {
            "stride": extractor.stride,
            "receptive_field": extractor.receptive_field,
            "margin": extractor.margin,
            "fixed_size": extractor.fixed_size,
        }

    def _run_smaller_on_oom(self, plan: TilePlan, work: Callable[[TilePlan], T]) -> T:
        """Return ``work`` of a plan, or of the largest smaller one that fits into memory.

        Smaller batches of windows are tried first, then smaller windows, which change the dream by no more than
        rounding as long as the halo covers what the network sees. What fitted is used for the pictures that follow.

        Raises
        ------
        EngineError
            Where not even the smallest does.
        """
        while True:
            fitting = self._smaller_plans.get(plan, plan)
            try:
                return work(fitting)
            except (tf.errors.OpError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                smaller = self._smaller_plan(fitting)
                if smaller is None:
                    raise EngineError(
                        f"not enough memory to dream {plan.size} even in windows of {fitting.window}; make the "
                        "picture smaller (--width, --dream-width), or use another device (--device cpu)"
                    ) from error
            self._smaller_plans[plan] = smaller
            sizes = (plan.size, fitting, fitting.batch, smaller, smaller.batch)
            _log.warning("out of memory at %s, %s, %s at once: going on with %s, %s at once", *sizes)

    def _smaller_plan(self, plan: TilePlan) -> TilePlan | None:
        """Return a plan of the same picture that takes about half the memory; None where there is none."""
        if plan.batch > 1:
            return replace(plan, batch=largest_divisor(plan.count, plan.batch // 2))
        pixels = plan.window.height * plan.window.width
        geometry = self._network_geometry()
        smaller = TilePlan.build(
            plan.size,
            **geometry,
            budget=pixels // 2,
            jitter=plan.reach.height if plan.wraps else max(plan.reach),
            wraps=plan.wraps,
        )
        return replace(smaller, batch=1) if smaller.window.height * smaller.window.width < pixels else None


def jitter_shifts(
    seed: int, octave: int, steps: int, reach: Size, frame_index: int | None = None
) -> NDArray[np.int32]:
    """Return the random shifts of an octave's steps, ``[steps, 2]`` int32 (y, x), each in 0..reach px.

    A pure function of (seed, octave, step), and of the frame's index where one is given; more steps leave the
    first ones as they were.
    """
    key = (octave, 0 if frame_index is None else frame_index + 1)
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=key)))
    return generator.integers(0, np.array(reach), (steps, 2), dtype=np.int32, endpoint=True)


_build_plan = lru_cache(maxsize=1024)(TilePlan.build)


def window_budget(network: Network, outputs: tuple[str, ...]) -> int:
    """Return how many pixels a window may have for its gradient to take about 1.5 GB."""
    depths = [layer.depth for layer in network.layers if layer.name in outputs]
    # An output that is no layer (logits) lies behind all of them.
    deepest = (
        max(depths)
        if len(depths) == len(outputs)
        else max((layer.depth for layer in network.layers), default=0)
    )
    features_per_pixel = sum(
        layer.channels / layer.stride**2
        for layer in network.layers
        if layer.depth <= deepest and layer.kind != "BatchNormalization"
    )
    return round(_WINDOW_BYTES / (_BYTES_PER_FEATURE * max(features_per_pixel, 1.0)))


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory was short, on the device or here."""
    if isinstance(error, MemoryError | tf.errors.ResourceExhaustedError):
        return True
    return any(phrase in str(error).lower() for phrase in _OUT_OF_MEMORY)


def check_picture(image: RGB, name: str, shape: tuple[int, ...] | None = None) -> None:
    """Raise EngineError for what is no finite float32 picture ``[H, W, 3]``, or not of this shape."""
    if image.ndim != 3 or image.shape[-1] != 3 or 0 in image.shape:  # noqa: PLR2004  height, width, RGB
        raise EngineError(f"{name} has shape {image.shape}; RGB (height, width, 3) is needed")
    if shape is not None and image.shape != shape:
        raise EngineError(f"{name} has shape {image.shape}, the picture {shape}; they must be the same")
    if image.dtype != np.float32:
        raise EngineError(f"{name} is {image.dtype}; float32 in 0..1 is needed")
    if not np.isfinite(image).all():
        raise EngineError(f"{name} holds numbers that are not finite")


def _clip(image: RGB) -> RGB:
    return np.clip(image, 0.0, 1.0, out=np.empty_like(image))
