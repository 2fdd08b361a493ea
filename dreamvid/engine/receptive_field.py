"""Compute the receptive field, stride and border of a network, computed layer by layer without running it.

Sizes are followed along one axis at a time. A layer's output index i sees input pixels
``i * jump + low .. i * jump + high`` (Araujo et al. 2019, "Computing Receptive Fields of Convolutional
Neural Networks"). Pooling over the whole picture (squeeze-and-excitation, classifier heads) sees
everything and is left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

from dreamvid.engine.graph import INPUT
from dreamvid.types import FeatureAxis

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dreamvid.engine.graph import Graph, Node
    from dreamvid.types import Size

_MAX_SIZE = 4096
_PICTURE_RANK = 4
_GLOBAL = frozenset({"GlobalAveragePooling2D", "GlobalMaxPooling2D", "Flatten"})
_POOLS = frozenset({"MaxPooling2D", "AveragePooling2D"})
_WINDOWS = frozenset({"Conv2D", "DepthwiseConv2D", "SeparableConv2D"}) | _POOLS
_BORDERS = frozenset({"ZeroPadding2D", "Cropping2D"})


@dataclass(frozen=True)
class Geometry:
    """What a caller must know of sizes, in px; see :class:`dreamvid.engine.extractor.Extractor`.

    ``smallest`` and ``multiples`` are those of height and width.
    """

    stride: int
    receptive_field: int
    margin: int
    smallest: tuple[int, int]
    multiples: tuple[int, int]

    @property
    def min_size(self) -> int:
        """The smallest square that comes through."""
        return max(self.smallest)

    @property
    def multiple(self) -> int:
        """What both sides must be a multiple of."""
        return max(self.multiples)


def measure(graph: Graph) -> Geometry:
    """Return the geometry of what ``graph.outputs`` need."""
    smallest, multiples = [1, 1], [1, 1]
    stride, field, margin = 1, 1, 0
    for number in (1, 2):
        axis = _Axis(graph, number)
        step = axis.multiple()
        low = axis.smallest(step)
        large = _round_up(max(8 * low, 256), step)
        ends = axis.ends(axis.follow(large))
        stride = max([stride, *(math.ceil(span.jump) for span in ends.values())])
        field = max([field, *(span.field for span in ends.values())])
        smallest[number - 1], multiples[number - 1] = low, step
        uncovered = [axis.uncovered(large + extra) for extra in range(0, max(stride, step), step)]
        margin = max(margin, *uncovered)
    return Geometry(stride, field, margin, (smallest[0], smallest[1]), (multiples[0], multiples[1]))


def strides(graph: Graph) -> Mapping[str, int]:
    """Return each layer's total stride, in px, where it is a map of the picture."""
    result: dict[str, int] = {}
    for number in (1, 2):
        axis = _Axis(graph, number)
        step = axis.multiple()
        spans = axis.follow(_round_up(max(8 * axis.smallest(step), 256), step))
        for name, span in spans.items():
            if span is not None:
                result[name] = max(result.get(name, 1), math.ceil(span.jump))
    return result


def feature_axes(graph: Graph, size: Size) -> Mapping[str, tuple[FeatureAxis, FeatureAxis]]:
    """Return where each layer's features lie in a picture of ``size``, down and across; only layers that are maps.

    The size must be one that fits; see :func:`measure`.
    """
    down, across = (_Axis(graph, number).follow(length) for number, length in zip((1, 2), size, strict=True))
    axes: dict[str, tuple[FeatureAxis, FeatureAxis]] = {}
    for name, vertical in down.items():
        horizontal = across[name]
        if vertical is not None and horizontal is not None:
            axes[name] = vertical.axis, horizontal.axis
    return axes


@dataclass(frozen=True)
class _Span:
    """One axis of one layer: its size, and what its index 0 sees of the picture."""

    size: int
    jump: Fraction
    low: Fraction
    high: Fraction

    @property
    def field(self) -> int:
        """Receptive field in px."""
        return math.ceil(self.high - self.low) + 1

    @property
    def axis(self) -> FeatureAxis:
        """The span as numbers."""
        return FeatureAxis(self.size, float(self.low + self.high) / 2, float(self.jump), float(self.field))


