"""Seeds as people write them."""

from __future__ import annotations

import pytest

from dreamvid.config.preset import Preset
from dreamvid.config.walk import choose_seeds
from dreamvid.errors import SettingsError


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("1,5,9", (1, 5, 9)),
        (" 4-7 , 2", (4, 5, 6, 7, 2)),
        ("3", (10, 11, 12)),
        ("5,", (5,)),
        ("0,0", (0, 0)),
        ("4294967295,", (4294967295,)),
    ],
)
def test_seeds_are_listed_or_counted(text: str, seeds: tuple[int, ...]) -> None:
    assert choose_seeds(text, 10) == seeds


@pytest.mark.parametrize(
    "value", ["", "0", "x", "9-4", "1,,2", "-1", "1.5", "4294967296,", "0-99999", 0, True, [1.5]]
)
def test_what_names_no_seeds_is_an_error(value: object) -> None:
    with pytest.raises(SettingsError, match=r"walk\.seeds: ") as caught:
        Preset.build({"walk": {"seeds": value}})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("value", "text"), [(8, "8"), ([1, 5], "1,5,"), ([7], "7,")])
def test_presets_may_hold_numbers_and_lists(value: object, text: str) -> None:
    assert Preset.build({"walk": {"seeds": value}}).walk.seeds == text
