"""Write models as Keras 2 wrote them, by rewriting what Keras 3 writes."""

from __future__ import annotations

import base64
import io
import json
import marshal
import zipfile
from typing import TYPE_CHECKING, Any

import h5py

if TYPE_CHECKING:
    from pathlib import Path

_GROUPED = ("DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose")
_FUNCTIONS = {
    "Add": "__operators__.add",
    "Concatenate": "concat",
    "GetItem": "__operators__.getitem",
    "Multiply": "math.multiply",
    "Relu": "nn.relu",
    "Relu6": "nn.relu6",
    "Sigmoid": "math.sigmoid",
    "Subtract": "math.subtract",
    "TrueDivide": "math.truediv",
}
"""TensorFlow functions by the operations of Keras 3."""
VERSION = "2.15.0"
SLASH = "-slash-"
"""Becomes ``/`` in layer names, which Keras 3 cannot write."""


def save_keras2(model: Any, path: Path) -> None:
    """Write the file that Keras 2 would have written of a Keras 3 model."""
    model.save(path)
    is_archive = path.suffix == ".keras"
    config = keras2_config(model, is_archive=is_archive)
    if not is_archive:
        with h5py.File(path, "r+") as file:
            set_config(file, config)
        return
    with zipfile.ZipFile(path) as archive:
        weights = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(weights, "r+") as file:
        file.visititems(lambda _, item: item.attrs.pop("name", None))
    write_archive(path, config, weights.getvalue())


def write_archive(path: Path, config: Any, weights: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": VERSION}))
        archive.writestr("config.json", json.dumps(config).replace(SLASH, "/"))
        archive.writestr("model.weights.h5", weights)


def set_config(file: Any, config: Any) -> None:
    """Set the configuration of an open HDF5 file."""
    file.attrs["keras_version"] = VERSION
    file.attrs["model_config"] = json.dumps(config).replace(SLASH, "/")


def keras2_config(model: Any, *, is_archive: bool) -> dict[str, Any]:
    kind = "Sequential" if type(model).__name__ == "Sequential" else "Functional"
    config = _model(kind, json.loads(model.to_json())["config"])
    if not is_archive:
        return {"class_name": kind, "config": config}
    module = {"Sequential": "keras", "Functional": "keras.src.engine.functional"}[kind]
    return {"module": module, "class_name": kind, "config": config, "registered_name": kind}


def _model(kind: str, config: dict[str, Any]) -> dict[str, Any]:
    layers = config["layers"]
    if kind == "Sequential":
        return {"name": config["name"], "layers": [_layer(layer) for layer in layers]}
    nested = {layer["name"] for layer in layers if layer["class_name"] in {"Functional", "Sequential"}}
    ends = {}
    for key in ("input_layers", "output_layers"):
        name, call, output = config[key]
        later = any(layer["name"] == name and layer["class_name"] == "Sequential" for layer in layers)
        ends[key] = [[name, call + later, output]]
    converted = []
    for layer in layers:
        item = _layer(layer)
        nodes = [_node(item, node, nested) for node in layer["inbound_nodes"]]
        converted.append(item | {"name": layer["name"], "inbound_nodes": nodes})
    return {"name": config["name"], "trainable": config["trainable"], "layers": converted, **ends}


def _layer(layer: dict[str, Any]) -> dict[str, Any]:
    kind, config = layer["class_name"], dict(layer["config"])
    if kind in {"Functional", "Sequential"}:
        return {"class_name": kind, "config": _model(kind, config)}
    if layer["module"].startswith("keras.src.ops"):
        function = _FUNCTIONS[kind]
        kind = "SlicingOpLambda" if kind == "GetItem" else "TFOpLambda"
        return {
            "class_name": kind,
            "config": {"name": layer["name"], "dtype": "float32", "function": function},
        }
    if isinstance(config.get("dtype"), dict):
        name = config["dtype"]["config"]["name"]
        policy = {"class_name": "Policy", "config": {"name": name}}
        config["dtype"] = name if name == "float32" else policy
    if kind == "InputLayer":
        config["batch_input_shape"] = config.pop("batch_shape")
    elif kind == "BatchNormalization":
        config["axis"] = [config["axis"]]
    elif kind == "LeakyReLU":
        config["alpha"] = config.pop("negative_slope")
    elif kind == "Lambda":
        config = {"name": config["name"], "function": config["function"], "function_type": "lambda"}
    elif kind in _GROUPED:
        config["groups"] = 1
    return {"class_name": kind, "config": config}


def _node(layer: dict[str, Any], node: dict[str, Any], nested: set[str]) -> Any:
    first, *rest = node["args"]
    kwargs: dict[str, Any] = {key: _argument(value, nested) for key, value in node["kwargs"].items()}
    function = layer["config"].get("function")
    if function == "concat":
        kwargs["axis"] = -1
    elif isinstance(function, str):
        second = "slice_spec" if function.endswith("getitem") else "y"
        kwargs["name"] = None
        if rest:
            kwargs[second] = _argument(rest[0], nested)
    if isinstance(first, list):
        return [[*_argument(tensor, nested), kwargs] for tensor in first]
    tensor = _argument(first, nested)
    leaf = [*(tensor if isinstance(tensor, list) else ["_CONSTANT_VALUE", -1, tensor]), kwargs]
    return leaf if "OpLambda" in layer["class_name"] else [leaf]


def _argument(value: Any, nested: set[str]) -> Any:
    if isinstance(value, list):
        return [_argument(part, nested) for part in value]
    if not isinstance(value, dict):
        return value
    config = value.get("config", {})
    if value["class_name"] == "__keras_tensor__":
        name, call, output = config["keras_history"]
        return [name, call + (name in nested), output]
    if value["class_name"] == "__slice__":
        return {key: config[key] for key in ("start", "stop", "step")}
    return {"class_name": value["class_name"]}


def lambda_function(function: Any) -> list[Any]:
    """Return a function as Keras 2 wrote it into a Lambda layer."""
    return [base64.encodebytes(marshal.dumps(function.__code__)).decode(), None, None]
