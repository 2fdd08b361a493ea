"""The camera: velocities are what they say, moves compose, and pictures are moved exactly."""

from __future__ import annotations

import cmath
import math

import cv2
import numpy as np
import pytest

from dreamvid.image.transform import Similarity, Velocity, visible_mask, warp
from dreamvid.types import RGB, Size

SIZE = Size(90, 160)
ASPECT = SIZE.width / SIZE.height


def points(*places: tuple[float, float], size: Size = SIZE, radius: float = 4.0) -> RGB:
    """Return soft white spots at places (x, y in px) on black."""
    y, x = np.mgrid[0 : size.height, 0 : size.width].astype(np.float32)
    picture = np.zeros(size, np.float32)
    for left, top in places:
        picture += np.exp(-((x - left) ** 2 + (y - top) ** 2) / (2 * radius**2))
    return np.repeat(np.clip(picture, 0.0, 1.0)[..., None], 3, -1)


def center(picture: RGB) -> tuple[float, float]:
    """Return the center of mass (x, y in px)."""
    gray = np.clip(picture[..., 0].astype(np.float64) - 0.02, 0.0, None)
    y, x = np.mgrid[0 : gray.shape[0], 0 : gray.shape[1]]
    return float((gray * x).sum() / gray.sum()), float((gray * y).sum() / gray.sum())


def photograph(size: Size = SIZE, seed: int = 0, blur: float = 1.5) -> RGB:
    noise = np.random.default_rng(seed).random((*size, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), blur)
    return np.asarray((soft - soft.min()) / np.ptp(soft), np.float32)


def onward(picture: RGB, velocity: Velocity, seconds: float, fps: float) -> RGB:
    """Return a picture moved frame by frame."""
    for _ in range(round(seconds * fps)):
        picture = warp(picture, velocity.over(1 / fps, ASPECT))
    return picture


MIDDLE = ((SIZE.width - 1) / 2, (SIZE.height - 1) / 2)


@pytest.mark.parametrize("fps", [12, 24, 60])
@pytest.mark.parametrize("zoom", [2.0, 0.5])
def test_a_zoom_is_by_the_second_at_any_frame_rate(fps: float, zoom: float) -> None:
    start = (MIDDLE[0] + 20.0, MIDDLE[1] - 14.0)
    x, y = center(onward(points(start, radius=3.0), Velocity(zoom=zoom), 1.0, fps))
    assert x == pytest.approx(MIDDLE[0] + zoom * 20.0, abs=0.25)
    assert y == pytest.approx(MIDDLE[1] - zoom * 14.0, abs=0.25)


@pytest.mark.parametrize("fps", [12, 24, 60])
def test_a_rotation_is_clockwise_and_by_the_second(fps: float) -> None:
    x, y = center(onward(points((MIDDLE[0] + 25, MIDDLE[1])), Velocity(rotation=90.0), 1.0, fps))
    assert (x, y) == pytest.approx((MIDDLE[0], MIDDLE[1] + 25.0), abs=0.1)


@pytest.mark.parametrize("fps", [12, 24, 60])
def test_a_pan_is_in_frames_by_the_second_and_the_picture_goes_the_other_way(fps: float) -> None:
    moved = onward(points(MIDDLE), Velocity(pan=(0.25, -0.25)), 1.0, fps)
    assert center(moved) == pytest.approx((MIDDLE[0] - 40.0, MIDDLE[1] + 22.5), abs=0.1)


def test_a_very_slow_pan_is_not_lost() -> None:
    velocity = Velocity(pan=(0.01 * 24 / SIZE.width, 0.0))
    assert center(onward(points(MIDDLE), velocity, 5.0, 24.0))[0] == pytest.approx(MIDDLE[0] - 1.2, abs=0.02)


def test_zoom_and_rotation_are_about_the_center_that_is_given() -> None:
    place = (0.25 * SIZE.width - 0.5, 0.5 * SIZE.height - 0.5)
    velocity = Velocity(zoom=1.5, rotation=30.0, center=(0.25, 0.5))
    assert center(onward(points(place), velocity, 1.0, 24.0)) == pytest.approx(place, abs=0.1)


