"""Cameras in panoramas: which way they turn, and that nothing is lost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid.image.sphere import SphereMotion, motion_over, warp_sphere
from dreamvid.image.transform import Velocity

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEIGHT, WIDTH = 96, 192


def directions() -> NDArray[np.float32]:
    """Return where each pixel of a panorama is on the unit sphere: right, up, front."""
    latitude = np.pi / 2 - (np.arange(HEIGHT)[:, None] + 0.5) / HEIGHT * np.pi
    longitude = ((np.arange(WIDTH)[None] + 0.5) / WIDTH - 0.5) * 2 * np.pi
    points = [np.cos(latitude) * np.sin(longitude), np.sin(latitude) + 0 * longitude]
    return np.stack([*points, np.cos(latitude) * np.cos(longitude)], axis=-1).astype(np.float32)


def shown(velocity: Velocity, longitude: float = 0.0) -> tuple[float, ...]:
    """Return the direction that is seen at the horizon at a longitude (degrees) after a second."""
    moved = warp_sphere(directions(), motion_over(velocity, 1.0))
    return tuple(moved[HEIGHT // 2, int((longitude / 360 + 0.5) * WIDTH)].tolist())


@pytest.mark.parametrize(
    ("velocity", "expected"),
    [
        (Velocity(pan=(0.25, 0.0)), (1, 0, 0)),
        (Velocity(pan=(0.0, 0.25)), (0, -math.sqrt(0.5), math.sqrt(0.5))),
        (Velocity(pan=(0.0, -0.5)), (0, 1, 0)),
        (Velocity(zoom=3.0), (0, 0, 1)),
        (Velocity(rotation=50.0), (0, 0, 1)),
    ],
)
def test_the_front_shows_where_the_camera_has_turned(velocity: Velocity, expected: tuple[float, ...]) -> None:
    assert shown(velocity) == pytest.approx(expected, abs=0.05)


def test_rotation_is_clockwise() -> None:
    assert shown(Velocity(rotation=90.0), 90.0) == pytest.approx((0, 1, 0), abs=0.05)  # what was above


@pytest.mark.parametrize("center", [0.5, 0.75])
def test_zoom_enlarges_around_its_center(center: float) -> None:
    ahead = 360 * (center - 0.5)
    right, _, front = shown(Velocity(zoom=2.0, center=(center, 0.5)), ahead + 20.0)
    expected = ahead + 2 * math.degrees(math.atan(math.tan(math.radians(10.0)) / 2))
    assert math.degrees(math.atan2(right, front)) == pytest.approx(expected, abs=1.5)


def test_two_halves_of_a_motion_are_the_whole() -> None:
    velocity = Velocity(1.7, 40.0, (0.1, 0.05), (0.3, 0.4))
    half, whole = motion_over(velocity, 0.5), np.array(motion_over(velocity, 1.0)).reshape(2, 2)
    matrix = np.array(half).reshape(2, 2)
    np.testing.assert_allclose(matrix @ matrix, whole, atol=1e-12)
    np.testing.assert_allclose(np.array(half.inverse()).reshape(2, 2) @ matrix, np.eye(2), atol=1e-12)


def test_no_motion_changes_nothing_and_any_goes_around() -> None:
    sphere = directions()
    np.testing.assert_allclose(warp_sphere(sphere, SphereMotion()), sphere, atol=1e-5)
    moved = warp_sphere(sphere, motion_over(Velocity(1.5, 20.0, (0.13, 0.07)), 1.0))
    lengths = np.linalg.norm(moved, axis=-1)
    assert np.abs(lengths - 1.0).max() < 0.01
    over_the_seam = np.abs(moved[:, 0] - moved[:, -1]).max()
    assert over_the_seam <= 1.1 * np.abs(np.diff(moved, axis=1)).max()
