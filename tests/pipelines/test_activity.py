"""How strongly channels fire: which most, where, when they wake."""

from __future__ import annotations

import numpy as np
import pytest

from dreamvid.pipelines.activity import ActivityMeter, find_onsets, layer_map


@pytest.mark.parametrize(
    ("strengths", "onsets"),
    [
        ([0, 0, 0, 4, 4, 4], (3,)),
        ([4, 4, 0, 0, 4], (0, 4)),
        ([0, 1, 2, 3, 4], (2,)),
        ([0, 4, 1.5, 4, 0.5, 4], (1, 5)),
        ([4, 3, 4, 3.5], ()),
        ([0, 0, 0], ()),
        ([-3, -1, -2], ()),
        ([-3, 2, -2, 2], (1, 3)),
        ([5], ()),
    ],
)
def test_a_channel_wakes_half_way_up_and_again_after_it_has_slept(
    strengths: list[float], onsets: tuple[int, ...]
) -> None:
    assert find_onsets(np.array(strengths, np.float32)) == onsets


def picture(values: dict[tuple[int, int, int], float]) -> np.ndarray:
    maps = np.zeros((3, 4, 5), np.float32)
    for place, value in values.items():
        maps[place] = value
    return maps


def test_channels_are_ordered_by_their_peaks_with_place_and_frame() -> None:
    meter = ActivityMeter({"a": [0, 2, 3]})
    meter.add({"a": picture({(0, 1, 0): 2.0, (1, 1, 1): 9.0})})
    meter.add({"a": picture({(2, 3, 2): 6.0, (0, 0, 0): 1.0})})
    first, second = meter.strongest("a", 5)
    assert (first.channel, first.strength, first.position, first.frame) == (2, 6.0, (2, 3), 1)
    assert (second.channel, second.strength, second.position, second.frame) == (0, 2.0, (0, 1), 0)
    assert first.mean == pytest.approx(6 / 24)
    assert first.over_time.tolist() == [0.0, 6.0]
    assert first.onsets == (1,)
    assert [channel.channel for channel in meter.strongest("a", 1)] == [2]
    scale = meter.scale("a")
    assert scale.frame == 0
    assert scale.highest == pytest.approx(9.0 / np.sqrt(5))
    assert scale.lowest == 0.0


def test_a_class_is_as_strong_as_its_logit_the_mean_of_its_map() -> None:
    meter = ActivityMeter({"logits": [0, 1]})
    maps = np.zeros((1, 2, 2), np.float32)
    maps[0, :, 0], maps[0, :, 1] = (9.0, -3.0), (4.0, 4.0)
    meter.add({"logits": maps})
    found = [(c.channel, c.strength, c.peak) for c in meter.strongest("logits", 2)]
    assert found == [(1, 4.0, 4.0), (0, 3.0, 9.0)]


def test_the_map_of_a_layer_is_the_rms_over_its_channels() -> None:
    assert layer_map(np.array([[[3.0, 4.0]]], np.float32))[0, 0] == pytest.approx(np.sqrt(12.5))
