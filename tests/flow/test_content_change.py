"""Where a picture changes beneath its detail, detail is dreamed anew; where it only moves or brightens, it stays."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid.flow.content_change import comparable_luma, find_changes, new_reference
from dreamvid.flow.optical_flow import DenseInverseSearch
from dreamvid.flow.stabilizer import CarriedDetail
from dreamvid.pipelines.landscape import fractal_noise
from dreamvid.types import Carry, Motion, Size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dreamvid.types import RGB

SIZE = Size(108, 192)
STABILIZER = CarriedDetail(DenseInverseSearch("medium"), longest=640, full=7, steps=1, decay=1.0, blend=0.5)
STILL = np.zeros((*SIZE, 2), np.float32)


def scene(seed: int) -> RGB:
    rng = np.random.default_rng(seed)
    values = fractal_noise(rng, 1.4)[: SIZE.height, : SIZE.width, None]
    return np.asarray(np.clip(0.5 + 0.12 * values, 0.0, 1.0).repeat(3, axis=-1), np.float32)


def with_grain(pictures: Sequence[RGB]) -> list[RGB]:
    rng = np.random.default_rng(9)
    return [np.clip(p + rng.normal(0.0, 0.01, p.shape), 0.0, 1.0).astype(np.float32) for p in pictures]


def dissolve(frames: int, before: int = 3, after: int = 12) -> list[RGB]:
    first, second = scene(1), scene(2)
    shares = [0.0] * before + [(k + 1) / (frames + 1) for k in range(frames)] + [1.0] * after
    return with_grain([first + np.float32(share) * (second - first) for share in shares])


def fog_lifting(frames: int = 30) -> list[RGB]:
    return with_grain(
        [0.75 + np.float32(share) * (scene(1) - 0.75) for share in np.linspace(0.02, 1.0, frames)]
    )


def renewed(shot: Sequence[RGB], flow: np.ndarray = STILL) -> np.ndarray:
    """Return how often each place of a shot is dreamed anew, ``[h, w]``."""
    reference = new_reference(shot[0])
    visible = np.arange(SIZE.width) + flow[..., 0] < SIZE.width
    motion = Motion(flow, visible.astype(np.float32))
    total = np.zeros(reference.shape[:2])
    for picture in shot[1:]:
        changed, reference = find_changes(reference, comparable_luma(picture), motion)
        total += changed
    return total


@pytest.mark.parametrize(
    "shot", [dissolve(8), dissolve(40), fog_lifting()], ids=["dissolve", "slow dissolve", "fog"]
)
def test_detail_of_a_picture_that_turns_into_another_is_dreamed_anew(shot: list[RGB]) -> None:
    assert (renewed(shot) >= 0.9).mean() > 0.95


@pytest.mark.parametrize("frames", [40, 60])
def test_after_a_slow_dissolve_what_was_dreamed_in_its_middle_is_dreamed_anew(frames: int) -> None:
    shot = dissolve(frames, before=3, after=12)
    late = round(3 + 0.75 * frames)
    reference = new_reference(shot[0])
    last = np.zeros(reference.shape[:2])
    for index, picture in enumerate(shot[1:], 1):
        changed, reference = find_changes(
            reference, comparable_luma(picture), Motion(STILL, np.ones(SIZE, np.float32))
        )
        last[changed >= 0.9] = index
    assert (last >= late).mean() > 0.95


def test_detail_stays_where_nothing_but_light_changes() -> None:
    rng = np.random.default_rng(4)
    x = np.linspace(0.0, 1.0, SIZE.width, dtype=np.float32)[None, :, None]
    lit = [np.clip(scene(1) * (0.5 + 0.4 * x * rng.random(dtype=np.float32)), 0, 1) for _ in range(30)]
    assert renewed(with_grain(lit)).max() == 0.0


def test_detail_stays_where_the_picture_moves_along_the_flow() -> None:
    flow = STILL.copy()
    flow[..., 0] = 3.0
    values = fractal_noise(np.random.default_rng(1), 1.4)[: SIZE.height, : SIZE.width + 60, None]
    assert values.shape[1] == SIZE.width + 60
    wide = np.clip(0.5 + 0.12 * values, 0.0, 1.0).repeat(3, axis=-1)
    shot = [wide[:, 3 * frame : 3 * frame + SIZE.width] for frame in range(20)]
    assert renewed(with_grain(shot), flow).max() == 0.0


def test_a_flash_changes_nothing() -> None:
    shot = [scene(1)] * 6 + [scene(2)] * 3 + [scene(1)] * 12
    assert renewed(with_grain(shot)).max() == 0.0


def test_only_the_part_that_changes_is_dreamed_anew() -> None:
    changed = scene(1)
    changed[30:70, 20:60] = scene(2)[30:70, 20:60]
    counts = renewed(with_grain([scene(1)] * 3 + [changed] * 20))
    scaled = counts.shape[1] / SIZE.width
    row, column = round(50 * scaled), round(40 * scaled)
    assert counts[row, column] >= 0.9
    assert counts[:, counts.shape[1] * 2 // 3 :].max() < 0.05


def test_old_detail_fades_and_new_detail_starts_from_nothing() -> None:
    shot = dissolve(8, after=16)
    detail = scene(5) - 0.5
    carry = STABILIZER.stabilize(
        shot[0], np.clip(shot[0] + detail, 0, 1), STABILIZER.prepare(None, None), None
    )
    old = carry.dreamed - carry.source
    starts, shown = [], []
    for source, target in pairwise(shot):
        initial = STABILIZER.prepare(Motion(STILL, np.ones(SIZE, np.float32), comparable_luma(target)), carry)
        assert initial.detail is not None
        starts.append(correlation(initial.detail, old))
        new = scene(6) - 0.5 if initial.renewed else initial.detail
        carry = STABILIZER.stabilize(target, np.clip(target + new, 0, 1), initial, carry)
        shown.append(correlation(carry.shown - target, old))
        assert source.shape == target.shape
    assert min(starts) < 0.1
    assert shown[0] > 0.9
    assert abs(shown[-1]) < 0.2
    assert max(a - b for a, b in pairwise(shown)) < 0.5, "it fades, and does not jump"
    assert carry.fading is None or carry.fading[..., 3].max() < 0.2


def test_without_anything_fading_the_dream_is_shown_as_it_is() -> None:
    carry = Carry(scene(1), scene(2))
    assert np.array_equal(carry.shown, carry.dreamed)


def correlation(a: RGB, b: RGB) -> float:
    deviation = float(a.std() * b.std())
    return 0.0 if deviation == 0.0 else float(((a - a.mean()) * (b - b.mean())).mean() / deviation)
