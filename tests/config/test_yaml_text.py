"""YAML from strangers: plain values with their places, and one line for everything else."""

from __future__ import annotations

import json
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreamvid.config.yaml_text import MAX_CHARACTERS, TextPosition, YamlTextError, read_yaml


def refused(text: str) -> tuple[str, TextPosition]:
    with pytest.raises(YamlTextError) as caught:
        read_yaml(text)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300
    assert caught.value.position.line >= 1
    assert caught.value.position.column >= 1
    return str(caught.value), caught.value.position


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1:05", "1:05"),
        ("1:02:03.5", "1:02:03.5"),
        ("no", "no"),
        ("on", "on"),
        ("Yes", "Yes"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("12", 12),
        ("+12", 12),
        ("-0", 0),
        ("010", 10),
        ("0x1F", 31),
        ("0o17", 15),
        ("1_000", 1000),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", -math.inf),
        ("2001-01-01", "2001-01-01"),
        ("4s", "4s"),
        ("25%", "25%"),
        ("'5'", "5"),
        ('"no"', "no"),
        ("|\n  two\n  lines\n", "two\nlines\n"),
        ("=", "="),
        ("[1, [2], {a: b}]", [1, [2], {"a": "b"}]),
        ("{0: 1, 4.5: 2, end: 3}", {0: 1, 4.5: 2, "end": 3}),
        ("a: &x {b: 1}\nc: *x\n", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: &x 1\nb: &x 2\nc: *x\n", {"a": 1, "b": 2, "c": 2}),
        ('"<<": 1', {"<<": 1}),
    ],
)
def test_values_are_plain_and_those_of_yaml_1_2(text: str, value: object) -> None:
    read = read_yaml(text).value
    assert read == value
    assert type(read) is type(value)


def test_no_number_is_a_number() -> None:
    value = read_yaml(".nan").value
    assert isinstance(value, float)
    assert math.isnan(value)


def test_a_directive_brings_no_older_yaml() -> None:
    text = "%YAML 1.1\n---\na: no\nb: 1:05\nc: 017\n"
    assert read_yaml(text).value == {"a": "no", "b": "1:05", "c": 17}


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing but a comment\n", "---\n"])
def test_nothing_is_nothing(text: str) -> None:
    assert read_yaml(text).value is None


def test_every_path_has_its_place() -> None:
    document = read_yaml("look:\n  strength: {0s: 1,\n    4s: 2}\nscenes:\n- start: 0s\n- {start: 4s}\n")
    assert document.positions == {
        (): TextPosition(1, 1),
        ("look",): TextPosition(1, 1),
        ("look", "strength"): TextPosition(2, 3),
        ("look", "strength", "0s"): TextPosition(2, 14),
        ("look", "strength", "4s"): TextPosition(3, 5),
        ("scenes",): TextPosition(4, 1),
        ("scenes", "0"): TextPosition(5, 3),
        ("scenes", "0", "start"): TextPosition(5, 3),
        ("scenes", "1"): TextPosition(6, 3),
        ("scenes", "1", "start"): TextPosition(6, 4),
    }


def test_a_path_that_is_not_there_is_at_the_nearest_above() -> None:
    document = read_yaml("a: 1\nlook:\n  strength: 1\n")
    assert document.position(("look", "strength", "4s")) == TextPosition(3, 3)
    assert document.position(("look", "blend")) == TextPosition(2, 1)
    assert document.position(("nowhere",)) == TextPosition(1, 1)


