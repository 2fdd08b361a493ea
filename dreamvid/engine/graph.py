"""Represent a Keras network as a flat list of calls, which can be cut, folded and run at any size.

Functional, Sequential and nested models all become one :class:`Graph`; the layers of a nested model are
named ``outer/inner``. Running the calls directly needs no fixed input size and no second symbolic pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dreamvid.engine.runtime import keras
from dreamvid.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

_IDENTITIES = frozenset(
    {
        "ActivityRegularization",
        "AlphaDropout",
        "Dropout",
        "GaussianDropout",
        "GaussianNoise",
        "Identity",
        "SpatialDropout2D",
    }
)
"""Layers that do nothing in inference."""

INPUT = "(input)"

SLASH = "\N{DIVISION SLASH}"
"""Stands for the ``/`` of Keras 2's layer names in a model of Keras 3, which refuses it."""


@dataclass(frozen=True)
class Ref:
    """The ``index``-th output of the call ``node``."""

    node: str
    index: int = 0


@dataclass(frozen=True)
class Node:
    """One call of a layer or operation.

    ``args`` and ``kwargs`` hold a :class:`Ref` where a tensor goes. ``config`` and ``weights`` replace the
    layer's own where they are given, and ``build`` what it is built with. ``shapes`` are those of the
    outputs, batch first, None where free.
    """

    name: str
    operation: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    shapes: tuple[tuple[int | None, ...], ...]
    dtype: str
    config: dict[str, Any] | None = None
    weights: tuple[NDArray[np.float32], ...] | None = None
    layer_class: type | None = None
    build: dict[str, Any] | None = None

    @property
    def kind(self) -> str:
        """Class name of the layer or operation."""
        return (self.layer_class or type(self.operation)).__name__

    @property
    def is_layer(self) -> bool:
        """Whether this is a layer, which can hold weights, or a bare operation."""
        return isinstance(self.operation, keras.layers.Layer)

    @property
    def refs(self) -> tuple[Ref, ...]:
        """The tensors that go in."""
        return tuple(x for x in keras.tree.flatten((self.args, self.kwargs)) if isinstance(x, Ref))

    def settings(self) -> dict[str, Any]:
        """Return the layer's configuration, a copy."""
        if self.config is not None:
            return dict(self.config)
        return dict(self.operation.get_config()) if self.is_layer else {}

    def arrays(self) -> tuple[NDArray[np.float32], ...]:
        """Return the layer's weights as float32 arrays."""
        if self.weights is not None:
            return self.weights
        if not self.is_layer:
            return ()
        return tuple(w.astype("float32") for w in self.operation.get_weights())


@dataclass(frozen=True)
class Graph:
    """Calls in an order in which they can be run, from one input to ``outputs``.

    ``aliases`` names what stands for a call that is no longer there (a folded batch norm, a dropout).
    ``input_shape`` is ``(None, H, W, C)``.
    """

    nodes: tuple[Node, ...]
    outputs: tuple[Ref, ...]
    input_shape: tuple[int | None, ...]
    aliases: dict[str, Ref] = field(default_factory=dict)

    def resolve(self, ref: Ref) -> Ref:
        """Follow aliases."""
        while ref.index == 0 and ref.node in self.aliases:
            ref = self.aliases[ref.node]
        return ref

    def node(self, name: str) -> Node:
        """Return the call of this name."""
        return next(node for node in self.nodes if node.name == name)

    def consumers(self) -> dict[str, list[Node]]:
        """Return the calls that take each call's output."""
        consumers: dict[str, list[Node]] = {node.name: [] for node in self.nodes}
        for node in self.nodes:
            for ref in node.refs:
                consumers.setdefault(self.resolve(ref).node, []).append(node)
        return consumers

    def cut(self, outputs: Iterable[Ref]) -> Graph:
        """Return the subgraph that these outputs need."""
        resolved = tuple(self.resolve(ref) for ref in outputs)
        needed = {ref.node for ref in resolved}
        nodes: list[Node] = []
        for node in reversed(self.nodes):
            if node.name in needed:
                nodes.append(node)
                needed.update(self.resolve(ref).node for ref in node.refs)
        return replace(self, nodes=tuple(reversed(nodes)), outputs=resolved)

    def run(self, calls: dict[str, Callable[..., Any]], value: Any) -> tuple[Any, ...]:
        """Return the outputs for this input; ``calls`` holds a callable for each node."""
        values: dict[str, Any] = {INPUT: (value,)}
        for node in self.nodes:
            args, kwargs = keras.tree.map_structure(
                lambda x: self._pick(values, x) if isinstance(x, Ref) else x, (node.args, node.kwargs)
            )
            values[node.name] = tuple(keras.tree.flatten(calls[node.name](*args, **kwargs)))
        return tuple(self._pick(values, ref) for ref in self.outputs)

    def _pick(self, values: dict[str, Any], ref: Ref) -> Any:
        ref = self.resolve(ref)
        return values[ref.node][ref.index]


