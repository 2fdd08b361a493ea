"""Flashes are counted by luminance, redness, area and time as WCAG 2.3.1 defines them; motion is none."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid.image.flashes import FlashMeter, FlashReport

if TYPE_CHECKING:
    from collections.abc import Callable

    from dreamvid.types import RGB

HEIGHT, WIDTH = 72, 128
DARK, LIGHT = 0.4, 0.7


def flat(*color: float) -> RGB:
    return np.full((HEIGHT, WIDTH, 3), color if len(color) == 3 else color[0], np.float32)


def measured(
    picture: Callable[[float], RGB], *, seconds: float = 2, rate: Fraction = Fraction(30), loops: bool = False
) -> FlashReport:
    meter, frames = FlashMeter(), round(seconds * rate)
    for index in range(frames):
        meter.add(picture(float(index / rate)), index / rate)
    if loops:
        meter.repeat(frames / rate)
    return meter.report()


def strobe(frequency: float, first: RGB, second: RGB) -> Callable[[float], RGB]:
    """Return a square wave: the first picture, then the second, so many times a second."""
    return lambda time: first if (time * frequency + 1e-6) % 1 < 0.5 else second


@pytest.mark.parametrize("rate", [24, 60])
@pytest.mark.parametrize(("frequency", "flashes"), [(0, 0), (1, 1), (2, 2), (4, 4), (10, 10)])
def test_flashes_are_counted_at_any_rate(frequency: float, flashes: float, rate: int) -> None:
    report = measured(strobe(frequency, flat(DARK), flat(LIGHT)), rate=Fraction(rate))
    assert report.general == pytest.approx(flashes, abs=0.5)
    assert report.red == 0
    assert bool(report.passages) == (flashes > 3)


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(30), Fraction(24000, 1001), Fraction(60)])
def test_three_in_a_second_are_allowed(rate: Fraction) -> None:
    report = measured(strobe(3 * float(rate) / round(rate), flat(LIGHT), flat(DARK)), rate=rate)
    assert (report.general, report.passages) == (3, ())


def test_changes_over_many_frames_count_in_full() -> None:
    def swelling(time: float) -> RGB:
        return flat(0.55 + 0.15 * math.sin(8 * math.pi * time))

    assert measured(swelling, rate=Fraction(60)).general == pytest.approx(4, abs=0.5)
    assert measured(lambda time: flat(DARK + 0.15 * time)).general == 0.5


@pytest.mark.parametrize(
    ("dark", "light", "flashes"), [(0.40, 0.48, 0), (0.0, 0.3, 0), (0.0, 0.36, 10), (0.92, 1.0, 0)]
)
def test_small_changes_and_those_of_bright_pictures_do_not_count(
    dark: float, light: float, flashes: float
) -> None:
    assert measured(strobe(10, flat(dark), flat(light))).general == flashes


def test_red_flashes_of_even_luminance_are_found() -> None:
    red, cyan, rose = (flat(*np.array(code) / 255) for code in ((205, 78, 78), (31, 134, 134), (170, 96, 96)))
    report = measured(strobe(5, red, cyan))
    assert (report.general, report.red, len(report.passages)) == (0, 5, 1)
    assert measured(strobe(5, rose, cyan)).red == 0
    assert measured(strobe(5, flat(0.1, 0.0, 0.0), flat(0.0))).red == 0


@pytest.mark.parametrize(("share", "flashes"), [(0.2, 0), (0.3, 10)])
@pytest.mark.parametrize(("top", "left"), [(0, 0), (20, 40)])
def test_a_quarter_of_a_field_of_ten_degrees_counts(
    share: float, flashes: float, top: int, left: int
) -> None:
    light = flat(DARK)
    side = round(math.sqrt(share * 256 * 341) / 1024 * WIDTH)
    light[top : top + side, left : left + side] = LIGHT
    assert measured(strobe(10, flat(DARK), light)).general == flashes


def test_areas_that_flash_in_turn_do_not_add_up() -> None:
    def in_turn(time: float) -> RGB:
        picture = flat(DARK)
        if time < 1:
            place = slice(0, WIDTH // 2) if time < 0.5 else slice(WIDTH // 2, WIDTH)
            picture[:, place] = strobe(6, flat(LIGHT), flat(DARK))(time)[:, place]
        return picture

    assert measured(in_turn).general == 3


def test_grain_and_textures_that_move_are_no_flashes_but_may_flash() -> None:
    random = np.random.default_rng(3)
    grain = [random.random((4 * HEIGHT, 4 * WIDTH, 3), dtype=np.float32) for _ in range(8)]
    assert measured(lambda time: grain[round(time * 30) % 8]).general == 0
    texture = np.kron(random.random((24, 256, 1)), np.ones((3, 3, 3))).astype(np.float32)

    def moving(time: float) -> RGB:
        return texture[:, round(time * 30) : round(time * 30) + WIDTH]

    assert measured(moving).general < 3
    bright = strobe(5, flat(1.0), flat(0.4))
    assert measured(lambda time: moving(time) * bright(time)).general == pytest.approx(5, abs=0.5)


def test_a_film_of_cuts_flashes_as_often_as_it_cuts() -> None:
    assert measured(lambda time: flat(LIGHT if int(time) % 2 else DARK), seconds=4).general == 0.5


def test_the_passage_with_too_many_is_told() -> None:
    calm, wild = strobe(1, flat(DARK), flat(LIGHT)), strobe(8, flat(DARK), flat(LIGHT))
    report = measured(lambda time: wild(time) if 3 <= time < 4 else calm(time), seconds=7)
    ((start, end),) = report.passages
    assert start == pytest.approx(2.5, abs=0.6)
    assert end == pytest.approx(4.4, abs=0.6)
    assert report.to_dict() == {
        "per_second": report.general,
        "red_per_second": 0.0,
        "too_many": [[start, end]],
    }


def test_a_short_loop_flashes_each_time_it_comes_around() -> None:
    def once(time: float) -> RGB:
        return flat(LIGHT if time < 0.1 else DARK)

    assert measured(once, seconds=0.2).general == 0.5
    looped = measured(once, seconds=0.2, loops=True)
    assert looped.general == 5
    assert looped.passages == ((0.0, 0.2),)
    assert measured(once, seconds=2, loops=True).general == 1


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3), (540, 960), (1920, 1080)])
def test_pictures_of_all_sizes_are_measured(size: tuple[int, int]) -> None:
    meter = FlashMeter()
    for index in range(5):
        meter.add(np.full((*size, 3), LIGHT if index % 2 else DARK, np.float32), Fraction(index, 30))
    expected = 0 if size in {(3, 200), (200, 3)} else 2  # which fill too little of a screen
    assert meter.report().general == expected


def test_one_frame_or_none_does_not_flash() -> None:
    assert FlashMeter().report() == FlashReport(0, 0, ())
    assert measured(lambda _: flat(LIGHT), seconds=0.03, loops=True) == FlashReport(0, 0, ())
