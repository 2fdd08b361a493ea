"""The frame loop: order, overlap, the first error, and what is left behind."""

from __future__ import annotations

import threading
from fractions import Fraction
from typing import TYPE_CHECKING, Self

import numpy as np
import pytest

from dreamvid.errors import DamagedError, EngineError, NothingDreamedError, WriteError
from dreamvid.flow.stabilizer import IndependentFrames
from dreamvid.pipelines.compositing import Compositor, dream_size
from dreamvid.pipelines.frame_loop import FrameLoop, dream_video
from dreamvid.pipelines.loop_state import LoopState
from dreamvid.pipelines.resume import ResumePoint
from dreamvid.pipelines.scenes import FrameSettings, Timeline
from dreamvid.types import RGB, Carry, Frame, FrameSource, InitialDetail, Motion, Size, StepMap, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

SHAPE = (4, 6, 3)


class Clip:
    """Frames of one shade each; fails at a given one."""

    def __init__(self, frames: int, fails_at: int | None = None) -> None:
        self.info = VideoInfo(Size(*SHAPE[:2]), Fraction(24), frames=frames)
        self._frames, self._fails_at, self.decoded = frames, fails_at, 0

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self._frames):
            if index == self._fails_at:
                raise DamagedError(f"damaged at {index}")
            self.decoded += 1
            shade = np.float32(index / self._frames)
            yield Frame(index, Fraction(index, 24), np.full(SHAPE, shade, np.float32))


class Brighten:
    """A dream that is known: a tenth brighter."""

    def __init__(self, fails_at: int | None = None, poison: bool = False) -> None:  # noqa: FBT001, FBT002  a test double
        self.seen: list[int | None] = []
        self._fails_at, self._poison = fails_at, poison

    def dream(
        self,
        image: RGB,
        *,
        detail: RGB | None = None,
        steps: int | None = None,
        step_map: StepMap | None = None,
        frame_index: int | None = None,
    ) -> RGB:
        assert steps is None
        assert step_map is None
        if len(self.seen) == self._fails_at:
            raise EngineError("no device")
        self.seen.append(frame_index)
        base = image if detail is None else image + detail
        return np.full_like(image, np.nan) if self._poison else (base + 0.1).astype(np.float32)


