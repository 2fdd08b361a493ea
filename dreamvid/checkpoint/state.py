"""What the next frame needs of those before: plain values and arrays."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class State:
    """A producer's state after a frame.

    ``values`` is anything that JSON holds; numbers come back as they were, bit for bit. ``arrays`` are NumPy arrays
    of numbers by name, kept as they are. Whoever makes a state says what is in it: nothing here looks inside.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)


def pack_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return arrays as a file's content (``.npz``, not compressed, with checksums)."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **dict(arrays))
    return buffer.getvalue()


def unpack_arrays(data: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file's content.

    Raises
    ------
    ValueError, KeyError, OSError, zipfile.BadZipFile, EOFError
        Where it is torn or damaged.
    """
    with np.load(io.BytesIO(data), allow_pickle=False) as packed:
        return {name: packed[name] for name in packed.files}
