"""What fields there are, how nested values are laid over one another, and what is said of those that do not fit."""

from __future__ import annotations

from collections.abc import Mapping
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from pydantic.fields import FieldInfo

from dreamvid.config.messages import must_be
from dreamvid.config.scene import SceneSettings
from dreamvid.config.settings import SettingsModel
from dreamvid.errors import ScheduleError
from dreamvid.schedule.easing import quoted
from dreamvid.schedule.fields import Scheduled
from dreamvid.schedule.keyframes import Expression, parse_when
from dreamvid.text import did_you_mean

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

Keys = tuple[str, ...]

_PER_SCENE = {"model", "objective", "octaves", "ascent", "look", "stability", "camera"}
_MOST_GUESSES = 100
"""Unknown names for which a near one is looked up: it takes time."""
_LONGEST_GUESS = 80
_WORDS = {
    "string_type": "must be a text",
    "tuple_type": "must be a list",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "path_type": "must be the name of a file",
}


def field_paths(model: type[SettingsModel], prefix: str = "") -> dict[str, Any]:
    """Return every settable field as dotted path -> pydantic ``FieldInfo``."""
    found: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        group = _group(info)
        if group is None:
            found[prefix + name] = info
        else:
            found |= field_paths(group, f"{prefix}{name}.")
    return found


def merge(base: Mapping[str, Any], changes: Mapping[str, Any], model: type[SettingsModel]) -> dict[str, Any]:
    """Return nested values with changes laid over them, group by group; schedules are replaced whole."""
    result = dict(base)
    for key, value in changes.items():
        info = model.model_fields.get(key)
        group = None if info is None else _group(info)
        if group is not None:
            old, new = _unfold(group, result.get(key)), _unfold(group, value)
            both = isinstance(old, Mapping) and isinstance(new, Mapping)
            result[key] = merge(old, new, group) if both else value
        else:
            result[key] = value
    return result


def unfold(values: Mapping[str, Any], model: type[SettingsModel]) -> dict[Keys, Keys]:
    """Return for each setting that is written as its group's bare scalar, where it stands: ``octaves: 4``."""
    found: dict[Keys, Keys] = {}
    for key, value in values.items():
        group = _group(model.model_fields[key]) if key in model.model_fields else None
        if group is not None and _unfold(group, value) is not value:
            found[key, str(group.scalar)] = (key,)
    return found


def problems(error: ValidationError, model: type[SettingsModel]) -> list[tuple[Keys, str]]:
    """Return the path, as keys, and the message of each thing that does not validate, one for each path."""
    whole, scene = _Part(model, SceneSettings), _Part(SceneSettings, model)
    found: dict[Keys, str] = {}
    for each in error.errors(include_url=False):
        keys = tuple(str(key) for key in each["loc"])
        within = keys[:2] if keys[:1] == ("scenes",) and len(keys) > 1 else ()
        path, message = (scene if within else whole).explain(each, keys[len(within) :])
        found.setdefault((*within, *path), "".join(c if c.isprintable() else "?" for c in message))
    return list(found.items())


