"""Find presets by name, read their files with lines and columns, and merge them over what they extend.

A name is looked up in the folders of ``DREAMVID_PRESETS``, in the user's own folder, and among those that ship; what
ends in ``.yaml`` or ``.yml`` is a file. Files that a preset names are looked for beside it, then where one is.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import platformdirs
from pydantic import ValidationError

from dreamvid.config.fields import GUIDES, FileName, SettingsModel, merge, rename_files, unfold
from dreamvid.config.messages import problems
from dreamvid.config.scene import SceneSettings
from dreamvid.config.signals import signal_names
from dreamvid.config.yaml_text import MAX_CHARACTERS, TextPosition, YamlTextError, read_yaml
from dreamvid.errors import PresetError, SettingsError
from dreamvid.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dreamvid.config.fields import Keys

FOLDERS = "DREAMVID_PRESETS"
"""The environment variable that names further folders of presets, searched first."""

_SUFFIXES = (".yaml", ".yml")
_MAX_CHAIN = 16
# Values in all that a preset and its scenes extend, counted when they are read and each time that they are used.
_MAX_EXTENDED = 30_000
_MAX_LINES = 100
_MAX_KEY, _MAX_PATH, _MAX_LINE = 80, 200, 400


P = TypeVar("P", bound=SettingsModel)


@dataclass(frozen=True, slots=True)
class PresetFile(Generic[P]):
    """A preset, the name it goes by, and the file that it was read from."""

    name: str
    path: Path
    preset: P
    _layer: _Layer = field(repr=False, compare=False)

    def lines(self, mistakes: Iterable[tuple[Keys, str]]) -> list[str]:
        """Return messages about settings with the file and place where each, or the nearest above, is written."""
        placed = dict.fromkeys(_Mistake(*self._layer.where(keys), keys, text) for keys, text in mistakes)
        return _lines(placed, self.path)

    def sets(self, keys: Keys) -> bool:
        """Return whether a setting is written, in this file or in one that it extends."""
        return self._layer.written(keys) is not None


def load_file(ref: str | Path, model: type[P], check: Callable[[P], object]) -> PresetFile[P]:
    """Return the preset of a name or file, as ``model``; ``check`` looks at it as a whole.

    Raises
    ------
    PresetError
        One line, with file, line and column, for each thing that is wrong; all at once, by file and place.
    SettingsError
        Where there is no such preset, or the file cannot be read.
    """
    path = find_preset(ref)
    reader = _LayerReader(model)
    layer = reader.read(path)
    mistakes = reader.mistakes
    try:
        preset = model.model_validate(layer.values, context=signal_names(layer.values))
        check(preset)
    except ValidationError as error:
        for keys, text in problems(error, model):
            # An error of the preset as a whole begins with the name of a setting.
            written = keys or (text.partition(":")[0],)
            mistakes.append(_Mistake(*layer.where(written), keys, text))
    except SettingsError as error:
        mistakes.append(_Mistake(path, TextPosition(1, 1), (), str(error)))
    if mistakes:
        raise PresetError(_lines(mistakes, path))
    return PresetFile(path.stem, path, preset, layer)


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
        if not _is_file(path):
            raise SettingsError(f"{_short(text, _MAX_PATH)}: there is no such preset file")
        return path
    known = find_presets()
    if text not in known:
        near = did_you_mean(text, known)
        raise SettingsError(
            f"{_short(text)}: there is no such preset{near}; 'dreamvid presets list' shows all, a file ends in .yaml"
        )
    return known[text]


def find_presets() -> dict[str, Path]:
    """Return all presets by name; of two with one name, that of the folder searched first."""
    presets: dict[str, Path] = {}
    for folder in preset_folders():
        try:
            files = sorted(folder.iterdir())
        except (OSError, ValueError):  # not there, or not ours to read
            continue
        for file in files:
            if file.suffix.lower() in _SUFFIXES and _is_file(file):
                presets.setdefault(file.stem, file)
    return presets


def preset_folders() -> list[Path]:
    """Return the folders that are searched for presets, first to last."""
    named = [_at_home(Path(part)) for part in os.environ.get(FOLDERS, "").split(os.pathsep) if part]
    return [
        *named,
        platformdirs.user_config_path("dreamvid") / "presets",
        Path(__file__).parents[1] / "presets",
    ]


@dataclass(frozen=True, slots=True)
class _Mistake:
    path: Path
    position: TextPosition
    keys: Keys
    message: str

    def __str__(self) -> str:
        """Return one line: file, place, setting and message."""
        name = ".".join(_short(key) for key in self.keys)
        is_named = not name or self.message.startswith((f"{name} ", f"{name}:"))
        text = self.message if is_named else f"{name}: {self.message}"
        return f"{self.path}:{self.position.line}:{self.position.column}: {_short(text, _MAX_LINE)}"


@dataclass(frozen=True, slots=True)
class _Layer:
    """Nested values and where they are written; ``bases`` lie below it, or below its scenes, by their keys.

    ``size`` counts the values, with those of the bases.
    """

    path: Path
    values: dict[str, Any]
    positions: Mapping[Keys, TextPosition]
    bases: Mapping[Keys, _Layer]
    size: int

    def where(self, keys: Keys) -> tuple[Path, TextPosition]:
        """Return the file and place of a path, or of the nearest above it that is written somewhere."""
        written = (self.written(keys[:end]) for end in range(len(keys), 0, -1))
        return next((where for where in written if where is not None), (self.path, TextPosition(1, 1)))

    def written(self, keys: Keys) -> tuple[Path, TextPosition] | None:
        """Return the file and place of a path, None where it is written nowhere."""
        if keys in self.positions:
            return self.path, self.positions[keys]
        # Scenes are replaced whole: those that are written here extend presets of their own.
        part = keys[:2] if keys[0] == "scenes" and ("scenes",) in self.positions else ()
        base = self.bases.get(part)
        return base.written(keys[len(part) :]) if base is not None and len(keys) > len(part) else None


class _LayerReader:
    """Reads a preset and all that it extends, each file once; collects the mistakes in them."""

    def __init__(self, model: type[SettingsModel]) -> None:
        self._model = model
        self._scene_fields = model.model_fields.keys() & SceneSettings.model_fields.keys()
        self.mistakes: list[_Mistake] = []
        self._layers: dict[Path, _Layer] = {}
        self._extended = 0

    def read(self, path: Path, chain: tuple[Path, ...] = ()) -> _Layer:
        """Return the values of a file laid over what they extend; ``chain`` are the files that extend it.

        Raises
        ------
        SettingsError
            Where the file cannot be read.
        """
        resolved = path.resolve()
        if resolved not in self._layers:
            self._layers[resolved] = self._read(path, (*chain, resolved))
        return self._layers[resolved]

    def _read(self, path: Path, chain: tuple[Path, ...]) -> _Layer:
        values, positions = self._settings(path)
        self._extended += len(positions) if len(chain) > 1 else 0
        bases: dict[Keys, _Layer] = {}
        parts: list[tuple[Keys, dict[str, Any]]] = [((), values), *_scenes(values)]
        for keys, part in parts:
            model = SceneSettings if keys else self._model
            for scalar, written in unfold(part, model).items():
                positions[*keys, *scalar] = positions[*keys, *written]
            if "extends" in part:
                name = part.pop("extends")
                try:
                    bases[keys] = self._base(name, path.parent, chain)
                except SettingsError as error:
                    inner = (*keys, "extends")
                    self.mistakes.append(_Mistake(path, positions[inner], inner, str(error)))
        for keys, part in parts[1:]:
            if keys in bases:
                # Unknown settings are kept, so that they are reported.
                base = {
                    k: v
                    for k, v in bases[keys].values.items()
                    if k in self._scene_fields or self._is_unknown(k)
                }
                values["scenes"][int(keys[1])] = merge(base, part, self._model)
        if () in bases:
            values = merge(bases[()].values, values, self._model)
        return _Layer(
            path, values, positions, bases, len(positions) + sum(base.size for base in bases.values())
        )

    def _is_unknown(self, key: str) -> bool:
        return key not in self._model.model_fields and key not in SceneSettings.model_fields

    def _settings(self, path: Path) -> tuple[dict[str, Any], dict[Keys, TextPosition]]:
        """Return what a file holds and where; nothing where that is not settings."""
        try:
            with path.open("rb") as stream:
                data = stream.read(4 * MAX_CHARACTERS + 1)
            document = read_yaml(_decoded(data))
        except OSError as error:
            raise SettingsError(f"{path}: cannot be read ({error.strerror})") from None
        except YamlTextError as error:
            self.mistakes.append(_Mistake(path, error.position, (), str(error)))
            return {}, {}
        values, positions = {} if document.value is None else document.value, dict(document.positions)
        if not isinstance(values, dict):
            text = "must be settings such as 'octaves: 4', each with its name"
            self.mistakes.append(_Mistake(path, document.position(()), (), text))
            return {}, {}
        for key in [key for key in values if not isinstance(key, str)]:
            keys = (str(key),)
            self.mistakes.append(_Mistake(path, document.position(keys), keys, "no such setting"))
            del values[key]
        return _beside(values, path.parent.absolute(), positions, self._model), positions

    def _base(self, name: object, folder: Path, chain: tuple[Path, ...]) -> _Layer:
        """Return what a preset extends."""
        if not isinstance(name, str):
            raise SettingsError("must be the name of a preset, or a .yaml file")
        beside = folder / name
        path = beside if name.lower().endswith(_SUFFIXES) and _is_file(beside) else find_preset(name)
        if path.resolve() in chain:
            raise SettingsError(f"'{name}' extends this preset in its turn")
        if len(chain) >= _MAX_CHAIN:
            raise SettingsError(f"more than {_MAX_CHAIN} presets extend one another")
        if self._extended <= _MAX_EXTENDED:
            base = self.read(path, chain)
            self._extended += base.size
        if self._extended > _MAX_EXTENDED:
            raise SettingsError(f"more than {_MAX_EXTENDED} values are extended in all")
        return base


def _lines(mistakes: Iterable[_Mistake], path: Path) -> list[str]:
    """Return a line for each mistake, those of the preset's own file first."""
    ordered = sorted(mistakes, key=lambda each: (each.path != path, str(each.path), each.position))
    lines = [str(each) for each in ordered[:_MAX_LINES]]
    if len(ordered) > _MAX_LINES:
        following = ordered[_MAX_LINES]
        text = f"{len(ordered) - _MAX_LINES} more mistakes follow"
        lines.append(str(_Mistake(following.path, following.position, (), text)))
    return lines


