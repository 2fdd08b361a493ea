"""Zoom trips of real dreams: the library's function, the same frames each time, and loops that close."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import imageio.v3 as iio
import numpy as np
import pytest

import dreamvid
from dreamvid.image.transform import Velocity, warp
from dreamvid.media.input.source import open_source

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.types import RGB

pytestmark = pytest.mark.e2e

SETTINGS: dict[str, Any] = {
    "objective": "mixed3",
    "octaves": 2,
    "ascent": {"steps": 1},
    "run": {"precision": "float32"},
    "output": {"width": 64, "height": 36, "fps": "12", "codec": "ffv1"},
    "trip": {"duration": "0.5"},
}


def frames(path: Path) -> list[RGB]:
    return [frame.rgb for frame in open_source(path)]


def test_the_library_makes_trips(tmp_path: Path) -> None:
    y, x = np.mgrid[0:72, 0:128]
    iio.imwrite(tmp_path / "photo.png", np.dstack([2 * x, 3 * y, 255 - x - y]).astype(np.uint8))
    one, two = tmp_path / "one.mkv", tmp_path / "two.mkv"
    outcome = dreamvid.zoom_trip(tmp_path / "photo.png", one, SETTINGS, device="cpu")
    assert outcome.frames == 6
    assert outcome.source == tmp_path / "photo.png"
    dreamvid.zoom_trip(tmp_path / "photo.png", two, SETTINGS, device="cpu")
    found = frames(one)
    assert all(np.array_equal(a, b) for a, b in zip(found, frames(two), strict=True))
    moved = warp(found[0], Velocity(zoom=1.25).over(5 / 12, 64 / 36))
    assert np.abs(found[-1] - moved).mean() > 0.02
    with pytest.raises(dreamvid.WriteError, match="exists"):
        dreamvid.zoom_trip("noise", one, SETTINGS)
