"""Run a network as a function of the picture, for use inside ``tf.function`` and ``tf.GradientTape``."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from dreamvid.engine.convolution import by_gradient_kernel, prefers_gradient_kernels
from dreamvid.engine.runtime import tf
from dreamvid.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dreamvid.engine.graph import Graph, Node
    from dreamvid.engine.preprocessing import InputMap
    from dreamvid.engine.receptive_field import Geometry
    from dreamvid.types import Size

_KEEP_FLOAT32 = frozenset({"Rescaling", "Normalization"})
"""Layers that take pixel values, for which the 8 bits of bfloat16's mantissa are too few."""

_PICTURE_RANK = 4

_FLOAT16_PEAK = 64.0
"""Largest upstream gradient in float16: leaves 1000 times headroom below 65504."""


class Extractor:
    """The part of a network that some outputs need.

    Calling it takes float32 RGB ``[N, H, W, 3]`` in [0, 1] and returns one float32 tensor
    ``[N, h, w, C]`` for each of ``outputs``, in their order; the network computes in ``precision`` between.
    It holds no state that a call changes and makes no ``tf.function`` of its own. Sizes may differ from call
    to call unless ``fixed_size`` is set. In float16 the gradient is scaled so that it neither vanishes nor
    overflows on its way, and scaled back.

    ``stride`` and ``receptive_field`` (px, theoretical, whole-picture pooling not counted) are those of the
    deepest output. ``margin`` px added at the bottom and at the right give every pixel of the frame
    gradient, whatever its size. Pictures smaller than ``min_size``, or no multiple of ``multiple``, are
    continued by their mirror image inside.
    """

    outputs: tuple[str, ...]
    stride: int
    receptive_field: int
    margin: int
    min_size: int
    multiple: int
    fixed_size: Size | None
    precision: str
    input_map: InputMap

    def __init__(
        self,
        graph: Graph,
        outputs: tuple[str, ...],
        *,
        input_map: InputMap,
        geometry: Geometry,
        precision: str = "float32",
        fixed_size: Size | None = None,
    ) -> None:
        self.outputs = outputs
        self.precision = precision
        self.fixed_size = fixed_size
        self.stride = geometry.stride
        self.receptive_field = geometry.receptive_field
        self.margin = geometry.margin
        self.min_size = geometry.min_size
        self.multiple = geometry.multiple
        self._limits = tuple(zip(geometry.smallest, geometry.multiples, strict=True))
        self.input_map = input_map
        self._graph = graph
        built: dict[int, Any] = {}
        calls = {node.name: materialize(node, precision, built) for node in graph.nodes}
        if prefers_gradient_kernels(precision):
            calls = {name: by_gradient_kernel(call) or call for name, call in calls.items()}
        self._calls = calls

    def __call__(self, rgb: Any) -> tuple[Any, ...]:
        """Return the outputs for float32 ``[N, H, W, 3]`` in [0, 1]."""
        return self.run(self.input_map(rgb))

    def run(self, values: Any) -> tuple[Any, ...]:
        """Return the outputs for what the network itself sees: float32 ``[N, H, W, C]`` in its own range."""
        values = self._fit(values)
        if self.precision == "float16":
            return tuple(_scaled(self._forward)(values))
        return self._forward(values)

    def _forward(self, values: Any) -> tuple[Any, ...]:
        results = (tf.cast(x, tf.float32) for x in self._graph.run(self._calls, values))
        return tuple(x if len(x.shape) == _PICTURE_RANK else x[:, None, None, :] for x in results)

    def _fit(self, values: Any) -> Any:
        if self.fixed_size is not None:
            return values
        for axis, (smallest, multiple) in enumerate(self._limits, start=1):
            if (smallest, multiple) != (1, 1):
                values = _mirror_to_fit(values, axis, smallest, multiple)
        return values