def from_keras(model: Any, source: str) -> Graph:
    """Return the graph of a Functional or Sequential model; ``source`` names it in errors."""
    model = _functional(model, source)
    if len(model.inputs) != 1:
        raise ModelError(
            f"{source}: has {len(model.inputs)} inputs; only networks with one picture can dream"
        )
    shape = tuple(model.inputs[0].shape)
    if len(shape) != 4:  # noqa: PLR2004  batch, height, width, channels
        raise ModelError(
            f"{source}: its input has shape {shape}; a picture (batch, height, width, channels) is needed"
        )
    builder = _Builder(source)
    outputs = builder.inline(model, [Ref(INPUT)], "")
    return Graph(tuple(builder.nodes), tuple(outputs), shape, builder.aliases)


def _functional(model: Any, source: str) -> Any:
    if isinstance(model, keras.Sequential):
        if not model.built or model._functional is None:  # noqa: SLF001  the graph has no public name
            raise ModelError(
                f"{source}: a Sequential network without an input shape; save it after it was built"
            )
        model = model._functional  # noqa: SLF001  the same
    if not isinstance(model, keras.Model) or not hasattr(model, "operations"):
        raise ModelError(
            f"{source}: a subclassed model ({type(model).__name__}) has no graph of layers; "
            "save it as a Functional or Sequential model"
        )
    return model


class _Builder:
    """Collects the calls of a model and of the models nested in it."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.nodes: list[Node] = []
        self.aliases: dict[str, Ref] = {}
        self._names: set[str] = set()

    def inline(self, model: Any, inputs: Sequence[Ref], prefix: str) -> list[Ref]:
        known = {id(tensor): ref for tensor, ref in zip(model.inputs, inputs, strict=True)}
        for depth in sorted(model._nodes_by_depth, reverse=True):  # noqa: SLF001  the graph has no public name
            for call in model._nodes_by_depth[depth]:  # noqa: SLF001  the same
                if not call.is_input:
                    self._add(call, known, prefix)
        return [known[id(tensor)] for tensor in model.outputs]

    def _add(self, call: Any, known: dict[int, Ref], prefix: str) -> None:
        operation = call.operation
        name = self._unique(prefix + operation.name.replace(SLASH, "/"))
        if isinstance(operation, keras.layers.SpectralNormalization):
            operation = operation.layer  # in inference it is that, with the weights as training left them
        refs = [known[id(tensor)] for tensor in call.input_tensors]
        if isinstance(operation, keras.Model):
            outputs = self.inline(_functional(operation, f"{self.source}: {name}"), refs, f"{name}/")
            self.aliases[name] = outputs[0]
        elif type(operation).__name__ in _IDENTITIES:
            outputs = [refs[0]]
            self.aliases[name] = refs[0]
        else:
            args, kwargs = call.arguments.fill_in(known)
            kwargs = {k: (False if k == "training" else v) for k, v in kwargs.items()}
            shapes = tuple(tuple(tensor.shape) for tensor in call.outputs)
            dtype = str(call.outputs[0].dtype)
            self.nodes.append(Node(name, operation, tuple(args), kwargs, shapes, dtype))
            outputs = [Ref(name, i) for i in range(len(shapes))]
        known.update({id(tensor): ref for tensor, ref in zip(call.outputs, outputs, strict=True)})

    def _unique(self, name: str) -> str:
        unique, number = name, 2
        while unique in self._names:
            unique, number = f"{name}~{number}", number + 1
        self._names.add(unique)
        return unique
