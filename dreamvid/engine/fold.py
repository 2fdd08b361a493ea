"""Folds batch norms into the linear layers before them.

In inference ``BN(W x + b) = (s W) x + (s (b - mean) + beta)`` with ``s = gamma / sqrt(variance + epsilon)``
(Ioffe and Szegedy 2015, "Batch Normalization"). A batch norm is folded only where it alone takes the
output of a convolution or dense layer that has no activation, stands in the graph once and is not asked for
itself; elsewhere (after a concatenation, an addition, an activation) it stays.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dreamvid.engine.graph import Graph, Node, Ref

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_LINEAR = frozenset({"Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose", "Dense"})


def fold_batch_norms(graph: Graph) -> Graph:
    """Return an equal graph with fewer calls; ``graph.outputs`` are never folded away."""
    consumers = graph.consumers()
    requested = {graph.resolve(ref).node for ref in graph.outputs}
    uses: dict[int, int] = {}
    for node in graph.nodes:
        uses[id(node.operation)] = uses.get(id(node.operation), 0) + 1
    nodes = {node.name: node for node in graph.nodes}
    aliases = dict(graph.aliases)
    for norm in graph.nodes:
        if norm.kind != "BatchNormalization" or len(norm.refs) != 1:
            continue
        before = nodes.get(graph.resolve(norm.refs[0]).node)
        if (
            before is None
            or before.kind not in _LINEAR
            or before.name in requested
            or len(consumers[before.name]) != 1
            or uses[id(before.operation)] != 1
            or not _is_plain(before, norm)
        ):
            continue
        nodes[before.name] = _merge(before, norm)
        del nodes[norm.name]
        aliases[norm.name] = Ref(before.name)
    kept = tuple(nodes[node.name] for node in graph.nodes if node.name in nodes)
    outputs = tuple(replace(graph, aliases=aliases).resolve(ref) for ref in graph.outputs)
    return replace(graph, nodes=kept, aliases=aliases, outputs=outputs)


def _is_plain(before: Node, norm: Node) -> bool:
    config = before.settings()
    axis = norm.settings().get("axis", -1)
    axis = axis[0] if isinstance(axis, list | tuple) else axis
    return (
        config.get("activation") in {None, "linear"}
        and config.get("data_format", "channels_last") == "channels_last"
        and axis in {-1, len(before.shapes[0]) - 1}
        and not norm.kwargs.get("mask")
    )


def scale_and_shift(norm: Node) -> tuple[Array, Array]:
    """Return s and t of ``BN(x) = s x + t``, one number a channel."""
    config = norm.settings()
    arrays = [array.astype(np.float64) for array in norm.arrays()]
    variance, mean = arrays.pop(), arrays.pop()
    scale = 1.0 / np.sqrt(variance + float(config["epsilon"]))
    if config["scale"]:
        scale = scale * arrays.pop(0)
    shift = -mean * scale
    if config["center"]:
        shift = shift + arrays.pop(0)
    return scale, shift


def _merge(before: Node, norm: Node) -> Node:
    scale, shift = scale_and_shift(norm)
    config = before.settings()
    arrays = [array.astype(np.float64) for array in before.arrays()]
    bias = arrays.pop() if config["use_bias"] else np.zeros_like(shift)
    arrays[-1] = _scale_kernel(before.kind, arrays[-1], scale)
    arrays.append(bias * scale + shift)
    config["use_bias"] = True
    return replace(before, config=config, weights=tuple(array.astype(np.float32) for array in arrays))


def _scale_kernel(kind: str, kernel: Array, scale: Array) -> Any:
    """Scale by output channel: the last axis but in depthwise (in, multiplier) and transposed (out, in)."""
    if kind == "DepthwiseConv2D":
        return kernel * scale.reshape(kernel.shape[-2:])
    if kind == "Conv2DTranspose":
        return kernel * scale[:, None]
    return kernel * scale
