"""Load model files that Keras 2 wrote (TensorFlow up to 2.15, and ``tf_keras``).

Their configuration is converted to Keras 3's, as plain JSON; the weights are read by Keras 3 itself.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

from dreamvid.engine.graph import SLASH
from dreamvid.engine.runtime import keras, tf
from dreamvid.engine.weight_files import named_for_keras

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OPERATIONS = frozenset({"TFOpLambda", "SlicingOpLambda"})
_NESTED = frozenset({"Functional", "Model", "Sequential"})
_RENAMED = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "Functional": "Model",
    "SlicingOpLambda": "TFOpLambda",
    "SyncBatchNormalization": "BatchNormalization",
}
_MODULES = {
    "CustomScaleLayer": "keras.src.applications.inception_resnet_v2",
    "LayerScale": "keras.src.applications.convnext",
    "Model": "keras",
    "Sequential": "keras",
    "StochasticDepth": "keras.src.applications.convnext",
    "TFOpLambda": None,
}
"""Where Keras 3 finds what is not in ``keras.layers``; its own files name the same modules."""

_DROPPED_ENDINGS = ("_initializer", "_regularizer", "_constraint")
"""Settings that matter in training only, and may be of the maker's own classes."""
_DROPPED = {
    "Conv2DTranspose": frozenset({"groups"}),
    "DepthwiseConv2D": frozenset({"groups"}),
    "MultiHeadAttention": frozenset({"key_shape", "query_shape", "softmax_robust_masking", "value_shape"}),
    "SeparableConv2D": frozenset({"groups"}),
}
"""Settings that had no effect and that Keras 3 refuses."""
_DROPPED_EVERYWHERE = frozenset({"batch_input_shape", "ragged", "rng_type"})

FUNCTIONS = frozenset(
    {f"__operators__.{name}" for name in ("add", "getitem")}
    | {
        f"math.{name}"
        for name in (
            *("abs", "add", "add_n", "ceil", "cos", "cumsum", "divide", "divide_no_nan", "erf", "exp"),
            *("floor", "floordiv", "floormod", "l2_normalize", "log", "log1p", "log_sigmoid", "maximum"),
            *("minimum", "multiply", "multiply_no_nan", "negative", "pow", "reciprocal", "reduce_max"),
            *("reduce_mean", "reduce_min", "reduce_prod", "reduce_std", "reduce_sum", "reduce_variance"),
            *("round", "rsqrt", "sigmoid", "sign", "sin", "softplus", "softsign", "sqrt", "square"),
            *("squared_difference", "subtract", "tanh", "truediv"),
        )
    }
    | {
        f"nn.{name}"
        for name in (
            *("bias_add", "crelu", "elu", "gelu", "l2_normalize", "leaky_relu"),
            *("log_softmax", "relu", "relu6", "selu", "sigmoid", "silu", "softmax", "softplus"),
            *("softsign", "swish", "tanh"),
        )
    }
    | {"cast", "clip_by_value", "concat", "expand_dims", "identity", "ones_like", "reshape", "reverse"}
    | {"split", "squeeze", "stack", "tile", "transpose", "unstack", "zeros_like"}
    | {"compat.v1.concat", "compat.v1.expand_dims", "compat.v1.squeeze", "compat.v1.transpose"}
    | {"compat.v1.nn.softmax", "image.grayscale_to_rgb", "image.resize", "image.rgb_to_grayscale"}
)
"""TensorFlow functions that a network may call, by their public names: they compute tensors from tensors only."""


