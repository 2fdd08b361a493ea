"""Errors of the settings' models as lines for people who know nothing of the library that checks them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dreamvid.config.fields import SettingsModel, field_paths, innermost
from dreamvid.config.scene import SceneSettings
from dreamvid.config.signals import SignalSettings
from dreamvid.errors import ScheduleError
from dreamvid.schedule.expression import Expression
from dreamvid.schedule.fields import bounds_of
from dreamvid.schedule.times import is_offset
from dreamvid.text import did_you_mean, quoted

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

    from dreamvid.config.fields import Keys

_MAX_GUESSES = 100  # unknown names for which a near one is looked up: it takes time
_MAX_GUESS_LENGTH = 80
_SHOWN = 80
_NUMBERS = {"int": "a whole number", "float": "a number", "finite": "a finite number"}
_TYPES = {
    "string_type": "must be a text",
    "tuple_type": "must be a list",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "path_type": "must be the name of a file",
    "dict_type": "must be names with what they stand for, such as {kick: kick.wav}",
}


def explain(error: ValidationError, model: type[SettingsModel]) -> str:
    """Return one line for the first thing that does not validate."""
    listed = problems(error, model)
    path, message = ".".join(listed[0][0]), listed[0][1]
    line = message if not path or message.startswith(f"{path}:") else f"{path}: {message}"
    return f"{line} (and {len(listed) - 1} more)" if len(listed) > 1 else line


def unknown_field(path: str, model: type[SettingsModel]) -> str:
    """Return the line that says that there is no such setting."""
    return f"{path}: no such setting{did_you_mean(path, [*field_paths(model), *model.model_fields])}"


def problems(error: ValidationError, model: type[SettingsModel]) -> list[tuple[Keys, str]]:
    """Return the path, as keys, and the message of each thing that does not validate, one for each path."""
    preset, scene = _Explainer(model, SceneSettings), _Explainer(SceneSettings, model)
    parts = {"scenes": scene, "signals": _Explainer(SignalSettings, SettingsModel)}
    messages: dict[Keys, str] = {}
    for details in error.errors(include_url=False):
        keys = tuple(str(key) for key in details["loc"])
        within = keys[:2] if keys[0:1] and keys[0] in parts and len(keys) > 1 else ()
        path, message = (parts[keys[0]] if within else preset).explain(details, keys[len(within) :])
        messages.setdefault((*within, *path), "".join(c if c.isprintable() else "?" for c in message))
    return list(messages.items())


class _Explainer:
    """Explains errors in a preset or in a scene; ``other`` is the model of the one that it is not."""

    def __init__(self, model: type[SettingsModel], other: type[SettingsModel]) -> None:
        self._model, self._other = model, other
        self._known = field_paths(model)
        self._names = [*self._known, *{path.rpartition(".")[0] for path in self._known}, *model.model_fields]
        self._guesses = 0

    def explain(self, details: ErrorDetails, keys: Keys) -> tuple[Keys, str]:
        """Return the path and the message of one of pydantic's errors."""
        if details["type"] in {"extra_forbidden", "invalid_key"}:
            return self._explain_unknown(keys)
        if details["type"] in {"objective", "schedule"}:
            return keys, details["msg"]
        depth = next((n for n in range(len(keys), 0, -1) if ".".join(keys[:n]) in self._known), 0)
        if not depth:
            is_scene = self._model is SceneSettings and not keys
            inside = self._inside(keys)
            return keys, "must be settings such as {start: 4s}" if is_scene else must_be(
                details, None, inside
            )
        info = innermost(self._known[".".join(keys[:depth])])
        if not _is_scheduled(info):
            # Pydantic appends which of several types did not fit; only indexes of lists are the user's own keys.
            is_item = len(keys) > depth and keys[depth].isdigit()
            keys = keys[: depth + is_item]
            if _is_meant_to_change(details):
                return keys, _stays_the_same(keys)
        return keys, must_be(details, info)

    def _explain_unknown(self, keys: Keys) -> tuple[Keys, str]:
        *group, name = keys
        if not group and name in self._other.model_fields:
            for_video = self._model is SceneSettings
            return keys, "is for the whole video, not for a scene" if for_video else "is for scenes only"
        if group and is_offset(name):
            inside = self._inside(group)
            scheduled = [path for path in inside if _is_scheduled(innermost(self._known[path]))]
            if scheduled:
                return tuple(group), f"keyframes are of one setting, such as {scheduled[0]}"
            return tuple(group), _stays_the_same(keys)
        path = ".".join(keys)
        if "." in name and path in self._known:  # as --set spells it
            nested = "..."
            for part in reversed(name.split(".")):
                nested = f"{{{part}: {nested}}}"
            return keys, f"settings of a group are nested: write {nested[1:-1]}"
        self._guesses += 1
        is_guessed = self._guesses <= _MAX_GUESSES and len(path) <= _MAX_GUESS_LENGTH
        return keys, f"no such setting{did_you_mean(path, self._names) if is_guessed else ''}"

    def _inside(self, group: Sequence[str]) -> list[str]:
        return [path for path in self._known if path.startswith(".".join((*group, "")))]


