"""A dream once more, from the settings that are embedded in it."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dreamvid._version import __version__
from dreamvid.config.fields import rename_files
from dreamvid.config.preset import Preset
from dreamvid.errors import ReadError, SettingsError
from dreamvid.media.containers import CONTAINERS
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.provenance import fingerprint, make_portable, read_settings
from dreamvid.pipelines.registry import PIPELINES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dreamvid.pipelines.registry import SourceSetting
    from dreamvid.pipelines.result import RunResult

_log = logging.getLogger(__name__)

_LONGEST = 1 << 20
_MOST_SEARCHED = 500


@dataclass(frozen=True, slots=True)
class FileReference:
    """A file's base name and the fingerprint of its content."""

    name: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class EmbeddedSettings:
    """What a dreamed file says of how it was made; all names are base names."""

    version: str
    settings: dict[str, Any]
    precision: str | None
    source: FileReference | None
    files: dict[str, FileReference]


def replay(
    dreamed: Path,
    source: Path | None,
    output: Path | None,
    changes: dict[str, object],
    options: RunOptions = RunOptions(),
) -> RunResult:
    """Render a dream again.

    Parameters
    ----------
    dreamed
        A video, animation, folder or still that dreamvid made.
    source
        What it was made from, or the file that a trip started from; None looks for it beside ``dreamed`` and here, by
        name and fingerprint. Guide images, masks, music and weights are looked for there as well.
    output
        None is ``<name>.again<suffix>`` beside ``dreamed``, for a folder ``<name>-again``.
    changes
        Settings to overrule, by dotted path.

    Raises
    ------
    DreamvidError
        In one line: no settings, a source or a file that is missing or has changed.
    """
    recipe = read_recipe(dreamed)
    if recipe.version != __version__:
        _log.warning(
            "%s was made by dreamvid %s, this is %s: it may differ", dreamed.name, recipe.version, __version__
        )
    folders = list(dict.fromkeys([*([source.parent] if source else []), dreamed.parent, Path()]))
    setting = _source_setting(recipe)
    source_path = _find_source(source, recipe, folders)
    files = {
        role: _given_source(source, file)
        if source is not None and setting is not None and role == setting.role
        else _find(file, folders, role)
        for role, file in recipe.files.items()
    }
    preset = _settings(recipe, files, changes)
    if output is None:
        if dreamed.name in {"", ".."}:
            dreamed = dreamed.resolve()
        again = f"{dreamed.name}-again" if dreamed.is_dir() else f"{dreamed.stem}.again{dreamed.suffix}"
        output = dreamed.parent / again
        options = replace(options, output_is_folder=dreamed.is_dir())
    is_still = dreamed.suffix.lower() not in CONTAINERS and not dreamed.is_dir()
    name = "zoom" if source_path is None else "image" if is_still else "video"
    name = preset.pipeline if preset.pipeline in {"sweep", "walk"} else name
    if (options.devices or options.cluster) and name != "video":
        _log.warning("%s is no video, and is made on one device", dreamed.name)
    pipeline = PIPELINES[name]
    return pipeline.run(source_path, output, preset, options)


def read_recipe(dreamed: Path) -> EmbeddedSettings:
    """Return what a file says of how it was made.

    Raises
    ------
    ReadError
        Where it cannot be read, says nothing, or not what dreamvid writes.
    """
    text = read_settings(dreamed)
    if text is None:
        raise ReadError(
            f"{dreamed}: holds no settings of dreamvid's; was it made by it, and not re-encoded since?"
        )
    try:
        if len(text) > _LONGEST:
            raise ValueError  # noqa: TRY301  it is no recipe, as below
        value = json.loads(text)
        settings = make_portable(dict(value["settings"]))
        resolved = value["resolved"]
        precision = resolved.get("precision")
        return EmbeddedSettings(
            str(value["version"]),
            settings,
            None if precision is None else str(precision),
            None if value["source"] is None else _file_reference(value["source"]),
            {str(role): _file_reference(file) for role, file in value["files"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ReadError(f"{dreamed}: its settings are damaged") from None


def _file_reference(value: dict[str, Any]) -> FileReference:
    name = Path(str(value["name"])).name
    if not name:
        raise ValueError("a file without a name")
    return FileReference(name, str(value["fingerprint"]))


def _find_source(source: Path | None, recipe: EmbeddedSettings, folders: list[Path]) -> Path | None:
    """Return what a dream was made from; None where that is nothing but settings, as for trips."""
    if recipe.source is None:
        setting = _source_setting(recipe)
        if source is not None and (setting is None or setting.role not in recipe.files):
            raise SettingsError(
                f"{source}: this trip started from no file; --set trip.start={source} makes one that does"
            )
        return None
    if source is None:
        return _find(recipe.source, folders, "its source")
    return _given_source(source, recipe.source)


def _source_setting(recipe: EmbeddedSettings) -> SourceSetting | None:
    """Return which setting is the source of a dream that has none besides; settings may say anything."""
    pipeline = PIPELINES.get(str(recipe.settings.get("pipeline")))
    return PIPELINES["zoom"].source_setting if pipeline is None else pipeline.source_setting


def _given_source(source: Path, original: FileReference) -> Path:
    if not source.exists():
        raise ReadError(f"{source}: there is no such file")
    if fingerprint(source) != original.fingerprint:
        _log.warning(
            "%s is not what the dream was made from (%s): it will differ", source.name, original.name
        )
    return source


def _find(file: FileReference, folders: list[Path], what: str) -> Path:
    """Return the file of this name and content, or of this content under another name."""
    changed: Path | None = None
    for folder in folders:
        path = folder / file.name
        if path.exists():
            if fingerprint(path) == file.fingerprint:
                return path
            changed = changed or path
    if changed is not None:
        raise ReadError(f"{changed}: has changed since the dream was made; it is {what}")
    for path in _others(folders, Path(file.name).suffix):
        if fingerprint(path) == file.fingerprint:
            return path
    advice = "name it after the dream" if what == "its source" else "put it there"
    raise ReadError(f"{file.name}: {what} is neither beside the dream nor here; {advice}")


def _others(folders: list[Path], suffix: str) -> Iterator[Path]:
    """Yield files of the same kind, under other names."""
    for folder in folders:
        files = sorted(path for path in folder.iterdir() if path.suffix == suffix and path.is_file())
        yield from files[:_MOST_SEARCHED]


def _settings(recipe: EmbeddedSettings, files: dict[str, Path], changes: dict[str, object]) -> Preset:
    """Return the preset of a recipe, its files where they were found, its precision as it was chosen then."""
    names = {recipe.files[role].name: str(path) for role, path in files.items()}
    try:
        settings = rename_files(recipe.settings, lambda name, _: names.get(name, name), Preset)
        preset = Preset.build(settings)
    except SettingsError as error:
        raise ReadError(f"its settings do not fit this version: {error}") from None
    if preset.run.precision == "auto" and recipe.precision is not None:
        preset = preset.override({"run.precision": recipe.precision})
    return preset.override(changes)
