"""Find classes by name or index; their names ship with the package."""

from __future__ import annotations

from functools import cache
from importlib import resources

from dreamvid.errors import ObjectiveError
from dreamvid.text import did_you_mean


@cache
def class_names(file: str) -> tuple[str, ...]:
    """Return the lines of ``weights/FILE``: one class a line, synonyms between commas; empty without it."""
    place = resources.files("dreamvid.engine.weights") / file
    if not place.is_file():
        return ()
    return tuple(line.strip() for line in place.read_text(encoding="utf-8").splitlines() if line.strip())


def synonyms(label: str) -> tuple[str, ...]:
    """Return the names between the commas."""
    return tuple(part.strip() for part in label.split(",") if part.strip())


def find_class(label: str, classes: tuple[str, ...], network: str) -> int:
    """Return the index of a class, by number or by any synonym, whatever its case.

    A first synonym wins over later ones of other classes.

    Raises
    ------
    ObjectiveError
        Where the number is out of range or the name unknown (with the nearest one).
    """
    if not classes:
        raise ObjectiveError(f"class:{label}: {network} has no classifier; name a layer instead")
    plain = _plain(label)
    if plain.isdecimal():
        if int(plain) < len(classes):
            return int(plain)
        raise ObjectiveError(f"class:{label}: {network} has classes 0 to {len(classes) - 1}")
    named = [[_plain(name) for name in synonyms(entry)] for entry in classes]
    for place in (slice(0, 1), slice(0, None)):
        for index, names in enumerate(named):
            if plain in names[place] or (place.stop is None and plain == _plain(classes[index])):
                return index
    near = did_you_mean(label.strip(), (name for entry in classes for name in synonyms(entry)))
    raise ObjectiveError(f"class:{label}: {network} knows no such class{near}")


def _plain(text: str) -> str:
    return " ".join(text.replace("_", " ").lower().split())
