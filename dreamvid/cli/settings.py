"""Options for settings that are no part of a preset, such as those of an atlas or of a training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import typer
from pydantic import ValidationError

from dreamvid.config.fields import SettingsModel
from dreamvid.config.messages import explain
from dreamvid.errors import SettingsError
from dreamvid.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

S = TypeVar("S", bound=SettingsModel)


def setting_option(model: type[SettingsModel], flag: str, field: str, metavar: str, panel: str) -> Any:
    """Return the option of a field, with its help text and default."""
    info = model.model_fields[field]
    default = "" if info.default is None else f" (default {info.default})"
    return typer.Option(
        flag, metavar=metavar, help=f"{info.description}{default}", rich_help_panel=panel, show_default=False
    )


def read_assignments(texts: Iterable[str]) -> dict[str, object]:
    """Return the values of ``--set NAME=VALUE`` by name.

    Raises
    ------
    SettingsError
        For a text without a name or an equals sign.
    """
    values: dict[str, object] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals):
            raise SettingsError(f"--set {text}: must read NAME=VALUE")
        values[name] = value
    return values


def read_settings(model: type[S], values: Mapping[str, object]) -> S:
    """Return the settings of these values.

    Raises
    ------
    SettingsError
        In one line: a name that there is none of, or a value that is not possible.
    """
    for name in values:
        if name not in model.model_fields:
            near = did_you_mean(name, model.model_fields)
            known = ", ".join(model.model_fields)
            raise SettingsError(f"--set {name}: there is no such setting{near}; there are {known}")
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise SettingsError(f"--{explain(error, model)}") from None
