"""Renewal points: the dream of a long shot is grown anew, and what follows does not depend on what was before."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid.config.preset import Preset
from dreamvid.errors import SettingsError
from dreamvid.flow.optical_flow import DenseInverseSearch
from dreamvid.flow.stabilizer import CarriedDetail
from dreamvid.pipelines.compositing import Compositor
from dreamvid.pipelines.frame_loop import FrameLoop
from dreamvid.pipelines.landscape import fractal_noise
from dreamvid.pipelines.loop_state import LoopState
from dreamvid.pipelines.renewal import Renewal
from dreamvid.pipelines.resume import ResumePoint
from dreamvid.pipelines.scenes import FrameSettings, Timeline
from dreamvid.schedule.times import parse_offset
from dreamvid.types import RGB, Frame, Size, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dreamvid.checkpoint.layout import State
    from dreamvid.types import FrameSource, Stabilizer, StepMap

SIZE = Size(48, 80)
RENEWAL = Renewal(every=12, warm_up=6, fade=3)
STABILIZER = CarriedDetail(
    DenseInverseSearch("medium"), longest=640, full=7, steps=1, decay=1.0, blend=0.5, cadence=1
)


@cache
def landscape(seed: int, width: int) -> RGB:
    values = fractal_noise(np.random.default_rng(seed), 1.4)[: SIZE.height, :width, None]
    return np.asarray(np.clip(0.5 + 0.12 * values, 0.0, 1.0).repeat(3, axis=-1), np.float32)


def pan(frames: int, seed: int = 1) -> list[RGB]:
    wide = landscape(seed, SIZE.width + 2 * frames)
    tint = np.array([1.0, 1.0, 1.0] if seed == 1 else [0.9, 0.3, 0.2], np.float32)
    return [tint * wide[:, 2 * t : 2 * t + SIZE.width] for t in range(frames)]


PICTURES = pan(30) + pan(9, seed=2) + pan(20)
"""Shots from 0, 30 and 39, so that points are at 12, 24 and 51; a new dream is under way where the second ends."""


@dataclass
class Shots:
    """A video in memory, which can be read from any frame on."""

    pictures: Sequence[RGB]
    begin: int = 0
    info: VideoInfo = field(default_factory=lambda: VideoInfo(SIZE, Fraction(25)))

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self.begin, len(self.pictures)):
            yield Frame(index, Fraction(index, 25), self.pictures[index])

    def from_frame(self, index: int, time: Fraction | None = None) -> FrameSource:  # noqa: ARG002  the protocol's
        return replace(self, begin=index)


class Draw:
    """A dreamer whose dreams depend on the frame and on what was carried; some frames may be lost."""

    def __init__(self, lost: frozenset[int] = frozenset()) -> None:
        self.dreams = 0
        self._lost = lost

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
        if frame_index in self._lost:
            return np.full_like(image, np.nan)
        seed = 50 + int(1000 * image[0, 0, 0]) if frame_index is None else frame_index
        forms = landscape(seed, SIZE.width) - 0.5
        base = image if detail is None else image + detail
        return np.asarray(np.clip(base + (0.5 if detail is None else 0.05) * forms, 0, 1), np.float32)


@dataclass
class Run:
    """A run of the loop: frames by index, states after them, and the number of dreams."""

    frames: dict[int, RGB] = field(default_factory=dict)
    states: dict[int, State] = field(default_factory=dict)
    dreams: int = 0
    state: LoopState = field(default_factory=LoopState)


def run(
    stabilizer: Stabilizer = STABILIZER,
    *,
    renewal: Renewal | None = RENEWAL,
    begin: ResumePoint | None = None,
    end: int | None = None,
    lost: frozenset[int] = frozenset(),
) -> Run:
    dreamer, result = Draw(lost), Run()
    timeline = Timeline.single(FrameSettings(dreamer, stabilizer, Compositor()))
    loop = FrameLoop(Shots(PICTURES), timeline, detect_cuts=True, renewal=renewal, end=end)

    def write(frame: Frame, state: object) -> None:
        result.frames[frame.index] = frame.rgb
        result.states[frame.index] = state()  # type: ignore[operator]  # as the loop gives it

    loop(begin or ResumePoint(), write, lambda: False)
    result.dreams, result.state = dreamer.dreams, loop.state
    return result


def part(first: int, shot_start: int, *, warm_up: int = 0) -> ResumePoint:
    """Return where a part of the video begins that nothing before it is known of."""
    state = LoopState(frames=first, interval=warm_up, shot_start=shot_start)
    return ResumePoint(first, state.to_checkpoint())


def assert_same(part: Run, whole: Run) -> None:
    for index, picture in part.frames.items():
        np.testing.assert_array_equal(picture, whole.frames[index], err_msg=str(index))


CADENCES = {"each": 1, "every-fifth": 5}


@pytest.fixture(scope="module", params=list(CADENCES.values()), ids=list(CADENCES))
def stabilizer(request: pytest.FixtureRequest) -> CarriedDetail:
    return replace(STABILIZER, cadence=request.param)


@pytest.fixture(scope="module")
def whole(stabilizer: CarriedDetail) -> Run:
    return run(stabilizer)


def test_parts_that_begin_at_cuts_and_points_give_the_frames_of_the_whole(
    stabilizer: CarriedDetail, whole: Run
) -> None:
    parts = [
        (part(0, 0), 12),
        (part(12, 0, warm_up=6), 24),
        (part(24, 0, warm_up=6), 30),
        (part(30, 30), 39),
        (part(39, 39), 51),
        (part(51, 39, warm_up=6), None),
    ]
    found: dict[int, RGB] = {}
    squares = dreamed = shots = 0.0
    for begin, end in parts:
        piece = run(stabilizer, begin=begin, end=end)
        assert min(piece.frames) == begin.frame
        assert_same(piece, whole)
        found |= piece.frames
        squares, dreamed = squares + piece.state.squares, dreamed + piece.state.dreamed
        shots += piece.state.shots
    assert sorted(found) == list(range(len(PICTURES)))
    assert squares == pytest.approx(whole.state.squares)
    assert (dreamed, shots) == (whole.state.dreamed, whole.state.shots)


def test_a_run_that_is_interrupted_after_any_frame_goes_on_to_the_same_frames(
    stabilizer: CarriedDetail, whole: Run
) -> None:
    for done in range(6 + stabilizer.cadence, 57, 7):
        rest = run(stabilizer, begin=ResumePoint(done, whole.states[done - 1]))
        assert sorted(rest.frames) == list(range(done, len(PICTURES)))
        assert_same(rest, whole)
        assert rest.states[58].values["squares"] == whole.states[58].values["squares"]


def test_frames_before_the_first_warm_up_and_in_short_shots_are_as_without() -> None:
    plain = run(renewal=None)
    found = run()
    changed = {
        index for index in found.frames if not np.array_equal(found.frames[index], plain.frames[index])
    }
    assert changed == {*range(9, 30), *range(48, 59)}  # the second shot is too short for any of the new dream
    # From 6 on two dreams are made of each frame up to the point, and so on.
    assert found.dreams == plain.dreams + 6 + 6 + 3 + 6 + 2


def test_the_cross_fade_has_no_jump_and_holds_the_strength() -> None:
    found, plain = run(), run(renewal=None)

    def steps(frames: dict[int, RGB]) -> list[float]:
        details = [frames[index] - PICTURES[index] for index in range(30)]
        # Detail follows the pan of 2 px a frame.
        return [float(np.sqrt(np.mean(np.square(b[:, :-2] - a[:, 2:])))) for a, b in pairwise(details)]

    strengths = [float(np.std(found.frames[index] - PICTURES[index])) for index in range(30)]
    steady = float(np.std(plain.frames[8] - PICTURES[8]))
    assert min(strengths) > 0.85 * steady
    assert max(steps(found.frames)[8:12]) < 0.6 * steady  # two dreams with nothing in common differ by 1.4


def test_a_frame_that_is_lost_spoils_neither_dream_for_good() -> None:
    found = run(lost=frozenset({8, 10}))
    assert all(np.isfinite(picture).all() for picture in found.frames.values())
    assert found.state.failed == 4
    later = run(begin=part(24, 0, warm_up=6), end=30)
    assert_same(later, found)


@pytest.mark.parametrize(
    ("text", "rate", "expected"),
    [
        ("12s", Fraction(24), Renewal(288, 36, 30)),
        ("12", Fraction(30000, 1001), Renewal(360, 44, 37)),
        ("100f", Fraction(60), Renewal(100, 49, 41)),
        ("0.1s", Fraction(24), Renewal(8, 4, 3)),
    ],
)
def test_points_follow_from_a_time_and_the_rate(text: str, rate: Fraction, expected: Renewal) -> None:
    assert Renewal.of(parse_offset(text), rate) == expected
    assert Renewal.of(None, rate) is None


def test_a_new_dream_grows_then_fades_in_up_to_the_point() -> None:
    shares = [RENEWAL.share(position) for position in range(14)]
    assert shares[:6] == [None] * 6
    assert shares[6:9] == [0.0] * 3
    assert shares[9:12] == pytest.approx([0.25, 0.5, 0.75])
    assert shares[12:] == [None] * 2
    assert [position for position in range(30) if RENEWAL.is_point(position)] == [12, 24]
    assert [position for position in range(30) if RENEWAL.begins(position)] == [6, 18]


@pytest.mark.parametrize("text", ["25%", "end", "0s", "0f", "soon", "-3s", "2.5f", True])
def test_what_is_no_time_is_refused(text: object) -> None:
    with pytest.raises(SettingsError, match=r"stability\.renew: must be seconds \(12s, 1:05\) or frames"):
        Preset.build({"stability": {"renew": text}})


def test_the_setting_keeps_its_text_form() -> None:
    preset = Preset.build({"stability": {"renew": "300f"}})
    assert preset.model_dump(mode="json")["stability"]["renew"] == "300f"
    assert Preset.build(preset.values()) == preset
