"""Load named networks with their weights: embedded, from a file, or downloaded through Keras."""

from __future__ import annotations

import io
import logging
import os
import shutil
import socket
import tempfile
import warnings
import zipfile
from contextlib import contextmanager
from importlib import resources
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from dreamvid.engine.runtime import keras
from dreamvid.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dreamvid.engine.architectures import ModelEntry

_log = logging.getLogger(__name__)

_SUFFIXES = (".keras", ".h5", ".hdf5")
_IMAGENET_CLASSES = 1000
_TIMEOUT = 30.0
"""Seconds without an answer after which a download is given up."""
_NOT_WEIGHTS = frozenset({"optimizer", "optimizer_weights", "seed_generator"})


def load_named_model(
    entry: ModelEntry, weights: Path | None, *, with_classes: bool, seed_weights: bool
) -> tuple[Any, bool]:
    """Return the Keras model of a named network, and whether it has its classifier.

    ``weights`` is a file of weights; None takes the embedded ones, or downloads them. ``seed_weights`` gives random
    ones instead.

    Raises
    ------
    ModelError
        Where weights are missing, damaged, or do not fit.
    """
    model, has_top = _load(entry, weights, with_classes=with_classes, seed_weights=seed_weights)
    _restart_numbers(model)
    return model, has_top


def _load(
    entry: ModelEntry, weights: Path | None, *, with_classes: bool, seed_weights: bool
) -> tuple[Any, bool]:
    need_top = with_classes or not entry.download
    if seed_weights:
        model = _build(entry, top=with_classes)
        randomize_weights(model)
        return model, need_top
    if weights is not None:

        def build(top: bool, classes: int) -> Any:  # noqa: FBT001  called by position
            return _build(entry, top=top, classes=classes)

        return load_weights_file(weights, build, name=entry.name, need_top=need_top)
    if entry.download:
        return _download(entry, top=with_classes), with_classes
    return _embedded(entry), True


def _restart_numbers(model: Any) -> None:
    """Name layers without a name of their own as in a process in which Keras has built nothing else.

    Keras counts them over all networks, so ``conv2d_5`` would be another layer where one was built before.
    """
    numbered: dict[str, list[tuple[int, Any]]] = {}
    for layer in model.operations:
        prefix, separator, number = layer.name.rpartition("_")
        if not (separator and number.isdecimal()):
            prefix, number = layer.name, "0"
        if prefix.replace("_", "") == type(layer).__name__.lower():
            numbered.setdefault(prefix, []).append((int(number), layer))
    for prefix, layers in numbered.items():
        for index, (_, layer) in enumerate(sorted(layers, key=itemgetter(0))):
            layer.name = f"{prefix}_{index}" if index else prefix


def load_weights_file(
    path: Path, build: Callable[[bool, int], Any], *, name: str, need_top: bool
) -> tuple[Any, bool]:
    """Return a model with the file's weights, and whether it has a classifier.

    ``build(top, classes)`` makes the architecture ``name`` without weights, with or without its
    classifier. The number of arrays in the file tells which of the two it fits.

    Raises
    ------
    ModelError
        Where the file is missing or damaged, or its weights do not fit.
    """
    check_file(path)
    with _open_weights(path) as file:
        count, classes = _count(file), _class_count(file)
        legacy = _legacy_root(file) is not None
    model, top = build(need_top, classes or 1000), need_top
    if len(model.weights) != count:
        other = build(not need_top, classes or 1000)
        if len(other.weights) != count:
            fitting = " or ".join(str(n) for n in sorted({len(model.weights), len(other.weights)}))
            raise ModelError(
                f"{path}: holds {count} arrays and {name} has {fitting}, so these are another network's weights"
            )
        if need_top:
            raise ModelError(f"{path}: holds no classifier, which a class objective needs")
        model, top = other, not need_top
    try:
        with named_for_keras(path, legacy=legacy) as link:
            model.load_weights(link)
    except Exception as error:  # Keras raises nearly anything for weights that do not fit
        raise ModelError(f"{path}: its weights do not fit {name} ({first_line(error)})") from error
    return model, top


def check_file(path: Path) -> None:
    """Raise ModelError unless this is a readable file of a known suffix."""
    if path.is_dir():
        raise ModelError(f"{path}: is a folder; a .keras or .h5 file is needed")
    if not path.exists():
        raise ModelError(f"{path}: no such file")
    if path.suffix.lower() not in _SUFFIXES:
        raise ModelError(f"{path}: must be a .keras, .h5 or .weights.h5 file")
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    zipped = head.startswith(b"PK")
    if not zipped and head != b"\x89HDF\r\n\x1a\n":
        raise ModelError(f"{path}: is no Keras file (damaged, or something else under that name)")
    if zipped != (path.suffix.lower() == ".keras"):
        kind = "a .keras file" if zipped else "an HDF5 file"
        raise ModelError(f"{path}: is {kind} under another suffix; rename it")


