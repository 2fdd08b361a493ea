"""YAML that strangers wrote: plain values only, bounded, each with its line and column.

YAML 1.2, whatever a directive says (`1:05` and `no` are texts, not numbers). Tags, merge keys, several documents,
doubled keys, deep nesting and aliases that multiply are refused before anything is made of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from dreamvid.errors import SettingsError
from dreamvid.text import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

Path = tuple[str, ...]
"""Keys from the top down; the places of a list are counted from 0."""

LONGEST = 1 << 17
"""Characters that a text may have."""
_DEEPEST = 24
_MOST = 20_000
_LONGEST_SCALAR = 16_384
_LONGEST_NUMBER = 64
_TOO_DEEP = f"is nested more than {_DEEPEST} deep"
_PLAIN = "tag:yaml.org,2002:"
_NUMBER = re.compile(r"[-+]?([0-9][0-9_]*|0x[0-9a-fA-F_]+|0o[0-7_]+)")
_SURROGATE = re.compile("[\ud800-\udfff]")
_WORDS = {"true": True, "false": False}
_KINDS = {"null", "bool", "int", "float", "str", "timestamp", "value", "merge", "seq", "map"}


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
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = _BoundedComposer
    try:
        root = yaml.compose(text)
    except MarkedYAMLError as error:
        raise YamlTextError(*_explained(error)) from None
    except ReaderError as error:
        before = text[: error.position]
        place = Place(before.count("\n") + 1, error.position - before.rfind("\n"))
        raise YamlTextError(
            f"holds the character U+{ord(text[error.position]):04X}, which no text has", place
        ) from None
    except (YAMLError, ValueError, LookupError) as error:
        raise YamlTextError(f"is no YAML: {quoted(error)}", Place(1, 1)) from None
    if root is None:
        return Document(None, {})
    reader = _Reader()
    return Document(reader.value(root, ()), reader.places)


def _explained(error: MarkedYAMLError) -> tuple[str, Place]:
    """Return what is wrong, in one line, and where."""
    mark = error.problem_mark or error.context_mark
    place = Place(1, 1) if mark is None else Place(mark.line + 1, mark.column + 1)
    problem = " ".join(str(error.problem or error.context or "cannot be read").split())
    if "another document" in problem:
        return "holds a second document; a preset is one", place
    if r"'\t'" in problem:
        return "is no YAML: lines are indented with spaces, not with tabs", place
    problem = "".join(letter for letter in problem if letter.isprintable())
    return f"is no YAML: {problem[:200]}", place


class _BoundedComposer(Composer):
    """Makes nodes of a text, and stops at once where they are too many or too deep."""

    def __init__(self, loader: Any = None) -> None:
        super().__init__(loader)
        self.warn_double_anchors = False  # YAML 1.2 allows them
        self._nodes = 0
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Return the next node with all that is in it."""
        self._nodes += 1
        self._depth += 1
        if self._nodes > _MOST or self._depth > _DEEPEST:
            mark = self.parser.peek_event().start_mark
            limit = f"holds more than {_MOST} values" if self._nodes > _MOST else _TOO_DEEP
            raise YamlTextError(limit, Place(mark.line + 1, mark.column + 1))
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


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
        if len(path) >= _DEEPEST:
            raise YamlTextError(_TOO_DEEP, place)  # an alias within what it stands for
        _refuse_tag(node)
        if isinstance(node, ScalarNode):
            return _scalar(node)
        if isinstance(node, SequenceNode):
            return [self.value(item, (*path, str(index))) for index, item in enumerate(node.value)]
        assert isinstance(node, MappingNode)
        result: dict[object, object] = {}
        for key_node, value_node in node.value:
            key = _key(key_node)
            if key in result:
                raise YamlTextError(f"{quoted(key)} stands twice", _place(key_node))
            inner = (*path, str(key))
            self.places[inner] = _place(key_node)
            result[key] = self.value(value_node, inner)
        return result


def _key(node: Node) -> str | int | float:
    _refuse_tag(node)
    key = _scalar(node) if isinstance(node, ScalarNode) else None
    if isinstance(key, bool) or not isinstance(key, str | int | float):
        raise YamlTextError("a key must be a text or a number", _place(node))
    if key == "<<" and str(node.tag) == f"{_PLAIN}merge":
        raise YamlTextError("merge keys (<<) are not read; a preset may extend another", _place(node))
    return key


def _scalar(node: ScalarNode) -> str | int | float | bool | None:
    text, kind = str(node.value), str(node.tag).removeprefix(_PLAIN)
    if len(text) > _LONGEST_SCALAR:
        raise YamlTextError(f"holds a text of more than {_LONGEST_SCALAR} characters", _place(node))
    if _SURROGATE.search(text):
        raise YamlTextError("holds half a character, a surrogate", _place(node))
    if kind == "null":
        return None
    if kind == "bool":
        return _WORDS.get(text.lower(), text)
    if kind in {"int", "float"} and len(text) > _LONGEST_NUMBER:
        raise YamlTextError(f"holds a number of more than {_LONGEST_NUMBER} digits", _place(node))
    if kind in {"int", "float"}:
        try:
            return _integer(text) if kind == "int" else _float(text)
        except ValueError:
            return text
    return text


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


def _refuse_tag(node: Node) -> None:
    """Refuse what says what kind of value it is; the text form does."""
    if node.ctag.handle is not None or str(node.tag).removeprefix(_PLAIN) not in _KINDS:
        name = f"{node.ctag.handle or ''}{node.ctag.suffix}"
        raise YamlTextError(f"tag {quoted(name)} is not allowed", _place(node))


def _place(node: Node) -> Place:
    mark = node.start_mark
    return Place(1, 1) if mark is None else Place(int(mark.line) + 1, int(mark.column) + 1)
