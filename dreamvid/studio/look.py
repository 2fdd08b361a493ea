"""A look as the page holds it: nested values of a preset, read, checked, and written as YAML and as a command line.

File names in values from the page are base names of files in the studio's folder; all others are refused, so that
nothing outside that folder is ever read. Values that go to the page name base names, too.
"""

from __future__ import annotations

import io
import json
import re
import shlex
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from dreamvid._version import __version__
from dreamvid.config.fields import field_paths, meta_of, rename_files
from dreamvid.config.messages import problems
from dreamvid.config.preset import Preset, load_preset, parse_value
from dreamvid.config.yaml_text import YamlTextError, read_yaml
from dreamvid.errors import PresetError, ReadError, SettingsError
from dreamvid.pipelines.provenance import fingerprint, make_portable
from dreamvid.pipelines.replay import read_recipe
from dreamvid.studio.library import NETWORK_SUFFIXES
from dreamvid.text import printable, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dreamvid.config.fields import FileName, Keys
    from dreamvid.pipelines.replay import FileReference
    from dreamvid.studio.library import Library, LibraryFile

SHOWN_PIPELINES = ("video", "image", "zoom")
"""What the studio makes."""

_NOT_PART_OF_A_LOOK = ("inputs",)
_FILE_SUFFIXES = (".yaml", ".yml")
_PLACE = re.compile(r"(?P<line>\d+):(?P<column>\d+): (?P<text>.*)", re.DOTALL)


