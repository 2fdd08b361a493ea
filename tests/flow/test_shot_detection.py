from __future__ import annotations

import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from dreamvid.flow.shot_detection import CONTEXT, LOOK_AHEAD, mark_cuts
from dreamvid.pipelines.landscape import Landscape, fractal_noise
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dreamvid.types import RGB

SIZE = Size(108, 192)
WHITE, BLACK = np.ones((*SIZE, 3), np.float32), np.zeros((*SIZE, 3), np.float32)


def itself(picture: RGB) -> RGB:
    return picture


def cuts(frames: list[RGB]) -> list[int]:
    """Where shots begin, but for the first."""
    marked = list(mark_cuts(frames, itself))
    assert all(one is other for one, (other, _) in zip(frames, marked, strict=True))
    assert not frames or marked[0][1]
    return [index for index, (_, cut) in enumerate(marked) if cut][1:]


@cache
def wide(seed: int) -> RGB:
    """A picture that shots are taken of: a landscape, or clouds of color."""
    if seed % 2:
        return Landscape(Size(432, 768), seed).frame(0)
    random = np.random.default_rng(seed)
    planes = [fractal_noise(random, 1.7)[:432, :768] for _ in range(3)]
    return np.asarray(np.clip(0.5 + 0.2 * np.stack(planes, axis=-1), 0, 1), np.float32)


def view(seed: int, x: float = 0.5, y: float = 0.5, span: float = 0.5) -> RGB:
    """The part about a relative position, ``span`` of the whole width."""
    height, width = 432, 768
    scale = span * width / SIZE.width
    matrix = np.array(
        [[scale, 0, x * width - scale * SIZE.width / 2], [0, scale, y * height - scale * SIZE.height / 2]]
    )
    smooth = cv2.GaussianBlur(wide(seed), (0, 0), 0.4 * scale)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(smooth, matrix, (SIZE.width, SIZE.height), flags=flags), np.float32)


def still(seed: int, count: int) -> list[RGB]:
    return [view(seed)] * count


def pan(seed: int, count: int, speed: float = 0.01) -> list[RGB]:
    """``speed`` is the share of the frame's width by which it moves a frame."""
    return [view(seed, 0.5 + 0.5 * speed * (index - count / 2)) for index in range(count)]


def zoom(seed: int, count: int, growth: float = 1.02) -> list[RGB]:
    return [view(seed, span=0.9 / growth**index) for index in range(count)]


SHOTS = {"still": still, "pan": pan, "zoom": zoom}


@pytest.mark.parametrize("name", SHOTS)
@pytest.mark.parametrize("seeds", [(1, 2, 3), (4, 5, 6), (7, 9, 11), (8, 10, 12)], ids=str)
def test_hard_cuts_are_found_where_they_are(name: str, seeds: tuple[int, int, int]) -> None:
    shot = SHOTS[name]
    assert cuts([*shot(seeds[0], 9), *shot(seeds[1], 7), *shot(seeds[2], 8)]) == [9, 16]


@pytest.mark.parametrize("name", SHOTS)
def test_two_cuts_three_frames_apart_are_two(name: str) -> None:
    shot = SHOTS[name]
    assert cuts([*shot(1, 8), *shot(2, 3), *shot(3, 8)]) == [8, 11]


def test_a_short_insert_is_no_flash() -> None:
    scene = pan(3, 20)
    assert cuts([*scene[:10], *pan(2, 3), *scene[10:]]) == [10, 13]


@pytest.mark.parametrize("at", [1, 2, 19, 20])
def test_a_cut_near_either_end_is_found(at: int) -> None:
    assert cuts([*pan(1, at), *pan(2, 21 - at)]) == [at]


def test_a_cut_at_two_frames_a_second_is_found() -> None:
    """Between frames half a second apart much moves."""
    assert cuts([*pan(1, 6, 0.15), *pan(2, 6, 0.15)]) == [6]


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("flash", [WHITE, BLACK], ids=["white", "black"])
@pytest.mark.parametrize("length", range(1, LOOK_AHEAD + 1))
@pytest.mark.parametrize("name", SHOTS)
def test_a_flash_is_no_cut(name: str, length: int, flash: RGB, seed: int) -> None:
    frames = SHOTS[name](seed, 20)
    frames[9 : 9 + length] = [flash] * length
    assert cuts(frames) == []


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("gain", [1.5, 2.5, 4.0])
def test_a_photographer_is_no_cut(gain: float, seed: int) -> None:
    """The light is bright for one frame and half as bright for the next."""
    frames = pan(seed, 20)
    for index, light in ((9, gain), (10, 1 + (gain - 1) / 2)):
        frames[index] = np.clip(frames[index] * light + (light - 1) * 0.2, 0, 1)
    assert cuts(frames) == []


def test_lightning_is_no_cut() -> None:
    lit = np.random.default_rng(3).random(24) > 0.5
    frames = [np.clip(f * 1.6 + 0.05, 0, 1) if on else f for f, on in zip(pan(1, 24), lit, strict=True)]
    assert cuts(frames) == []


def test_a_lamp_that_is_switched_is_no_cut() -> None:
    frames = pan(1, 20)
    assert cuts([*(f * np.float32(0.4) for f in frames[:10]), *frames[10:]]) == []


