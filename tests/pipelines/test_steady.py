"""Steadiness from end to end: dreamnet, the frame loop and optical flow, on shots whose motion is exactly known."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Self

import numpy as np
import pytest

from dreamvid.config.preset import Preset
from dreamvid.flow.stability import StabilityMeter
from dreamvid.flow.stabilizer import IndependentFrames
from dreamvid.flow.warp import warp
from dreamvid.pipelines.build import build_dreamer, build_stabilizer
from dreamvid.pipelines.frame_loop import dream_video
from dreamvid.pipelines.landscape import Landscape
from dreamvid.pipelines.options import RunOptions
from dreamvid.types import Frame, Size, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dreamvid.engine.dreamer import DreamEngine
    from dreamvid.types import RGB, Flow, Stabilizer

pytestmark = pytest.mark.e2e

SIZE = Size(144, 240)
FRAMES = 6
PRESET = Preset.build({"run": {"precision": "float32"}})


@dataclass
class Shot:
    """Frames in memory."""

    pictures: list[RGB]
    info: VideoInfo = field(default_factory=lambda: VideoInfo(SIZE, Fraction(25)))

    def __iter__(self) -> Iterator[Frame]:
        for index, picture in enumerate(self.pictures):
            yield Frame(index, Fraction(index, 25), picture)


class Kept:
    """A writer that keeps pictures."""

    def __init__(self) -> None:
        self.pictures: list[RGB] = []

    def __enter__(self) -> Self:
        return self

    def write(self, frame: Frame) -> None:
        self.pictures.append(frame.rgb)

    def __exit__(self, *_: object) -> None:
        pass


@dataclass
class KnownFlow:
    """The flow between frames of a shot, exactly: where the camera's view of a pixel was."""

    shot: list[RGB]
    views: list[np.ndarray]

    def estimate(self, target: RGB, source: RGB) -> Flow:
        now, before = (
            next(i for i, one in enumerate(self.shot) if one is picture) for picture in (target, source)
        )
        return _flow(np.linalg.inv(self.views[before]) @ self.views[now])


def _flow(matrix: np.ndarray) -> Flow:
    y, x = np.mgrid[: SIZE.height, : SIZE.width].astype(np.float64)
    places = np.stack([x, y, np.ones_like(x)], axis=-1) @ matrix.T
    return np.asarray(places[..., :2] - np.stack([x, y], axis=-1), np.float32)


def _about_the_center(matrix: np.ndarray) -> np.ndarray:
    move = np.array([[1, 0, SIZE.width / 2], [0, 1, SIZE.height / 2], [0, 0, 1.0]])
    return np.asarray(move @ matrix @ np.linalg.inv(move))


def pan(t: int) -> np.ndarray:
    return np.array([[1, 0, 3.3 * t], [0, 1, -1.2 * t], [0, 0, 1.0]])


def zoom(t: int) -> np.ndarray:
    return _about_the_center(np.diag([0.985**t, 0.985**t, 1.0]))


def rotation(t: int) -> np.ndarray:
    c, s = np.cos(0.02 * t), np.sin(0.02 * t)
    return _about_the_center(np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]]))


def rest(t: int) -> np.ndarray:  # noqa: ARG001  a camera that does not move
    return np.eye(3)


@pytest.fixture(scope="module")
def dreamer() -> DreamEngine:
    return build_dreamer(PRESET, RunOptions()).dreamer


def filmed(camera: Callable[[int], np.ndarray]) -> KnownFlow:
    """Return a shot of a large photograph-like picture, and its flow."""
    picture = Landscape(SIZE).frame(0)
    views = [camera(t) for t in range(FRAMES)]
    return KnownFlow([warp(picture, _flow(view)).clip(0, 1) for view in views], views)


def dreamed(
    shot: list[RGB], dreamer: DreamEngine, stabilizer: Stabilizer, *, cuts: bool = False
) -> list[RGB]:
    kept = Kept()
    dream_video(Shot(shot), dreamer, stabilizer, kept, detect_cuts=cuts)
    return kept.pictures


def flicker(known: KnownFlow, dreams: list[RGB]) -> float:
    meter = StabilityMeter(estimator=known)
    for source, picture in zip(known.shot, dreams, strict=True):
        meter.add(source, picture)
    found = meter.report().lags[0].flicker
    assert found is not None
    return found


@pytest.mark.parametrize("camera", [pan, zoom, rotation])
def test_dreams_stick_to_what_moves(dreamer: DreamEngine, camera: Callable[[int], np.ndarray]) -> None:
    known = filmed(camera)
    ours = flicker(known, dreamed(known.shot, dreamer, build_stabilizer(PRESET)))
    alone = flicker(known, dreamed(known.shot, dreamer, IndependentFrames()))
    assert ours < 0.05
    assert ours < alone / 4


def test_dreams_of_what_stands_still_stay_as_they_are(dreamer: DreamEngine) -> None:
    known = filmed(rest)
    dreams = dreamed(known.shot, dreamer, build_stabilizer(PRESET))
    assert np.abs(dreams[-1] - dreams[0]).max() < 0.01


def test_with_less_steadiness_dreams_of_what_stands_still_grow(dreamer: DreamEngine) -> None:
    known = filmed(rest)
    preset = PRESET.override({"stability.steadiness": 0.7})
    dreams = dreamed(known.shot, dreamer, build_stabilizer(preset))
    assert flicker(known, dreams) < 0.02
    assert dreamer.score(dreams[-1]) > dreamer.score(dreams[0])
    strengths = [float(np.sqrt(np.mean(np.square(one - known.shot[0])))) for one in dreams]
    assert strengths[-1] == pytest.approx(strengths[0], rel=0.02)


