"""The shipped class names: complete, in index order, and agreeing with one another."""

from __future__ import annotations

from collections import Counter
from importlib import resources

import pytest

IMAGENET = "imagenet_classes.txt"
DREAMNET = "dreamnet_classes.txt"


def _names(file: str) -> list[str]:
    path = resources.files("dreamvid.engine.weights") / file
    if not path.is_file():
        pytest.skip(f"{file} is not there yet")
    return path.read_text(encoding="utf-8").splitlines()


def test_imagenet_has_a_thousand_clean_lines() -> None:
    names = _names(IMAGENET)
    assert len(names) == 1000
    assert all(name == name.strip() and name.isascii() for name in names)
    assert all(all(part == part.strip() and part for part in name.split(", ")) for name in names)


@pytest.mark.parametrize(
    ("index", "first"),
    [
        (0, "tench"),
        (1, "goldfish"),
        (99, "goose"),
        (134, "crane"),
        (151, "Chihuahua"),
        (207, "golden retriever"),
        (279, "Arctic fox"),
        (281, "tabby"),
        (285, "Egyptian cat"),
        (333, "hamster"),
        (340, "zebra"),
        (388, "giant panda"),
        (409, "analog clock"),
        (517, "crane"),
        (530, "digital clock"),
        (609, "jeep"),
        (701, "parachute"),
        (779, "school bus"),
        (805, "soccer ball"),
        (817, "sports car"),
        (859, "toaster"),
        (900, "water tower"),
        (949, "strawberry"),
        (985, "daisy"),
        (999, "toilet tissue"),
    ],
)
def test_imagenet_names_stand_at_their_indices(index: int, first: str) -> None:
    assert _names(IMAGENET)[index].split(", ")[0] == first


def test_only_cranes_and_maillots_share_a_first_name() -> None:
    first = Counter(name.split(", ")[0] for name in _names(IMAGENET))
    assert {name for name, count in first.items() if count > 1} == {"crane", "maillot"}


def test_every_dreamnet_name_is_an_imagenet_name() -> None:
    known = set(_names(IMAGENET))
    names = _names(DREAMNET)
    assert names
    assert len(set(names)) == len(names)
    assert [name for name in names if name not in known] == []
