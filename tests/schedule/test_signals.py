"""Curves and how they are shaped: known values come out, at any time, in any order."""

from __future__ import annotations

import numpy as np
import pytest

from dreamvid.errors import ScheduleError
from dreamvid.schedule.signals import Curve, Shape

FPS = 25.0
FRAME = 1 / FPS


def line(times: list[float], values: list[float]) -> Curve:
    return Curve(np.array(times, np.float64), np.array(values, np.float64))


def steps(times: list[float], values: list[float]) -> Curve:
    return Curve(np.array(times, np.float64), np.array(values, np.float64), has_steps=True, has_peaks=True)


def test_lines_are_exact_and_hold_at_their_ends() -> None:
    curve = line([1.0, 2.0, 4.0], [0.0, 1.0, -1.0])
    assert [curve.at(t, FRAME) for t in (0.0, 1.0, 1.5, 2.0, 3.0, 9.0)] == [0.0, 0.0, 0.5, 1.0, 0.0, -1.0]


def test_steps_hold_and_no_hit_falls_between_two_frames() -> None:
    curve = steps([0.0, 0.510, 0.511, 1.0], [0.0, 1.0, 0.0, 0.25])
    values = [curve.at(frame * FRAME, FRAME) for frame in range(50)]
    assert [frame for frame, value in enumerate(values) if value == 1.0] == [13]
    assert values[12] == 0.0
    assert values[14] == 0.0
    assert values[25:] == [0.25] * 25


def test_values_depend_on_the_time_alone() -> None:
    random = np.random.default_rng(1)
    curve = Shape(smoothing=0.05, attack=0.02, release=0.3, limits="auto").apply(
        line(list(np.arange(100) / 10), list(random.random(100))), FPS, 10.0
    )
    times = [float(t) for t in random.permutation(250) * FRAME]
    forward = {t: curve.at(t, FRAME) for t in sorted(times)}
    assert {t: curve.at(t, FRAME) for t in times} == forward


def test_smoothing_is_a_gaussian() -> None:
    spike = Shape(smoothing=0.2).apply(steps([0.0, 1.0, 1.01], [0.0, 1.0, 0.0]), 100.0, 2.0)
    center, beside = spike.at(1.0, 0.0), spike.at(1.2, 0.0)
    assert beside / center == pytest.approx(np.exp(-0.5), rel=0.02)
    flat = Shape(smoothing=0.5).apply(line([0.0, 5.0], [3.0, 3.0]), FPS, 5.0)
    assert [flat.at(t, FRAME) for t in (0.0, 2.5, 5.0)] == pytest.approx([3.0] * 3)


def test_attack_and_release_are_half_lives() -> None:
    curve = Shape(attack=0.1, release=0.5).apply(steps([0.0, 1.0, 2.0], [0.0, 1.0, 0.0]), FPS, 5.0)
    assert curve.at(0.9, 0.0) == 0.0
    assert curve.at(1.1, 0.0) == pytest.approx(0.5, abs=0.05)
    assert curve.at(1.2, 0.0) == pytest.approx(0.75, abs=0.03)
    assert curve.at(2.5, 0.0) == pytest.approx(0.5, abs=0.02)
    assert curve.at(3.0, 0.0) == pytest.approx(0.25, abs=0.01)


def test_a_release_alone_rises_at_once() -> None:
    curve = Shape(release=0.1).apply(steps([0.0, 1.013, 1.014], [0.0, 1.0, 0.0]), FPS, 3.0)
    assert curve.at(1.0, FRAME) == 1.0
    assert curve.at(1.0 - FRAME, FRAME) == 0.0


@pytest.mark.parametrize(
    ("shape", "values"),
    [
        (Shape(limits="auto"), [0.0, 0.5, 1.0]),
        (Shape(limits=(30.0, 40.0)), [0.0, 0.0, 1.0]),
        (Shape(limits="auto", gain=2.0, offset=-1.0), [-1.0, 0.0, 1.0]),
        (Shape(gain=0.1), [1.0, 3.0, 5.0]),
        (Shape(), [10.0, 30.0, 50.0]),
    ],
)
def test_range_gain_and_offset(shape: Shape, values: list[float]) -> None:
    curve = shape.apply(line([0.0, 1.0, 2.0], [10.0, 30.0, 50.0]), FPS, 2.0)
    assert [curve.at(t, FRAME) for t in (0.0, 1.0, 2.0)] == pytest.approx(values)


def test_a_range_of_nothing_is_zero() -> None:
    assert Shape(limits="auto").apply(line([0.0, 1.0], [7.0, 7.0]), FPS, 1.0).at(0.5, FRAME) == 0.0


def test_what_is_before_the_output_counts_for_smoothing() -> None:
    curve = Shape(release=1.0).apply(steps([-1.0, -0.5], [1.0, 0.0]), FPS, 1.0)
    assert curve.at(0.5, 0.0) == pytest.approx(0.5, abs=0.01)


def test_what_is_too_long_is_one_line() -> None:
    with pytest.raises(ScheduleError, match="too long to be smoothed"):
        Shape(smoothing=1.0).apply(line([0.0, 1e9], [0.0, 1.0]), FPS, None)
