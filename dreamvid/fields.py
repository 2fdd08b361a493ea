"""What fields there are, how nested values are laid over one another, and what is said of those that do not fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dreamvid.errors import did_you_mean
from dreamvid.sections import Section
from dreamvid.varying import Scheduled
from dreamvid.wording import must_be

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_PER_SCENE = {"model", "objective", "octaves", "ascent", "look", "stability"}


def field_paths(model: type[Section], prefix: str = "") -> dict[str, Any]:
    """Return every settable field as dotted path -> pydantic ``FieldInfo``."""
    found: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        annotation = info.annotation
        if isinstance(annotation, type) and issubclass(annotation, Section):
            found |= field_paths(annotation, f"{prefix}{name}.")
        else:
            found[prefix + name] = info
    return found


def merge(base: Mapping[str, Any], changes: Mapping[str, Any], model: type[Section]) -> dict[str, Any]:
    """Return nested values with changes laid over them, group by group; schedules are replaced whole."""
    result = dict(base)
    for key, value in changes.items():
        info = model.model_fields.get(key)
        group = None if info is None else info.annotation
        if isinstance(group, type) and issubclass(group, Section):
            old, new = _unfold(group, result.get(key)), _unfold(group, value)
            both = isinstance(old, Mapping) and isinstance(new, Mapping)
            result[key] = merge(old, new, group) if both else value
        else:
            result[key] = value
    return result


def problems(error: ValidationError, model: type[Section]) -> list[tuple[tuple[str, ...], str]]:
    """Return the path, as keys, and the message of each thing that does not validate, one for each path."""
    found: dict[tuple[str, ...], str] = {}
    for each in error.errors(include_url=False):
        loc = [
            str(p) for p in each["loc"] if not str(p).startswith(("function-", "constrained-", "nullable"))
        ]
        path, message = _problem(each, loc, model)
        found.setdefault(path, message)
    return list(found.items())


def _unfold(group: type[Section], value: Any) -> Any:
    is_scalar = group.scalar is not None and isinstance(value, str | int | float)
    return {group.scalar: value} if is_scalar else value


def _problem(each: ErrorDetails, loc: list[str], model: type[Section]) -> tuple[tuple[str, ...], str]:
    within = loc[2:] if loc[:1] == ["scenes"] and len(loc) > 1 else loc
    known = field_paths(model)
    if each["type"] == "extra_forbidden":
        return tuple(loc), f"no such setting{did_you_mean('.'.join(within), [*known, *model.model_fields])}"
    if each["type"] in {"objective", "schedule"}:
        return tuple(loc), each["msg"]
    depth = len(within)
    while depth and ".".join(within[:depth]) not in known:
        depth -= 1
    if not depth:
        path = ".".join(within)
        return tuple(loc), must_be(each, None, [one for one in known if one.startswith(f"{path}.")])
    field = known[".".join(within[:depth])]
    if not any(isinstance(mark, Scheduled) for mark in field.metadata):
        loc = loc[: len(loc) - len(within) + depth]  # without the kind of value, of several, that did not fit
        if isinstance(each["input"], Mapping):
            where = "within a scene; scenes may differ in it" if within[0] in _PER_SCENE else "throughout"
            return tuple(loc), f"must stay the same {where}"
    return tuple(loc), must_be(each, field, [])
