"""Makes networks: the embedded one, those of ``keras.applications``, and files of the user's own."""

from __future__ import annotations

import os
import socket
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dreamvid.engine.classes import class_names
from dreamvid.engine.extractor import materialize
from dreamvid.engine.files import load_model_file, load_weights_file
from dreamvid.engine.graph import Graph, Node, Ref, from_keras
from dreamvid.engine.heads import find_logits, free_size
from dreamvid.engine.inputs import InputMap, input_map, preset_map
from dreamvid.engine.registry import ModelEntry, find_model, known_models
from dreamvid.engine.runtime import keras, tf
from dreamvid.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dreamvid.preset import ModelSettings
    from dreamvid.types import Notify

_FILES = (".keras", ".h5", ".hdf5")
_IMAGENET = 1000
_FAILED = object()
_PATIENCE = 30.0
"""Seconds without an answer after which a download is given up."""


@dataclass(frozen=True)
class Loaded:
    """A network's graph and what goes with it. ``bound`` names layers that need the input's own size."""

    name: str
    graph: Graph
    input_map: InputMap
    logits: Ref | None
    classes: tuple[str, ...]
    bound: frozenset[str]


def is_file(name: str) -> bool:
    """Return whether a model's name is a path."""
    return name.lower().endswith(_FILES) or "/" in name or "\\" in name


def load(
    settings: ModelSettings, *, with_classes: bool, trust: bool, seed_weights: bool, notify: Notify
) -> Loaded:
    """Return the network of these settings; see :func:`dreamvid.engine.models.load_network`."""
    if is_file(settings.name):
        return _own(settings, trust=trust, notify=notify)
    entry = find_model(settings.name)
    if seed_weights:
        model, top = _build(entry, top=with_classes), with_classes or not entry.download
        scramble(model)
    elif settings.weights is not None:
        model, top = load_weights_file(
            settings.weights,
            lambda top, classes: _build(entry, top=top, classes=classes),
            name=entry.name,
            need_top=with_classes or not entry.download,
        )
    elif not entry.download:
        model, top = _embedded(entry), True
    else:
        model, top = _download(entry, top=with_classes, notify=notify), with_classes
    graph = from_keras(model, entry.name)
    graph, logits = (find_logits(free_size(graph)) or (graph, None)) if top else (graph, None)
    chosen = preset_map(entry.mode)
    if settings.input_range != "auto":
        chosen = _ranged(settings, 3)
    count = graph.node(logits.node).shapes[0][-1] if logits is not None else None
    return Loaded(entry.name, graph, chosen, logits, _names(entry, count), frozenset())


