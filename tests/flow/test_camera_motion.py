"""What moves on its own: whatever the camera does, whatever is bare, and however grainy it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from dreamvid.flow.camera_motion import camera_flow, subject_motion
from dreamvid.flow.optical_flow import DenseInverseSearch
from dreamvid.types import RGB, Flow, Size

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE = Size(180, 320)


def landscape(seed: int = 0) -> RGB:
    """Return a large textured ground."""
    noise = np.random.default_rng(seed).random((360, 640, 3), dtype=np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 3)
    return np.asarray(np.clip(0.5 + 3.0 * (soft - 0.5), 0.0, 1.0), np.float32)


def view(ground: RGB, pan: tuple[float, float] = (0.0, 0.0), zoom: float = 1.0, roll: float = 0.0) -> RGB:
    """Return what a camera sees of the ground's middle."""
    matrix = cv2.getRotationMatrix2D((320.0, 180.0), roll, zoom)
    matrix[:, 2] += np.array([-160.0 + pan[0], -90.0 + pan[1]])
    seen = cv2.warpAffine(ground, matrix, (SIZE.width, SIZE.height), flags=cv2.INTER_CUBIC)
    return np.asarray(np.clip(seen, 0.0, 1.0), np.float32)


def with_square(picture: RGB, x: int, y: int = 70) -> RGB:
    result = picture.copy()
    result[y : y + 50, x : x + 50] = landscape(1)[:50, :50]
    return result


def moved(target: RGB, source: RGB) -> NDArray[np.float32]:
    flow = DenseInverseSearch("medium", 320).estimate(target, source)
    return subject_motion(flow, target, source)


def similarity(pan: tuple[float, float], zoom: float, roll: float) -> Flow:
    y, x = np.indices(SIZE, np.float32)
    across, down = (x - SIZE.width / 2) / 320, (y - SIZE.height / 2) / 320
    return np.stack(
        [pan[0] + zoom * across - roll * down, pan[1] + roll * across + zoom * down], axis=-1
    ).astype(np.float32)


def test_pan_zoom_and_roll_are_found_whatever_moves_before_them() -> None:
    flow = similarity((3.0, -1.5), 6.0, 4.0)
    expected = flow.copy()
    flow[40:150, 60:200] += np.array([9.0, 5.0], np.float32)
    flow[:, :25] += np.array([0.0, -12.0], np.float32)  # a pillar on the rim
    flow += np.random.default_rng(0).normal(0.0, 0.2, flow.shape).astype(np.float32)
    assert np.abs(camera_flow(flow, np.ones(SIZE, np.float32)) - expected).max() < 0.5


def test_what_flow_guesses_has_no_weight() -> None:
    flow = similarity((3.0, -1.5), 0.0, 0.0)
    expected, weight = flow.copy(), np.ones(SIZE, np.float32)
    flow[:100], weight[:100] = 0.0, 0.0  # a bare sky, more than half of the rim
    assert np.abs(camera_flow(flow, weight) - expected).max() < 0.1


@pytest.mark.parametrize(
    ("pan", "zoom", "roll"),
    [((0.0, 0.0), 1.0, 0.0), ((4.0, -3.0), 1.0, 0.0), ((0.0, 0.0), 1.02, 0.0), ((1.0, 1.0), 1.0, 1.0)],
    ids=["still", "pan", "zoom", "roll"],
)
def test_a_thing_moves_and_the_ground_does_not(pan: tuple[float, float], zoom: float, roll: float) -> None:
    ground = landscape()
    own = moved(with_square(view(ground, pan, zoom, roll), 136), with_square(view(ground), 130))
    assert own[80:110, 145:175].min() > 1.5
    assert own[:, :60].max() < 0.3
    assert own[:, -60:].max() < 0.3


def test_a_camera_that_follows_a_thing_sees_it_move() -> None:
    ground = landscape()
    own = moved(with_square(view(ground, (-6.0, 0.0)), 130), with_square(view(ground), 130))
    assert own[80:110, 140:170].min() > 3.0
    assert own[:, :60].max() < 0.3


def test_grain_and_flickering_light_move_nothing() -> None:
    rng, ground = np.random.default_rng(0), view(landscape())
    one, other = (
        np.clip(light * ground + rng.normal(0.0, 0.02, ground.shape), 0.0, 1.0).astype(np.float32)
        for light in (1.0, 0.98)
    )
    assert moved(one, other).max() < 0.1


def test_a_bare_wall_stands_still_beside_a_moving_camera() -> None:
    rng, ground = np.random.default_rng(0), landscape()
    ground[100:260, 240:420] = 0.5
    one, other = (
        np.clip(view(ground, pan) + rng.normal(0.0, 0.01, (*SIZE, 3)), 0.0, 1.0).astype(np.float32)
        for pan in ((0.0, 0.0), (4.0, 2.0))
    )
    assert moved(other, one).max() < 0.5
