"""The objective algebra and its text form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreamvid.errors import ObjectiveError
from dreamvid.objective import Objective, Term, channel, class_logit, guide, layer, neuron, parse


def test_the_algebra_adds_subtracts_and_scales() -> None:
    objective = 0.5 * layer("mixed3") + channel("mixed4", 35) - neuron("mixed4", 7, x=0.25, y=1.0) * 2
    assert str(objective) == "mixed3:0.5, mixed4#35, mixed4#7@0.25/1:-2"


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("mixed3", Term("layer", "mixed3")),
        ("mixed4:0.5", Term("layer", "mixed4", weight=0.5)),
        ("mixed4#35", Term("channel", "mixed4", channel=35)),
        ("mixed4#35@0.5/0.25", Term("neuron", "mixed4", channel=35, at=(0.5, 0.25))),
        ("mean(mixed3)", Term("layer", "mixed3", reduce="mean")),
        ("mean(mixed3)#4:2", Term("channel", "mixed3", channel=4, reduce="mean", weight=2.0)),
        ("mean(mixed3#4)", Term("channel", "mixed3", channel=4, reduce="mean")),
        ("class:tabby", Term("class", argument="tabby", reduce="mean")),
        ("class:281:-0.5", Term("class", argument="281", reduce="mean", weight=-0.5)),
        ("guide:a b.jpg@mixed3", Term("guide", "mixed3", argument="a b.jpg")),
        ("guide:C:\\me@home.jpg@mixed3:0.5", Term("guide", "mixed3", argument="C:\\me@home.jpg", weight=0.5)),
        ("rank:strong@mixed4", Term("rank", "mixed4", argument="strong")),
        ("rank:weak:3@mixed4:0.5", Term("rank", "mixed4", argument="weak:3", weight=0.5)),
        ("surprise", Term("surprise")),
        ("surprise:2", Term("surprise", weight=2.0)),
        ("'surprise'", Term("layer", "surprise")),
        ("outer/inner.conv", Term("layer", "outer/inner.conv")),
        ("my layer", Term("layer", "my layer")),
        ("'my layer: 1, x#2'", Term("layer", "my layer: 1, x#2")),
        ('"my layer: 1, x#2"#3:0.5', Term("channel", "my layer: 1, x#2", channel=3, weight=0.5)),
        ("'a@b#c'#3@0.5/0.25:-2", Term("neuron", "a@b#c", channel=3, at=(0.5, 0.25), weight=-2.0)),
        ("mean('a, (b)')#4:2", Term("channel", "a, (b)", channel=4, reduce="mean", weight=2.0)),
        ("'it''s'", Term("layer", "it's")),
        ('"it\'s ""so"""', Term("layer", 'it\'s "so"')),
        ("'class:tabby'", Term("layer", "class:tabby")),
        ("guide:it's me@home.jpg@'a@b, c'", Term("guide", "a@b, c", argument="it's me@home.jpg")),
    ],
)
def test_each_kind_of_term_is_read(text: str, term: Term) -> None:
    assert parse(text).terms == (term,)


def test_a_comma_is_a_sum() -> None:
    assert parse("mixed3, mixed4:-1") == layer("mixed3") - layer("mixed4")


def test_a_class_by_index_or_name() -> None:
    assert class_logit(281) == parse("class:281")


def test_a_guide_may_be_an_array() -> None:
    picture = np.zeros((4, 4, 3), np.float32)
    assert guide(picture, "mixed3").terms[0].image is picture


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", ",", "mixed3,", "mean(mixed3", "mixed3)", "mixed3#", "mixed3#x", "mixed3#1@2/0"),
        *("'mixed3", "'mixed3'4", "''", "'mixed3\"", "mean('mixed3)", "guide:x.jpg@'a"),
        *(
            "rank:loud@mixed3",
            "rank:strong",
            "rank:strong:0@mixed3",
            "rank:strong:65@mixed3",
            "rank:weak:x@a",
        ),
        *("mixed3#1@./.", "class:", "guide:x.jpg", "guide:@mixed3", "mixed3:1e999", "a," * 100 + "a"),
    ],
)
def test_what_cannot_be_read_is_one_line(text: str) -> None:
    with pytest.raises(ObjectiveError, match="objective") as caught:
        parse(text)
    assert "\n" not in str(caught.value)


def test_an_error_says_how_to_write_a_name_with_marks() -> None:
    with pytest.raises(ObjectiveError, match="in quotes, such as 'my layer: 1'"):
        parse("my layer(1)")


@given(
    st.lists(
        st.builds(
            Term,
            kind=st.just("channel"),
            layer=st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
            | st.text("ab'\"@#,:() /*1", min_size=1, max_size=8),
            channel=st.integers(0, 999),
            reduce=st.sampled_from(["mean", "mean-square"]),
            weight=st.integers(-50, 50).map(lambda n: n / 4),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_the_text_form_reads_back(terms: list[Term]) -> None:
    guides = tuple(Term("guide", term.layer, argument="me@it's.jpg") for term in terms)
    objective = Objective((*terms, *guides))
    assert parse(str(objective)) == objective