@pytest.mark.parametrize(
    ("text", "says", "position"),
    [
        ("a: 1\nb: [1, 2\n", "expected ',' or ']'", TextPosition(3, 1)),
        ("a: 1\n\tb: 2\n", "not with tabs", TextPosition(2, 1)),
        ("a: 1\nb: @x\n", "cannot start any token", TextPosition(2, 4)),
        ("a: 'never closed\n", "end of stream", TextPosition(2, 1)),
        ("a: *x\n", "undefined alias 'x'", TextPosition(1, 4)),
        ("a: b: c\n", "mapping values are not allowed here", TextPosition(1, 5)),
        ("a: 1\n---\nb: 2\n", "second document", TextPosition(2, 1)),
        ("a: 1\nb:\n  c: 1\n  c: 2\n", "'c' stands twice", TextPosition(4, 3)),
        ("1: a\n1.0: b\n", "stands twice", TextPosition(2, 1)),
        ("a: 1\n? [b]\n: 1\n", "a key must be a text or a number", TextPosition(2, 3)),
        ("a: 1\n~: 1\n", "a key must be a text or a number", TextPosition(2, 1)),
        ("true: 1\n", "a key must be a text or a number", TextPosition(1, 1)),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", "merge keys", TextPosition(3, 3)),
        ("a: b\0c\n", "U+0000", TextPosition(1, 5)),
        ("a: 1\nb: \x07\n", "U+0007", TextPosition(2, 4)),
        ('a: 1\nb: "\\ud83d"\n', "half a character", TextPosition(2, 4)),
        ("a: &x [*x]\n", "nested more than 24 deep", TextPosition(1, 4)),
        (f"a: {'1' * 65}\n", "more than 64 digits", TextPosition(1, 4)),
        (f"a: 1\nb: {'x' * 16_385}\n", "more than 16384 characters", TextPosition(2, 4)),
        ("a" * (MAX_CHARACTERS + 1), "longer than", TextPosition(1, 1)),
    ],
)
def test_what_is_no_plain_yaml_is_one_line_with_its_place(
    text: str, says: str, position: TextPosition
) -> None:
    message, where = refused(text)
    assert says in message
    assert where == position


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system",
        "!!python/name:os.system",
        "!!binary",
        "!!set",
        "!!omap",
        "!!int",
        "!!str",
        "!!seq",
        "!mine",
        "!<tag:example.org,2000:x>",
        "!" + "x" * 500,
    ],
)
@pytest.mark.parametrize("value", ["echo", "[echo]", "{echo: 1}"])
def test_no_tag_is_read(tag: str, value: str) -> None:
    message, position = refused(f"a: 1\nb: {tag} {value}\n")
    assert message.startswith("tag '!") or "example.org" in message
    assert position == TextPosition(2, 4)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100 + "]" * 100,
        "- " * 60_000,
        "? " * 60_000,
        "[" * 120_000,
        "{a: " * 30_000,
        "\n".join(" " * depth + "a:" for depth in range(400)),
    ],
)
def test_what_is_nested_too_deep_is_refused_where_it_begins(text: str) -> None:
    begun = time.process_time()
    message, position = refused(text)
    assert time.process_time() - begun < 1.0
    assert message == "is nested more than 24 deep"
    assert position.line == 24 or position.column <= 120


def test_brackets_in_texts_and_comments_do_not_nest() -> None:
    assert read_yaml(f"a: '{'[' * 500}' # {'{' * 500}\n").value == {"a": "[" * 500}


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "".join(
            f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefg", "bcdefgh", strict=True)
        ),
        f"[{'1,' * 60_000}]",
        f"{{{', '.join(f'a{number}' for number in range(15_000))}}}",
        "".join(f"k{number}: 1\n" for number in range(12_000)),
    ],
)
def test_values_that_are_too_many_are_refused_in_time(text: str) -> None:
    begun = time.process_time()
    message, _ = refused(text)
    assert time.process_time() - begun < 4.0
    assert "more than 20000 values" in message


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(10**18), 10**18)
        | st.floats(-1e12, 1e12)
        | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=20),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.text("abc:# -", max_size=5), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_json_is_yaml(value: object) -> None:
    assert read_yaml(json.dumps(value, ensure_ascii=False)).value == value


@given(st.text(max_size=60) | st.text("ab:-?[]{},&*!|>'\"%#\n\t 01.~<=\\", max_size=40))
def test_any_text_is_read_or_refused_with_a_line(text: str) -> None:
    try:
        document = read_yaml(text)
    except YamlTextError:
        refused(text)
    else:
        assert min(document.positions.values(), default=TextPosition(1, 1)) >= TextPosition(1, 1)
