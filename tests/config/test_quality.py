"""Draft and best quality lie between a preset and what is given one by one."""

from __future__ import annotations

import pytest

from dreamvid.config.fields import field_paths
from dreamvid.config.preset import Preset
from dreamvid.config.quality import QUALITY_SETTINGS, Quality, parse_quality, with_quality
from dreamvid.errors import SettingsError


@pytest.mark.parametrize("quality", QUALITY_SETTINGS)
def test_every_quality_is_made_of_settings(quality: Quality) -> None:
    settings = with_quality({}, quality)
    assert settings.keys() <= field_paths(Preset).keys()
    assert (Preset().override(settings) == Preset()) == (quality == "normal")


def test_draft_overrides_a_preset_and_is_overridden_by_what_is_given() -> None:
    preset = Preset.build({"stability": {"flow": {"scale": 900, "preset": "medium"}}})
    drafted = preset.override(with_quality({"stability.flow.scale": 500}, "draft"))
    assert drafted.stability.flow.scale == 500
    assert drafted.stability.flow.preset == "fast"


def test_a_dream_width_that_is_given_is_the_width_of_the_draft() -> None:
    assert "octaves.largest" in with_quality({}, "draft")
    assert "octaves.largest" not in with_quality({"output.dream_width": 640}, "draft")


@pytest.mark.parametrize(
    ("text", "draft", "quality"),
    [
        (None, False, "normal"),
        (None, True, "draft"),
        ("draft", True, "draft"),
        ("best", False, "best"),
        ("normal", False, "normal"),
    ],
)
def test_draft_is_short_for_the_quality(text: str | None, draft: bool, quality: str) -> None:  # noqa: FBT001
    assert parse_quality(text, draft=draft) == quality


def test_an_unknown_quality_is_an_error_with_the_nearest() -> None:
    with pytest.raises(SettingsError, match=r"^--quality: must be draft, normal or best, not 'bets'.*best"):
        parse_quality("bets", draft=False)


def test_a_draft_of_another_quality_is_an_error() -> None:
    with pytest.raises(SettingsError, match=r"^--draft: is --quality draft, not best; give one of the two$"):
        parse_quality("best", draft=True)
