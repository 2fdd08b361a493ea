from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from dreamvid.flow.optical_flow import DenseInverseSearch
from dreamvid.flow.stabilizer import CarriedDetail
from dreamvid.flow.warp import warp
from dreamvid.pipelines.landscape import fractal_noise
from dreamvid.types import Carry, Motion, Size

if TYPE_CHECKING:
    from dreamvid.types import RGB

SIZE = Size(96, 160)
STABILIZER = CarriedDetail(DenseInverseSearch("medium"), longest=640, full=7, steps=1, decay=1.0, blend=0.5)


def texture(seed: int, exponent: float = 1.4) -> RGB:
    rng = np.random.default_rng(seed)
    planes = [fractal_noise(rng, exponent)[: SIZE.height, : SIZE.width] for _ in range(3)]
    return np.asarray(np.clip(0.5 + 0.1 * np.stack(planes, axis=-1), 0, 1), np.float32)


def panned(picture: RGB, pixels: int) -> RGB:
    flow = np.zeros((*SIZE, 2), np.float32)
    flow[..., 0] = pixels
    return warp(picture, flow)


def first(source: RGB) -> Carry:
    dreamed = np.clip(source + texture(5, 0.8) - 0.5, 0, 1)
    return STABILIZER.stabilize(source, dreamed, STABILIZER.prepare(None, None), None)


def test_a_shot_starts_from_nothing_and_sets_the_level() -> None:
    carry = first(texture(0))
    assert STABILIZER.prepare(None, carry).detail is None
    assert STABILIZER.prepare(None, carry).steps == STABILIZER.full
    assert carry.statistics is not None
    assert np.sum(carry.statistics.bands) > 0.01


def test_detail_moves_with_the_picture() -> None:
    source = texture(0)
    carry = first(source)
    target = panned(source, 6)
    initial = STABILIZER.prepare(STABILIZER.estimate_motion(target, source), carry)
    assert initial.steps == 1
    assert initial.detail is not None
    expected = panned(carry.dreamed - carry.source, 6)
    inner = np.s_[12:-12, 12:-24]
    assert np.corrcoef(initial.detail[inner].ravel(), expected[inner].ravel())[0, 1] > 0.95


def test_what_comes_in_is_fresh_and_carries_nothing() -> None:
    source = texture(0)
    initial = STABILIZER.prepare(STABILIZER.estimate_motion(panned(source, 10), source), first(source))
    assert initial.step_map is not None
    assert initial.detail is not None
    assert initial.step_map[20:-20, -8:].min() > 0.99 * STABILIZER.full
    assert np.abs(initial.detail[20:-20, -8:]).max() < 0.01
    assert initial.step_map[20:-20, 20:100].max() < 3.001 * STABILIZER.steps
    assert initial.steps == STABILIZER.steps


def test_what_comes_in_all_over_gets_all_gradients() -> None:
    source = texture(0)
    nothing = Motion(np.zeros((*SIZE, 2), np.float32), np.zeros(SIZE, np.float32))
    initial = STABILIZER.prepare(nothing, first(source))
    assert initial.step_map is not None
    assert initial.steps == STABILIZER.full
    assert initial.step_map.min() == STABILIZER.full


def test_what_stands_still_is_dreamed_on_least() -> None:
    source = texture(0)
    seen = np.ones(SIZE, np.float32)
    step_counts = []
    for speed in (0.0, 1.0, 2.0, 8.0):
        flow = np.full((*SIZE, 2), speed / np.sqrt(2), np.float32)
        step_map = STABILIZER.prepare(Motion(flow, seen), first(source)).step_map
        assert step_map is not None
        step_counts.append(float(step_map.mean()))
    assert 0 < step_counts[0] == pytest.approx(step_counts[1])
    assert step_counts[1] < step_counts[2] < step_counts[3] <= STABILIZER.full


def test_a_still_shot_does_not_melt_brighten_or_fade_in_three_hundred_frames() -> None:
    source = texture(0)
    carry = start = first(source)
    motion = STABILIZER.estimate_motion(source, source)
    for _ in range(300):
        initial = STABILIZER.prepare(motion, carry)
        assert initial.detail is not None
        carry = STABILIZER.stabilize(source, np.clip(source + initial.detail, 0, 1), initial, carry)
    assert np.abs(carry.dreamed - start.dreamed).mean() < 0.004
    assert abs(float(carry.dreamed.mean() - start.dreamed.mean())) < 0.001


