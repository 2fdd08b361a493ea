"""A look as text: as a preset in YAML, in both directions, and as the command line that renders it."""

from __future__ import annotations

import io
import json
import re
import shlex
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dreamvid.config.fields import field_paths, meta_of
from dreamvid.config.preset import Preset, load_preset
from dreamvid.config.yaml_text import YamlTextError, read_yaml
from dreamvid.errors import PresetError, SettingsError
from dreamvid.studio.look import SHOWN_PIPELINES, LookError, build_preset, in_folder, is_path, values_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dreamvid.config.fields import Keys
    from dreamvid.studio.library import Library

_FILE_SUFFIXES = (".yaml", ".yml")
_PLACE = re.compile(r"(?P<line>\d+):(?P<column>\d+): (?P<text>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TextMistake:
    """What is wrong in a text, and where, from 1."""

    line: int
    column: int
    text: str


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


def _refused_names(value: dict[Any, Any], library: Library) -> Iterator[tuple[Keys, str]]:
    """Yield the keys of presets that are extended by file, and of files that are not in the folder."""
    scenes = value.get("scenes")
    parts: list[tuple[Keys, Any]] = [((), value)]
    parts += [
        (("scenes", str(n)), scene) for n, scene in enumerate(scenes if isinstance(scenes, list) else [])
    ]
    for keys, part in parts:
        base = part.get("extends") if isinstance(part, dict) else None
        if isinstance(base, str) and (is_path(base) or base.lower().endswith(_FILE_SUFFIXES)):
            yield (*keys, "extends"), "extends: in the studio, a preset extends others by name, not by file"
    plain = {key: inner for key, inner in value.items() if isinstance(key, str)}
    for key in plain.keys() & Preset.model_fields.keys():
        try:
            in_folder({key: plain[key]}, library)
        except LookError as error:
            yield (key,), error.mistakes[0][1]
        except (TypeError, ValueError, AttributeError):
            continue  # the check of the whole says what is wrong


def _placed(line: str, file: Path) -> TextMistake:
    match = _PLACE.fullmatch(line.removeprefix(f"{file}:"))
    if match is None:
        return TextMistake(1, 1, line.replace(str(file), "look.yaml"))
    return TextMistake(int(match["line"]), int(match["column"]), match["text"])


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
