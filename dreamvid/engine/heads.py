"""Classifier heads: class logits before the softmax, and dense layers that become convolutions.

A dense layer after ``Flatten`` is a convolution whose kernel covers the whole map (Long et al. 2015, "Fully
Convolutional Networks for Semantic Segmentation"); written so, a network of fixed size runs at any size
and gives a map of logits.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dreamvid.engine.runtime import keras

if TYPE_CHECKING:
    from dreamvid.engine.graph import Graph, Node, Ref

LOGITS = "logits"
_PICTURE_RANK = 4
_PROBABILITIES = frozenset({"softmax", "sigmoid"})
_POINTWISE = frozenset({"Activation", "BatchNormalization", "Dense", "LeakyReLU", "ReLU", "Softmax"})


def find_logits(graph: Graph) -> tuple[Graph, Ref] | None:
    """Return the graph with its classifier's activation taken off, and the logits; None where it has none.

    A classifier ends in a dense layer, or in probabilities (softmax or sigmoid) of a convolution or of a
    mean over the picture.
    """
    ref = graph.resolve(graph.outputs[0])
    nodes = {node.name: node for node in graph.nodes}
    probabilities = False
    while ref.node in nodes and _passes_on(nodes[ref.node]):
        node = nodes[ref.node]
        probabilities |= node.kind == "Softmax" or node.settings().get("activation") in _PROBABILITIES
        ref = graph.resolve(node.refs[0])
    if ref.node not in nodes:
        return None
    node = nodes[ref.node]
    dense = node.kind == "Dense" or isinstance(node.operation, keras.layers.Dense)
    if node.kind in {"Dense", "Conv2D"} and node.settings()["activation"] in _PROBABILITIES:
        linear = replace(node, config=node.settings() | {"activation": "linear"})
        return replace(graph, nodes=tuple(linear if n is node else n for n in graph.nodes)), ref
    if dense or (probabilities and node.kind in {"Conv2D", "GlobalAveragePooling2D"}):
        return graph, ref
    return None


def _passes_on(node: Node) -> bool:
    """Return whether the layer only reshapes logits or turns them into probabilities."""
    if node.kind == "Activation":
        return node.settings()["activation"] in _PROBABILITIES | {"linear"}
    return node.kind in {"Flatten", "Reshape", "Softmax"}


def free_size(graph: Graph) -> Graph:
    """Return the graph with dense layers after ``Flatten`` turned into convolutions, where that is exact."""
    for node in graph.nodes:
        if node.kind == "Flatten":
            graph = _unflatten(graph, node) or graph
    return graph


def _unflatten(graph: Graph, flat: Node) -> Graph | None:
    """Return the graph without this ``Flatten``, or None where something other than dense layers takes it."""
    source = graph.resolve(flat.refs[0])
    before = {node.name: node for node in graph.nodes}.get(source.node)
    if before is None or len(before.shapes[source.index]) != _PICTURE_RANK:
        return None
    height, width, channels = before.shapes[source.index][1:]
    if height is None or width is None or channels is None:
        return None
    consumers = graph.consumers()
    changed: dict[str, Node] = {}
    for node in consumers[flat.name]:
        if node.kind != "Dense":
            return None
        changed[node.name] = _as_convolution(node, (height, width, channels))
    waiting = list(changed)
    while waiting:
        for node in consumers[waiting.pop()]:
            if node.kind not in _POINTWISE or node.name in changed:
                return None
            changed[node.name] = _as_map(node)
            waiting.append(node.name)
    nodes = tuple(changed.get(node.name, node) for node in graph.nodes if node is not flat)
    return replace(graph, nodes=nodes, aliases=graph.aliases | {flat.name: source})


def _as_convolution(node: Node, size: tuple[int, int, int]) -> Node:
    config = node.settings()
    kernel, *bias = node.arrays()
    settings: dict[str, Any] = {
        "name": config["name"],
        "filters": config["units"],
        "kernel_size": size[:2],
        "strides": (1, 1),
        "padding": "valid",
        "activation": config["activation"],
        "use_bias": config["use_bias"],
    }
    return replace(
        node,
        layer_class=keras.layers.Conv2D,
        config=settings,
        weights=(kernel.reshape(*size, -1), *bias),
        build={"input_shape": (None, None, None, size[2])},
        shapes=((None, None, None, int(config["units"])),),
    )


def _as_map(node: Node) -> Node:
    """Return a layer that works on the last axis, for maps instead of vectors."""
    channels = node.shapes[0][-1]
    config = node.settings()
    if node.kind == "BatchNormalization":
        config["axis"] = -1
    arrays = node.arrays()
    into = arrays[0].shape[0] if node.kind == "Dense" else channels
    return replace(
        node,
        config=config,
        weights=arrays,
        build={"input_shape": (None, None, None, into)},
        shapes=((None, None, None, channels),),
    )