def materialize(node: Node, precision: str, built: dict[int, Any]) -> Any:
    """Return a callable for the node: its own layer where its precision fits, else a rebuilt one.

    ``built`` keeps layers that are shared by several nodes.
    """
    if not node.is_layer:
        return node.operation
    if node.kind == "UpSampling2D" and node.settings()["interpolation"] != "nearest":
        return partial(_enlarge, settings=node.settings())
    policy = "float32" if node.kind in _KEEP_FLOAT32 else precision
    layer = node.operation
    layer.name = _scope_name(layer.name)
    if node.config is not None or node.weights is not None:
        return _rebuild(node, policy)
    if layer.dtype_policy.name == policy and layer.activity_regularizer is None:
        layer.trainable = False
        return layer
    if id(layer) not in built:
        try:
            built[id(layer)] = _rebuild(node, policy)
        except ModelError:  # such as a Lambda layer: it goes on in its own format
            layer.trainable = False
            built[id(layer)] = layer
    return built[id(layer)]


def _enlarge(values: Any, *, settings: dict[str, Any]) -> Any:
    """Return what ``UpSampling2D`` of these settings does; Keras's own fails in a graph where sizes are free."""
    size = tf.shape(values)[1:3] * tf.constant(settings["size"])
    return tf.cast(tf.image.resize(values, size, method=settings["interpolation"]), values.dtype)


def _rebuild(node: Node, policy: str) -> Any:
    config = node.settings() | {"dtype": policy, "trainable": False}
    config["name"] = _scope_name(config["name"])
    config.pop("activity_regularizer", None)
    try:
        make: Any = node.layer_class or type(node.operation)
        layer = make.from_config(config)
        build = node.build or node.operation.get_build_config()
        if build:
            layer.build_from_config(build)
        arrays = node.arrays()
        if arrays:
            layer.set_weights(arrays)
    except (TypeError, ValueError, NotImplementedError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(
            f"layer '{node.name}' ({node.kind}) cannot be rebuilt in {policy}: {reason}"
        ) from error
    return layer


def _scope_name(name: str) -> str:
    """Return a layer's name as TensorFlow takes it for a scope: unchanged but for letters that it refuses."""
    plain = re.sub(r"[^A-Za-z0-9_.>-]", "_", name)
    return plain if plain[:1].isalnum() else f"layer{plain}"


def _mirror_to_fit(values: Any, axis: int, smallest: int, multiple: int) -> Any:
    """Return the picture, mirrored beyond its end where it is too small or no multiple."""
    size = values.shape[axis]
    if size is not None:
        target = max(-(-size // multiple) * multiple, smallest)
        return values if target == size else tf.gather(values, _mirror_indices(size, target), axis=axis)
    size = tf.shape(values)[axis]
    target = tf.maximum(-(-size // multiple) * multiple, smallest)
    return tf.cond(
        tf.equal(target, size),
        lambda: values,
        lambda: tf.gather(values, _mirror_indices(size, target), axis=axis),
    )


def _mirror_indices(size: Any, target: Any) -> Any:
    """Return indices 0..target-1 folded back into 0..size-1 at both ends."""
    position = tf.range(target) % (2 * size)
    return tf.minimum(position, 2 * size - 1 - position)


def _scaled(forward: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any], Any]:
    """Return ``forward`` with a gradient that travels at a scale fit for float16.

    Loss scaling (Micikevicius et al. 2018, "Mixed Precision Training"), its factor chosen from the upstream
    gradient itself: the largest entry becomes 64 on the way and the factor is divided out at the end.
    """

    @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow is untyped
    def call(values: Any) -> tuple[Any, Callable[..., Any]]:
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(values)
            results = forward(values)

        def backward(*upstream: Any, variables: Any = None) -> Any:
            peak = tf.reduce_max(tf.stack([tf.reduce_max(tf.abs(g)) for g in upstream]))
            scale = _FLOAT16_PEAK / tf.maximum(peak, 1e-30)
            gradient = tape.gradient(results, values, output_gradients=[g * scale for g in upstream])
            gradient = tf.where(tf.math.is_finite(gradient), gradient, 0.0) / scale
            return (gradient, [None] * len(variables)) if variables is not None else gradient

        return results, backward

    return call  # type: ignore[no-any-return]  # TensorFlow is untyped
