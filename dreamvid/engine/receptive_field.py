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
from typing import TYPE_CHECKING

from dreamvid.engine.graph import INPUT
from dreamvid.engine.steps import DoesNotFit, Span, step_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dreamvid.engine.graph import Graph

_LARGEST = 4096


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
        lacking = [axis.uncovered(large + extra) for extra in range(0, max(stride, step), step)]
        margin = max(margin, *lacking)
    return Geometry(stride, field, margin, (smallest[0], smallest[1]), (multiples[0], multiples[1]))


def strides(graph: Graph) -> Mapping[str, int]:
    """Return each layer's total stride, in px, where it is a map of the picture."""
    found: dict[str, int] = {}
    for number in (1, 2):
        axis = _Axis(graph, number)
        step = axis.multiple()
        spans = axis.follow(_round_up(max(8 * axis.smallest(step), 256), step))
        for name, span in spans.items():
            if span is not None:
                found[name] = max(found.get(name, 1), math.ceil(span.jump))
    return found


def _round_up(size: int, step: int) -> int:
    return -(-size // step) * step


class _Axis:
    """A graph along one axis: 1 is height, 2 is width."""

    def __init__(self, graph: Graph, number: int) -> None:
        self.steps = [step_of(graph, node, number) for node in graph.nodes]
        self.outputs = [graph.resolve(ref).node for ref in graph.outputs]

    def follow(self, size: int) -> dict[str, Span | None]:
        """Return every layer's span for a picture of ``size`` px; None where it is no map."""
        spans: dict[str, Span | None] = {INPUT: Span(size, Fraction(1), Fraction(0), Fraction(0))}
        for step in self.steps:
            spans[step.name] = step.apply(spans)
        return spans

    def ends(self, spans: Mapping[str, Span | None]) -> dict[str, Span]:
        """Return the outputs that are maps, and the last map before each that is none (a classifier's)."""
        found: dict[str, Span] = {}
        for output in self.outputs:
            needed = {output}
            for name, sources in [*((s.name, s.sources) for s in reversed(self.steps)), (INPUT, ())]:
                span = spans[name]
                if name in needed and span is not None:
                    found[name] = span
                    break
                if name in needed:
                    needed.update(sources)
        return found

    def fits(self, size: int) -> bool:
        """Return whether a picture of this size comes through."""
        try:
            self.follow(size)
        except DoesNotFit:
            return False
        return True

    def multiple(self) -> int:
        """Return 1, or the power of two of which sizes must be a multiple (U-shaped networks)."""
        if not any(step.kind == "growth" for step in self.steps):
            return 1
        step = 1
        while step <= _LARGEST // 8 and not all(self.fits(_LARGEST + k * step) for k in range(8)):
            step *= 2
        return step

    def smallest(self, multiple: int) -> int:
        """Return the smallest size that comes through."""
        low, high = 0, 1
        while not self.fits(high * multiple) and high * multiple < _LARGEST:
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
