"""Presets in files: found by name, read with their places, laid over what they extend.

A name is looked up in the folders of ``DREAMVID_PRESETS``, in the user's own folder, and among those that ship; what
ends in ``.yaml`` or ``.yml`` is a file. Files that a preset names are looked for beside it, then where one is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import ValidationError

from dreamvid import fields
from dreamvid.errors import PresetError, SettingsError, did_you_mean
from dreamvid.preset import Preset
from dreamvid.scene import SceneSettings
from dreamvid.yaml_text import LONGEST, Place, YamlTextError, read_yaml

FOLDERS = "DREAMVID_PRESETS"
"""The environment variable that names further folders of presets, searched first."""
_SUFFIXES = (".yaml", ".yml")
_LONGEST_CHAIN = 16
_GUIDE = re.compile(r"(guide:)([^@,]+)(@)")
_FILES = (("model", "name"), ("model", "weights"), ("mask", "source"))

Keys = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PresetFile:
    """A preset, the name it goes by, and the file that it was read from."""

    name: str
    path: Path
    preset: Preset


@dataclass(slots=True)
class _Layer:
    """Nested values, and for each path in them the file and place that it comes from."""

    values: dict[str, Any]
    places: dict[Keys, tuple[Path, Place]] = field(default_factory=dict)


def load_preset(ref: str | Path) -> PresetFile:
    """Return the preset of a name or file.

    Raises
    ------
    PresetError
        One line, with file, line and column, for each thing that is wrong; all at once.
    SettingsError
        Where there is no such preset, or the file cannot be read.
    """
    path = find_preset(ref)
    layer = _read(path, ())
    try:
        preset = Preset.model_validate(layer.values)
        preset.in_scenes()
    except ValidationError as error:
        lines = [_line(layer, path, keys, message) for keys, message in fields.problems(error, Preset)]
        raise PresetError(lines) from None
    except SettingsError as error:
        raise PresetError([_line(layer, path, (), str(error))]) from None
    return PresetFile(path.stem, path, preset)


def find_preset(ref: str | Path) -> Path:
    """Return the file of a preset.

    Raises
    ------
    SettingsError
        Where there is none of that name, with the nearest one.
    """
    text = os.fspath(ref)
    if text.lower().endswith(_SUFFIXES):
        path = Path(text)
        if not path.is_file():
            raise SettingsError(f"{text}: there is no such preset file")
        return path
    known = find_presets()
    if text not in known:
        near = did_you_mean(text, known)
        raise SettingsError(
            f"{text}: there is no such preset{near}; 'dreamvid presets list' shows all, a file ends in .yaml"
        )
    return known[text]


def find_presets() -> dict[str, Path]:
    """Return all presets by name; of two with one name, that of the folder searched first."""
    found: dict[str, Path] = {}
    for folder in preset_folders():
        files = sorted(folder.iterdir()) if folder.is_dir() else []
        for file in files:
            if file.suffix.lower() in _SUFFIXES and file.is_file():
                found.setdefault(file.stem, file)
    return found


def preset_folders() -> list[Path]:
    """Return the folders that are searched for presets, first to last."""
    named = [Path(part).expanduser() for part in os.environ.get(FOLDERS, "").split(os.pathsep) if part]
    return [*named, platformdirs.user_config_path("dreamvid") / "presets", Path(__file__).parent / "presets"]


def _read(path: Path, chain: tuple[Path, ...]) -> _Layer:
    try:
        with path.open("rb") as stream:
            data = stream.read(4 * LONGEST + 1)
        document = read_yaml(data.decode("utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise PresetError([f"{path}:{line}:1: is no UTF-8 text"]) from None
    except YamlTextError as error:
        raise PresetError([f"{path}:{error.place.line}:{error.place.column}: {error}"]) from None
    values = {} if document.value is None else document.value
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise PresetError([f"{path}:1:1: must be settings such as 'octaves: 4', each with its name"])
    layer = _Layer(_beside(values, path.parent), {keys: (path, at) for keys, at in document.places.items()})
    chain = (*chain, path.resolve())
    scenes = layer.values.get("scenes")
    if isinstance(scenes, list):
        layer.values["scenes"] = [
            _extended_scene(layer, scene, ("scenes", str(index)), path, chain)
            for index, scene in enumerate(scenes)
        ]
    return _extended(layer, layer.values, (), path, chain)


def _extended(
    layer: _Layer, values: dict[str, Any], keys: Keys, path: Path, chain: tuple[Path, ...]
) -> _Layer:
    """Return the layer laid over the one that it extends, if any."""
    if "extends" not in values:
        return layer
    name = values.pop("extends")
    try:
        base = _base(name, path.parent, chain)
    except SettingsError as error:
        raise PresetError([_line(layer, path, (*keys, "extends"), str(error))]) from None
    below = _read(base, chain)
    return _Layer(fields.merge(below.values, values, Preset), {**below.places, **layer.places})


def _base(name: object, folder: Path, chain: tuple[Path, ...]) -> Path:
    """Return the file that a preset extends."""
    if not isinstance(name, str):
        raise SettingsError("must be the name of a preset, or a .yaml file")
    beside = folder / name
    base = beside if name.lower().endswith(_SUFFIXES) and beside.is_file() else find_preset(name)
    if base.resolve() in chain:
        raise SettingsError(f"'{name}' extends this preset in its turn")
    if len(chain) >= _LONGEST_CHAIN:
        raise SettingsError(f"more than {_LONGEST_CHAIN} presets extend one another")
    return base


def _extended_scene(layer: _Layer, scene: Any, keys: Keys, path: Path, chain: tuple[Path, ...]) -> Any:
    """Return a scene laid over the look of the preset that it extends, if any."""
    if not isinstance(scene, dict) or "extends" not in scene:
        return scene
    whole = _extended(_Layer({}, layer.places), scene, keys, path, chain).values
    return {key: value for key, value in whole.items() if key in SceneSettings.model_fields or key in scene}


def _beside(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the values with the files that they name taken from beside the preset, where they are there."""
    result = dict(values)
    for group, name in _FILES:
        inner = result.get(group)
        if isinstance(inner, dict) and name in inner:
            result[group] = {**inner, name: _file(inner[name], folder)}
        elif isinstance(inner, str):
            result[group] = _file(inner, folder)
    if "objective" in result:
        result["objective"] = _guides(result["objective"], folder)
    for name, convert in (("inputs", _input), ("scenes", _scene)):
        if isinstance(result.get(name), list):
            result[name] = [convert(one, folder) for one in result[name]]
    return result