class _DoesNotFit(Exception):  # noqa: N818  a signal, caught where sizes are tried
    """The picture is too small, or two branches come out at different sizes."""


@dataclass(frozen=True)
class _LayerStep:
    """One layer along one axis; ``kind`` is ``none`` where its output is no map of the picture.

    A ``window`` has a kernel (its extent with dilation), a stride and padding; ``growth`` is a transposed
    convolution or upsampling by ``stride``; ``border`` adds ``before`` and ``after`` px, negative where it crops.
    """

    name: str
    sources: tuple[str, ...]
    kind: Literal["window", "growth", "border", "point", "none"]
    kernel: int = 1
    stride: int = 1
    same: bool = True
    before: int = 0
    after: int = 0

    def apply(self, spans: Mapping[str, _Span | None]) -> _Span | None:
        """Return the layer's span, from those before it."""
        inputs = [span for span in (spans[name] for name in self.sources) if span is not None]
        if self.kind == "none" or not inputs:
            return None
        first = inputs[0]
        if self.kind == "point":
            return _union(inputs)
        size, before = first.size + self.before + self.after, self.before
        jump, after = first.jump, -self.before
        if self.kind == "window":
            size = (
                -(-first.size // self.stride) if self.same else (first.size - self.kernel) // self.stride + 1
            )
            before = self._padding(first.size, size) if self.same else 0
            jump, after = first.jump * self.stride, self.kernel - 1 - before
        elif self.kind == "growth":
            size = first.size * self.stride + (0 if self.same else max(self.kernel - self.stride, 0))
            before = -(-self.kernel // self.stride) - 1
            jump, after = first.jump / self.stride, 0
        if size < 1:
            raise _DoesNotFit
        return _Span(size, jump, first.low - before * first.jump, first.high + after * first.jump)

    def _padding(self, size: int, outputs: int) -> int:
        """Return how many zeros a window with ``same`` padding puts before an input of ``size``."""
        return max((outputs - 1) * self.stride + self.kernel - size, 0) // 2

    def seen(self, reach: int, size: int) -> int:
        """Return how many input indices of ``size``, from the start, the first ``reach`` outputs see."""
        if self.kind == "window":
            before = self._padding(size, -(-size // self.stride)) if self.same else 0
            reach = (reach - 1) * self.stride + self.kernel - before
        elif self.kind == "growth":
            before = max(self.kernel - self.stride, 0) // 2 if self.same else 0
            reach = (reach - 1 + before) // self.stride + 1
        elif self.kind == "border":
            reach -= self.before
        return min(size, max(0, reach))


class _Axis:
    """A graph along one axis: 1 is height, 2 is width."""

    def __init__(self, graph: Graph, number: int) -> None:
        self.steps = [_layer_step(graph, node, number) for node in graph.nodes]
        self.outputs = [graph.resolve(ref).node for ref in graph.outputs]

    def follow(self, size: int) -> dict[str, _Span | None]:
        """Return every layer's span for a picture of ``size`` px; None where it is no map."""
        spans: dict[str, _Span | None] = {INPUT: _Span(size, Fraction(1), Fraction(0), Fraction(0))}
        for step in self.steps:
            spans[step.name] = step.apply(spans)
        return spans

    def ends(self, spans: Mapping[str, _Span | None]) -> dict[str, _Span]:
        """Return the outputs that are maps, and the last map before each that is none (a classifier's)."""
        ends: dict[str, _Span] = {}
        for output in self.outputs:
            needed = {output}
            for name, sources in [*((s.name, s.sources) for s in reversed(self.steps)), (INPUT, ())]:
                span = spans[name]
                if name in needed and span is not None:
                    ends[name] = span
                    break
                if name in needed:
                    needed.update(sources)
        return ends

    def fits(self, size: int) -> bool:
        """Return whether a picture of this size fits."""
        try:
            self.follow(size)
        except _DoesNotFit:
            return False
        return True

    def multiple(self) -> int:
        """Return 1, or the power of two of which sizes must be a multiple (U-shaped networks)."""
        if not any(step.kind == "growth" for step in self.steps):
            return 1
        step = 1
        while step <= _MAX_SIZE // 8 and not all(self.fits(_MAX_SIZE + k * step) for k in range(8)):
            step *= 2
        return step

    def smallest(self, multiple: int) -> int:
        """Return the smallest size that fits."""
        low, high = 0, 1
        while not self.fits(high * multiple) and high * multiple < _MAX_SIZE:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.fits(middle * multiple) else (middle, high)
        return high * multiple

    def uncovered(self, size: int) -> int:
        """Return how many px at the picture's end no output sees."""
        spans = self.follow(size)
        reach = {name: span.size for name, span in self.ends(spans).items()}
        for step in reversed(self.steps):
            if step.name not in reach or spans[step.name] is None:
                continue
            for name in step.sources:
                span = spans[name]
                if span is not None:
                    reach[name] = max(reach.get(name, 0), step.seen(reach[step.name], span.size))
        return max(0, size - reach.get(INPUT, 0))


def _union(spans: list[_Span]) -> _Span:
    if len({span.size for span in spans} - {1}) > 1:
        raise _DoesNotFit
    return _Span(
        max(span.size for span in spans),
        max(span.jump for span in spans),
        min(span.low for span in spans),
        max(span.high for span in spans),
    )


def _layer_step(graph: Graph, node: Node, axis: int) -> _LayerStep:
    """Return what the layer does along ``axis`` (1 is height, 2 is width)."""
    sources = tuple(graph.resolve(ref).node for ref in node.refs)
    if len(node.shapes[0]) != _PICTURE_RANK or node.kind in _GLOBAL:
        return _LayerStep(node.name, sources, "none")
    if node.kind == "TFOpLambda":
        return _function(graph, node, sources, axis)
    if node.kind not in _WINDOWS | _BORDERS | {"Conv2DTranspose", "UpSampling2D"}:
        return _LayerStep(node.name, sources, "point")
    return _border(node, sources, axis) if node.kind in _BORDERS else _window(node, sources, axis)


def _function(graph: Graph, node: Node, sources: tuple[str, ...], axis: int) -> _LayerStep:
    """Return what a TensorFlow function does, by its sizes: it works on points, or resizes by a whole factor."""
    shape = graph.input_shape if sources[0] == INPUT else graph.node(sources[0]).shapes[0]
    before, after = shape[axis] if len(shape) == _PICTURE_RANK else 0, node.shapes[0][axis]
    if before in {after, 1}:
        return _LayerStep(node.name, sources, "point")
    if before and after and after % before == 0:
        factor = after // before
        return _LayerStep(node.name, sources, "growth", 2 * factor, factor)
    if before and after and after > 1 and before % after == 0:
        return _LayerStep(node.name, sources, "window", before // after, before // after)
    return _LayerStep(node.name, sources, "none")


def _border(node: Node, sources: tuple[str, ...], axis: int) -> _LayerStep:
    config, padding = node.settings(), node.kind == "ZeroPadding2D"
    before, after = (int(n) for n in config["padding" if padding else "cropping"][axis - 1])
    sign = 1 if padding else -1
    return _LayerStep(node.name, sources, "border", before=sign * before, after=sign * after)


def _window(node: Node, sources: tuple[str, ...], axis: int) -> _LayerStep:
    config = node.settings()
    if node.kind == "UpSampling2D":
        factor = _along(config["size"], axis)
        kernel = factor if config.get("interpolation", "nearest") == "nearest" else 2 * factor
        return _LayerStep(node.name, sources, "growth", kernel, factor)
    if node.kind in _POOLS:
        kernel = _along(config["pool_size"], axis)
        stride = _along(config["strides"] or config["pool_size"], axis)
    else:
        kernel = _along(config.get("dilation_rate", 1), axis) * (_along(config["kernel_size"], axis) - 1) + 1
        stride = _along(config["strides"], axis)
    kind: Literal["growth", "window"] = "growth" if node.kind == "Conv2DTranspose" else "window"
    return _LayerStep(node.name, sources, kind, kernel, stride, config["padding"] == "same")


def _along(value: Any, axis: int) -> int:
    return int(value[axis - 1]) if isinstance(value, list | tuple) else int(value)


def _round_up(size: int, step: int) -> int:
    return -(-size // step) * step
