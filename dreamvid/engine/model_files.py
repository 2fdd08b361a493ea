"""Load the user's own model files safely, `.gan` files too, and find out their size, pixel range and classes.

No pickle is read, and no code runs but with ``trust``.
"""

from __future__ import annotations

import json
import os
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from dreamvid.engine.architectures import known_models
from dreamvid.engine.extractor import materialize
from dreamvid.engine.graph import from_keras
from dreamvid.engine.graph_transforms import find_logits, free_size
from dreamvid.engine.keras2 import FUNCTIONS, functions, load_keras2
from dreamvid.engine.preprocessing import input_map, preset_map
from dreamvid.engine.runtime import keras, tf
from dreamvid.engine.weight_files import attribute_text, check_file, first_line, load_weights_file
from dreamvid.errors import ModelError
from dreamvid.gan_file import DISCRIMINATOR, SUFFIX, open_gan
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dreamvid.config.settings import ModelSettings
    from dreamvid.engine.graph import Graph, Node, Ref
    from dreamvid.engine.preprocessing import InputMap
    from dreamvid.gan_file import GanFile

_SUFFIXES = (".keras", ".h5", ".hdf5", SUFFIX)
_CODE = frozenset({"Lambda", "__lambda__", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"})
"""Classes that carry program code inside a file."""
_INPUT_FUNCTIONS = frozenset(
    {"math.add", "math.divide", "math.multiply", "math.subtract", "math.truediv", "nn.bias_add"}
)
"""TensorFlow functions that scale or shift pixels at a network's beginning."""
_WRAPPED = re.compile(r"^Exception encountered when calling .*|\x1b\[\d*m", re.MULTILINE)
"""What Keras puts around an error that a layer raised."""
_FAILED = object()

SCORE = "score"
"""The class of a discriminator: how real it takes a picture to be."""


@dataclass(frozen=True)
class LoadedModel:
    """A network's graph and what goes with it.

    ``bound`` names layers that need the input's own size; ``range_assumed`` says that nothing told the range
    of its pixels. ``logits`` of a ``.gan`` are its discriminator's score, which is the class ``score``.
    """

    name: str
    graph: Graph
    input_map: InputMap
    logits: Ref | None
    classes: tuple[str, ...]
    bound: frozenset[str]
    range_assumed: bool = False


def is_model_file(name: str) -> bool:
    """Return whether a model's name is the path of a file."""
    return name.lower().endswith(_SUFFIXES) or "/" in name or "\\" in name


def load_own_model(settings: ModelSettings, *, trust: bool) -> LoadedModel:
    """Return the network in the file that ``settings.name`` names; of a ``.gan`` it is the discriminator.

    Raises
    ------
    ModelError
        Where the file is no network of layers that can dream.
    """
    path = Path(os.path.expanduser(settings.name))  # noqa: PTH111  leaves ~nobody as it is
    if path.suffix.lower() == SUFFIX:
        return _load_discriminator(path, settings, trust=trust)
    model = load_model_file(path, trust=trust)
    if settings.weights is not None:
        model, _ = load_weights_file(
            settings.weights, lambda _top, _classes: model, name=path.name, need_top=False
        )
    graph = from_keras(model, str(path))
    if graph.input_shape[3] is None:
        raise ModelError(f"{path}: its input has no fixed number of channels")
    if any(node.settings().get("data_format") == "channels_first" for node in graph.nodes):
        raise ModelError(f"{path}: is a channels-first network; only channels-last ones can dream")
    fixed = None not in graph.input_shape[1:3]
    graph = free_size(graph) if fixed else graph
    bound = _size_bound_layers(graph) if fixed else frozenset[str]()
    graph, logits = find_logits(graph) or (graph, None)
    count = graph.node(logits.node).shapes[0][-1] if logits is not None else 0
    known_range = _known_range(settings, model.name, graph)
    chosen_map = known_range or input_map(
        [0.0], [1.0], channels=int(graph.input_shape[3] or 0), color_map=settings.color_map
    )
    classes = tuple(str(index) for index in range(count or 0))
    return LoadedModel(
        path.name, graph, chosen_map, logits, classes, bound, range_assumed=known_range is None
    )


def _load_discriminator(path: Path, settings: ModelSettings, *, trust: bool) -> LoadedModel:
    """Return the discriminator of a ``.gan``, whose logits are its score: a map of scores of larger pictures."""
    if settings.weights is not None:
        raise ModelError(f"{path}: a .gan file has its own weights; leave out --weights")
    gan = open_gan(path)
    graph = from_keras(load_gan_member(gan, DISCRIMINATOR, trust=trust), f"{path} ({DISCRIMINATOR})")
    score = graph.resolve(graph.outputs[0])
    shape = graph.node(score.node).shapes[score.index]
    if graph.input_shape != (None, None, None, gan.settings.channels) or len(shape) != 4 or shape[-1] != 1:  # noqa: PLR2004  a map
        raise ModelError(
            f"{path}: its discriminator does not map pictures of any size with {gan.settings.channels} channels to "
            "scores"
        )
    low, high = gan.settings.input_range
    channels = gan.settings.channels
    stated = settings.input_range != "auto"
    pixels = (
        stated_input_map(settings, channels)
        if stated
        else input_map([low], [high], channels=channels, color_map=settings.color_map)
    )
    return LoadedModel(path.name, graph, pixels, score, (SCORE,), frozenset())


def load_gan_member(gan: GanFile, member: str, *, trust: bool = False) -> Any:
    """Return the Keras model in a member of a ``.gan`` file, uncompiled; errors as for :func:`load_model_file`."""
    with gan.extract(member) as file:
        try:
            return load_model_file(file, trust=trust)
        except ModelError as error:
            raise ModelError(str(error).replace(str(file), f"{printable(gan.path)} ({member})")) from error


def load_model_file(path: Path, *, trust: bool = False) -> Any:
    """Return the Keras model in a ``.keras`` or ``.h5`` file, uncompiled.

    Raises
    ------
    ModelError
        Where the file is missing, no network, damaged, or carries code and ``trust`` is not given. Keras refuses
        weights that lie in other files or are larger than they can be.
    """
    check_file(path)
    config, version = _config(path)
    is_keras2 = version.startswith(("1.", "2."))
    code = sorted(_CODE & set(_class_names(config)))
    if code and not trust:
        raise ModelError(
            f"{path}: has a {code[0].strip('_').capitalize()} layer, which is program code of its maker; "
            "give --trust-model if you trust the file"
        )
    unknown = sorted(set(functions(config)) - FUNCTIONS)
    if is_keras2 and unknown:
        raise ModelError(
            f"{path}: was saved by Keras 2 and calls the TensorFlow function tf.{unknown[0]}, which cannot be "
            "converted; build the network in Keras 3 with keras.ops, load its weights and save it as .keras"
        )
    try:
        if is_keras2:
            return load_keras2(path, config, safe_mode=not trust)
        return keras.models.load_model(path, compile=False, safe_mode=not trust)
    except Exception as error:  # Keras raises nearly anything for a damaged or foreign file
        raise ModelError(f"{path}: {_reason(error, is_keras2=is_keras2)}") from error


def stated_input_map(settings: ModelSettings, channels: int) -> InputMap:
    """Return the map onto the range that the settings state."""
    low, high = (float(part) for part in settings.input_range.split(","))
    return input_map([low], [high], channels=channels, color_map=settings.color_map)


def _known_range(settings: ModelSettings, model_name: str, graph: Graph) -> InputMap | None:
    """Return the input map of a file where the settings, its name or its first layers tell it."""
    channels = int(graph.input_shape[3] or 0)
    if settings.input_range != "auto":
        return stated_input_map(settings, channels)
    plain = model_name.lower().replace("_", "").replace("-", "")
    for entry in known_models():
        if plain == entry.name and channels == 3:  # noqa: PLR2004  R, G and B
            return preset_map(entry.mode)
    if any(_wants_bytes(node) for node in graph.nodes[:4]):
        return input_map([0.0], [255.0], channels=channels, color_map=settings.color_map)
    return None


def _wants_bytes(node: Node) -> bool:
    if node.kind == "TFOpLambda":
        function, constant = node.settings()["function"], node.kwargs.get("y", node.kwargs.get("bias"))
        if not isinstance(constant, int | float | list) or function not in _INPUT_FUNCTIONS:
            return False
        largest = np.max(np.abs(np.asarray(constant, np.float64)), initial=0.0)
        return bool(0.0 < largest < 0.1 if function == "math.multiply" else largest > 10.0)  # noqa: PLR2004  beyond any unit range
    if node.kind == "Rescaling":
        return bool(np.max(np.abs(node.settings()["scale"])) < 0.1)  # noqa: PLR2004  1/255 and 1/127.5 lie below
    if node.kind == "Normalization":
        mean = node.settings().get("mean")
        if mean is None:
            mean = node.arrays()[0]
        return bool(np.max(mean) > 2.0)  # noqa: PLR2004  beyond the mean of any unit range
    return False


def _size_bound_layers(graph: Graph) -> frozenset[str]:
    """Return the layers that cannot be run at another size than the network's own, and all after them."""
    _, height, width, channels = graph.input_shape
    failed: set[str] = set()
    built: dict[int, Any] = {}

    def guarded(node: Node) -> Any:
        operation = materialize(node, "float32", built)

        def call(*args: Any, **kwargs: Any) -> Any:
            if not any(item is _FAILED for item in keras.tree.flatten((args, kwargs))):
                try:
                    result = keras.tree.flatten(operation(*args, **kwargs))
                except (ArithmeticError, LookupError, TypeError, ValueError, tf.errors.OpError):
                    result = []
                if result and all(item.shape[0] == 1 for item in result):
                    return result
            failed.add(node.name)
            return [_FAILED] * len(node.shapes)

        return call

    calls = {node.name: guarded(node) for node in graph.nodes}

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]  # traced, never run: shapes are all that is wanted
    def trace(value: Any) -> int:
        graph.run(calls, value)
        return 0

    trace.get_concrete_function(
        tf.TensorSpec([1, (height or 0) + 64, (width or 0) + 32, channels], tf.float32)
    )
    return frozenset(failed)


def _config(path: Path) -> tuple[Any, str]:
    """Return the architecture as the file states it, and the version of Keras, without building anything."""
    try:
        if path.suffix.lower() == ".keras":
            with zipfile.ZipFile(path) as archive:
                return json.loads(archive.read("config.json")), _archive_version(archive)
        with h5py.File(path, "r") as file:
            config = file.attrs.get("model_config")
            version = attribute_text(file.attrs.get("keras_version", ""))
    except (OSError, KeyError, ValueError, RecursionError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path}: is damaged or no Keras model ({first_line(error)})") from error
    if config is None:
        raise ModelError(
            f"{path}: holds weights but no network; name the network as the model and this file with --weights"
        )
    try:
        return json.loads(config), version
    except ValueError as error:
        raise ModelError(f"{path}: is damaged ({first_line(error)})") from error


def _archive_version(archive: zipfile.ZipFile) -> str:
    try:
        return str(json.loads(archive.read("metadata.json"))["keras_version"])
    except (KeyError, TypeError, ValueError):  # Keras 3 does not need it
        return ""


def _class_names(config: Any) -> Iterator[str]:
    """Yield every class name in a nested configuration."""
    pending = [config]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            name = item.get("class_name")
            if isinstance(name, str):
                yield name.rpartition(">")[2]
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def _reason(error: Exception, *, is_keras2: bool) -> str:
    message = _WRAPPED.sub("", str(error).rpartition("Exception encountered: ")[2])
    if "safe_mode" in message or "unsafe" in message.lower():
        return "carries program code of its maker; give --trust-model if you trust the file"
    for mark in ("Could not locate class '", "Unknown layer: '", "Could not deserialize 'keras.layers."):
        if mark in message:
            name = message.split(mark)[1].split("'", maxsplit=1)[0]
            return f"holds the class '{name}', which is not Keras's own; only networks of Keras's layers can dream"
    reason = first_line(message)
    if is_keras2:
        return (
            f"was saved by Keras 2 and cannot be converted ({reason}); build the network in Keras 3, "
            "load its weights and save it as .keras"
        )
    return f"cannot be loaded ({reason})"
