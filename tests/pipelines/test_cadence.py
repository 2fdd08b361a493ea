"""Cadence: only some frames are dreamed, and those between get their detail from both sides."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid.config.preset import Preset
from dreamvid.flow.optical_flow import DenseInverseSearch
from dreamvid.flow.stabilizer import CarriedDetail, IndependentFrames
from dreamvid.pipelines.build import build_stabilizer, cadence_at
from dreamvid.pipelines.compositing import Compositor
from dreamvid.pipelines.frame_loop import FrameLoop
from dreamvid.pipelines.landscape import fractal_noise
from dreamvid.pipelines.resume import ResumePoint
from dreamvid.pipelines.scenes import FrameSettings, Timeline
from dreamvid.types import RGB, Frame, Size, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dreamvid.checkpoint.layout import State
    from dreamvid.types import FrameSource, Stabilizer, StepMap

SIZE = Size(72, 128)
STABILIZER = CarriedDetail(
    DenseInverseSearch("medium"), longest=640, full=7, steps=1, decay=1.0, blend=0.5, cadence=4
)


def landscape(seed: int, width: int) -> RGB:
    values = fractal_noise(np.random.default_rng(seed), 1.4)[: SIZE.height, :width, None]
    return np.asarray(np.clip(0.5 + 0.12 * values, 0.0, 1.0).repeat(3, axis=-1), np.float32)


def pan(frames: int, pixels: int = 2, seed: int = 1) -> list[RGB]:
    wide = landscape(seed, SIZE.width + pixels * frames)
    tint = np.array([1.0, 1.0, 1.0] if seed == 1 else [0.9, 0.3, 0.2], np.float32)
    return [tint * wide[:, pixels * t : pixels * t + SIZE.width] for t in range(frames)]


@dataclass
class Shots:
    """A video in memory, which can be read from any frame on."""

    pictures: Sequence[RGB]
    begin: int = 0
    info: VideoInfo = field(default_factory=lambda: VideoInfo(SIZE, Fraction(25)))

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self.begin, len(self.pictures)):
            yield Frame(index, Fraction(index, 25), self.pictures[index])

    def from_frame(self, index: int, time: Fraction | None = None) -> FrameSource:
        return replace(self, begin=index if time is None else round(25 * time))


class Draw:
    """A dreamer whose dreams differ from frame to frame, and depend on what was carried."""

    def __init__(self) -> None:
        self.dreams = 0

    def dream(
        self,
        image: RGB,
        *,
        detail: RGB | None = None,
        steps: int | None = None,  # noqa: ARG002  part of the protocol
        step_map: StepMap | None = None,  # noqa: ARG002  the same
        frame_index: int | None = None,
    ) -> RGB:
        self.dreams += 1
        forms = landscape(50 if frame_index is None else frame_index, SIZE.width) - 0.5
        base = image if detail is None else image + detail
        return np.asarray(np.clip(base + (0.5 if detail is None else 0.05) * forms, 0, 1), np.float32)


@dataclass
class Run:
    """A run of the loop: frames by index, states after them, and the number of dreams."""

    frames: dict[int, RGB] = field(default_factory=dict)
    states: dict[int, State] = field(default_factory=dict)
    dreams: int = 0


def run(
    pictures: Sequence[RGB],
    stabilizer: Stabilizer = STABILIZER,
    *,
    begin: ResumePoint | None = None,
) -> Run:
    dreamer, result = Draw(), Run()
    timeline = Timeline.single(FrameSettings(dreamer, stabilizer, Compositor()))
    loop = FrameLoop(Shots(pictures), timeline, detect_cuts=True)

    def write(frame: Frame, state: object) -> None:
        result.frames[frame.index] = frame.rgb
        result.states[frame.index] = state()  # type: ignore[operator]  # as the loop gives it

    loop(begin or ResumePoint(), write, lambda: False)
    result.dreams = dreamer.dreams
    return result


@pytest.mark.parametrize(("frames", "dreams"), [(1, 1), (2, 2), (5, 2), (9, 3), (10, 4)])
def test_every_fourth_frame_is_dreamed_and_the_last(frames: int, dreams: int) -> None:
    result = run(pan(frames))
    assert sorted(result.frames) == list(range(frames))
    assert result.dreams == dreams


def test_the_frames_around_a_cut_are_dreamed_and_nothing_crosses_it() -> None:
    first, second = pan(7), pan(7, seed=2)
    result = run(first + second)
    assert result.dreams == 6
    alone = run(second)
    np.testing.assert_array_equal(result.frames[7], alone.frames[0])


def test_without_cadence_or_motion_every_frame_is_dreamed() -> None:
    assert run(pan(6), replace(STABILIZER, cadence=1)).dreams == 6
    assert run(pan(6), IndependentFrames()).dreams == 6


@pytest.mark.parametrize("done", range(1, 13))
def test_a_run_that_is_interrupted_after_any_frame_goes_on_to_the_same_frames(done: int) -> None:
    pictures = pan(7) + pan(6, seed=2)
    whole = run(pictures)
    begin = ResumePoint(done, whole.states[done - 1])
    rest = run(pictures, begin=begin)
    assert sorted(rest.frames) == list(range(done, len(pictures)))
    for index, picture in rest.frames.items():
        np.testing.assert_array_equal(picture, whole.frames[index])
    assert rest.states[12].values["squares"] == whole.states[12].values["squares"]


@pytest.mark.parametrize("cadence", [1, 4])
def test_a_run_that_is_interrupted_while_old_detail_fades_goes_on_to_the_same_frames(cadence: int) -> None:
    first, second = landscape(1, SIZE.width), landscape(2, SIZE.width)
    shares = np.clip((np.arange(22) - 2) / 6, 0.0, 1.0).astype(np.float32)
    pictures = [first + share * (second - first) for share in shares]
    stabilizer = replace(STABILIZER, cadence=cadence)
    whole = run(pictures, stabilizer)
    fading = [index for index, state in whole.states.items() if "fading.0" in state.arrays]
    assert fading
    for done in fading[::3]:
        rest = run(pictures, stabilizer, begin=ResumePoint(done + 1, whole.states[done]))
        for index, picture in rest.frames.items():
            np.testing.assert_array_equal(picture, whole.frames[index])


def test_detail_between_dreams_moves_with_the_picture_and_keeps_its_strength() -> None:
    pictures = pan(9)
    result = run(pictures)
    details = [result.frames[t] - pictures[t] for t in range(9)]
    inner = np.s_[8:-8, 20:-28]
    for t in range(1, 4):
        moved = np.roll(details[0], -2 * t, axis=1)
        assert np.corrcoef(details[t][inner].ravel(), moved[inner].ravel())[0, 1] > 0.8
    strengths = [float(detail.std()) for detail in details]
    assert max(strengths) < 1.1 * min(strengths)


def test_what_only_the_later_dream_shows_is_filled_from_it() -> None:
    pictures = pan(5, pixels=8)
    result = run(pictures)
    entered = np.s_[8:-8, -16:]
    detail = result.frames[2] - pictures[2]
    assert detail[entered].std() > 0.5 * detail.std()
    moved = np.roll(result.frames[4] - pictures[4], 16, axis=1)
    assert np.corrcoef(detail[entered].ravel(), moved[entered].ravel())[0, 1] > 0.7


def test_auto_dreams_more_where_the_picture_moves_far() -> None:
    adaptive = replace(STABILIZER, adaptive=True)
    assert run(pan(9, pixels=0), adaptive).dreams == 3
    assert run(pan(9, pixels=5), adaptive).dreams > 6


@pytest.mark.parametrize(("rate", "cadence"), [(8, 1), (12, 2), (24, 4), (30, 5), (60, 8)])
def test_auto_dreams_about_six_frames_a_second(rate: int, cadence: int) -> None:
    assert cadence_at("auto", rate) == cadence
    assert cadence_at(3, rate) == 3
    preset = Preset.build({"stability": {"cadence": "auto"}})
    stabilizer = build_stabilizer(preset, rate=rate)
    assert isinstance(stabilizer, CarriedDetail)
    assert (stabilizer.cadence, stabilizer.adaptive) == (cadence, True)


def test_a_change_of_the_objective_between_dreams_counts() -> None:
    turning = replace(STABILIZER, turnover=0.2)
    assert STABILIZER.after([turning, turning]).turnover == pytest.approx(0.36)