class Collect:
    """A writer that keeps frames; fails at a given one."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.frames: list[Frame] = []
        self.failed_with: type[BaseException] | None = None
        self.threads: set[str] = set()
        self._fails_at = fails_at

    def __enter__(self) -> Self:
        return self

    def write(self, frame: Frame) -> None:
        if len(self.frames) == self._fails_at:
            raise WriteError("disk full")
        self.threads.add(threading.current_thread().name)
        self.frames.append(frame)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.failed_with = kind


def test_every_frame_arrives_in_order_with_its_time() -> None:
    clip, writer, told = Clip(20), Collect(), []
    report = dream_video(
        clip, Brighten(), IndependentFrames(), writer, on_frame=lambda d: told.append(d.index)
    )
    assert [f.index for f in writer.frames] == list(range(20)) == told
    assert [f.pts for f in writer.frames] == [Fraction(i, 24) for i in range(20)]
    assert np.allclose(writer.frames[5].rgb, 5 / 20 + 0.1)
    assert report.frames == 20
    # The last frame, of 0.95, becomes no brighter than white.
    assert report.dream_rms == pytest.approx(np.sqrt((19 * 0.1**2 + 0.05**2) / 20), rel=1e-4)
    assert writer.threads == {"dreamvid-encode"}


def test_each_frame_alone_keeps_its_shifts() -> None:
    dreamer = Brighten()
    dream_video(Clip(3), dreamer, IndependentFrames(), Collect())
    assert dreamer.seen == [None, None, None]


def test_a_stabilizer_sees_the_carry_and_settles_the_dream() -> None:
    class Half(IndependentFrames):
        def estimate_motion(self, target: RGB, source: RGB) -> Motion:
            assert float((target - source).mean()) == pytest.approx(1 / 3, abs=1e-5)
            return Motion(np.zeros((*target.shape[:2], 2), np.float32), np.ones(target.shape[:2], np.float32))

        def prepare(self, motion: Motion | None, carry: Carry | None) -> InitialDetail:
            assert (motion is None) == (carry is None)
            return InitialDetail() if carry is None else InitialDetail(detail=carry.dreamed - carry.source)

        def stabilize(self, picture: RGB, dreamed: RGB, initial: InitialDetail, carry: Carry | None) -> Carry:
            assert (initial.detail is None) == (carry is None)
            return Carry(picture, (picture + (dreamed - picture) / 2).astype(np.float32))

    dreamer, writer = Brighten(), Collect()
    dream_video(Clip(3), dreamer, Half(), writer)
    added = [float((f.rgb - f.index / 3).mean()) for f in writer.frames]
    assert added == pytest.approx([0.05, 0.075, 0.0875], abs=1e-5)
    assert dreamer.seen == [None, 1, 2]


@pytest.mark.parametrize(
    ("clip", "dreamer", "writer", "error"),
    [
        (Clip(50, fails_at=4), Brighten(), Collect(), DamagedError),
        (Clip(50), Brighten(fails_at=4), Collect(), EngineError),
        (Clip(50), Brighten(poison=True), Collect(), NothingDreamedError),
        (Clip(50), Brighten(), Collect(fails_at=4), WriteError),
    ],
    ids=["decode", "dream", "not-a-number", "encode"],
)
def test_a_failing_stage_stops_the_others_and_is_the_error(
    clip: Clip, dreamer: Brighten, writer: Collect, error: type[Exception]
) -> None:
    before = threading.active_count()
    with pytest.raises(error):
        dream_video(clip, dreamer, IndependentFrames(), writer)
    assert writer.failed_with is error
    assert threading.active_count() == before
    assert clip.decoded < 50


def test_queues_are_bounded() -> None:
    clip, prefetch = Clip(60), []
    dream_video(
        clip,
        Brighten(),
        IndependentFrames(),
        Collect(),
        on_frame=lambda d: prefetch.append(clip.decoded - d.index),
    )
    assert max(prefetch) <= 8


def test_strength_scales_the_detail() -> None:
    source = np.full(SHAPE, 0.5, np.float32)
    dreamed = np.full(SHAPE, 0.75, np.float32)
    assert Compositor(0.0).apply(source, source, dreamed) is source
    assert np.allclose(Compositor(0.5).apply(source, source, dreamed), 0.625)
    assert Compositor(1.0).apply(source, source, dreamed) is dreamed


def test_a_small_dream_puts_only_its_detail_on_the_full_size_source() -> None:
    source = np.random.default_rng(0).random((40, 60, 3), dtype=np.float32) * 0.5
    finish = Compositor(dream_size=dream_size(Size(40, 60), 30))
    small = finish.prepare(source)
    assert small.shape == (20, 30, 3)
    result = finish.apply(source, small, small + np.float32(0.25))
    assert np.allclose(result, source + 0.25, atol=1e-6)


class TwoShots:
    """Six frames of one texture, then six of another."""

    info = VideoInfo(Size(64, 96), Fraction(24), frames=12)

    def __iter__(self) -> Iterator[Frame]:
        shots = [np.random.default_rng(seed).random((8, 12, 3)).astype(np.float32) for seed in (0, 1)]
        for index in range(12):
            yield Frame(
                index, Fraction(index, 24), np.kron(shots[index // 6], np.ones((8, 8, 1), np.float32))
            )


class Watch(IndependentFrames):
    """Notes which frames have motion."""

    def __init__(self) -> None:
        self.moved: list[bool] = []

    def estimate_motion(self, target: RGB, source: RGB) -> Motion:  # noqa: ARG002  part of the protocol
        return Motion(np.zeros((*target.shape[:2], 2), np.float32), np.ones(target.shape[:2], np.float32))

    def prepare(self, motion: Motion | None, carry: Carry | None) -> InitialDetail:  # noqa: ARG002  the same
        self.moved.append(motion is not None)
        return InitialDetail()


@pytest.mark.parametrize("detect", [True, False])
def test_a_new_shot_starts_without_motion(detect: bool) -> None:  # noqa: FBT001  both ways
    watch = Watch()
    report = dream_video(TwoShots(), Brighten(), watch, Collect(), detect_cuts=detect)
    assert watch.moved == [False, *[True] * 5, not detect, *[True] * 5]
    assert report.shots == (2 if detect else 1)


class SeekableClip(Clip):
    """A clip that notes what it is asked for."""

    asked: tuple[int, Fraction | None] | None = None

    def from_frame(self, index: int, time: Fraction | None = None) -> FrameSource:
        self.asked = (index, time)
        return self


@pytest.mark.parametrize("known", [True, False])
def test_a_resumed_run_begins_24_frames_earlier_by_index_and_time(known: bool) -> None:  # noqa: FBT001  a parameter
    clip = SeekableClip(40)
    loop = FrameLoop(clip, Timeline.single(FrameSettings(Brighten(), IndependentFrames(), Compositor())))
    times = {index: Fraction(index, 24) for index in range(30)} if known else {}
    written: list[int] = []
    begin = ResumePoint(30, LoopState(frames=30).to_checkpoint(), times)
    loop(begin, lambda frame, _: written.append(frame.index), lambda: False)
    assert clip.asked == (6, Fraction(1, 4) if known else None)
    assert written == list(range(30, 40))
