"""A frame that comes out as no picture is caught where it happens, and spoils none that follow."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest

from dreamvid.errors import EngineError, NonFiniteDreamError
from dreamvid.flow.stabilizer import CarriedDetail, IndependentFrames
from dreamvid.pipelines.compositing import Compositor
from dreamvid.pipelines.frame_loop import DreamedFrame, FrameLoop
from dreamvid.pipelines.resume import ResumePoint
from dreamvid.pipelines.scenes import FrameSettings, Timeline
from dreamvid.types import RGB, Carry, Flow, Frame, InitialDetail, Motion, Size, StepMap, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dreamvid.types import Stabilizer

SIZE = Size(32, 48)
LOST = {4, 5}


class Still:
    """Nothing moves."""

    def estimate(self, target: RGB, source: RGB) -> Flow:  # noqa: ARG002  part of the protocol
        return np.zeros((*target.shape[:2], 2), np.float32)


@dataclass
class Waves:
    """A dream that is known: waves, a little stronger with each step; some frames come out broken."""

    breaks: Callable[[], RGB]
    lost: set[int] = field(default_factory=lambda: set(LOST))
    count: int = 0

    def dream(
        self,
        image: RGB,
        *,
        detail: RGB | None = None,
        steps: int | None = None,
        step_map: StepMap | None = None,  # noqa: ARG002  part of the protocol
        frame_index: int | None = None,  # noqa: ARG002  the same
    ) -> RGB:
        self.count += 1
        if self.count - 1 in self.lost:
            return self.breaks()
        wave = np.sin(np.arange(SIZE.width, dtype=np.float32))[None, :, None] * np.ones(
            (*SIZE, 3), np.float32
        )
        start = image if detail is None else image + detail
        return np.clip(start + np.float32(0.01 * (steps or 10)) * wave, 0, 1)


def as_nothing() -> RGB:
    return np.full((*SIZE, 3), np.nan, np.float32)


def as_error() -> RGB:
    raise NonFiniteDreamError("90% of the gradient is no finite number in float32")


@dataclass
class Clip:
    """Frames of one gray."""

    frames: int
    info: VideoInfo = field(default_factory=lambda: VideoInfo(SIZE, Fraction(24)))

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self.frames):
            yield Frame(index, Fraction(index, 24), np.full((*SIZE, 3), 0.5, np.float32))


class Made(NamedTuple):
    dreamed: RGB
    carry: Carry | None


def run(dreamer: Waves, stabilizer: Stabilizer, frames: int = 10) -> list[Made]:
    made: list[Made] = []

    def on_frame(frame: DreamedFrame) -> None:
        made.append(Made(frame.dreamed, loop.state.carries.get(0)))

    looks = Timeline.single(FrameSettings(dreamer, stabilizer, Compositor()))
    loop = FrameLoop(Clip(frames), looks, on_frame=on_frame)
    loop(ResumePoint(), lambda *_: None, lambda: False)
    return made


def strengths(made: list[Made]) -> list[float]:
    return [float(np.sqrt(np.mean(np.square(one.dreamed - 0.5)))) for one in made]


@pytest.mark.parametrize("breaks", [as_nothing, as_error])
def test_a_frame_alone_shows_its_source(breaks: Callable[[], RGB], caplog: pytest.LogCaptureFixture) -> None:
    found = strengths(run(Waves(breaks), IndependentFrames()))
    assert [value == 0.0 for value in found] == [index in LOST for index in range(10)]
    assert len(caplog.messages) == 2
    assert caplog.messages[0].startswith("frame 4 at 0.17 s shows its source: ")


@pytest.mark.parametrize("breaks", [as_nothing, as_error])
def test_a_frame_among_others_carries_their_detail_on(
    breaks: Callable[[], RGB], caplog: pytest.LogCaptureFixture
) -> None:
    steady = CarriedDetail(Still(), longest=64, full=12, steps=4, decay=1.0, blend=0.3)
    made = run(Waves(breaks), steady)
    assert all(np.isfinite(one.dreamed).all() for one in made)
    undisturbed = strengths(run(Waves(breaks, lost=set()), steady))
    assert strengths(made) == pytest.approx(undisturbed, rel=0.15)
    assert ["shows what was carried to it" in note for note in caplog.messages] == [True, True]


def test_a_shot_whose_first_frame_is_lost_starts_anew_with_the_next() -> None:
    steady = CarriedDetail(Still(), longest=64, full=12, steps=4, decay=1.0, blend=0.3)
    made = run(Waves(as_nothing, lost={0, 1}), steady)
    undisturbed = run(Waves(as_nothing, lost=set()), steady)
    assert made[1].carry is None
    assert np.array_equal(made[2].dreamed, undisturbed[0].dreamed)
    assert strengths(made)[2:] == pytest.approx(strengths(undisturbed)[:8], rel=1e-4)


def test_carried_detail_that_is_no_number_starts_anew(caplog: pytest.LogCaptureFixture) -> None:
    class Tears(CarriedDetail):
        """Loses what it carries once."""

        def prepare(self, motion: Motion | None, carry: Carry | None) -> InitialDetail:
            seed = super().prepare(motion, carry)
            if seed.detail is None or carry is None or counted.count != 3:
                return seed
            return replace(seed, detail=seed.detail * np.float32(np.nan))

    counted = Waves(as_nothing, lost=set())
    steady = Tears(Still(), longest=64, full=12, steps=4, decay=1.0, blend=0.3)
    made = run(counted, steady)
    assert all(np.isfinite(one.dreamed).all() for one in made)
    assert np.array_equal(made[3].dreamed, made[0].dreamed)
    assert not caplog.messages


def test_a_settled_dream_that_is_no_number_is_caught() -> None:
    class Poison(IndependentFrames):
        def stabilize(self, picture: RGB, dreamed: RGB, initial: InitialDetail, carry: Carry | None) -> Carry:  # noqa: ARG002  the protocol's
            return Carry(picture, dreamed * np.float32(np.nan))

    with pytest.raises(NonFiniteDreamError, match="no frame came out"):
        run(Waves(as_nothing, lost=set()), Poison())


def test_many_lost_frames_are_counted_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    run(Waves(as_nothing, lost=set(range(1, 9))), IndependentFrames())
    assert [getattr(record, "repeats", 1) for record in caplog.records] == [3] * 8 + [1]
    assert caplog.messages[-1] == "8 frames in all came out as no picture"


@pytest.mark.parametrize(
    ("frames", "message"), [(10, "no frame came out as a picture"), (50, "no finite number")]
)
def test_a_run_of_nothing_but_lost_frames_is_an_error(frames: int, message: str) -> None:
    dreamer = Waves(as_nothing, lost=set(range(100)))
    with pytest.raises(NonFiniteDreamError, match=message):
        run(dreamer, IndependentFrames(), frames)
    assert dreamer.count <= 24


def test_other_errors_end_the_run() -> None:
    def fail() -> RGB:
        raise EngineError("no device")

    with pytest.raises(EngineError, match="no device"):
        run(Waves(fail), IndependentFrames())
