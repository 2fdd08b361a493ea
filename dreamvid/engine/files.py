"""Reads networks and weights from files, safely: no pickle, no code but with ``trust``."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py

from dreamvid.engine.contents import check_archive, check_arrays, check_config
from dreamvid.engine.runtime import keras
from dreamvid.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SUFFIXES = (".keras", ".h5", ".hdf5")
_CODE = frozenset({"Lambda", "__lambda__", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"})
"""What carries program code inside a file."""


def load_model_file(path: Path, *, trust: bool = False, own: bool = False) -> Any:
    """Return the Keras model in a ``.keras`` or ``.h5`` file, uncompiled.

    ``own`` says that it is dreamvid's, and need not be looked through.

    Raises
    ------
    ModelError
        Where the file is missing, no network, damaged, too large once unfolded, points to other files, or carries
        code and ``trust`` is not given.
    """
    check_file(path)
    config = _config(path)
    code = sorted(_CODE & set(_classes(config)))
    if code and not trust:
        raise ModelError(
            f"{path}: has a {code[0].strip('_').capitalize()} layer, which is program code of its maker; "
            "give --trust-model if you trust the file"
        )
    try:
        if not own:
            with _open_weights(path):  # which looks at what they are
                pass
        if not (own or trust):
            check_config(path, config)
        return keras.models.load_model(path, compile=False, safe_mode=not trust)
    except ModelError:
        raise
    except Exception as error:  # Keras raises nearly anything for a damaged or foreign file
        raise ModelError(f"{path}: {_reason(error)}") from error


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
        with _named_for_keras(path, legacy=legacy) as known:
            model.load_weights(known)
    except Exception as error:  # Keras raises nearly anything for weights that do not fit
        raise ModelError(f"{path}: its weights do not fit {name} ({_first_line(error)})") from error
    return model, top


def _config(path: Path) -> Any:
    """Return the architecture as the file states it, without building anything."""
    try:
        if path.suffix.lower() == ".keras":
            with zipfile.ZipFile(path) as archive:
                check_archive(path, archive)
                return json.loads(archive.read("config.json"))
        with h5py.File(path, "r") as file:
            config = file.attrs.get("model_config")
    except (OSError, KeyError, ValueError, RecursionError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path}: is damaged or no Keras model ({_first_line(error)})") from error
    if config is None:
        raise ModelError(
            f"{path}: holds weights but no network; name the network as the model and this file with --weights"
        )
    try:
        return json.loads(config)
    except ValueError as error:
        raise ModelError(f"{path}: is damaged ({_first_line(error)})") from error


def _classes(config: Any) -> Iterator[str]:
    """Yield every class name in a nested configuration."""
    waiting = [config]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            name = item.get("class_name")
            if isinstance(name, str):
                yield name.rpartition(">")[2]
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


@contextmanager
def _open_weights(path: Path) -> Iterator[Any]:
    try:
        if path.suffix.lower() == ".keras":
            with zipfile.ZipFile(path) as archive:
                check_archive(path, archive)
                data = archive.read("model.weights.h5")
            with h5py.File(io.BytesIO(data), "r") as file:
                check_arrays(path, file)
                yield file
        else:
            with h5py.File(path, "r") as file:
                check_arrays(path, file)
                yield file
    except (OSError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path}: is damaged or holds no weights ({_first_line(error)})") from error


def _legacy_root(file: Any) -> Any:
    """Return the group of weights in the format of Keras 2, or None."""
    if "layer_names" in file.attrs or "layer_names0" in file.attrs:
        return file
    return file.get("model_weights")


def _arrays(file: Any) -> list[tuple[str, tuple[int, ...]]]:
    found: list[tuple[str, tuple[int, ...]]] = []

    def visit(path: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and not {"optimizer", "optimizer_weights", "seed_generator"} & set(
            path.split("/")
        ):
            found.append((path, tuple(item.shape)))

    file.visititems(visit)
    return found


def _count(file: Any) -> int:
    return len(_arrays(_legacy_root(file) or file))


def _class_count(file: Any) -> int | None:
    """Return the length of the last dense layer's bias."""
    root = _legacy_root(file)
    if root is not None:
        names = [
            _text(n) for key in sorted(root.attrs) if key.startswith("layer_names") for n in root.attrs[key]
        ]
        weighted = [name for name in names if len(root[name].attrs.get("weight_names", ()))]
        shapes = [shape for _, shape in _arrays(root[weighted[-1]])] if weighted else []
        return next((shape[0] for shape in shapes if len(shape) == 1), None)
    biases = [
        (len(path), path, shape) for path, shape in _arrays(file) if "/dense" in path and len(shape) == 1
    ]
    return max(biases)[2][0] if biases else None


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


@contextmanager
def _named_for_keras(path: Path, *, legacy: bool) -> Iterator[Path]:
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


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__


def _reason(error: Exception) -> str:
    text = str(error)
    if "safe_mode" in text or "unsafe" in text.lower():
        return "carries program code of its maker; give --trust-model if you trust the file"
    for mark in ("Could not locate class '", "Unknown layer: '"):
        if mark in text:
            name = text.split(mark)[1].split("'", maxsplit=1)[0]
            return f"holds the class '{name}', which is not Keras's own; only networks of Keras's layers can dream"
    return f"cannot be loaded ({_first_line(error)})"