class LookError(SettingsError):
    """Values that do not fit; ``mistakes`` are the dotted path and the message of each."""

    def __init__(self, mistakes: list[tuple[str, str]]) -> None:
        super().__init__("\n".join(f"{path}: {text}" if path else text for path, text in mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class RestoredLook:
    """A look that was read from a dreamed file; ``notes`` say what could not be found."""

    values: dict[str, Any]
    source: LibraryFile | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TextMistake:
    """What is wrong in a text, and where, from 1."""

    line: int
    column: int
    text: str


def build_preset(values: object, library: Library) -> Preset:
    """Return the preset of nested values from the page, with the paths of the files that they name.

    Raises
    ------
    LookError
        With the path and message of each value that does not fit.
    """
    if not isinstance(values, dict):
        raise LookError([("", "the settings must be an object")])
    try:
        read = _with_parsed_texts({k: v for k, v in values.items() if k not in _NOT_PART_OF_A_LOOK})
        return Preset.model_validate(_in_folder(read, library))
    except ValidationError as error:
        raise LookError([(".".join(keys), text) for keys, text in problems(error, Preset)]) from None
    except LookError:
        raise
    except SettingsError as error:
        raise LookError([_parted(str(error))]) from None


def values_of(preset: Preset) -> dict[str, Any]:
    """Return what differs from the defaults, as plain nested values with base names."""
    full = preset.model_dump(mode="json", exclude={*_NOT_PART_OF_A_LOOK, "scenes"})
    defaults = Preset().model_dump(mode="json")
    values = _differing(full, defaults)
    scenes = preset.model_dump(mode="json", exclude_unset=True, include={"scenes"})
    if scenes.get("scenes"):
        values |= scenes
    return make_portable(values)


def to_yaml(preset: Preset) -> str:
    """Return a look as the text of a preset file."""
    from ruamel.yaml import YAML  # noqa: PLC0415  only this writes

    yaml, text = YAML(), io.StringIO()
    yaml.width = 100
    yaml.dump(values_of(preset) or {"pipeline": preset.pipeline}, text)
    return text.getvalue()


def command_line(preset: Preset, source: str | None) -> str:
    """Return the command that renders a look; one with scenes or signals renders its preset file, ``look.yaml``."""
    values = values_of(preset)
    if "scenes" in values or "signals" in values or preset.pipeline not in SHOWN_PIPELINES:
        return shlex.join(["dreamvid", "render", "look.yaml", *(["-i", source] if source else [])])
    arguments = ["dreamvid", preset.pipeline, *([_argument(source)] if source else [])]
    for path, value in _leaves(values):
        if path in {"pipeline", "description"}:
            continue
        info = field_paths(Preset)[path]
        meta = meta_of(info)
        has_flag = bool(meta.flag) and preset.pipeline in meta.pipelines
        if has_flag and isinstance(info.default, bool):
            arguments.append(meta.flag)
        elif has_flag:
            text = _option_text(value)
            arguments += [f"{meta.flag}={text}"] if text.startswith("-") else [meta.flag, text]
        else:
            arguments += ["--set", f"{path}={_option_text(value)}"]
    return shlex.join(arguments)


def read_text(text: str, library: Library) -> tuple[Preset | None, list[TextMistake]]:
    """Return the preset of a YAML text, or what is wrong with it, line by line, as ``presets check`` says it."""
    try:
        document = read_yaml(text)
    except YamlTextError as error:
        return None, [TextMistake(*error.position, str(error))]
    value = document.value
    if isinstance(value, dict):
        refused = [
            TextMistake(*document.position(keys), message) for keys, message in _refused_names(value, library)
        ]
        if refused:
            return None, refused
    with tempfile.TemporaryDirectory(prefix="dreamvid-studio-") as folder:
        file = Path(folder) / "look.yaml"
        file.write_text(text, encoding="utf-8")
        try:
            preset = load_preset(file).preset
        except PresetError as error:
            return None, [_placed(line, file) for line in error.lines]
        except SettingsError as error:
            return None, [TextMistake(1, 1, str(error))]
    try:
        return build_preset(values_of(preset), library), []
    except LookError as error:
        return None, [
            TextMistake(1, 1, f"{path}: {message}" if path else message) for path, message in error.mistakes
        ]


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
        values["pipeline"] = "image" if _is_one_picture(file, library) else "video"
    return RestoredLook(values, source, tuple(notes))


def _is_one_picture(file: LibraryFile, library: Library) -> bool:
    return library.facts(file).get("kind") == "still"


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


def _with_parsed_texts(values: dict[str, Any]) -> dict[str, Any]:
    """Return values with the short forms of YAML that were typed into a field read: keyframes, lists."""
    result = json.loads(json.dumps(values))
    for path in field_paths(Preset):
        *groups, leaf = path.split(".")
        inner: Any = result
        for group in groups:
            inner = inner.get(group) if isinstance(inner, dict) else None
        if isinstance(inner, dict) and isinstance(inner.get(leaf), str):
            inner[leaf] = parse_value(path, inner[leaf].strip())
    return dict(result)


def _in_folder(values: dict[str, Any], library: Library) -> dict[str, Any]:
    """Return values with the path of each file that they name, all of them in the folder."""

    def path_of(name: str, mark: FileName) -> str:
        file = None if _is_path(name) else library.named(name)
        if file is not None:
            return str(file.path)
        if mark.role == "model" and not _is_path(name) and not name.lower().endswith(NETWORK_SUFFIXES):
            return name
        raise LookError([("", f"there is no file {quoted(name)} in the folder; add it there")])

    return rename_files(values, path_of, Preset)


def _is_path(name: str) -> bool:
    return "/" in name or "\\" in name or name in {"", ".", ".."} or "\0" in name


def _refused_names(value: dict[Any, Any], library: Library) -> Iterator[tuple[Keys, str]]:
    """Yield the keys of presets that are extended by file, and of files that are not in the folder."""
    scenes = value.get("scenes")
    parts: list[tuple[Keys, Any]] = [((), value)]
    parts += [
        (("scenes", str(n)), scene) for n, scene in enumerate(scenes if isinstance(scenes, list) else [])
    ]
    for keys, part in parts:
        base = part.get("extends") if isinstance(part, dict) else None
        if isinstance(base, str) and (_is_path(base) or base.lower().endswith(_FILE_SUFFIXES)):
            yield (*keys, "extends"), "extends: in the studio, a preset extends others by name, not by file"
    plain = {key: inner for key, inner in value.items() if isinstance(key, str)}
    for key in plain.keys() & Preset.model_fields.keys():
        try:
            _in_folder({key: plain[key]}, library)
        except LookError as error:
            yield (key,), error.mistakes[0][1]
        except (TypeError, ValueError, AttributeError):
            continue  # the check of the whole says what is wrong


def _placed(line: str, file: Path) -> TextMistake:
    match = _PLACE.fullmatch(line.removeprefix(f"{file}:"))
    if match is None:
        return TextMistake(1, 1, line.replace(str(file), "look.yaml"))
    return TextMistake(int(match["line"]), int(match["column"]), match["text"])


def _parted(text: str) -> tuple[str, str]:
    path, colon, message = text.partition(": ")
    return (path, message) if colon and path in field_paths(Preset) else ("", text)


def _differing(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the nested values that differ; schedules are taken whole."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        default = defaults.get(key)
        if isinstance(value, dict) and isinstance(default, dict):
            inner = _differing(value, default)
            if inner:
                result[key] = inner
        elif value != default:
            result[key] = value
    return result


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    paths = field_paths(Preset)
    for key, value in values.items():
        path = f"{prefix}{key}"
        if path in paths:
            yield path, value
        elif isinstance(value, dict):
            yield from _leaves(value, f"{path}.")


def _option_text(value: object) -> str:
    """Return a value as the command line reads it; keyframes in YAML's short form."""
    if isinstance(value, dict | list):
        return _flow(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _flow(value: object) -> str:
    """Return YAML in its short form, which JSON is, for the reader that plain values come from."""
    return json.dumps(value, ensure_ascii=False)


def _argument(name: str) -> str:
    return f"./{name}" if name.startswith("-") else name