def scramble(model: Any, seed: int = 0) -> None:
    """Give a model random weights, the same for the same seed, that keep activations in range."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        shape, name = tuple(variable.shape), variable.name
        if len(shape) > 1:
            fan_in = int(np.prod(shape[:-2] if "depthwise" in name else shape[:-1]))
            values = rng.normal(0.0, np.sqrt(2.0 / max(fan_in, 1)), shape)
        elif "gamma" in name or "variance" in name:
            values = rng.uniform(0.5, 1.5, shape)
        else:
            values = rng.normal(0.0, 0.1, shape)
        variable.assign(values.astype(np.float32))


def _build(entry: ModelEntry, *, top: bool, classes: int = _IMAGENET) -> Any:
    """Return the architecture with weights of no meaning."""
    if not entry.download:
        return _embedded(entry)
    make = getattr(keras.applications, entry.application)
    if top:
        return make(weights=None, include_top=True, classes=classes)
    return make(weights=None, include_top=False, input_shape=(None, None, 3))


def _embedded(entry: ModelEntry) -> Any:
    with resources.as_file(resources.files("dreamvid.engine.weights") / f"{entry.name}.keras") as path:
        return load_model_file(path)


def _names(entry: ModelEntry, count: int | None) -> tuple[str, ...]:
    names = class_names("imagenet_classes.txt" if entry.download else f"{entry.name}_classes.txt")
    if count is None or count == len(names):
        return names
    return tuple(str(index) for index in range(count))


def _download(entry: ModelEntry, *, top: bool, notify: Notify) -> Any:
    """Return the network with ImageNet weights from Keras's cache, or downloaded into it."""
    make = getattr(keras.applications, entry.application)
    folder = weights_folder()
    if not any(_holds(file.name, entry, top=top) for file in folder.glob("*.h5")):
        notify(f"downloading the weights of {entry.name} ({entry.megabytes} MB) into {folder}")
    try:
        with _patience(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a free size gets the weights of 224 px is what is wanted
            if top:
                return make(weights="imagenet", include_top=True)
            return make(weights="imagenet", include_top=False, input_shape=(None, None, 3))
    except Exception as error:  # Keras wraps whatever the network raises into a bare Exception
        text = str(error)
        if "URL fetch failure" not in text:
            reason = text.strip().splitlines()[0][:200] if text.strip() else type(error).__name__
            raise ModelError(f"model '{entry.name}': its weights cannot be loaded ({reason})") from error
        url = text.split("URL fetch failure on ")[1].split(": ", maxsplit=1)[0].split(maxsplit=1)[0]
        file = folder / url.rpartition("/")[2]
        raise ModelError(
            f"model '{entry.name}': its weights ({entry.megabytes} MB) could not be downloaded; put "
            f"{file.name} into {file.parent}, or name a local file with --weights FILE"
        ) from error


def _holds(file: str, entry: ModelEntry, *, top: bool) -> bool:
    plain = file.lower().replace("_", "").replace("-", "")
    return plain.startswith(entry.name) and ("notop" in plain) is not top


def weights_folder() -> Path:
    """Return where Keras keeps downloaded weights: ``$KERAS_HOME/models`` or ``~/.keras/models``."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"


@contextmanager
def _patience() -> Iterator[None]:
    """Give up on a dead connection, and keep the progress bar of Keras off the screen."""
    timeout, talkative = socket.getdefaulttimeout(), keras.config.is_interactive_logging_enabled()
    socket.setdefaulttimeout(_PATIENCE)
    keras.config.disable_interactive_logging()
    try:
        yield
    finally:
        socket.setdefaulttimeout(timeout)
        if talkative:
            keras.config.enable_interactive_logging()


def _own(settings: ModelSettings, *, trust: bool, notify: Notify) -> Loaded:
    path = Path(settings.name).expanduser()
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
    bound = _bound(graph) if fixed else frozenset[str]()
    graph, logits = find_logits(graph) or (graph, None)
    count = graph.node(logits.node).shapes[0][-1] if logits is not None else 0
    chosen = _guess(settings, model.name, graph, notify)
    return Loaded(path.name, graph, chosen, logits, tuple(str(i) for i in range(count or 0)), bound)


def _ranged(settings: ModelSettings, channels: int) -> InputMap:
    low, high = (float(part) for part in settings.input_range.split(","))
    return input_map([low], [high], channels=channels, color_map=settings.color_map)


def _guess(settings: ModelSettings, model_name: str, graph: Graph, notify: Notify) -> InputMap:
    """Return the input map of a file: as told, as its name or first layers say, else [0, 1]."""
    channels = int(graph.input_shape[3] or 0)
    if settings.input_range != "auto":
        return _ranged(settings, channels)
    plain = model_name.lower().replace("_", "").replace("-", "")
    for entry in known_models():
        if plain == entry.name and channels == 3:  # noqa: PLR2004  R, G and B
            return preset_map(entry.mode)
    high = 255.0 if any(_wants_bytes(node) for node in graph.nodes[:4]) else 1.0
    if high == 1.0:
        notify(
            f"{settings.name}: its pixels are taken to run from 0 to 1; --input-range LOW,HIGH changes that"
        )
    return input_map([0.0], [high], channels=channels, color_map=settings.color_map)


def _wants_bytes(node: Node) -> bool:
    if node.kind == "Rescaling":
        return bool(np.max(np.abs(node.settings()["scale"])) < 0.1)  # noqa: PLR2004  1/255 and 1/127.5 lie below
    if node.kind == "Normalization":
        given = node.settings().get("mean")
        mean = given if given is not None else node.arrays()[0]
        return bool(np.max(mean) > 2.0)  # noqa: PLR2004  beyond the mean of any unit range
    return False


def _bound(graph: Graph) -> frozenset[str]:
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

    @tf.function  # type: ignore[untyped-decorator]  # traced, never run: shapes are all that is wanted
    def trace(value: Any) -> int:
        graph.run(calls, value)
        return 0

    trace.get_concrete_function(
        tf.TensorSpec([1, (height or 0) + 64, (width or 0) + 32, channels], tf.float32)
    )
    return frozenset(failed)
