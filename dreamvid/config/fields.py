"""What every field of the settings carries besides its type, and how nested values of settings are handled."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.fields import FieldInfo

from dreamvid.objective import KINDS

if TYPE_CHECKING:
    from pydantic.config import JsonDict

Keys = tuple[str, ...]
"""The keys of a nested value, from the top down."""

Pipeline = Literal["video", "image", "zoom", "sweep", "walk"]

EVERY: tuple[Pipeline, ...] = ("video", "image", "zoom", "sweep", "walk")
MOVING: tuple[Pipeline, ...] = ("video", "zoom", "sweep", "walk")
TIMED: tuple[Pipeline, ...] = ("video", "zoom", "walk")
"""Those that run through time, and may do so in bars."""
DREAMING: tuple[Pipeline, ...] = ("video", "image", "zoom", "walk")
"""Those that dream by one model and objective, each of which has an option."""


@dataclass(frozen=True, slots=True)
class Meta:
    """What a field carries for everything that is derived from the settings; given as ``json_schema_extra``.

    ``unit`` is shown in help texts and is all of it that the JSON Schema holds. ``flag`` is the option that sets the
    field in the commands of ``pipelines``; that of a field which is true or false turns its default over.
    ``affects`` says what changes with the field: the ``dream``, the ``encoding`` alone, ``nothing``, or, of settings
    that may be ``auto``, what they were ``resolved`` to. Work that was begun is discarded where its dream changes.
    """

    unit: str = ""
    flag: str = ""
    pipelines: tuple[Pipeline, ...] = EVERY
    affects: Literal["dream", "encoding", "resolved", "nothing"] = "dream"

    def __call__(self, schema: JsonDict) -> None:
        """Add what the JSON Schema holds of it."""
        if self.unit:
            schema["unit"] = self.unit


NewName = Callable[[str, "FileName"], str]
"""Returns what a file is named instead, by its name and its field's mark."""


@dataclass(frozen=True, slots=True)
class FileName:
    """Marks a field whose text, or part of it, names a file.

    ``role`` names the file in manifests and embedded settings. ``pattern`` finds names in the text: its first group
    is one; by default all of the text is.
    """

    role: str
    pattern: re.Pattern[str] = field(default=re.compile(r"\A(.+)\Z", re.DOTALL))

    def rename(self, value: Any, new_name: NewName) -> Any:
        """Return a text, list or mapping with every file name in it, keys included, replaced."""
        if isinstance(value, str):
            return self.pattern.sub(partial(self._replace, new_name), value)
        if isinstance(value, list | tuple):
            return [self.rename(item, new_name) for item in value]
        if isinstance(value, Mapping):
            return {self.rename(key, new_name): self.rename(item, new_name) for key, item in value.items()}
        return value

    def find(self, text: str) -> str | None:
        """Return the first file name in a text, None where it names none."""
        match = self.pattern.search(text)
        return None if match is None else match[1].strip()

    def _replace(self, new_name: NewName, match: re.Match[str]) -> str:
        start, end = (place - match.start() for place in match.span(1))
        return f"{match[0][:start]}{new_name(match[1].strip(), self)}{match[0][end:]}"


_IMAGE_KINDS = "|".join(kind.name for kind in KINDS.values() if kind.argument == "image")
GUIDES = FileName("guide", re.compile(rf"(?:{_IMAGE_KINDS}):([^,]*)@"))
"""Marks objectives: the images that their texts name, of guides and other kinds of terms in the table."""


class SettingsModel(BaseModel):
    """Base of all groups of settings: frozen, strict about names, a bare scalar where that is clear.

    ``scalar`` is the field that a bare scalar stands for; ``panel`` is the heading of its options in help texts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)
    scalar: ClassVar[str | None] = None
    panel: ClassVar[str] = "The dream"

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        """Say in the schema which field a bare scalar stands for."""
        result: dict[str, Any] = handler(schema)
        if cls.scalar is not None:
            handler.resolve_ref_schema(result)["scalar"] = cls.scalar
        return result

    @model_validator(mode="before")
    @classmethod
    def _accept_scalar(cls, data: Any) -> Any:
        return _unfold(cls, data)

    def values(self) -> dict[str, Any]:
        """Return what was set, nested, with parsed values as they are; validated again it gives an equal model."""
        return {
            name: _values(getattr(self, name))
            for name in type(self).model_fields
            if name in self.model_fields_set
        }


def _values(value: Any) -> Any:
    if isinstance(value, SettingsModel):
        return value.values()
    if isinstance(value, Mapping):
        return {key: _values(item) for key, item in value.items()}
    return tuple(_values(item) for item in value) if isinstance(value, tuple) else value


def field_paths(model: type[SettingsModel], prefix: str = "") -> dict[str, FieldInfo]:
    """Return every settable field as dotted path -> pydantic ``FieldInfo``."""
    paths: dict[str, FieldInfo] = {}
    for name, info in model.model_fields.items():
        group = group_of(info)
        if group is None:
            paths[prefix + name] = info
        else:
            paths |= field_paths(group, f"{prefix}{name}.")
    return paths


def meta_of(info: FieldInfo) -> Meta:
    """Return what a field carries."""
    return info.json_schema_extra if isinstance(info.json_schema_extra, Meta) else Meta()


def affecting(what: str, model: type[SettingsModel]) -> list[str]:
    """Return the fields of a group of settings that affect one thing alone; see :class:`Meta`."""
    return [name for name, info in model.model_fields.items() if meta_of(info).affects == what]


def group_of(info: FieldInfo) -> type[SettingsModel] | None:
    """Return the settings that a field is a group of; None where it is a single one."""
    is_union = get_origin(info.annotation) in {Union, UnionType}
    for option in get_args(info.annotation) if is_union else (info.annotation,):
        if isinstance(option, type) and issubclass(option, SettingsModel):
            return option
    return None


def named_group_of(info: FieldInfo) -> type[SettingsModel] | None:
    """Return the settings that a field holds many of, by names of the user's; None for all other fields."""
    arguments = get_args(info.annotation)
    is_mapping = get_origin(info.annotation) is dict
    return arguments[1] if is_mapping and issubclass(arguments[1], SettingsModel) else None


