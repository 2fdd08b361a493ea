"""YAML that strangers wrote: plain values only, bounded, each with its line and column.

YAML 1.2 (`1:05` and `no` are texts, not numbers). Tags, several documents, doubled keys, deep nesting and aliases
that multiply are refused before anything is made of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from dreamvid.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

Path = tuple[str, ...]
"""Keys from the top down; the places of a list are counted from 0."""

LONGEST = 1 << 17
"""Characters that a text may have."""
_DEEPEST = 24
_MOST = 20_000
_LONGEST_SCALAR = 16_384
_LONGEST_NUMBER = 64
_PLAIN = "tag:yaml.org,2002:"
_NUMBER = re.compile(r"[-+]?(\d[\d_]*|0x[0-9a-fA-F_]+|0o[0-7_]+)")
_WORDS = {"true": True, "false": False}


class Place(NamedTuple):
    """Line and column, from 1."""

    line: int
    column: int


class YamlTextError(SettingsError):
    """A text that is no plain YAML; ``place`` is where."""

    def __init__(self, message: str, place: Place) -> None:
        super().__init__(message)
        self.place = place


@dataclass(frozen=True, slots=True)
class Document:
    """The values of a text, and where each of them stands.

    ``value`` is made of dict, list, str, int, float, bool and None. ``places`` says where the key (in a list, the
    value) of each path begins.
    """

    value: object
    places: Mapping[Path, Place]

    def place(self, path: Path) -> Place:
        """Return where a path stands, or the nearest above it that does."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(1, 1))


def read_yaml(text: str) -> Document:
    """Return the values of a text.

    Raises
    ------
    YamlTextError
        With the place, for what is no YAML or more than plain, bounded values.
    """
    if len(text) > LONGEST:
        raise YamlTextError(f"is longer than {LONGEST} characters", Place(1, 1))
    _refuse_brackets(text)
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(1, 1) if mark is None else Place(mark.line + 1, mark.column + 1)
        message = " ".join(str(error.problem or error.context or "cannot be read").split())
        raise YamlTextError(f"is no YAML: {message[:200]}", place) from None
    except RecursionError:
        raise YamlTextError(f"is nested more than {_DEEPEST} deep", Place(1, 1)) from None
    except (YAMLError, ValueError, LookupError) as error:
        message = " ".join(str(error).split())[:200] or type(error).__name__
        raise YamlTextError(f"is no YAML: {message}", Place(1, 1)) from None
    if root is None:
        return Document(None, {})
    reader = _Reader()
    return Document(reader.value(root, ()), reader.places)


@dataclass(slots=True)
class _Reader:
    """Makes values of nodes, and counts them: an alias counts each time that it is used."""

    places: dict[Path, Place] = field(default_factory=dict)
    count: int = 0

    def value(self, node: Node, path: Path) -> object:
        place = _place(node)
        self.places.setdefault(path, place)
        self.count += 1
        if self.count > _MOST:
            raise YamlTextError(f"holds more than {_MOST} values (aliases count where they are used)", place)
        if len(path) > _DEEPEST:
            raise YamlTextError(f"is nested more than {_DEEPEST} deep", place)
        if isinstance(node, ScalarNode):
            return _scalar(node)
        if isinstance(node, SequenceNode):
            _refuse_tag(node, "seq")
            return [self.value(item, (*path, str(index))) for index, item in enumerate(node.value)]
        _refuse_tag(node, "map")
        assert isinstance(node, MappingNode)
        result: dict[object, object] = {}
        for key_node, value_node in node.value:
            key = _key(key_node)
            if key in result:
                raise YamlTextError(f"'{key}' stands twice", _place(key_node))
            inner = (*path, str(key))
            self.places[inner] = _place(key_node)
            result[key] = self.value(value_node, inner)
        return result


def _key(node: Node) -> str | int | float:
    key = _scalar(node) if isinstance(node, ScalarNode) else None
    if isinstance(key, bool) or not isinstance(key, str | int | float):
        raise YamlTextError("a key must be a text or a number", _place(node))
    return key


def _scalar(node: ScalarNode) -> str | int | float | bool | None:
    text, tag = str(node.value), str(node.tag)
    if len(text) > _LONGEST_SCALAR:
        raise YamlTextError(f"holds a text of more than {_LONGEST_SCALAR} characters", _place(node))
    kind = tag.removeprefix(_PLAIN)
    if kind in {"str", "timestamp", "value", "merge"}:
        return text
    if kind == "null":
        return None
    if kind == "bool" and text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if kind in {"int", "float"} and len(text) <= _LONGEST_NUMBER:
        try:
            return _integer(text) if kind == "int" else _float(text)
        except ValueError:
            return text
    if kind in {"int", "float"}:
        raise YamlTextError(f"holds a number of more than {_LONGEST_NUMBER} digits", _place(node))
    raise YamlTextError(f"tag '{_short(tag)}' is not allowed", _place(node))


def _integer(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError
    digits = text.replace("_", "")
    return int(digits, 0) if digits.lstrip("+-").lower().startswith(("0x", "0o")) else int(digits)


def _float(text: str) -> float:
    word = text.lower()
    sign = -1.0 if word.startswith("-") else 1.0
    if word.lstrip("+-") == ".inf":
        return sign * float("inf")
    return float("nan") if word == ".nan" else float(text.replace("_", ""))


def _refuse_tag(node: Node, kind: str) -> None:
    if str(node.tag) != _PLAIN + kind:
        raise YamlTextError(f"tag '{_short(str(node.tag))}' is not allowed", _place(node))


def _refuse_brackets(text: str) -> None:
    """Refuse brackets that nest so deep that the parser would take seconds to give up."""
    depth = 0
    for position, letter in enumerate(text):
        depth += (letter in "[{") - (letter in "]}")
        if depth > 8 * _DEEPEST:
            line = text.count("\n", 0, position)
            raise YamlTextError(f"is nested more than {_DEEPEST} deep", Place(line + 1, 1))


def _place(node: Node) -> Place:
    mark = node.start_mark
    return Place(1, 1) if mark is None else Place(int(mark.line) + 1, int(mark.column) + 1)


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}..."  # noqa: PLR2004  what fits a line
