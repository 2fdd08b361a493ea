"""A look as the page holds it: nested values of a preset, checked, and in turn given to the page.

File names in values from the page are base names of files in the studio's folder; all others are refused, so that
nothing outside that folder is ever read. Values that go to the page name base names, too.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from dreamvid.config.fields import field_paths, rename_files
from dreamvid.config.messages import problems
from dreamvid.config.preset import Preset, parse_value
from dreamvid.errors import SettingsError
from dreamvid.pipelines.provenance import make_portable
from dreamvid.studio.library import NETWORK_SUFFIXES
from dreamvid.text import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dreamvid.config.fields import FileName
    from dreamvid.studio.library import Library

SHOWN_PIPELINES = ("video", "image", "zoom")
"""What the studio makes."""

_NOT_PART_OF_A_LOOK = ("inputs",)


class LookError(SettingsError):
    """Values that do not fit; ``mistakes`` are the dotted path and the message of each."""

    def __init__(self, mistakes: list[tuple[str, str]]) -> None:
        super().__init__("\n".join(f"{path}: {text}" if path else text for path, text in mistakes))
        self.mistakes = mistakes


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
        return Preset.model_validate(in_folder(read, library))
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


def in_folder(values: dict[str, Any], library: Library) -> dict[str, Any]:
    """Return values with the path of each file that they name, all of them in the folder."""

    def path_of(name: str, mark: FileName) -> str:
        file = None if is_path(name) else library.named(name)
        if file is not None:
            return str(file.path)
        if mark.role == "model" and not is_path(name) and not name.lower().endswith(NETWORK_SUFFIXES):
            return name
        raise LookError([("", f"there is no file {quoted(name)} in the folder; add it there")])

    return rename_files(values, path_of, Preset)


def is_path(name: str) -> bool:
    """Return whether a file name is more than a base name, or none at all."""
    return "/" in name or "\\" in name or name in {"", ".", ".."} or "\0" in name


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
