"""What one layer does to sizes along one axis of the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

    from dreamvid.engine.graph import Graph, Node

_PICTURE_RANK = 4
_GLOBAL = frozenset({"GlobalAveragePooling2D", "GlobalMaxPooling2D", "Flatten"})
_POOLS = frozenset({"MaxPooling2D", "AveragePooling2D"})
_WINDOWS = frozenset({"Conv2D", "DepthwiseConv2D", "SeparableConv2D"}) | _POOLS
_BORDERS = frozenset({"ZeroPadding2D", "Cropping2D"})


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


class DoesNotFit(Exception):  # noqa: N818  a signal, caught where sizes are tried
    """The picture is too small, or two branches come out at different sizes."""


@dataclass(frozen=True)
class Step:
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

    def apply(self, spans: Mapping[str, Span | None]) -> Span | None:
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
            before = (self.kernel - 1) // 2 if self.same else 0
            jump, after = first.jump * self.stride, self.kernel - 1 - before
        elif self.kind == "growth":
            size = first.size * self.stride + (0 if self.same else max(self.kernel - self.stride, 0))
            before = -(-self.kernel // self.stride) - 1
            jump, after = first.jump / self.stride, 0
        if size < 1:
            raise DoesNotFit
        return Span(size, jump, first.low - before * first.jump, first.high + after * first.jump)

    def seen(self, reach: int, size: int) -> int:
        """Return how many input indices of ``size``, from the start, the first ``reach`` outputs see."""
        if self.kind == "window":
            over = (-(-size // self.stride) - 1) * self.stride + self.kernel - size
            before = max(over, 0) // 2 if self.same else 0
            reach = (reach - 1) * self.stride + self.kernel - before
        elif self.kind == "growth":
            before = max(self.kernel - self.stride, 0) // 2 if self.same else 0
            reach = (reach - 1 + before) // self.stride + 1
        elif self.kind == "border":
            reach -= self.before
        return min(size, max(0, reach))


def _union(spans: list[Span]) -> Span:
    if len({span.size for span in spans} - {1}) > 1:
        raise DoesNotFit
    return Span(
        max(span.size for span in spans),
        max(span.jump for span in spans),
        min(span.low for span in spans),
        max(span.high for span in spans),
    )


def step_of(graph: Graph, node: Node, axis: int) -> Step:
    """Return what the layer does along ``axis`` (1 is height, 2 is width)."""
    sources = tuple(graph.resolve(ref).node for ref in node.refs)
    if len(node.shapes[0]) != _PICTURE_RANK or node.kind in _GLOBAL:
        return Step(node.name, sources, "none")
    if node.kind not in _WINDOWS | _BORDERS | {"Conv2DTranspose", "UpSampling2D"}:
        return Step(node.name, sources, "point")
    return _border(node, sources, axis) if node.kind in _BORDERS else _window(node, sources, axis)


def _border(node: Node, sources: tuple[str, ...], axis: int) -> Step:
    config, padding = node.settings(), node.kind == "ZeroPadding2D"
    before, after = (int(n) for n in config["padding" if padding else "cropping"][axis - 1])
    sign = 1 if padding else -1
    return Step(node.name, sources, "border", before=sign * before, after=sign * after)


def _window(node: Node, sources: tuple[str, ...], axis: int) -> Step:
    config = node.settings()
    if node.kind == "UpSampling2D":
        factor = _along(config["size"], axis)
        kernel = factor if config.get("interpolation", "nearest") == "nearest" else 2 * factor
        return Step(node.name, sources, "growth", kernel, factor)
    if node.kind in _POOLS:
        kernel = _along(config["pool_size"], axis)
        stride = _along(config["strides"] or config["pool_size"], axis)
    else:
        kernel = _along(config.get("dilation_rate", 1), axis) * (_along(config["kernel_size"], axis) - 1) + 1
        stride = _along(config["strides"], axis)
    kind: Literal["growth", "window"] = "growth" if node.kind == "Conv2DTranspose" else "window"
    return Step(node.name, sources, kind, kernel, stride, config["padding"] == "same")


def _along(value: Any, axis: int) -> int:
    return int(value[axis - 1]) if isinstance(value, list | tuple) else int(value)
