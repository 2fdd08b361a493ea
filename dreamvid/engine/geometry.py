"""Receptive field, stride and border of a network, worked out layer by layer without running it.

Sizes are followed along one axis at a time. A layer's output index i sees input pixels
``i * jump + low .. i * jump + high`` (Araujo et al. 2019, "Computing Receptive Fields of Convolutional
Neural Networks"). Pooling over the whole picture (squeeze-and-excitation, classifier heads) sees
everything and is left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from dreamvid.engine.graph import INPUT, Graph, Node

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_PICTURE_RANK = 4
_LARGEST = 4096
_GLOBAL = frozenset({"GlobalAveragePooling2D", "GlobalMaxPooling2D", "Flatten"})
_POOLS = frozenset({"MaxPooling2D", "AveragePooling2D"})
_WINDOWS = frozenset({"Conv2D", "DepthwiseConv2D", "SeparableConv2D"}) | _POOLS
_GROWING = frozenset({"Conv2DTranspose", "UpSampling2D"})


@dataclass(frozen=True)
class Geometry:
    """What a caller must know of sizes, in px; see :class:`dreamvid.engine.extractor.Extractor`."""

    stride: int
    receptive_field: int
    margin: int
    min_size: int
    multiple: int


@dataclass(frozen=True)
class Span:
    """One axis of one layer: its size, and what its index 0 sees of the picture."""

    size: int
    jump: Fraction
    low: Fraction
    high: Fraction

    @property
    def field(self) -> int:
        """Receptive field in px."""
        return math.ceil(self.high - self.low) + 1


class _DoesNotFit(Exception):  # noqa: N818  a signal within this module
    """The picture is too small, or two branches come out at different sizes."""


def measure(graph: Graph) -> Geometry:
    """Return the geometry of what ``graph.outputs`` need."""
    smallest, multiple, stride, field, margin = 1, 1, 1, 1, 0
    for axis in (1, 2):
        step = _multiple(graph, axis)
        low = _smallest(graph, axis, step)
        large = _round_up(max(8 * low, 256), step)
        spans = follow(graph, axis, large)
        ends = [spans[name] for name in _ends(graph, spans)]
        stride = max([stride, *(math.ceil(span.jump) for span in ends)])
        field = max([field, *(span.field for span in ends)])
        smallest, multiple = max(smallest, low), max(multiple, step)
        lacking = [_uncovered(graph, axis, large + extra) for extra in range(0, max(stride, step), step)]
        margin = max(margin, *lacking)
    return Geometry(stride, field, margin, smallest, multiple)


def strides(graph: Graph) -> Mapping[str, int]:
    """Return each layer's total stride, in px, where it is a map of the picture."""
    found: dict[str, int] = {}
    for axis in (1, 2):
        step = _multiple(graph, axis)
        size = _round_up(max(8 * _smallest(graph, axis, step), 256), step)
        for name, span in follow(graph, axis, size).items():
            if span is not None:
                found[name] = max(found.get(name, 1), math.ceil(span.jump))
    return found


def follow(graph: Graph, axis: int, size: int) -> dict[str, Any]:
    """Return every layer's :class:`Span` for a picture of ``size`` px; None where it is no map."""
    zero = Fraction(0)
    spans: dict[str, Span | None] = {INPUT: Span(size, Fraction(1), zero, zero)}
    for node in graph.nodes:
        inputs = [spans[graph.resolve(ref).node] for ref in node.refs]
        spans[node.name] = _apply(node, axis, [span for span in inputs if span is not None])
    return spans


