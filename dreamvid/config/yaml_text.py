"""YAML as plain values with their lines and columns, bounded, as it may come from strangers.

YAML 1.2, whatever a directive says (`1:05` and `no` are texts, not numbers). Tags, merge keys, several documents,
duplicate keys, deep nesting and aliases that multiply are refused while the parser's events are read, one by one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    MappingStartEvent,
    ScalarEvent,
    StreamEndEvent,
)
from ruamel.yaml.reader import ReaderError

from dreamvid.errors import SettingsError
from dreamvid.text import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dreamvid.config.fields import Keys

MAX_CHARACTERS = 1 << 17
_MAX_DEPTH = 24
_MAX_VALUES = 20_000
_MAX_SCALAR = 16_384
_MAX_DIGITS = 64
_INTEGER = re.compile(r"[-+]?(?:[0-9][0-9_]*|0x[0-9a-fA-F_]+|0o[0-7_]+)")
_FLOAT = re.compile(
    r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[0-9][0-9_]*[eE][-+]?[0-9]+|\.[0-9_]+(?:[eE][-+][0-9]+)?)"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_WORDS: dict[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}


class TextPosition(NamedTuple):
    """Line and column, from 1."""

    line: int
    column: int


class YamlTextError(SettingsError):
    """A text that is no plain YAML; ``position`` is where."""

    def __init__(self, message: str, position: TextPosition) -> None:
        super().__init__(message)
        self.position = position


@dataclass(frozen=True, slots=True)
class Document:
    """The values of a text, and where each of them stands.

    ``value`` is made of dict, list, str, int, float, bool and None. ``positions`` says where the key (in a list, the
    value) of each path begins.
    """

    value: object
    positions: Mapping[Keys, TextPosition]

    def position(self, path: Keys) -> TextPosition:
        """Return where a path stands, or the nearest above it that does."""
        while path and path not in self.positions:
            path = path[:-1]
        return self.positions.get(path, TextPosition(1, 1))


def read_yaml(text: str) -> Document:
    """Return the values of a text.

    Raises
    ------
    YamlTextError
        With the place, for what is no YAML or more than plain, bounded values.
    """
    if len(text) > MAX_CHARACTERS:
        raise YamlTextError(f"is longer than {MAX_CHARACTERS} characters", TextPosition(1, 1))
    reader = _Reader(text)
    try:
        return Document(reader.document(), reader.positions)
    except MarkedYAMLError as error:
        raise YamlTextError(*_explain(error)) from None
    except ReaderError as error:
        before = text[: error.position]
        position = TextPosition(before.count("\n") + 1, error.position - before.rfind("\n"))
        raise YamlTextError(
            f"holds the character U+{ord(text[error.position]):04X}, which no text has", position
        ) from None
    except (YAMLError, ValueError, LookupError) as error:
        raise YamlTextError(f"is no YAML: {quoted(error)}", TextPosition(1, 1)) from None


def _explain(error: MarkedYAMLError) -> tuple[str, TextPosition]:
    """Return what is wrong, in one line, and where."""
    mark = error.problem_mark or error.context_mark
    position = TextPosition(1, 1) if mark is None else TextPosition(mark.line + 1, mark.column + 1)
    problem = " ".join(str(error.problem or error.context or "cannot be read").split())
    if r"'\t'" in problem:
        return "is no YAML: lines are indented with spaces, not with tabs", position
    problem = "".join(letter for letter in problem if letter.isprintable())
    return f"is no YAML: {problem[:200]}", position


class _Reader:
    """Makes values of the parser's events. An alias reads those of its anchor again, so that all limits hold."""

    def __init__(self, text: str) -> None:
        self.positions: dict[Keys, TextPosition] = {}
        self._parser = YAML(typ="safe", pure=True).parse(text)
        self._events: list[Any] = []
        self._anchors: dict[str, int] = {}
        self._targets: dict[int, int] = {}
        self._count = 0

    def document(self) -> object:
        """Return the value of the text; None where it is empty."""
        if isinstance(self._event(1), StreamEndEvent):
            return None
        value, end = self._value(2, ())
        if isinstance(self._event(end + 1), DocumentStartEvent):
            raise YamlTextError("holds a second document; a preset is one", _position(self._event(end + 1)))
        return value

    def _value(self, index: int, path: Keys) -> tuple[object, int]:
        """Return the value that begins with an event, and the index of the event after it."""
        event = self._event(index)
        if isinstance(event, AliasEvent):
            return self._value(self._targets[index], path)[0], index + 1
        self.positions.setdefault(path, _position(event))
        self._check(event, len(path))
        if isinstance(event, ScalarEvent):
            return _scalar(event), index + 1
        if isinstance(event, MappingStartEvent):
            return self._mapping(index + 1, path)
        items: list[object] = []
        index += 1
        while not isinstance(self._event(index), CollectionEndEvent):
            item, index = self._value(index, (*path, str(len(items))))
            items.append(item)
        return items, index + 1

    def _mapping(self, index: int, path: Keys) -> tuple[dict[object, object], int]:
        result: dict[object, object] = {}
        while not isinstance(self._event(index), CollectionEndEvent):
            position = _position(self._event(index))
            key, index = self._key(index, path)
            if key in result:
                raise YamlTextError(f"{quoted(key)} stands twice", position)
            inner = (*path, str(key))
            self.positions[inner] = position
            result[key], index = self._value(index, inner)
        return result, index + 1

    def _key(self, index: int, path: Keys) -> tuple[str | int | float, int]:
        event = self._event(self._targets.get(index, index))
        self._check(event, len(path))
        key = _scalar(event) if isinstance(event, ScalarEvent) else None
        if isinstance(key, bool) or not isinstance(key, str | int | float):
            self._value(index, (*path, "?"))  # says so where it is nested too deep
            raise YamlTextError("a key must be a text or a number", _position(event))
        if key == "<<" and event.implicit[0]:
            raise YamlTextError("merge keys (<<) are not read; a preset may extend another", _position(event))
        return key, index + 1

    def _check(self, event: Any, depth: int) -> None:
        """Count a value, and refuse it where there are too many, it is nested too deep, or has a tag."""
        self._count += 1
        if self._count > _MAX_VALUES:
            text = f"holds more than {_MAX_VALUES} values (aliases count where they are used)"
            raise YamlTextError(text, _position(event))
        if depth >= _MAX_DEPTH:
            raise YamlTextError(f"is nested more than {_MAX_DEPTH} deep", _position(event))
        if event.ctag is not None and str(event.ctag) != "!":
            name = f"{event.ctag.handle or ''}{event.ctag.suffix}"
            raise YamlTextError(f"tag {quoted(name)} is not allowed", _position(event))

    def _event(self, index: int) -> Any:
        """Return an event, parsed when it is first needed; anchors and aliases are noted then."""
        while len(self._events) <= index:
            event = next(self._parser)
            here = len(self._events)
            if isinstance(event, AliasEvent):
                if event.anchor not in self._anchors:
                    raise YamlTextError(
                        f"is no YAML: found undefined alias '{event.anchor}'", _position(event)
                    )
                self._targets[here] = self._anchors[event.anchor]
            elif getattr(event, "anchor", None):
                self._anchors[event.anchor] = here
            self._events.append(event)
        return self._events[index]


def _scalar(event: ScalarEvent) -> Any:
    text = str(event.value)
    if len(text) > _MAX_SCALAR:
        raise YamlTextError(f"holds a text of more than {_MAX_SCALAR} characters", _position(event))
    if _SURROGATE.search(text):
        raise YamlTextError("holds half a character, a surrogate", _position(event))
    if not event.implicit[0]:  # quoted, or a block
        return text
    if text in _WORDS:
        return _WORDS[text]
    is_integer = _INTEGER.fullmatch(text) is not None
    if not is_integer and not _FLOAT.fullmatch(text):
        return text
    if len(text) > _MAX_DIGITS:
        raise YamlTextError(f"holds a number of more than {_MAX_DIGITS} digits", _position(event))
    digits = text.replace("_", "")
    try:
        if not is_integer:
            return float(digits)
        return int(digits, 0) if digits.lstrip("+-").startswith(("0x", "0o")) else int(digits)
    except ValueError:
        return text


def _position(event: Any) -> TextPosition:
    return TextPosition(event.start_mark.line + 1, event.start_mark.column + 1)