VELOCITIES = [
    Velocity(),
    Velocity(zoom=1.7),
    Velocity(rotation=-200.0),
    Velocity(pan=(0.3, -0.7)),
    Velocity(1.3, 45.0, (0.2, 0.1), (0.3, 0.8)),
    Velocity(1.0 + 1e-12, 1e-9, (0.2, 0.1)),
    Velocity(0.0625, 720.0, (-4.0, 4.0), (0.0, 1.0)),
]


@pytest.mark.parametrize("velocity", VELOCITIES)
def test_two_halves_are_one_whole(velocity: Velocity) -> None:
    half, whole = velocity.over(0.5, ASPECT), velocity.over(1.0, ASPECT)
    twice = half.then(half)
    assert cmath.isclose(twice.linear, whole.linear, rel_tol=1e-9)
    assert cmath.isclose(twice.translation, whole.translation, rel_tol=1e-6, abs_tol=1e-9)


@pytest.mark.parametrize("velocity", VELOCITIES)
def test_a_move_and_its_undoing_are_none(velocity: Velocity) -> None:
    move = velocity.over(0.7, ASPECT)
    for none in (move.then(move.inverse()), move.inverse().then(move)):
        assert cmath.isclose(none.linear, 1.0, rel_tol=1e-9)
        assert abs(none.translation) < 1e-9
    assert move.scale == pytest.approx(velocity.zoom**0.7)


def test_a_pan_hardly_changes_as_the_zoom_goes_to_none() -> None:
    """The move is continuous where its formula divides by nothing."""
    still = Velocity(pan=(0.3, 0.2)).over(1.0, ASPECT)
    for zoom in (1.0 + 1e-10, 1.0 + 1e-8, 1.0 + 1e-6):
        assert abs(Velocity(zoom, pan=(0.3, 0.2)).over(1.0, ASPECT).translation - still.translation) < 1e-5


@pytest.mark.parametrize("size", [SIZE, Size(17, 31), Size(64, 20), Size(8, 8)])
def test_no_move_changes_nothing(size: Size) -> None:
    picture = photograph(size, blur=0.5)
    assert np.abs(warp(picture, Similarity()) - picture).max() < 2e-4


def test_a_move_and_its_undoing_give_the_picture_back() -> None:
    picture = photograph(blur=2.0)
    move = Velocity(1.1, 7.0, (0.02, -0.03)).over(1.0, ASPECT)
    back = warp(warp(picture, move), move.inverse())
    assert np.abs(back - picture)[20:-20, 30:-30].max() < 0.01


def test_a_picture_keeps_its_detail_when_it_is_moved_again_and_again() -> None:
    picture = photograph(blur=2.0)
    moved = onward(picture, Velocity(rotation=360.0), 1.0, 60.0)
    assert np.abs(moved - picture)[25:-25, 60:-60].max() < 0.02


@pytest.mark.parametrize("scale", [0.5, 0.25, 1 / 16])
def test_what_shrinks_does_not_alias(scale: float) -> None:
    fine = np.indices((240, 240)).sum(axis=0) % 2
    picture = np.repeat(fine[..., None].astype(np.float32), 3, -1)
    shrunk = warp(picture, Similarity(complex(scale)))
    middle = slice(115, 125)
    assert np.abs(shrunk[middle, middle] - 0.5).max() < 0.05


def test_a_shrunk_picture_is_where_it_belongs() -> None:
    place = (MIDDLE[0] + 30.0, MIDDLE[1] + 10.0)
    shrunk = warp(points(place, radius=6.0), Similarity(complex(0.4)))
    inside = shrunk * (visible_mask(Similarity(complex(0.4)), SIZE) * np.float32(1))[..., None]  # type: ignore[operator]  # not None
    assert center(inside) == pytest.approx((MIDDLE[0] + 12.0, MIDDLE[1] + 4.0), abs=0.4)


def test_another_size_shows_as_many_frame_heights() -> None:
    large = Size(135, 240)
    place = (20.0 * 1.5 + 0.25, 40.0 * 1.5 + 0.25)
    view = warp(points(place, size=large, radius=6.0), Similarity(), SIZE)
    assert view.shape == (*SIZE, 3)
    assert center(view) == pytest.approx((20.0, 40.0), abs=0.1)