@pytest.mark.parametrize("name", SHOTS)
@pytest.mark.parametrize("level", [0.0, 1.0], ids=["black", "white"])
@pytest.mark.parametrize("length", [6, 24])
def test_fades_are_no_cuts(length: int, level: float, name: str) -> None:
    shares = np.concatenate([np.zeros(6), np.linspace(0, 1, length + 1)[1:], np.ones(8)]).astype(np.float32)
    out = [
        f * (1 - share) + np.float32(level) * share
        for f, share in zip(SHOTS[name](1, shares.size), shares, strict=True)
    ]
    assert cuts(out) == []
    assert cuts(out[::-1]) == []


@pytest.mark.parametrize("length", [6, 24])
@pytest.mark.parametrize("name", SHOTS)
def test_dissolves_are_no_cuts(name: str, length: int) -> None:
    shares = np.concatenate([np.zeros(6), np.linspace(0, 1, length + 2)[1:-1], np.ones(6)]).astype(np.float32)
    shots = zip(SHOTS[name](1, shares.size), SHOTS[name](2, shares.size), shares, strict=True)
    assert cuts([one * (1 - share) + other * share for one, other, share in shots]) == []


def test_a_new_shot_after_a_flash_begins_after_it() -> None:
    assert cuts([*pan(1, 9), WHITE, WHITE, *pan(2, 9)]) == [11]


def test_a_title_on_black_is_cut_on_both_sides() -> None:
    assert cuts([*pan(1, 9), *[BLACK] * 9, *pan(2, 9)]) == [9, 18]


def test_a_scene_that_follows_black_is_cut_to() -> None:
    assert cuts([*[BLACK] * 9, *pan(1, 9)]) == [9]


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("speed", [0.06, 0.12])
def test_a_fast_pan_is_no_cut(speed: float, seed: int) -> None:
    assert cuts(pan(seed, 10, speed)) == []


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("growth", [0.92, 1.1])
def test_a_fast_zoom_is_no_cut(growth: float, seed: int) -> None:
    frames = zoom(seed, 14, max(growth, 1 / growth))
    assert cuts(frames if growth > 1 else frames[::-1]) == []


def test_grain_is_no_cut() -> None:
    random = np.random.default_rng(1)
    noise = (random.normal(0, 0.03, (*SIZE, 3)).astype(np.float32) for _ in range(12))
    assert (
        cuts([np.clip(f * np.float32(0.3) + n, 0, 1) for f, n in zip(pan(1, 12), noise, strict=True)]) == []
    )


@pytest.mark.parametrize("frames", [[], [WHITE], [BLACK] * 12, [view(1)] * 12, [view(1)] * 2], ids=len)
def test_nothing_happens_where_nothing_happens(frames: list[RGB]) -> None:
    assert cuts(frames) == []


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (1, 200), (300, 3)], ids=str)
def test_tiny_frames_are_no_trouble(size: tuple[int, int]) -> None:
    random = np.random.default_rng(1)
    frames = [random.random((*size, 3)).astype(np.float32) for _ in range(9)]
    assert len(list(mark_cuts(frames, itself))) == 9


def test_an_answer_waits_for_a_few_frames_only() -> None:
    taken = 0

    def source() -> Iterator[RGB]:
        nonlocal taken
        for frame in pan(1, 12):
            taken += 1
            yield frame

    for index, _ in enumerate(mark_cuts(source(), itself)):
        assert taken <= index + 1 + LOOK_AHEAD


def test_answers_do_not_depend_on_where_one_starts() -> None:
    """Given as many frames before it as are named, an answer stays the same: work can be taken up anywhere."""
    frames = [*pan(1, 7), *pan(2, 3), *pan(3, 7), WHITE, WHITE, *pan(4, 6), *[BLACK] * 6, *pan(5, 8)]
    whole = [cut for _, cut in mark_cuts(frames, itself)]
    assert sum(whole) == 6
    for start in range(1, len(frames)):
        part = [cut for _, cut in mark_cuts(frames[start:], itself)]
        assert part[CONTEXT:] == whole[start + CONTEXT :]


def test_any_item_is_handed_on_with_its_answer() -> None:
    items = list(enumerate([*pan(1, 6), *pan(2, 6)]))
    marked = list(mark_cuts(items, lambda item: item[1]))
    assert [item[0] for item, _ in marked] == list(range(12))
    assert [item[0] for item, cut in marked if cut] == [0, 6]


def test_without_detection_only_the_first_begins_a_shot_and_nothing_waits() -> None:
    def source() -> Iterator[RGB]:
        yield from [*still(1, 2), *still(2, 2)]
        raise ZeroDivisionError

    marks = mark_cuts(source(), itself, detect=False)
    assert [next(marks)[1] for _ in range(4)] == [True, False, False, False]


def test_errors_of_the_source_pass_through() -> None:
    def source() -> Iterator[RGB]:
        yield from still(1, 2)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(mark_cuts(source(), itself))


def test_the_detectors_are_loaded_late_and_bring_no_other_reader() -> None:
    """moviepy, which one of their readers imports, obeys `.env` files."""
    code = (
        "import sys, numpy as np; from dreamvid.flow.shot_detection import mark_cuts;"
        "assert 'scenedetect' not in sys.modules;"
        "list(mark_cuts([np.zeros((4, 4, 3), np.float32)], lambda picture: picture));"
        "assert 'scenedetect' in sys.modules;"
        "assert not [name for name in sys.modules if name.startswith('moviepy')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