def weights_folder() -> Path:
    """Return where Keras keeps downloaded weights: ``$KERAS_HOME/models`` or ``~/.keras/models``."""
    # Unlike Path.home(), this is no error where nobody has a home, as for Keras.
    return Path(os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")) / "models"  # noqa: PTH111


def randomize_weights(model: Any, seed: int = 0) -> None:
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


def first_line(error: BaseException | str) -> str:
    """Return the first line of an error or its text, at most 200 characters; its class where it has none."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__


def _constructor(entry: ModelEntry) -> Any:
    application = entry.application
    return getattr(keras.applications, application) if isinstance(application, str) else application


def _build(entry: ModelEntry, *, top: bool, classes: int = _IMAGENET_CLASSES) -> Any:
    """Return the architecture without its trained weights."""
    if not entry.download:
        return _embedded(entry)
    constructor = _constructor(entry)
    if top:
        return constructor(weights=None, include_top=True, classes=classes)
    return constructor(weights=None, include_top=False, input_shape=(None, None, 3))


def _embedded(entry: ModelEntry) -> Any:
    with resources.as_file(resources.files("dreamvid.engine.weights") / f"{entry.name}.keras") as path:
        return keras.models.load_model(path, compile=False)


def _download(entry: ModelEntry, *, top: bool) -> Any:
    """Return the network with ImageNet weights from Keras's cache, or downloaded into it."""
    constructor = _constructor(entry)
    folder = weights_folder()
    if not any(_is_weights_of(file.name, entry, top=top) for file in folder.glob("*.h5")):
        _log.warning("downloading the weights of %s (%d MB) into %s", entry.name, entry.megabytes, folder)
    try:
        with _with_timeout(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a free size gets the weights of 224 px is what is wanted
            if top:
                return constructor(weights="imagenet", include_top=True)
            return constructor(weights="imagenet", include_top=False, input_shape=(None, None, 3))
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


def _is_weights_of(file: str, entry: ModelEntry, *, top: bool) -> bool:
    plain = file.lower().replace("_", "").replace("-", "")
    return plain.startswith(entry.name) and ("notop" in plain) is not top


@contextmanager
def _with_timeout() -> Iterator[None]:
    """Give up on a dead connection, and keep the progress bar of Keras off the screen."""
    timeout, was_logging = socket.getdefaulttimeout(), keras.config.is_interactive_logging_enabled()
    socket.setdefaulttimeout(_TIMEOUT)
    keras.config.disable_interactive_logging()
    try:
        yield
    finally:
        socket.setdefaulttimeout(timeout)
        if was_logging:
            keras.config.enable_interactive_logging()


@contextmanager
def _open_weights(path: Path) -> Iterator[Any]:
    try:
        if path.suffix.lower() == ".keras":
            with zipfile.ZipFile(path) as archive:
                data = archive.read("model.weights.h5")
            with h5py.File(io.BytesIO(data), "r") as file:
                yield file
        else:
            with h5py.File(path, "r") as file:
                yield file
    except (OSError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path}: is damaged or holds no weights ({first_line(error)})") from error


def _legacy_root(file: Any) -> Any:
    """Return the group of weights in the format of Keras 2, or None."""
    if "layer_names" in file.attrs or "layer_names0" in file.attrs:
        return file
    return file.get("model_weights")


def _arrays(file: Any) -> list[tuple[str, tuple[int, ...]]]:
    arrays: list[tuple[str, tuple[int, ...]]] = []

    def visit(path: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and not _NOT_WEIGHTS & set(path.split("/")):
            arrays.append((path, tuple(item.shape)))

    file.visititems(visit)
    return arrays


def _count(file: Any) -> int:
    return len(_arrays(_legacy_root(file) or file))


def _class_count(file: Any) -> int | None:
    """Return the length of the last dense layer's bias."""
    root = _legacy_root(file)
    if root is not None:
        names = [
            attribute_text(n)
            for key in sorted(root.attrs)
            if key.startswith("layer_names")
            for n in root.attrs[key]
        ]
        weighted = [name for name in names if len(root[name].attrs.get("weight_names", ()))]
        shapes = [shape for _, shape in _arrays(root[weighted[-1]])] if weighted else []
        return next((shape[0] for shape in shapes if len(shape) == 1), None)
    biases = [
        (len(path), path, shape) for path, shape in _arrays(file) if "/dense" in path and len(shape) == 1
    ]
    return max(biases)[2][0] if biases else None


def attribute_text(value: Any) -> str:
    """Return an attribute of an HDF5 file, which older versions wrote as bytes."""
    return value.decode() if isinstance(value, bytes) else str(value)


@contextmanager
def named_for_keras(path: Path, *, legacy: bool) -> Iterator[Path]:
    """Give the file the suffix by which Keras tells old weights from new."""
    if path.suffix == ".keras" or legacy != path.name.endswith(".weights.h5"):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / ("old.h5" if legacy else "new.weights.h5")
        try:
            link.symlink_to(path.resolve())
        except OSError:
            shutil.copyfile(path, link)
        yield link
