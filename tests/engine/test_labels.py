"""Classes are found by number and by any of their names."""

from __future__ import annotations

import pytest

from dreamvid.engine.labels import class_names, find_class
from dreamvid.errors import ObjectiveError

CLASSES = (
    "tabby, tabby cat",
    "crane",
    "cardigan, Cardigan Welsh corgi",
    "corgi, crane",
    "African elephant, Loxodonta",
)


@pytest.mark.parametrize(
    ("label", "index"),
    [
        ("tabby", 0),
        ("TABBY CAT", 0),
        ("tabby_cat", 0),
        ("tabby, tabby cat", 0),
        (" 3 ", 3),
        ("crane", 1),
        ("cardigan welsh corgi", 2),
        ("corgi", 3),
        ("loxodonta", 4),
    ],
)
def test_label_is_found(label: str, index: int) -> None:
    assert find_class(label, CLASSES, "net") == index


@pytest.mark.parametrize(
    ("label", "message"),
    [("tabbi", "did you mean 'tabby'"), ("5", "classes 0 to 4"), ("-1", "no such class")],
)
def test_unknown_label_says_what_is_there(label: str, message: str) -> None:
    with pytest.raises(ObjectiveError, match=message):
        find_class(label, CLASSES, "net")


def test_network_without_classes_says_so() -> None:
    with pytest.raises(ObjectiveError, match="no classifier"):
        find_class("tabby", (), "net")


def test_names_ship() -> None:
    assert len(class_names("imagenet_classes.txt")) == 1000
    assert len(class_names("dreamnet_classes.txt")) == 200
    assert find_class("tabby", class_names("imagenet_classes.txt"), "net") == 281
    assert class_names("nothing.txt") == ()