def _apply(node: Node, axis: int, inputs: list[Span]) -> Span | None:
    if len(node.shapes[0]) != _PICTURE_RANK or node.kind in _GLOBAL or not inputs:
        return None
    first = inputs[0]
    if node.kind in _WINDOWS:
        kernel, stride, same = _window(node, axis)
        size = -(-first.size // stride) if same else (first.size - kernel) // stride + 1
        before = (kernel - 1) // 2 if same else 0
        if size < 1:
            raise _DoesNotFit
        return Span(
            size,
            first.jump * stride,
            first.low - before * first.jump,
            first.high + (kernel - 1 - before) * first.jump,
        )
    if node.kind in _GROWING:
        kernel, factor, same = _growth(node, axis)
        size = first.size * factor + (0 if same else max(kernel - factor, 0))
        more = (-(-kernel // factor) - 1) * first.jump
        return Span(size, first.jump / factor, first.low - more, first.high)
    if node.kind in {"ZeroPadding2D", "Cropping2D"}:
        before, after = _border(node, axis)
        size = first.size + before + after
        if size < 1:
            raise _DoesNotFit
        return Span(size, first.jump, first.low - before * first.jump, first.high - before * first.jump)
    sizes = {span.size for span in inputs} - {1}
    if len(sizes) > 1:
        raise _DoesNotFit
    return Span(
        max(span.size for span in inputs),
        max(span.jump for span in inputs),
        min(span.low for span in inputs),
        max(span.high for span in inputs),
    )


def _pair(value: Any, axis: int) -> int:
    return int(value[axis - 1]) if isinstance(value, list | tuple) else int(value)


def _window(node: Node, axis: int) -> tuple[int, int, bool]:
    """Return the kernel's extent with dilation, the stride, and whether the padding is ``same``."""
    config = node.settings()
    if node.kind in _POOLS:
        kernel = _pair(config["pool_size"], axis)
        stride = _pair(config["strides"] or config["pool_size"], axis)
        return kernel, stride, config["padding"] == "same"
    dilation = _pair(config.get("dilation_rate", 1), axis)
    kernel = dilation * (_pair(config["kernel_size"], axis) - 1) + 1
    return kernel, _pair(config["strides"], axis), config["padding"] == "same"


def _growth(node: Node, axis: int) -> tuple[int, int, bool]:
    config = node.settings()
    if node.kind == "UpSampling2D":
        factor = _pair(config["size"], axis)
        return (factor if config.get("interpolation") == "nearest" else 2 * factor), factor, True
    return _pair(config["kernel_size"], axis), _pair(config["strides"], axis), config["padding"] == "same"


def _border(node: Node, axis: int) -> tuple[int, int]:
    """Return what is added before and after; negative where it is cropped."""
    config = node.settings()
    if node.kind == "ZeroPadding2D":
        before, after = config["padding"][axis - 1]
        return int(before), int(after)
    before, after = config["cropping"][axis - 1]
    return -int(before), -int(after)


def _ends(graph: Graph, spans: Mapping[str, Span | None]) -> list[str]:
    """Return the outputs that are maps, and the last map before each that is none (a classifier's)."""
    names: list[str] = []
    for ref in graph.outputs:
        name = graph.resolve(ref).node
        if spans[name] is None:
            needed = {node.name for node in graph.cut([ref]).nodes} | {INPUT}
            name = next(name for name in reversed(list(spans)) if name in needed and spans[name] is not None)
        names.append(name)
    return names


def _fits(graph: Graph, axis: int, size: int) -> bool:
    try:
        follow(graph, axis, size)
    except _DoesNotFit:
        return False
    return True


def _multiple(graph: Graph, axis: int) -> int:
    """Return 1, or the power of two of which sizes must be a multiple (U-shaped networks)."""
    step, large = 1, _LARGEST
    while step <= large // 8 and not all(_fits(graph, axis, large + k * step) for k in _odd(step)):
        step *= 2
    return step


def _odd(step: int) -> Iterable[int]:
    return (1, 3) if step > 1 else (0, 1, 2, 3, 5, 7, 9)


def _smallest(graph: Graph, axis: int, step: int) -> int:
    low, high = 0, 1
    while not _fits(graph, axis, high * step) and high * step < _LARGEST:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _fits(graph, axis, middle * step) else (middle, high)
    return high * step


def _round_up(size: int, step: int) -> int:
    return -(-size // step) * step


def _uncovered(graph: Graph, axis: int, size: int) -> int:
    """Return how many px at the picture's end no output sees."""
    spans = follow(graph, axis, size)
    reach: dict[str, int] = {}
    for name in _ends(graph, spans):
        span = spans[name]
        reach[name] = span.size if span is not None else 0
    for node in reversed(graph.nodes):
        if node.name not in reach or spans[node.name] is None:
            continue
        for ref in node.refs:
            name = graph.resolve(ref).node
            span = spans[name]
            if span is not None:
                seen = min(span.size, max(0, _seen(node, axis, reach[node.name], span.size)))
                reach[name] = max(reach.get(name, 0), seen)
    return max(0, size - reach.get(INPUT, 0))


def _seen(node: Node, axis: int, reach: int, size: int) -> int:
    """Return how many input indices, from the start, the first ``reach`` outputs see."""
    if node.kind in _WINDOWS:
        kernel, stride, same = _window(node, axis)
        before = max((-(-size // stride) - 1) * stride + kernel - size, 0) // 2 if same else 0
        return (reach - 1) * stride + kernel - before
    if node.kind in _GROWING:
        kernel, factor, same = _growth(node, axis)
        before = max(kernel - factor, 0) // 2 if same else 0
        return (reach - 1 + before) // factor + 1
    if node.kind in {"ZeroPadding2D", "Cropping2D"}:
        return reach - _border(node, axis)[0]
    return reach
