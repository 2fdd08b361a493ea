"""The course of a walk: its speed may change, and a loop closes all the same."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from dreamvid.config.preset import Preset
from dreamvid.errors import SettingsError
from dreamvid.pipelines.scenes import VideoClock
from dreamvid.pipelines.walk.course import Course, plan_course, walk_positions

FRAMES = 48


def course(**walk: Any) -> Course:
    clock = VideoClock(Fraction(24), Fraction(2), lambda t: {"beat": float(t % 0.5 < 0.1), "onset": 0.0})
    return plan_course(Preset.build({"walk": walk}).walk, clock, FRAMES)


def test_a_walk_of_constant_speed_is_even() -> None:
    np.testing.assert_allclose(course().positions, np.arange(FRAMES) / FRAMES)
    np.testing.assert_allclose(course(loop=False).positions, np.arange(FRAMES) / (FRAMES - 1))
    assert set(course().truncations) == {1.0}


@pytest.mark.parametrize("speed", ["0.2 + 3*beat", "1 + t", {"0s": 0, "1s": 2, "2s": 0}])
def test_a_loop_closes_whatever_its_speed(speed: Any) -> None:
    positions = course(speed=speed).positions
    steps = np.diff([*positions, round(positions[-1])])
    assert positions[0] == 0.0
    assert steps.min() >= 0.0
    assert steps.max() > 1.3 * steps.mean()
    assert steps[-1] <= steps[:-1].max() + 1e-9


def test_an_open_walk_ends_at_its_last_seed() -> None:
    for speed in (1, "0.2 + 3*beat", 5):
        assert course(loop=False, speed=speed).positions[-1] == 1.0


def test_a_loop_of_twice_the_speed_goes_round_twice() -> None:
    np.testing.assert_allclose(course(speed=2).positions, 2 * np.arange(FRAMES) / FRAMES)
    np.testing.assert_allclose(course(speed=0.1).positions, np.arange(FRAMES) / FRAMES)


def test_truncation_follows_its_schedule() -> None:
    truncations = course(truncation="0.5 + 0.5*beat").truncations
    assert set(truncations) == {0.5, 1.0}


def test_music_moves_the_walk_at_its_beats() -> None:
    positions = course(speed="0.1 + 5*beat").positions
    steps = np.diff(positions)
    beats = np.array([index / 24 % 0.5 < 0.1 for index in range(1, FRAMES)])
    assert steps[beats].min() > 20 * steps[~beats].max()


def test_a_walk_that_never_moves_is_an_error() -> None:
    for loop in (True, False):
        with pytest.raises(SettingsError, match=r"walk\.speed: is 0 all the time"):
            course(speed=0, loop=loop)


def test_one_frame_needs_no_speed() -> None:
    assert walk_positions(np.zeros(1), loop=False).tolist() == [0.0]