def test_nothing_is_carried_across_a_cut(dreamer: DreamEngine) -> None:
    one, two = Landscape(SIZE).frame(0), 1 - Landscape(SIZE, seed=3).frame(5)[::-1]
    shot = [one] * 4 + [np.ascontiguousarray(two, np.float32)] * 4 + [one] * 4
    dreams = dreamed(shot, dreamer, build_stabilizer(PRESET), cuts=True)
    for first in (4, 8):
        after, before = (dreams[i] - shot[i] for i in (first, first - 1))
        assert abs(np.corrcoef(after.ravel(), before.ravel())[0, 1]) < 0.05
    assert np.array_equal(dreams[0], dreams[8])
    assert np.array_equal(dreams[4], dreamed(shot[4:5], dreamer, build_stabilizer(PRESET))[0])


def with_grain(pictures: Iterable[RGB]) -> list[RGB]:
    rng = np.random.default_rng(9)
    return [np.clip(p + rng.normal(0.0, 0.01, p.shape), 0.0, 1.0).astype(np.float32) for p in pictures]


def correlation(a: RGB, b: RGB) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


@pytest.mark.parametrize(("frames", "cadence"), [(8, 1), (40, 1), (40, 4)])
def test_twelve_frames_after_a_dissolve_only_the_second_shot_is_dreamed(
    dreamer: DreamEngine, frames: int, cadence: int
) -> None:
    first, second = Landscape(SIZE).frame(0), 1 - Landscape(SIZE, seed=3).frame(5)[::-1]
    shares = [0.0] * 2 + [(k + 1) / (frames + 1) for k in range(frames)] + [1.0] * 13
    shot = with_grain(first + np.float32(share) * (second - first) for share in shares)
    preset = PRESET.override({"stability.cadence": cadence})
    dreams = dreamed(shot, dreamer, build_stabilizer(preset), cuts=True)
    assert abs(correlation(dreams[-1] - shot[-1], dreams[1] - shot[1])) < 0.15
    assert dreamer.score(dreams[-1]) > 0.85 * dreamer.score(dreamer.dream(shot[-1]))


def test_lamps_that_flicker_do_not_make_dreams_boil(dreamer: DreamEngine) -> None:
    picture = Landscape(SIZE).frame(0) ** 2.2
    y, x = np.mgrid[: SIZE.height, : SIZE.width].astype(np.float32)
    lamp = np.exp(-((x - 160) ** 2 + (y - 50) ** 2) / (2 * 50**2))[..., None]
    lit = np.random.default_rng(1).random(18) > 0.5
    shot = with_grain(
        np.clip(picture * (0.65 + lamp if on else 0.35), 0.0, 1.0) ** np.float32(1 / 2.2) for on in lit
    )
    meter = StabilityMeter(estimator=KnownFlow(shot, [np.eye(3)] * len(shot)))
    for source, dream in zip(shot, dreamed(shot, dreamer, build_stabilizer(PRESET)), strict=True):
        meter.add(source, dream)
    for lag in meter.report().lags:
        assert lag.flicker is not None
        assert lag.flicker_advected is not None
        assert lag.flicker < 1.15 * max(lag.flicker_advected, 0.01)


def _noise(seed: int) -> RGB:
    return np.random.default_rng(seed).random((*SIZE, 3)).astype(np.float32)


@pytest.mark.parametrize(
    "shot",
    [
        pytest.param([np.zeros((*SIZE, 3), np.float32)] * 4, id="black"),
        pytest.param([np.ones((*SIZE, 3), np.float32)] * 4, id="white"),
        pytest.param([_noise(i) for i in range(4)], id="nothing in common"),
        pytest.param([_noise(0), np.ones((*SIZE, 3), np.float32), _noise(0), _noise(0)], id="flash"),
        pytest.param([_noise(0)], id="one frame"),
        pytest.param([_noise(0)[:, :1]] * 3, id="one column"),
    ],
)
@pytest.mark.parametrize("cuts", [True, False])
def test_unlucky_shots_become_pictures(dreamer: DreamEngine, shot: list[RGB], cuts: bool) -> None:  # noqa: FBT001  a parameter
    dreams = dreamed(shot, dreamer, build_stabilizer(PRESET), cuts=cuts)
    assert len(dreams) == len(shot)
    for picture, source in zip(dreams, shot, strict=True):
        assert picture.shape == source.shape
        assert np.isfinite(picture).all()
        assert picture.min() >= 0
        assert picture.max() <= 1


def test_borders_that_keep_coming_in_have_no_streaks(dreamer: DreamEngine) -> None:
    """Along the side that a fast pan uncovers, detail varies along and across as it does elsewhere."""
    known = filmed(lambda t: np.array([[1, 0, 9.0 * t], [0, 1, 0], [0, 0, 1.0]]))
    dreams = dreamed(known.shot, dreamer, build_stabilizer(PRESET))
    detail = dreams[-1] - known.shot[-1]
    across = [np.abs(np.diff(part, axis=1)).mean() for part in (detail[:, -40:], detail[:, 40:-40])]
    along = [np.abs(np.diff(part, axis=0)).mean() for part in (detail[:, -40:], detail[:, 40:-40])]
    assert 0.5 < (across[0] / along[0]) / (across[1] / along[1]) < 2
    assert 0.4 < along[0] / along[1] < 2.5