class _Part:
    """Explains what is wrong in a preset or in a scene; ``other`` is what it is not."""

    def __init__(self, model: type[SettingsModel], other: type[SettingsModel]) -> None:
        self._model, self._other = model, other
        self._known = field_paths(model)
        self._names = [*self._known, *{path.rpartition(".")[0] for path in self._known}, *model.model_fields]
        self._guesses = 0

    def explain(self, each: ErrorDetails, keys: Keys) -> tuple[Keys, str]:
        """Return the path and the message of one of pydantic's errors."""
        if each["type"] in {"extra_forbidden", "invalid_key"}:
            return self._unknown(keys)
        if each["type"] in {"objective", "schedule"}:
            return keys, each["msg"]
        depth = next((n for n in range(len(keys), 0, -1) if ".".join(keys[:n]) in self._known), 0)
        if not depth:
            inside = [path for path in self._known if path.startswith(".".join((*keys, "")))]
            is_scene = self._model is SceneSettings and not keys
            return keys, "must be settings such as {start: 4s}" if is_scene else must_be(each, None, inside)
        field = _innermost(self._known[".".join(keys[:depth])])
        if not _is_scheduled(field):
            is_item = len(keys) > depth and keys[depth].isdigit()
            keys = keys[: depth + is_item]  # without the kind of value, of several, that did not fit
            if _changes(each):
                return keys, _stays(keys)
        return keys, _in_words(each) or _below(each, field) or must_be(each, field, [])

    def _unknown(self, keys: Keys) -> tuple[Keys, str]:
        *group, name = keys
        if not group and name in self._other.model_fields:
            whole = self._model is SceneSettings
            return keys, "is for the whole video, not for a scene" if whole else "is for scenes only"
        if group and _is_when(name):
            inside = [path for path in self._known if path.startswith(".".join((*group, "")))]
            able = [path for path in inside if _is_scheduled(_innermost(self._known[path]))]
            return tuple(group), f"keyframes are of one setting, such as {able[0]}" if able else _stays(keys)
        path = ".".join(keys)
        self._guesses += 1
        guess = self._guesses <= _MOST_GUESSES and len(path) <= _LONGEST_GUESS
        return keys, f"no such setting{did_you_mean(path, self._names) if guess else ''}"


def _unfold(group: type[SettingsModel], value: Any) -> Any:
    is_scalar = group.scalar is not None and isinstance(value, str | int | float)
    return {group.scalar: value} if is_scalar else value


def _group(field: FieldInfo) -> type[SettingsModel] | None:
    """Return the settings that a field is a group of; None where it is a single one."""
    options = get_args(field.annotation) if get_origin(field.annotation) is UnionType else (field.annotation,)
    for option in options:
        if isinstance(option, type) and issubclass(option, SettingsModel):
            return option
    return None


def _innermost(field: FieldInfo) -> FieldInfo:
    """Return the field with the bounds and marks of what it is where it is not None."""
    for option in get_args(field.annotation):
        if get_origin(option) is Annotated:
            inner = FieldInfo.from_annotation(option)
            inner.metadata = [*inner.metadata, *field.metadata]
            return inner
    return field


def _is_scheduled(field: FieldInfo) -> bool:
    return any(isinstance(mark, Scheduled) for mark in field.metadata)


def _is_when(key: object) -> bool:
    try:
        parse_when(key)
    except ScheduleError:
        return False
    return True


def _changes(each: ErrorDetails) -> bool:
    """Return whether a value that does not fit is meant to change over time."""
    given = each["input"]
    if isinstance(given, Mapping):
        return any(_is_when(key) for key in given)
    if not isinstance(given, str) or not each["type"].endswith("_parsing"):
        return False
    try:
        return bool(Expression(given).names)
    except ScheduleError:
        return False


def _stays(keys: Keys) -> str:
    where = "within a scene; scenes may differ in it" if keys[0] in _PER_SCENE else "throughout"
    return f"must stay the same {where}"


def _in_words(each: ErrorDetails) -> str | None:
    kind, given = each["type"], each["input"]
    if kind in _WORDS:
        return f"{_WORDS[kind]}, not {'nothing' if given is None else quoted(given)}"
    if kind in {"string_too_long", "too_long"}:
        things = "characters" if kind == "string_too_long" else "items"
        return f"must have at most {each['ctx']['max_length']} {things}, not {len(given)}"
    return None


def _below(each: ErrorDetails, field: FieldInfo) -> str | None:
    """Return what a number must be whose range has no last one; None for all others."""
    found = {name: [getattr(mark, name, None) for mark in field.metadata] for name in ("ge", "lt")}
    low, below = (next((bound for bound in bounds if bound is not None), None) for bounds in found.values())
    if not isinstance(below, float):
        return None
    return f"must be a number from {low or 0:g} to below {below:g}, not {quoted(each['input'])}"