def _file(text: Any, folder: Path) -> Any:
    is_there = isinstance(text, str) and text and "\0" not in text and (folder / text).is_file()
    return str(folder / text) if is_there else text


def _input(pattern: Any, folder: Path) -> Any:
    return str(folder / pattern) if isinstance(pattern, str) else pattern


def _scene(scene: Any, folder: Path) -> Any:
    return _beside(scene, folder) if isinstance(scene, dict) else scene


def _guides(value: Any, folder: Path) -> Any:
    if isinstance(value, str):
        return _GUIDE.sub(lambda match: match[1] + _file(match[2].strip(), folder) + match[3], value)
    if isinstance(value, list):
        return [_guides(item, folder) for item in value]
    if isinstance(value, Mapping):
        return {_guides(key, folder): _guides(item, folder) for key, item in value.items()}
    return value


def _line(layer: _Layer, path: Path, keys: Keys, message: str) -> str:
    """Return one line: where in which file, what, and why."""
    known = keys
    while known and known not in layer.places:
        known = known[:-1]
    file, place = layer.places.get(known, (path, Place(1, 1)))
    name = ".".join(keys)
    what = message if not name or message.startswith((f"{name} ", f"{name}:")) else f"{name}: {message}"
    return f"{file}:{place.line}:{place.column}: {what}"
