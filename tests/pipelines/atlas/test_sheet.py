"""The contact sheet of an atlas."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from dreamvid.pipelines.atlas import sheet as sheets
from dreamvid.pipelines.atlas.data import Atlas, Section, Tile
from dreamvid.pipelines.atlas.sheet import draw_sheet

if TYPE_CHECKING:
    import pytest


def atlas(*counts: int, side: int = 48) -> Atlas:
    """Return sections of so many tiles, the tile of unit n as bright as 100 + n."""
    sections = []
    for number, count in enumerate(counts):
        tiles = []
        for unit in range(count):
            buffer = io.BytesIO()
            Image.new("RGB", (side, side), (100 + unit,) * 3).save(buffer, "webp", lossless=True)
            tiles.append(Tile(unit, f"#{unit}", "", f"layer{number}#{unit}", buffer.getvalue(), 1.0, 0.0))
        sections.append(Section(f"layer{number}", f"layer{number}", "Conv2D", count, tuple(tiles)))
    return Atlas("mine", side, side, tuple(sections))


def test_every_tile_is_on_the_sheet_with_text_around_it() -> None:
    sheet = draw_sheet(atlas(5, 2), 3)
    for level in range(100, 105):
        assert (sheet == level).all(axis=-1).sum() >= 48 * 48
    assert (sheet > 200).any()  # the headings


def test_rows_have_as_many_tiles_as_asked_for_at_most() -> None:
    narrow, wide = draw_sheet(atlas(5, 2), 1), draw_sheet(atlas(5, 2), 99)
    assert narrow.shape[1] < 2 * 48
    assert 5 * 48 <= wide.shape[1] < 7 * 48


def test_a_long_name_does_not_reach_into_the_next_tile() -> None:
    plain = atlas(2)
    long = Tile(0, "a very long name of a class", "", "class:0", plain.sections[0].tiles[0].picture, 1.0, 0.0)
    section = Section("logits", "classes", "", 2, (long, plain.sections[0].tiles[1]))
    sheet = draw_sheet(Atlas("mine", 48, 48, (section,)), 2)
    gap = sheet[-20:, 8 + 48 : 8 + 48 + 8]
    assert np.ptp(gap) <= 4  # the background alone


def test_a_large_sheet_is_drawn_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    full = draw_sheet(atlas(9), 3)
    monkeypatch.setattr(sheets, "_MAX_PIXELS", full.shape[0] * full.shape[1] // 2)
    small = draw_sheet(atlas(9), 3)
    assert small.shape[0] * small.shape[1] <= full.shape[0] * full.shape[1] // 2
