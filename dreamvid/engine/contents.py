"""What a file of networks or weights holds, looked at before any of it is unfolded, built or read.

Archives and arrays can claim any size, configurations any number of weights, and HDF5 can point to other files: the
first two have limits, the last is refused.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import h5py

from dreamvid.engine.runtime import keras
from dreamvid.errors import ModelError

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Iterator
    from pathlib import Path

MOST_BYTES = 4 << 30
"""Of weights: three times the largest network of ``keras.applications``."""
_MOST_TEXT = 64 << 20
_MOST_MEMBERS = 10_000


def check_archive(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuse an archive that unfolds to more than a network.

    Raises
    ------
    ModelError
        In one line; so do the other checks.
    """
    members = archive.infolist()
    whole = sum(member.file_size for member in members)
    texts = [member.file_size for member in members if member.filename.endswith(".json")]
    if len(members) > _MOST_MEMBERS or whole > MOST_BYTES or max(texts, default=0) > _MOST_TEXT:
        raise ModelError(
            f"{path}: unfolds to {len(members)} files of {whole / 1e9:.1f} GB, which is too much for a network"
        )


def check_arrays(path: Path, file: Any) -> None:
    """Refuse HDF5 whose arrays are too large, or lie in other files."""
    whole = 0
    waiting: list[Any] = [file["/"]]
    seen: set[Any] = set()
    while waiting:
        group = waiting.pop()
        address = h5py.h5o.get_info(group.id).addr
        if address in seen:
            continue
        seen.add(address)
        for name in group:
            if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
                raise ModelError(
                    f"{path}: points to another file, which is not opened; it must hold its weights itself"
                )
            item = group.get(name)
            if isinstance(item, h5py.Group):
                waiting.append(item)
            elif isinstance(item, h5py.Dataset):
                whole += _size(path, item)
        if whole > MOST_BYTES or len(seen) > _MOST_MEMBERS:
            raise ModelError(
                f"{path}: claims weights of {whole / 1e9:.1f} GB, which is too much for a network"
            )


def _size(path: Path, item: Any) -> int:
    if item.external or item.is_virtual:
        raise ModelError(
            f"{path}: has weights in another file, which is not opened; it must hold them itself"
        )
    bytes_each: int = item.dtype.itemsize
    return math.prod(item.shape or ()) * bytes_each


def check_config(path: Path, config: Any) -> None:
    """Refuse a configuration whose network would have too many weights; it is built without making room for any.

    Raises
    ------
    ModelError
        Where it would.
    Exception
        What Keras raises for a configuration of no network; loading it would raise the same, or run out of memory.
    """
    try:
        with _without_room(), keras.StatelessScope(initialize_variables=False):
            model = _built(config)
    except Exception as error:
        if "stateless scope" in str(error):  # a layer that cannot be built like this
            return
        raise
    weights = sum(math.prod(variable.shape) for variable in getattr(model, "variables", ()))
    if 4 * weights > MOST_BYTES:
        raise ModelError(f"{path}: describes a network of {4 * weights / 1e9:.1f} GB, which is too much")


@contextmanager
def _without_room() -> Iterator[None]:
    """Let Keras forget the variables that are made inside, or it would fill them with the next ones."""
    from keras.src.backend.common import global_state  # noqa: PLC0415  there is nothing public for it

    name = "uninitialized_variables"
    before = list(global_state.get_global_attribute(name) or [])
    try:
        yield
    finally:
        global_state.set_global_attribute(name, before)


def _built(config: Any) -> Any:
    if isinstance(config, dict) and "module" not in config:  # as HDF5 files have it
        from keras.src.legacy.saving.saving_utils import model_from_config  # noqa: PLC0415  nothing public reads those

        return model_from_config(config)
    return keras.saving.deserialize_keras_object(config)
