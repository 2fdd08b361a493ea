"""Panoramas: ends that meet, poles seen from within."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid.image.panorama import (
    PolarCap,
    band_weight,
    close,
    is_whole_sphere,
    pad,
    resize_panorama,
    smooth_poles,
    unpad,
)
from dreamvid.types import Size

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE = Size(80, 160)


def directions(size: Size) -> NDArray[np.float32]:
    """Return where each pixel of a panorama is on the unit sphere: right, up, front."""
    latitude = np.pi / 2 - (np.arange(size.height)[:, None] + 0.5) / size.height * np.pi
    longitude = ((np.arange(size.width)[None] + 0.5) / size.width - 0.5) * 2 * np.pi
    points = [np.cos(latitude) * np.sin(longitude), np.sin(latitude) + 0 * longitude]
    return np.stack([*points, np.cos(latitude) * np.cos(longitude)], axis=-1).astype(np.float32)


@pytest.mark.parametrize("width", [16, 41, 160, 163, 166])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_a_padded_panorama_comes_back_as_it_was(width: int, channels: tuple[int, ...]) -> None:
    picture = np.random.default_rng(0).random((9, width, *channels), dtype=np.float32)
    padded = pad(picture)
    assert padded.shape[1] > width
    np.testing.assert_array_equal(unpad(padded), picture)
    np.testing.assert_array_equal(close(padded), padded)


def test_ends_meet_whatever_was_done_to_a_padded_panorama() -> None:
    changed = pad(np.zeros((4, 160), np.float32)) + np.linspace(0, 1, 200, dtype=np.float32)
    closed = unpad(changed)
    steps = np.abs(np.diff(np.concatenate([closed, closed[:, :1]], axis=1), axis=1))
    assert steps.max() < 0.1  # of the 0.8 by which the ends differ
    assert steps[:, -1].max() < 0.05
    np.testing.assert_array_equal(closed[:, 10:150], changed[:, 30:170])


@pytest.mark.parametrize("size", [Size(11, 173), Size(40, 320), Size(5, 81), Size(5, 160)])
def test_a_resized_panorama_goes_around(size: Size) -> None:
    def wave(width: int) -> NDArray[np.float32]:
        turn = 2 * np.pi * (np.arange(width) + 0.5) / width
        return np.sin(3 * turn + 1).astype(np.float32)

    resized = resize_panorama(np.tile(wave(160), (5, 1)), size)
    assert resized.shape == size
    assert np.abs(resized - wave(size.width)).max() < 0.01


@pytest.mark.parametrize("south", [False, True])
def test_a_polar_cap_is_the_view_from_within(south: bool) -> None:  # noqa: FBT001  a parameter
    cap = PolarCap(SIZE, context=8, least=32, south=south)
    view = cap.project(directions(SIZE))
    middle, sign = cap.side // 2, -1 if south else 1
    assert view[middle, middle] == pytest.approx([0, sign, 0], abs=0.05)
    front, right = view[0 if south else -1, middle], view[middle, -1]
    assert front[2] > 0.9
    assert abs(front[0]) < 0.05
    assert right[0] > 0.9
    assert abs(right[2]) < 0.05


def test_caps_and_band_make_the_whole_sphere() -> None:
    sphere = directions(SIZE)
    weight = band_weight(SIZE)[..., None]
    assert weight.min() == 0.0
    assert weight.max() == 1.0
    whole = weight * sphere
    for south in (False, True):
        cap = PolarCap(SIZE, context=8, least=32, south=south)
        whole += (1.0 - weight) * cap.unproject(cap.project(sphere))
    assert np.abs(whole - sphere).max() < 0.005


def test_flat_panoramas_do_not_reach_the_poles() -> None:
    assert is_whole_sphere(Size(1024, 2048))
    assert is_whole_sphere(Size(960, 1920))
    assert not is_whole_sphere(Size(512, 2048))


def test_needles_at_the_poles_are_smoothed_and_all_else_stays() -> None:
    noise = np.random.default_rng(0).standard_normal((*SIZE, 3)).astype(np.float32)
    smooth = smooth_poles(noise)
    np.testing.assert_array_equal(smooth[20:60], noise[20:60])
    for row in (0, -1):
        turns = (
            np.square(np.diff(smooth[row], axis=0)).mean()
            / np.square(smooth[row] - smooth[row].mean(0)).mean()
        )
        assert turns < 0.05
    sphere = directions(SIZE)
    assert np.abs(smooth_poles(sphere) - sphere).max() < 0.002
    flat = noise[:40]
    assert smooth_poles(flat) is flat
