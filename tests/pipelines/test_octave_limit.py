"""The largest octaves are left out, and the coarsest keeps its size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dreamvid import dream
from dreamvid.config.preset import Preset
from dreamvid.pipelines.landscape import Landscape
from dreamvid.pipelines.octave_limit import dreamed_size, limit_octaves
from dreamvid.types import Size

HD = Size(1080, 1920)


def limited(size: Size = HD, **values: Any) -> Preset:
    return limit_octaves([Preset.build(values)], size)[0]


def coarsest(preset: Preset, size: Size) -> float:
    width = preset.output.dream_width or size.width
    return width / preset.octaves.scale ** (preset.octaves.count - 1)


def test_without_a_limit_nothing_changes() -> None:
    preset = Preset.build({"octaves": 4, "output": {"dream_width": 600}})
    assert limit_octaves([preset], HD) == [preset]
    assert dreamed_size(preset, HD) == Size(338, 600)


@pytest.mark.parametrize("size", [Size(270, 480), Size(720, 1280), HD, Size(2160, 3840), Size(1920, 1080)])
@pytest.mark.parametrize("scale", [1.2, 1.4, 1.8])
@pytest.mark.parametrize("count", [1, 5, 8])
def test_the_coarsest_octave_keeps_its_size(size: Size, scale: float, count: int) -> None:
    preset = Preset.build({"octaves": {"count": count, "scale": scale, "largest": 400}})
    after = limit_octaves([preset], size)[0]
    assert coarsest(after, size) / coarsest(preset, size) == pytest.approx(1.0, rel=scale**0.5 - 0.99)
    assert after.octaves.count <= count


def test_a_large_picture_is_dreamed_as_small_as_the_limit() -> None:
    preset = limited(octaves={"count": 8, "largest": 400})
    assert preset.output.dream_width == 400
    assert preset.octaves.count == 3
    upright = Preset.build({"octaves": {"count": 8, "largest": 400}})
    assert dreamed_size(upright, Size(1920, 1080)) == Size(400, 225)


def test_the_coarsest_octave_is_dreamed_where_it_is_larger_than_the_limit() -> None:
    preset = limited(octaves={"count": 2, "scale": 2.0, "largest": 400})
    assert (preset.output.dream_width, preset.octaves.count) == (960, 1)


def test_a_picture_within_the_limit_stays_as_it_is() -> None:
    preset = Preset.build({"octaves": {"count": 5, "largest": 400}})
    assert limit_octaves([preset], Size(225, 400)) == [preset]


def test_the_limit_holds_for_a_dream_width_too() -> None:
    preset = limited(octaves={"count": 4, "scale": 1.5, "largest": 400}, output={"dream_width": 600})
    assert (preset.output.dream_width, preset.octaves.count) == (400, 3)


def test_scenes_share_one_width() -> None:
    values = {"octaves": {"count": 6, "largest": 400}, "scenes": [{}, {"start": "1s", "octaves": 3}]}
    preset = Preset.build(values)
    first, second = limit_octaves([scene.preset for scene in preset.in_scenes()], HD)
    assert first.output.dream_width == second.output.dream_width == round(1920 / 1.4**2)
    assert (first.octaves.count, second.octaves.count) == (4, 1)
    assert dreamed_size(preset, HD).width == first.output.dream_width


def test_fewer_octaves_take_longer_steps() -> None:
    preset = limited(octaves={"count": 8, "largest": 400}, ascent={"step_size": 0.003})
    assert preset.ascent.step_size == pytest.approx(0.003 * 8 / 3)
    preset = limited(octaves={"count": 8, "largest": 400}, ascent={"step_size": "0.003 + 0.001*p"})
    assert preset.schedules().keys() == {"ascent.step_size"}


@pytest.mark.e2e
@pytest.mark.parametrize("objective", ["mixed0", "mixed4, mixed5:0.5"])
def test_a_dream_of_fewer_octaves_is_as_strong(objective: str) -> None:
    picture = Landscape(Size(216, 384)).frame(2.0)
    preset = Preset.build({"objective": objective, "ascent": {"steps": 4}, "run": {"precision": "float32"}})
    whole, limited = (dream(picture, preset.override({"octaves.largest": each})) for each in (None, 200))
    assert np.std(limited - picture) == pytest.approx(np.std(whole - picture), rel=0.2)