def must_be(  # noqa: PLR0911  one for each kind of error
    details: ErrorDetails, info: FieldInfo | None, inside: Sequence[str] = ()
) -> str:
    """Return what a value must be, such as ``must be a whole number from 1 to 16, not 'many'``.

    ``details`` is pydantic's; ``info`` is the setting, None for a group of settings, and ``inside`` are the paths
    of the settings in that group.
    """
    kind, value = details["type"], details["input"]
    limits = {} if info is None else _limits(info)
    if kind in _TYPES:
        return f"{_TYPES[kind]}, not {'nothing' if value is None else quoted(value)}"
    if kind == "missing":
        return "is missing"
    if kind in {"string_too_long", "too_long"}:
        things = "characters" if kind == "string_too_long" else "items"
        return f"must have at most {details['ctx']['max_length']} {things}, not {len(value)}"
    if isinstance(limits.get("lt"), float):  # a range of numbers without a last one
        return f"must be a number from {limits.get('ge', 0):g} to below {limits['lt']:g}, not {quoted(value)}"
    if kind == "model_type" and inside:
        return f"is a group of settings; set one of them, such as {inside[0]}"
    if kind == "string_too_short":
        return "must not be empty"
    text = str(value)[:_SHOWN]
    if kind == "literal_error":
        expected = str(details["ctx"]["expected"])
        near = did_you_mean(str(value), re.findall(r"'([^']+)'", expected))
        return f"must be {expected.replace(chr(39), '')}, not '{text}'{near}"
    message = details["msg"].removeprefix("Value error, ")
    number = _NUMBERS.get(kind.split("_")[0])
    if number is not None:
        message = " ".join(["must be", number, *_range(limits)])
    elif kind.startswith(("greater_than", "less_than")):
        message = " ".join(["must be", *_range(limits)])
    return f"{message[:1].lower()}{message[1:]}, not '{text}'"


def _limits(info: FieldInfo) -> dict[str, Any]:
    """Return the limits of a field's range by their names ``ge``, ``gt``, ``le`` and ``lt``."""
    limits: dict[str, Any] = {}
    for mark in info.metadata:
        for name in ("ge", "gt", "le", "lt"):
            limit = getattr(mark, name, None)
            if limit is not None:
                limits[name] = limit
    return limits


def _range(limits: Mapping[str, float]) -> list[str]:
    """Return a range in words, such as ``from 1 to 16`` or ``more than 0``; nothing where it has no ends."""
    limits = dict(limits)
    if "lt" in limits:  # of whole numbers here
        limits["le"] = limits["lt"] - 1
    words = {"ge": "from {} to", "gt": "more than {} and at most"}
    if "le" not in limits:
        words = {"ge": "{} or more", "gt": "more than {}"}
    low = [text.format(_plain(limits[name])) for name, text in words.items() if name in limits]
    high = [_plain(limits["le"])] if "le" in limits else []
    return [*low, *high] if low or not high else ["at most", *high]


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else f"{float(number):g}"


def _is_scheduled(info: FieldInfo) -> bool:
    return bounds_of(info.annotation, info.metadata) is not None


def _is_meant_to_change(details: ErrorDetails) -> bool:
    """Return whether a value that does not fit is a schedule."""
    value = details["input"]
    if isinstance(value, Mapping):
        return any(is_offset(key) for key in value)
    if not isinstance(value, str) or not details["type"].endswith("_parsing"):
        return False
    try:
        return bool(Expression(value).names)
    except ScheduleError:
        return False


def _stays_the_same(keys: Keys) -> str:
    where = (
        "within a scene; scenes may differ in it" if keys[0] in SceneSettings.model_fields else "throughout"
    )
    return f"must stay the same {where}"
