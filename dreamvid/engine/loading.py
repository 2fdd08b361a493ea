"""Makes networks that have a name: the embedded one and those of ``keras.applications``."""

from __future__ import annotations

import logging
import os
import socket
import warnings
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dreamvid.engine.architectures import ModelEntry, find_model
from dreamvid.engine.files import load_model_file, load_weights_file
from dreamvid.engine.graph import from_keras
from dreamvid.engine.graph_transforms import find_logits, free_size
from dreamvid.engine.labels import class_names
from dreamvid.engine.own import LoadedModel, load_own, ranged
from dreamvid.engine.preprocessing import preset_map
from dreamvid.engine.runtime import keras
from dreamvid.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dreamvid.config.settings import ModelSettings

_log = logging.getLogger(__name__)
_FILES = (".keras", ".h5", ".hdf5")
_IMAGENET = 1000
_PATIENCE = 30.0
"""Seconds without an answer after which a download is given up."""


def is_file(name: str) -> bool:
    """Return whether a model's name is a path."""
    return name.lower().endswith(_FILES) or "/" in name or "\\" in name


def file_versions(settings: ModelSettings) -> tuple[object, ...]:
    """Return what tells whether a network must be loaded anew: its files' paths, sizes and times.

    Downloaded weights are known by their folder alone; Keras verifies them by hash.
    """
    named = not is_file(settings.name)
    versions: list[object] = [find_model(settings.name), weights_folder()] if named else []
    for path in (None if named else Path(settings.name).expanduser(), settings.weights):
        if path is not None and path.is_file():
            status = path.stat()
            versions.append((path.resolve(), status.st_size, status.st_mtime_ns))
    return tuple(versions)


def load(settings: ModelSettings, *, with_classes: bool, trust: bool, seed_weights: bool) -> LoadedModel:
    """Return the network of these settings; see :func:`dreamvid.engine.network.load_network`."""
    if is_file(settings.name):
        return load_own(settings, trust=trust)
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
        model, top = _download(entry, top=with_classes), with_classes
    graph = from_keras(model, entry.name)
    graph, logits = (find_logits(free_size(graph)) or (graph, None)) if top else (graph, None)
    chosen = preset_map(entry.mode)
    if settings.input_range != "auto":
        chosen = ranged(settings, 3)
    count = graph.node(logits.node).shapes[0][-1] if logits is not None else None
    return LoadedModel(entry.name, graph, chosen, logits, _names(entry, count), frozenset())


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


def _constructor(entry: ModelEntry) -> Any:
    application = entry.application
    return getattr(keras.applications, application) if isinstance(application, str) else application


def _build(entry: ModelEntry, *, top: bool, classes: int = _IMAGENET) -> Any:
    """Return the architecture with weights of no meaning."""
    if not entry.download:
        return _embedded(entry)
    make = _constructor(entry)
    if top:
        return make(weights=None, include_top=True, classes=classes)
    return make(weights=None, include_top=False, input_shape=(None, None, 3))


def _embedded(entry: ModelEntry) -> Any:
    with resources.as_file(resources.files("dreamvid.engine.weights") / f"{entry.name}.keras") as path:
        return load_model_file(path, own=True)


def _names(entry: ModelEntry, count: int | None) -> tuple[str, ...]:
    names = class_names("imagenet_classes.txt" if entry.download else f"{entry.name}_classes.txt")
    if count is None or count == len(names):
        return names
    return tuple(str(index) for index in range(count))


def _download(entry: ModelEntry, *, top: bool) -> Any:
    """Return the network with ImageNet weights from Keras's cache, or downloaded into it."""
    make = _constructor(entry)
    folder = weights_folder()
    if not any(_holds(file.name, entry, top=top) for file in folder.glob("*.h5")):
        _log.warning("downloading the weights of %s (%d MB) into %s", entry.name, entry.megabytes, folder)
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
            f"model '{entry.name}': its weights ({entry.megabytes} MB) could not be downloaded from {url}; "
            f"put that file into {file.parent}, or name a local one with --weights FILE"
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
