"""What a setting must be, in words for people who know nothing of the library that checks it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dreamvid.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

_SHOWN = 80
_NUMBERS = {"int": "a whole number", "float": "a number", "finite": "a finite number"}


def must_be(problem: ErrorDetails, field: FieldInfo | None, inside: Sequence[str]) -> str:
    """Return what a value must be, such as ``must be a whole number from 1 to 16, not 'many'``.

    ``problem`` is pydantic's; ``field`` is the setting, None for a group of settings, and ``inside`` are the paths
    of the settings in that group.
    """
    kind = problem["type"]
    if kind == "model_type" and inside:
        return f"is a group of settings; set one of them, such as {inside[0]}"
    if kind == "string_too_short":
        return "must not be empty"
    given = str(problem["input"])
    if kind == "literal_error":
        expected = str(problem["ctx"]["expected"])
        near = did_you_mean(given, re.findall(r"'([^']+)'", expected))
        return f"must be {expected.replace(chr(39), '')}, not '{given[:_SHOWN]}'{near}"
    message = problem["msg"].removeprefix("Value error, ")
    if message.startswith("objective "):  # which quotes the text itself
        return message
    number = _NUMBERS.get(kind.split("_")[0])
    if number is not None:
        message = " ".join(["must be", number, *_range(field)])
    elif kind.startswith(("greater_than", "less_than")):
        message = " ".join(["must be", *_range(field)])
    return f"{message[:1].lower()}{message[1:]}, not '{given[:_SHOWN]}'"


def _range(field: FieldInfo | None) -> list[str]:
    """Return a field's range in words, such as ``from 1 to 16`` or ``more than 0``; nothing where it has none."""
    bounds: dict[str, float] = {}
    for constraint in () if field is None else field.metadata:
        for name in ("ge", "gt", "le", "lt"):
            if getattr(constraint, name, None) is not None:
                bounds[name] = getattr(constraint, name)
    words = {"ge": "from {} to", "gt": "more than {} and at most"}
    if "lt" in bounds:  # which only whole numbers have here
        bounds["le"] = bounds["lt"] - 1
    if "le" not in bounds:
        words = {"ge": "{} or more", "gt": "more than {}"}
    low = [text.format(_plain(bounds[name])) for name, text in words.items() if name in bounds]
    high = [_plain(bounds["le"])] if "le" in bounds else []
    return [*low, *high] if low or not high else ["at most", *high]


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else f"{float(number):g}"