def test_beyond_the_borders_the_picture_is_mirrored() -> None:
    picture = photograph(blur=2.0)
    shift = 10
    moved = warp(picture, Similarity(1.0 + 0j, complex(shift / SIZE.height, 0.0)))
    assert np.abs(moved[:, shift:] - picture[:, :-shift]).max() < 1e-3
    assert np.abs(moved[:, :shift][:, ::-1] - picture[:, 1 : shift + 1]).max() < 1e-3


@pytest.mark.parametrize("mirrors", [2, 3, 4, 5, 6, 12])
def test_mirrors_make_a_kaleidoscope(mirrors: int) -> None:
    size = Size(121, 121)
    picture = photograph(size, blur=4.0)
    seen_through = warp(picture, Similarity(), mirrors=mirrors)
    assert np.abs(seen_through - seen_through[:, ::-1]).max() < 1e-3
    turned = warp(seen_through, Similarity(cmath.rect(1.0, 2 * math.pi / mirrors)))
    y, x = np.mgrid[-60:61, -60:61]
    ring = (np.hypot(x, y) < 50) & (np.hypot(x, y) > 8)
    assert np.abs(turned - seen_through)[ring].mean() < 0.01


@pytest.mark.parametrize("size", [Size(90, 160), Size(160, 90)])
@pytest.mark.parametrize("mirrors", [5, 6, 8, 12])
def test_mirrors_show_what_is_in_the_frame(size: Size, mirrors: int) -> None:
    inside = visible_mask(Similarity(), size, mirrors=mirrors)
    assert inside is None or inside.mean() > 0.95
    shown = warp(photograph(size, blur=4.0), Similarity(), mirrors=mirrors)
    assert np.abs(shown - shown[:, ::-1]).max() < 1e-3


@pytest.mark.parametrize("mirrors", [0, 1])
def test_fewer_than_two_mirrors_are_none(mirrors: int) -> None:
    picture = photograph()
    assert np.array_equal(
        warp(picture, Similarity(1.1 + 0j), mirrors=mirrors), warp(picture, Similarity(1.1 + 0j))
    )


def test_softening_takes_the_finest_detail_and_leaves_the_rest() -> None:
    fine = np.repeat((np.indices(SIZE).sum(axis=0) % 2)[..., None].astype(np.float32), 3, -1)
    coarse = photograph(blur=5.0)
    softened = warp(fine, Similarity(), soften=0.5)[20:-20, 20:-20]
    assert softened.std() < 0.7 * fine.std()
    assert np.abs(warp(coarse, Similarity(), soften=0.5) - coarse).max() < 2e-3


def test_seen_is_what_was_inside_the_frame_before() -> None:
    assert visible_mask(Similarity(), SIZE) is None
    assert visible_mask(Similarity(1.5 + 0j), SIZE) is None
    shrunk = visible_mask(Similarity(0.5 + 0j), SIZE)
    assert shrunk is not None
    assert shrunk.mean() == pytest.approx(0.25, abs=0.02)
    assert shrunk[SIZE.height // 2, SIZE.width // 2]
    panned = visible_mask(Similarity(1.0 + 0j, complex(16 / SIZE.height, 0.0)), SIZE)
    assert panned is not None
    assert not panned[:, :16].any()
    assert panned[:, 17:].all()


def test_extreme_moves_give_finite_pictures() -> None:
    picture = photograph(Size(20, 20))
    for velocity in VELOCITIES:
        for seconds in (1e-6, 1.0, 5.0):
            assert np.isfinite(warp(picture, velocity.over(seconds, 1.0))).all()


@pytest.mark.parametrize("scale", [0.31, 0.487, 0.66, 0.713, 0.89])
def test_a_shrunk_picture_keeps_its_shape(scale: float) -> None:
    """Pixels are whole; places are not."""
    size = Size(36, 64)
    places = [((size.width - 1) / 2 + dx, (size.height - 1) / 2) for dx in (-20.0, 20.0)]
    move = Similarity(complex(scale))
    inside = visible_mask(move, size)
    assert inside is not None
    for place in places:
        x, y = center(warp(points(place, size=size, radius=2.5), move) * inside[..., None])
        assert x - (size.width - 1) / 2 == pytest.approx(scale * (place[0] - (size.width - 1) / 2), abs=0.12)
        assert y == pytest.approx((size.height - 1) / 2, abs=0.12)