def _decoded(data: bytes) -> str:
    """Return the text of a file's first bytes."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise YamlTextError("is UTF-16; save it as UTF-8", TextPosition(1, 1))
    if len(data) > 4 * MAX_CHARACTERS:
        raise YamlTextError(f"is longer than {MAX_CHARACTERS} characters", TextPosition(1, 1))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].rpartition(b"\n")[2].decode("utf-8-sig", "replace")
        position = TextPosition(data[: error.start].count(b"\n") + 1, len(line) + 1)
        raise YamlTextError("is no UTF-8 text", position) from None


def _beside(
    values: dict[str, Any], folder: Path, positions: dict[Keys, TextPosition], model: type[SettingsModel]
) -> dict[str, Any]:
    """Return the values with the files that they name resolved beside the preset, where they exist there."""

    def new_name(name: str, mark: FileName) -> str:
        if mark.role == "input":  # which may be a pattern, and may come later
            return str(folder / name)
        # Words such as luma are no files.
        is_file = ("." in name or "/" in name) and file_exists(folder / name)
        return str(folder / name) if is_file else name

    result = rename_files(values, new_name, model)
    for keys, old in [((), values), *_scenes(values)]:
        objective = old.get("objective")
        if isinstance(objective, dict):
            for key in objective:  # a guide's new name is written where its old one is
                renamed = str(GUIDES.rename(key, new_name))
                positions[*keys, "objective", renamed] = positions[*keys, "objective", str(key)]
    return result


def _scenes(values: dict[str, Any]) -> list[tuple[Keys, dict[str, Any]]]:
    """Return the scenes among the values of a file, each with its keys."""
    scenes = values.get("scenes")
    numbered = enumerate(scenes) if isinstance(scenes, list) else ()
    return [(("scenes", str(index)), scene) for index, scene in numbered if isinstance(scene, dict)]


def _is_file(path: Path) -> bool:
    return file_exists(path) and path.is_file()


def file_exists(path: Path) -> bool:
    """Return whether there is a file or folder of this name, whatever the name."""
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file can have, or a folder that is not ours to read
        return False


def _at_home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:  # nobody's home
        return path


def _short(text: str, most: int = _MAX_KEY) -> str:
    """Return the beginning of a text, in letters that can be printed."""
    text = "".join(letter if letter.isprintable() else "?" for letter in text[: most + 1])
    return text if len(text) <= most else f"{text[:most]}..."
