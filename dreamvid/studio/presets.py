"""The shelf: the presets that ship and the user's own, with a picture each."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from dreamvid.config.loader import find_presets
from dreamvid.config.preset import load_preset
from dreamvid.errors import ReadError
from dreamvid.pipelines.preset_check import list_presets, speed_class
from dreamvid.studio.look import SHOWN_PIPELINES, values_of
from dreamvid.text import printable

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.config.preset import Preset
    from dreamvid.studio.library import Library, LibraryFile

_PICTURES = resources.files("dreamvid.studio.page") / "presets"


def shelf() -> list[dict[str, Any]]:
    """Return name, description, pipeline, speed and values of each preset that can be read; with pictures first."""
    entries = [
        {
            "name": printable(entry.name),
            "description": entry.preset.description,
            "pipeline": entry.preset.pipeline,
            "speed": speed_class(entry.preset),
            "values": values_of(entry.preset),
            "picture": has_picture(entry.name),
        }
        for entry in list_presets()
        if entry.preset is not None and entry.preset.pipeline in SHOWN_PIPELINES
    ]
    return sorted(entries, key=lambda entry: not entry["picture"])


@cache
def has_picture(name: str) -> bool:
    """Return whether a picture of a preset ships."""
    return name in find_presets() and (_PICTURES / f"{name}.webp").is_file()


def shipped_picture(name: str) -> bytes:
    """Return the picture of a preset that ships, a WebP file; raises a ``ReadError`` where there is none."""
    if not has_picture(name):
        raise ReadError("there is no picture of this preset")
    return (_PICTURES / f"{name}.webp").read_bytes()


def named_preset(name: str) -> Preset:
    """Return a preset by its name, never by a file; raises a ``ReadError`` where there is none."""
    path = find_presets().get(name)
    if path is None:
        raise ReadError("there is no such preset")
    return load_preset(path).preset


def picture_file(library: Library, source: LibraryFile, name: str, seconds: float, version: str) -> Path:
    """Return where the picture of a preset on a file of the user's is kept."""
    key = f"{source.id} {source.changed} {source.size} {name} {seconds:.3f} {version}"
    digest = hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
    return library.state_folder / "shelf" / f"{digest}.webp"
