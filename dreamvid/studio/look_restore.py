"""The look that a dreamed file was made with, its seed included, brought back from the file."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dreamvid._version import __version__
from dreamvid.config.fields import rename_files
from dreamvid.config.preset import Preset
from dreamvid.errors import ReadError, SettingsError
from dreamvid.pipelines.provenance import fingerprint
from dreamvid.pipelines.replay import read_recipe
from dreamvid.studio.look import SHOWN_PIPELINES, values_of
from dreamvid.text import printable, quoted

if TYPE_CHECKING:
    from dreamvid.pipelines.replay import FileReference
    from dreamvid.studio.library import Library, LibraryFile


@dataclass(frozen=True, slots=True)
class RestoredLook:
    """A look that was read from a dreamed file; ``notes`` say what could not be found."""

    values: dict[str, Any]
    source: LibraryFile | None
    notes: tuple[str, ...]


def restore(file: LibraryFile, library: Library) -> RestoredLook:
    """Return the look that a dreamed file was made with, its seed included, and its source where that is there.

    Raises
    ------
    DreamvidError
        Where it holds no settings, damaged ones, or such as this version does not know.
    """
    recipe = read_recipe(file.path)
    notes: list[str] = []
    if recipe.version != __version__:
        notes.append(
            f"{printable(file.name)} was made by dreamvid {quoted(recipe.version)}, this is {__version__}"
        )
    try:
        preset = Preset.build(recipe.settings)
    except SettingsError as error:
        raise ReadError(f"{printable(file.name)}: its settings do not fit this version: {error}") from None
    if preset.pipeline not in SHOWN_PIPELINES:
        raise ReadError(
            f"{printable(file.name)} is a {preset.pipeline}; the studio makes videos, stills and zoom trips: "
            f"dreamvid replay {shlex.quote(printable(file.name))}"
        )
    if preset.run.precision == "auto" and recipe.precision is not None:
        preset = preset.override({"run.precision": recipe.precision})
    source = None
    names: dict[str, str] = {}
    for role, reference in {"": recipe.source, **recipe.files}.items():
        if reference is None:
            continue
        found = _find(reference, library)
        if found is None:
            what = "its source" if not role else f"its {role}"
            notes.append(f"{quoted(reference.name)}, {what}, is not in this folder; add it")
        elif not role:
            source = found
        else:
            names[reference.name] = found.name
    values = rename_files(values_of(preset), lambda name, _: names.get(name, name), Preset)
    if recipe.source is None:
        values["pipeline"] = "zoom"
    else:
        values["pipeline"] = "image" if library.facts(file).get("kind") == "still" else "video"
    return RestoredLook(values, source, tuple(notes))


def _find(reference: FileReference, library: Library) -> LibraryFile | None:
    """Return the file of a name and content, else one of that content and kind, else the one of that name."""
    named = library.named(reference.name)
    suffix = Path(reference.name).suffix.lower()
    others = [file for file in library.files() if file.path.suffix.lower() == suffix and file != named]
    for file in [*([named] if named else []), *others]:
        try:
            if fingerprint(file.path) == reference.fingerprint:
                return file
        except OSError:
            continue
    return named