def test_growth_is_held_to_the_level_of_the_first_frame() -> None:
    source = texture(0)
    carry = start = first(source)
    motion = STABILIZER.estimate_motion(source, source)
    push = (texture(9, 0.8) - 0.5) * np.float32(0.2)
    for _ in range(60):
        initial = STABILIZER.prepare(motion, carry)
        assert initial.detail is not None
        carry = STABILIZER.stabilize(source, np.clip(source + initial.detail + push, 0, 1), initial, carry)
    before, after = (float(np.std(one.dreamed - source)) for one in (start, carry))
    assert after == pytest.approx(before, rel=0.1)
    assert np.corrcoef((carry.dreamed - source).ravel(), push.ravel())[0, 1] > 0.5  # new things do come


def test_blend_holds_changes_back_where_things_are_seen() -> None:
    source = texture(0)
    carry = first(source)
    motion = Motion(np.zeros((*SIZE, 2), np.float32), np.ones(SIZE, np.float32))
    moved = []
    for blend in (0.0, 0.9):
        stabilizer = replace(STABILIZER, blend=blend)
        initial = stabilizer.prepare(motion, carry)
        assert initial.detail is not None
        changed = np.clip(source + initial.detail + 0.1 * (texture(7, 0.8) - 0.5), 0, 1)
        settled = stabilizer.stabilize(source, changed, initial, carry)
        moved.append(np.abs(settled.dreamed - carry.dreamed)[:, :70].mean())
    assert moved[1] < 0.5 * moved[0]


def test_the_carry_says_all_there_is() -> None:
    source = texture(0)
    motion = STABILIZER.estimate_motion(panned(source, 3), source)
    one = STABILIZER.prepare(motion, first(source))
    two = replace(STABILIZER).prepare(motion, first(source))
    assert one.detail is not None
    assert two.detail is not None
    assert np.array_equal(one.detail, two.detail)


@pytest.mark.parametrize("size", [(1, 1), (2, 40), (17, 300)], ids=str)
def test_odd_sizes_are_carried(size: tuple[int, int]) -> None:
    source = np.random.default_rng(0).random((*size, 3)).astype(np.float32)
    carry = STABILIZER.stabilize(source, np.clip(source + 0.05, 0, 1), STABILIZER.prepare(None, None), None)
    initial = STABILIZER.prepare(STABILIZER.estimate_motion(source, source), carry)
    assert initial.detail is not None
    settled = STABILIZER.stabilize(source, np.clip(source + initial.detail, 0, 1), initial, carry)
    assert np.isfinite(settled.dreamed).all()


def test_black_and_white_frames_give_numbers() -> None:
    black, white = np.zeros((*SIZE, 3), np.float32), np.ones((*SIZE, 3), np.float32)
    carry = first(black)
    for target, source in ((white, black), (black, white), (black, black)):
        initial = STABILIZER.prepare(STABILIZER.estimate_motion(target, source), carry)
        assert initial.detail is not None
        carry = STABILIZER.stabilize(target, np.clip(target + initial.detail, 0, 1), initial, carry)
        assert np.isfinite(carry.dreamed).all()


def test_what_is_let_go_of_is_dreamed_anew() -> None:
    source = texture(0)
    for decay, turnover in ((0.5, 0.0), (1.0, 0.4), (0.5, 0.4)):
        share = 1 - decay * (1 - turnover)
        stabilizer = replace(STABILIZER, decay=decay, turnover=turnover)
        carry = stabilizer.stabilize(
            source, np.clip(source + 0.1, 0, 1), stabilizer.prepare(None, None), None
        )
        initial = stabilizer.prepare(stabilizer.estimate_motion(source, source), carry)
        assert initial.step_map is not None
        assert initial.step_map.min() >= share * stabilizer.full - 1e-3
        assert initial.detail is not None
        ratio = np.abs(initial.detail).mean() / np.abs(carry.dreamed - carry.source).mean()
        assert ratio == pytest.approx(1 - share, rel=0.05)


def test_the_level_follows_a_look_that_pushes_further_and_one_that_changes() -> None:
    source = texture(0)
    carry = first(source)
    initial = STABILIZER.prepare(STABILIZER.estimate_motion(source, source), carry)
    further = replace(STABILIZER, ascent_length=1.1).stabilize(source, carry.dreamed, initial, carry)
    assert carry.statistics is not None
    assert further.statistics is not None
    assert np.allclose(further.statistics.bands, 1.1 * np.array(carry.statistics.bands))
    blurred = source + np.stack(
        [cv2.GaussianBlur(c, (0, 0), 2) for c in np.moveaxis(texture(5) - 0.5, -1, 0)], -1
    )
    turned = replace(STABILIZER, turnover=0.5).stabilize(source, np.clip(blurred, 0, 1), initial, carry)
    assert turned.statistics is not None
    own, new = np.array(carry.statistics.bands)[:, 0], np.array(turned.statistics.bands)[:, 0]
    assert new[0] / new[-1] < own[0] / own[-1]
    assert np.linalg.norm(new) == pytest.approx(np.linalg.norm(own), rel=0.3)
