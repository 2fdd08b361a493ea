"""From trained weights to the file that ships."""

from __future__ import annotations

import re
import zipfile
from typing import TYPE_CHECKING

import keras

from dreamnet.network import build_network

if TYPE_CHECKING:
    from pathlib import Path

_EPOCH = (1980, 1, 1, 0, 0, 0)
_SAVED = re.compile(rb'"date_saved": "[^"]*"')
_SHARED = re.compile(rb'"shared_object_id": (\d+)')


def export(trained: keras.Model, path: Path) -> None:
    """Write a trained network as a ``.keras`` file in float16.

    The file is a pure function of the weights.
    """
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float16")
    try:
        network = build_network(trained.output_shape[-1])
    finally:
        keras.config.set_dtype_policy(policy)
    network.set_weights(trained.get_weights())
    network.save(path)
    _make_lasting(path)


def _make_lasting(path: Path) -> None:
    """Take the time of saving and addresses in memory out of a ``.keras`` file."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in sorted(archive.namelist())}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            lasting = _lasting(content) if name.endswith(".json") else content
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), lasting, zipfile.ZIP_DEFLATED)


def _lasting(content: bytes) -> bytes:
    numbers: dict[bytes, int] = {}

    def number(match: re.Match[bytes]) -> bytes:
        return b'"shared_object_id": %d' % numbers.setdefault(match[1], len(numbers))

    return _SHARED.sub(number, _SAVED.sub(b'"date_saved": ""', content))