class TFOpLambda(keras.layers.Layer):  # type: ignore[misc]  # Keras is untyped
    """A call of one of :data:`FUNCTIONS` in a network's graph."""

    def __init__(self, function: str, **options: Any) -> None:
        """Raise ValueError for any other function."""
        super().__init__(**{**options, "autocast": False})
        if function not in FUNCTIONS:
            raise ValueError(f"TensorFlow operation tf.{function}")
        self.function = function
        self._allow_non_tensor_positional_args = True  # as in 2.0 - x

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Return the function's value, of floats in one format where the inputs come in several."""
        floats = {x.dtype for x in keras.tree.flatten((args, kwargs)) if _is_float(x)}
        if len(floats) > 1:
            args, kwargs = keras.tree.map_structure(
                lambda x: tf.cast(x, self.compute_dtype) if _is_float(x) else x, (args, kwargs)
            )
        return reduce(getattr, self.function.split("."), tf)(*args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Return what makes this layer again."""
        return {**super().get_config(), "function": self.function}


def _is_float(value: Any) -> bool:
    return bool(tf.is_tensor(value) and value.dtype.is_floating)


def functions(config: Any) -> Iterator[str]:
    """Yield the TensorFlow functions that a configuration calls, by their public names."""
    pending = [config]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            if item.get("class_name") in _OPERATIONS and isinstance(item.get("config"), dict):
                yield str(item["config"].get("function"))
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def load_keras2(path: Path, config: Any, *, safe_mode: bool) -> Any:
    """Return the uncompiled model in a file with this configuration.

    Raises whatever Keras does for what it cannot read.
    """
    model = keras.saving.deserialize_keras_object(
        convert(config), custom_objects={"dreamvid>TFOpLambda": TFOpLambda}, safe_mode=safe_mode
    )
    with named_for_keras(path, legacy=path.suffix.lower() != ".keras") as link:
        model.load_weights(link)
    return model


def convert(item: Any) -> Any:
    """Return a Keras 2 configuration, or a part of it, as Keras 3 writes it; the input is left as it is."""
    if isinstance(item, list):
        return [convert(value) for value in item]
    if not isinstance(item, dict):
        return item
    if not isinstance(item.get("class_name"), str) or not isinstance(item.get("config"), dict | list):
        return {key: convert(value) for key, value in item.items()}
    name, config = item["class_name"].removeprefix("Custom>"), item["config"]
    if name == "Policy":
        return config["name"]
    if _is_foreign(item, name):
        return item
    if name in {"Functional", "Model"}:
        config = _convert_graph(config)
    elif name == "Sequential":
        config = _convert_sequential(config)
    else:
        config = _convert_settings(name, config)
    name = _RENAMED.get(name, name)
    registered = "dreamvid>TFOpLambda" if name == "TFOpLambda" else None
    module = _MODULES.get(name, "keras.layers")
    return {"module": module, "class_name": name, "config": config, "registered_name": registered}


def _is_foreign(item: dict[str, Any], name: str) -> bool:
    """Return whether this is a class that is not Keras's own."""
    if name.startswith("__") or name == "function":
        return True
    package = str(item.get("module") or "keras").partition(".")[0]
    registered = ">" in item["class_name"] or ">" in str(item.get("registered_name"))
    return package not in {"keras", "tf_keras"} or (registered and name not in _MODULES)


def _convert_settings(name: str, config: dict[str, Any]) -> dict[str, Any]:
    dropped = _DROPPED.get(name, frozenset()) | _DROPPED_EVERYWHERE
    settings = {
        key: convert(value)
        for key, value in config.items()
        if not key.endswith(_DROPPED_ENDINGS) and key not in dropped
    }
    if isinstance(settings.get("name"), str):
        settings["name"] = _safe(settings["name"])
    if name == "InputLayer" and "batch_input_shape" in config:
        settings["batch_shape"] = config["batch_input_shape"]
    elif name == "LeakyReLU" and "alpha" in settings:
        settings["negative_slope"] = settings.pop("alpha")
    elif "BatchNormalization" in name and isinstance(settings.get("axis"), list):
        settings["axis"] = settings["axis"][0]
    elif name == "Lambda" and isinstance(config.get("function"), list):
        parts = dict(zip(("code", "defaults", "closure"), config["function"], strict=True))
        code = {"class_name": "__lambda__", "config": parts}
        kept = {key: settings[key] for key in ("name", "trainable", "dtype", "arguments") if key in settings}
        settings = kept | {"function": code}
    return settings


def _convert_sequential(config: Any) -> dict[str, Any]:
    """Return the settings of a Sequential model, which the first versions wrote as a list of layers."""
    if isinstance(config, list):
        config = {"name": "sequential", "layers": config}
    layers = config["layers"]
    settings = {"name": _safe(config["name"]), "trainable": config.get("trainable", True)}
    shape = config.get("build_input_shape") or layers[0]["config"].get("batch_input_shape")
    return settings | {"layers": convert(layers), "build_input_shape": shape}


def _convert_graph(config: dict[str, Any]) -> dict[str, Any]:
    layers = config["layers"]
    # Keras 2 counts a nested model's calls from 1, Keras 3 from 0, but those of a Functional one in outputs.
    first_calls = {layer["name"]: int(layer["class_name"] in _NESTED) for layer in layers}
    sequential = {layer["name"]: int(layer["class_name"] == "Sequential") for layer in layers}
    converted = []
    for layer in layers:
        is_operation = layer["class_name"] in _OPERATIONS
        nodes = [_convert_node(node, first_calls, wrap=is_operation) for node in layer["inbound_nodes"]]
        converted.append({**convert(layer), "name": _safe(layer["name"]), "inbound_nodes": nodes})
    return {
        "name": _safe(config["name"]),
        "trainable": config.get("trainable", True),
        "layers": converted,
        "input_layers": _convert_ends(config["input_layers"], sequential),
        "output_layers": _convert_ends(config["output_layers"], sequential),
    }


def _convert_node(node: Any, first_calls: dict[str, int], *, wrap: bool) -> dict[str, Any]:
    """Return one call of a layer; a list of a single tensor stays one where ``wrap`` is given."""
    inputs, kwargs = _convert_inputs(node, first_calls)
    if not wrap and isinstance(inputs, list) and len(inputs) == 1:
        inputs = inputs[0]
    kwargs = {key: value for key, value in kwargs.items() if key not in {"name", "training"}}
    return {"args": [inputs], "kwargs": _convert_argument(kwargs, first_calls)}


def _convert_inputs(data: Any, first_calls: dict[str, int]) -> tuple[Any, dict[str, Any]]:
    """Return a call's first argument and its keyword arguments, which each tensor in the first carries."""
    if isinstance(data, dict):
        pairs = {key: _convert_inputs(value, first_calls) for key, value in data.items()}
        return {key: value for key, (value, _) in pairs.items()}, next(iter(pairs.values()))[1]
    if not isinstance(data[0], str):
        parts = [_convert_inputs(part, first_calls) for part in data]
        return [value for value, _ in parts], parts[0][1]
    value = data[2] if data[0] == "_CONSTANT_VALUE" else data[:3]
    return _convert_argument(value, first_calls), data[3] if len(data) > 3 else {}  # noqa: PLR2004  name, call, output, arguments


def _convert_argument(value: Any, first_calls: dict[str, int]) -> Any:
    """Return an argument of a call: a tensor, a slice, a constant, or a list or mapping of these."""
    if isinstance(value, list):
        if len(value) == 3 and isinstance(value[0], str) and value[0] in first_calls:  # noqa: PLR2004  name, call, output
            name, call, output = value
            history = [_safe(name), call - first_calls[name], output]
            tensor = {"shape": [], "dtype": "float32", "keras_history": history}
            return {"class_name": "__keras_tensor__", "config": tensor}
        return [_convert_argument(part, first_calls) for part in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"start", "stop", "step"}:
        return {
            "class_name": "__slice__",
            "config": {key: _convert_argument(part, first_calls) for key, part in value.items()},
        }
    if value.get("class_name") == "__ellipsis__":
        return {"class_name": "__ellipsis__", "config": {}}
    return {key: _convert_argument(part, first_calls) for key, part in value.items()}


def _convert_ends(value: Any, sequential: dict[str, int]) -> Any:
    """Return the inputs or outputs of a graph; a list of a single one becomes that one."""
    if isinstance(value, dict):
        return {key: _convert_ends(part, sequential) for key, part in value.items()}
    if isinstance(value[0], str):
        name, call, output = value
        return [_safe(name), call - sequential[name], output]
    parts = [_convert_ends(part, sequential) for part in value]
    return parts[0] if len(parts) == 1 else parts


def _safe(name: str) -> str:
    return name.replace("/", SLASH)
