"""Turn names, sizes and values into text that fits on one line of a message."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_LONGEST_QUOTE = 80
_KILO = 1000
"""Sizes are in decimal units, as file managers show them."""


def printable(name: str | Path) -> str:
    """Return a name without control characters and line ends, whatever bytes a file's name holds."""
    text = str(name).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def quoted(value: object, longest: int = _LONGEST_QUOTE) -> str:
    """Return a value in quotes, on one line and cut to ``longest`` characters."""
    try:
        text = "".join(letter if letter.isprintable() else "?" for letter in " ".join(str(value).split()))
    except (ValueError, RecursionError):  # Python prints no number of thousands of digits
        return "what is too long to show"
    return f"'{text}'" if len(text) <= longest else f"'{text[: longest - 3]}...'"


def byte_size(count: float) -> str:
    """Return a number of bytes with its unit: ``1.2 GB``."""
    for unit in ("B", "kB", "MB"):
        if count < _KILO:
            return f"{count:.1f} MB" if unit == "MB" else f"{count:.0f} {unit}"
        count /= _KILO
    return f"{count:.1f} GB"


def number_ranges(numbers: Iterable[int]) -> str:
    """Return whole numbers, in their order, as ``3, 7-9``."""
    spans: list[tuple[int, int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1] = spans[-1][0], number
        else:
            spans.append((number, number))
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the nearest known name, or an empty string."""
    by_lower = {k.lower(): k for k in known}
    close = difflib.get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.6)
    return f" (did you mean '{by_lower[close[0]]}'?)" if close else ""