def innermost(info: FieldInfo) -> FieldInfo:
    """Return a field that may be None with the annotation and marks of what it is otherwise."""
    for option in get_args(info.annotation):
        if get_origin(option) is Annotated:
            inner = FieldInfo.from_annotation(option)
            inner.metadata = [*inner.metadata, *info.metadata]
            return inner
    return info


def file_name_of(info: FieldInfo) -> FileName | None:
    """Return how a field names a file, None where it names none."""
    return next((mark for mark in innermost(info).metadata if isinstance(mark, FileName)), None)


def merge(base: Mapping[str, Any], changes: Mapping[str, Any], model: type[SettingsModel]) -> dict[str, Any]:
    """Return nested values with changes laid over them, group by group; schedules and signals are replaced whole."""
    result = dict(base)
    for key, value in changes.items():
        info = model.model_fields.get(key)
        group = None if info is None else group_of(info)
        result[key] = value
        if info is not None and named_group_of(info) is not None:
            old = base.get(key)
            if isinstance(old, Mapping) and isinstance(value, Mapping):
                result[key] = {**old, **value}
        if group is not None:
            old, new = _unfold(group, base.get(key)), _unfold(group, value)
            if isinstance(old, Mapping) and isinstance(new, Mapping):
                result[key] = merge(old, new, group)
    return result


def unfold(values: Mapping[str, Any], model: type[SettingsModel]) -> dict[Keys, Keys]:
    """Return for each setting that is written as its group's bare scalar, where it stands: ``octaves: 4``."""
    scalars: dict[Keys, Keys] = {}
    for key, value in values.items():
        group = group_of(model.model_fields[key]) if key in model.model_fields else None
        if group is not None and _unfold(group, value) is not value:
            scalars[key, str(group.scalar)] = (key,)
    return scalars


def _unfold(group: type[SettingsModel], value: Any) -> Any:
    is_scalar = group.scalar is not None and isinstance(value, str | int | float)
    return {group.scalar: value} if is_scalar else value


def rename_files(values: Mapping[str, Any], new_name: NewName, model: type[SettingsModel]) -> dict[str, Any]:
    """Return nested values, as YAML or JSON has them, with the names of all files in them replaced."""
    result = dict(values)
    for key, info in model.model_fields.items():
        value, group, mark = values.get(key), group_of(info), file_name_of(info)
        if mark is not None:
            if key in values:
                result[key] = mark.rename(value, new_name)
        elif group is not None and isinstance(value, Mapping):
            result[key] = rename_files(value, new_name, group)
        elif group is not None and isinstance(value, str) and group.scalar is not None:
            result[key] = rename_files({group.scalar: value}, new_name, group)[group.scalar]
        elif key in values:
            result[key] = _rename_in_items(value, new_name, info)
    return result


def _rename_in_items(value: Any, new_name: NewName, info: FieldInfo) -> Any:
    """Return many settings, such as scenes, with the names of all files replaced; all else as it is."""
    named = named_group_of(info)
    if named is not None and isinstance(value, Mapping):
        return {
            name: rename_files(item, new_name, named)
            if isinstance(item, Mapping)
            else rename_files({str(named.scalar): item}, new_name, named)[str(named.scalar)]
            for name, item in value.items()
        }
    for option in get_args(info.annotation):
        if isinstance(option, type) and issubclass(option, SettingsModel) and isinstance(value, list | tuple):
            return [
                rename_files(item, new_name, option) if isinstance(item, Mapping) else item for item in value
            ]
    return value


def named_files(settings: SettingsModel) -> Iterator[tuple[str, Path]]:
    """Yield the files that the fields of a group of settings name, each with its role."""
    for name, info in type(settings).model_fields.items():
        mark, value = file_name_of(info), getattr(settings, name)
        file = None if mark is None or value is None else mark.find(str(value))
        if mark is not None and file is not None:
            yield mark.role, Path(file)
