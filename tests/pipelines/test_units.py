"""Layers, channels and classes are chosen by text."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from dreamvid.errors import ObjectiveError, SettingsError
from dreamvid.objective import parse
from dreamvid.pipelines.units import (
    choose_channels,
    choose_classes,
    choose_layers,
    main_layers,
    unit_objective,
)


@dataclass(frozen=True)
class Layer:
    name: str
    kind: str = "Conv2D"
    channels: int = 8
    depth: int = 1


@dataclass(frozen=True)
class Network:
    layers: tuple[Layer, ...] = ()
    classes: tuple[str, ...] = ()
    name: str = "mine.keras"

    def layer(self, name: str) -> Layer:
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ObjectiveError(f"{self.name} has no layer '{name}'")

    def class_index(self, label: str) -> int:
        if label.isdecimal() and int(label) < len(self.classes):
            return int(label)
        for index, names in enumerate(self.classes):
            if label in {name.strip() for name in names.split(",")}:
                return index
        raise ObjectiveError(f"class:{label}: {self.name} knows no such class")


INCEPTION = Network(
    (
        Layer("stem", channels=16, depth=1),
        Layer("stem_relu", "Activation", 16, 1),
        Layer("stem_pool", "MaxPooling2D", 16, 1),
        Layer("branch", channels=4, depth=3),
        Layer("mixed0", "Concatenate", 20, 3),
        Layer("mixed0_relu, wide", "Activation", 20, 5),
        Layer("mixed1", "Concatenate", 24, 5),
        Layer("9", channels=30, depth=6),
        Layer("block[1]", channels=30, depth=7),
    ),
    ("tench", "tabby, tabby cat", "bullfrog", "tiger cat", "tabby"),
)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("mixed1", ["mixed1"]),
        ("mixed1, stem,mixed1", ["mixed1", "stem"]),
        ("mixed?", ["mixed0", "mixed1"]),
        ("*relu*", ["stem_relu", "mixed0_relu, wide"]),
        ("1", ["stem_relu"]),  # the widest, as it comes out of the activation, before pooling
        ("3,1", ["mixed0", "stem_relu"]),
        ("2-5", ["mixed0", "mixed1"]),
        ("5-99", ["mixed1", "9", "block[1]"]),
        ("'9'", ["9"]),
        ("'mixed0_relu, wide',1", ["mixed0_relu, wide", "stem_relu"]),
        ("block[1]", ["block[1]"]),
        ("block[[]1]", ["block[1]"]),
    ],
)
def test_layers_are_chosen_by_name_glob_and_depth(text: str, names: list[str]) -> None:
    assert [layer.name for layer in choose_layers(INCEPTION, text)] == names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "--layers: is empty"),
        (" , ", "--layers: is empty"),
        ("mixed7", "no layer 'mixed7'"),
        ("mixed7*", r"no layer like 'mixed7\*'; 'dreamvid models layers mine.keras' lists them"),
        ("2", "layers of depth 1 to 7, not 2"),
        ("44-55", "layers of depth 1 to 7, not 44-55"),
        ("'stem'x", "put a comma"),
    ],
)
def test_a_layer_that_is_not_there_is_named(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        choose_layers(INCEPTION, text)


def test_the_main_layers_are_where_branches_meet() -> None:
    layers = [
        Layer(f"{kind.lower()}{block}", kind, 8, 2 * block + (kind == "Add"))
        for block in range(12)
        for kind in ("Conv2D", "Add")
    ]
    names = [layer.name for layer in main_layers(Network(tuple(layers)))]
    assert names == ["add0", "add2", "add3", "add5", "add6", "add8", "add9", "add11"]


def test_the_main_layers_of_a_plain_network_are_from_all_depths() -> None:
    few = Network(tuple(Layer(f"conv{d}", depth=d) for d in range(1, 5)))
    assert [layer.depth for layer in choose_layers(few, None)] == [1, 2, 3, 4]
    many = Network(tuple(Layer(f"conv{d}", depth=d) for d in range(1, 30)))
    assert [layer.depth for layer in choose_layers(many, None)] == [1, 5, 9, 13, 17, 21, 25, 29]


@pytest.mark.parametrize(
    ("text", "channels"),
    [
        ("3", [0, 1, 2]),
        ("99", list(range(8))),
        ("all", list(range(8))),
        ("7,0, 3,7", [7, 0, 3]),
        ("5,", [5]),
        ("1,4-6", [1, 4, 5, 6]),
        ("random:20", list(range(8))),
    ],
)
def test_channels_are_chosen_by_count_and_number(text: str, channels: list[int]) -> None:
    assert choose_channels(Layer("conv"), text, seed=0) == channels


def test_random_channels_follow_the_seed_and_the_layer() -> None:
    wide, other = Layer("conv", channels=500), Layer("conv2", channels=500)
    chosen = choose_channels(wide, "random:8", seed=3)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == 8
    assert chosen == choose_channels(wide, "random:8", seed=3)
    assert chosen != choose_channels(wide, "random:8", seed=4)
    assert chosen != choose_channels(other, "random:8", seed=3)


@pytest.mark.parametrize("text", ["", "0", "-1", "many", "random", "random:0", "1,,2", "1-", "3 4"])
def test_channels_that_cannot_be_read_are_quoted(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--channels: .* cannot be read; write 16"):
        choose_channels(Layer("conv"), text, seed=0)


@pytest.mark.parametrize("text", ["8,", "0,9", "4-8", "6-4"])
def test_a_channel_that_a_layer_lacks_is_named(text: str) -> None:
    with pytest.raises(SettingsError, match="conv has channels 0 to 7, not"):
        choose_channels(Layer("conv"), text, seed=0)


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("bullfrog,tench", [2, 0]),
        ("tabby cat", [1]),
        ("3", [3]),
        ("1-3", [1, 2, 3]),
        ("*CAT*, bullfrog", [1, 3, 2]),
        ("all", [0, 1, 2, 3, 4]),
    ],
)
def test_classes_are_chosen_by_name_glob_and_number(text: str, classes: list[int]) -> None:
    assert choose_classes(INCEPTION, text) == classes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "--classes: is empty; write for example --classes tench"),
        ("unicorn", "--classes: unicorn: mine.keras knows no such class"),
        ("uni*", r"--classes: mine.keras has no class like 'uni\*'"),
        ("3-5", "mine.keras has classes 0 to 4, not 3-5"),
    ],
)
def test_a_class_that_is_not_there_is_named(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        choose_classes(INCEPTION, text)


def test_a_network_without_classes_says_so() -> None:
    with pytest.raises(SettingsError, match="has no classifier; choose --layers instead"):
        choose_classes(Network(), "all")


@pytest.mark.parametrize(
    ("output", "unit", "text"),
    [
        ("mixed1", 3, "mixed1#3"),
        ("mixed0_relu, wide", 3, "'mixed0_relu, wide'#3"),
        ("logits", 2, "class:bullfrog"),
        ("logits", 4, "class:4"),  # another class has its name first
    ],
)
def test_the_objective_of_a_unit_reads_back(output: str, unit: int, text: str) -> None:
    objective = unit_objective(INCEPTION, output, unit)
    assert str(objective) == text
    assert parse(text) == objective
