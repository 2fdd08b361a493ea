"""Zooms frame by frame and by keyframes: first frames, loops, and states from which a run resumes."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import imageio.v3 as iio
import numpy as np
import pytest

from dreamvid.checkpoint.layout import State, pack_arrays, unpack_arrays
from dreamvid.errors import NonFiniteDreamError, SettingsError
from dreamvid.image.transform import Velocity, visible_mask, warp
from dreamvid.pipelines.zoom.feedback import FeedbackStep, ZoomClock
from dreamvid.pipelines.zoom.keyframed import KeyframedZoom
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dreamvid.types import RGB

ASPECT = 64 / 36
FPS = 12
CAMERAS = {"out": Velocity(0.77), "spiral": Velocity(1.2, 40.0)}


def same(one: list[RGB], two: list[RGB]) -> bool:
    return len(one) == len(two) and all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def camera(velocity: Velocity) -> dict[str, float]:
    return {"camera__zoom": velocity.zoom, "camera__rotation": velocity.rotation}


# The first frame, and those after it


def test_a_picture_is_the_first_frame_of_its_zoom(dream: Callable[..., list[RGB]], photo: Path) -> None:
    first, *_ = dream(trip__start=str(photo), trip__duration="1/12", output={"width": 120})
    assert np.abs(first - iio.imread(photo) / np.float32(255)).max() < 0.01


@pytest.mark.parametrize("keyframe", [None, "0.5"])
def test_the_same_seed_is_the_same_zoom_and_another_is_another(
    dream: Callable[..., list[RGB]], keyframe: str | None
) -> None:
    frames = dream(trip__keyframe=keyframe)
    assert same(dream(trip__keyframe=keyframe), frames)
    assert np.abs(dream(trip__keyframe=keyframe, run__seed=1)[0] - frames[0]).mean() > 0.02


def test_a_zoom_of_one_frame_is_the_first_frame_of_a_longer_one(dream: Callable[..., list[RGB]]) -> None:
    assert same(dream(trip__duration="1/12"), dream()[:1])


def test_what_comes_into_view_continues_the_picture(dream: Callable[..., list[RGB]], photo: Path) -> None:
    last = dream(trip__start=str(photo), trip__rate=0, camera__zoom=0.5)[-1]
    assert last.std() == pytest.approx(last[12:24, 22:42].std(), rel=0.5)


def test_a_donor_is_replaced_before_it_becomes_too_small(
    prepare: Callable[..., Any], states: Callable[..., Iterator[Any]]
) -> None:
    plan, mode = prepare(camera__zoom=0.4)
    all_states = list(states(mode, mode.begin(plan.start, starts_from_picture=False)))
    assert min(state.motion_since_donor.scale for state in all_states) >= 0.6
    assert all_states[-1].donor is not all_states[0].donor


def test_memory_does_not_grow_with_length(
    prepare: Callable[..., Any], states: Callable[..., Iterator[Any]]
) -> None:
    plan, mode = prepare(trip__duration="25", trip__loop=True, camera__zoom=0.8)
    memory = {}
    for state in states(mode, mode.begin(plan.start, starts_from_picture=False)):
        if state.index == 20:
            tracemalloc.start()
        if state.index in (50, 299):
            memory[state.index] = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert memory[299] - memory[50] < 200_000  # seven frames


# Loops


def jumps(frames: list[RGB], velocity: Velocity) -> list[float]:
    """Return how much each frame differs from the previous one, moved; the first from the last."""
    motion = velocity.over(1 / FPS, ASPECT)
    visible = visible_mask(motion, Size(36, 64))
    where = np.ones((36, 64), bool) if visible is None else visible
    return [
        float(np.abs(now - np.clip(warp(before, motion), 0.0, 1.0))[where].mean())
        for before, now in zip([frames[-1], *frames], frames, strict=False)
    ]


@pytest.mark.parametrize("name", CAMERAS)
def test_the_last_frame_of_a_loop_goes_on_into_the_first(dream: Callable[..., list[RGB]], name: str) -> None:
    frames = dream(trip__loop=True, trip__duration="3", **camera(CAMERAS[name]))
    changes = jumps(frames, CAMERAS[name])
    assert changes[0] == pytest.approx((changes[-1] + changes[1]) / 2, rel=0.1)


@pytest.mark.parametrize("name", CAMERAS)
def test_the_end_of_a_loop_comes_to_its_beginning_evenly(
    prepare: Callable[..., Any], states: Callable[..., Iterator[Any]], name: str
) -> None:
    plan, mode = prepare(trip__loop=True, trip__duration="6", **camera(CAMERAS[name]))
    count = plan.clock.preroll
    *_, last = all_states = list(states(mode, mode.begin(plan.start, starts_from_picture=False)))
    kept = [picture / np.float32(65535) for picture in last.preroll]
    away = [
        float(np.sqrt(np.mean(np.square(state.picture - picture))))
        for state, picture in zip(all_states[-count:], kept, strict=True)
    ]
    assert away == pytest.approx(np.linspace(1, 0, count + 1)[1:] ** 1.25 * last.distance, rel=0.01, abs=1e-4)


@pytest.mark.parametrize("name", CAMERAS)
def test_so_it_does_by_keyframes(dream: Callable[..., list[RGB]], photo: Path, name: str) -> None:
    frames = dream(
        trip__start=str(photo),
        trip__keyframe="1",
        trip__loop=True,
        trip__duration="3",
        **camera(CAMERAS[name]),
    )
    changes = jumps(frames, CAMERAS[name])
    assert changes[0] < 1.1 * max(changes[-1], changes[1])


def test_a_loop_of_keyframes_begins_with_a_dream_and_dreams_of_it_before_it_ends(
    prepare: Callable[..., Any], states: Callable[..., Iterator[Any]], photo: Path
) -> None:
    changes = {"trip__start": str(photo), "trip__keyframe": "0.5", "camera__zoom": 1.5}
    plan, mode = prepare(**changes, trip__loop=True)
    first, *_, last = states(mode, mode.begin(plan.start, starts_from_picture=True))
    assert np.abs(mode.frame(first).rgb - plan.start).mean() > 0.02
    motion = last.motion_between.inverse()  # zoomed out: the first keyframe in the middle of the last one
    pictures = [picture[18:-18, 30:-30].ravel() for picture in (last.previous, warp(last.first, motion))]
    assert np.corrcoef(pictures)[0, 1] > 0.9
    plan, mode = prepare(**changes)
    state = mode.begin(plan.start, starts_from_picture=True)
    assert np.abs(mode.frame(state).rgb - plan.start).mean() < 0.01


@pytest.mark.parametrize("keyframe", [None, "0.1"])
def test_the_shortest_loop_has_three_frames(dream: Callable[..., list[RGB]], keyframe: str | None) -> None:
    assert len(dream(trip__loop=True, trip__duration="0.25", trip__keyframe=keyframe)) == 3


@pytest.mark.parametrize("keyframe", [None, "0.5"])
def test_a_loop_may_have_scenes_mirrors_and_parts_without_dreams(
    dream: Callable[..., list[RGB]], keyframe: str | None
) -> None:
    scenes = [
        {"objective": "mixed2", "camera": {"mirrors": 4}},
        {"start": "50%", "transition": "0.25s", "look": {"strength": 0}, "camera": {"zoom": 0.8}},
    ]
    assert len(dream(scenes=scenes, trip__keyframe=keyframe, trip__loop=True)) == 12


# Keyframes


@pytest.mark.parametrize(
    ("frames", "interval", "loop", "indices"),
    [
        (12, Fraction(1, 2), False, [0, 6, 12]),
        (12, Fraction(2, 5), False, [0, 6, 12]),  # 2.5 of them, rounded
        (12, Fraction(100), False, [0, 12]),
        (12, Fraction(100), True, [0, 6, 12]),
        (4, Fraction(1, 1000), True, [0, 1, 2, 3, 4]),
        (1, Fraction(1), False, [0, 1]),
    ],
)
def test_keyframes_lie_at_intervals_and_at_the_end(
    *, frames: int, interval: Fraction, loop: bool, indices: list[int]
) -> None:
    step = FeedbackStep(Mock(), ZoomClock(Fraction(FPS), frames))
    assert KeyframedZoom(step, Size(36, 64), interval, loop).keyframe_indices == indices


@pytest.mark.parametrize("interval", ["100", "1/12"])
def test_keyframes_may_be_longer_than_the_zoom_or_each_frame(
    dream: Callable[..., list[RGB]], interval: str
) -> None:
    assert len(dream(trip__keyframe=interval)) == 12


def test_a_very_large_zoom_between_keyframes_is_one_line(prepare: Callable[..., Any]) -> None:
    with pytest.raises(SettingsError, match=r"trip\.keyframe"):
        prepare(output__fps="1", trip__duration="40", trip__keyframe="20", camera__zoom=0.125)


def test_a_keyframe_that_is_not_finite_is_left_undreamed_with_a_warning(
    prepare: Callable[..., Any],
    states: Callable[..., Iterator[Any]],
    photo: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    plan, mode = prepare(trip__start=str(photo), trip__keyframe="0.5")
    state = mode.begin(plan.start, starts_from_picture=True)

    class FailingStep(FeedbackStep):
        def full_dream(self, *_: object) -> RGB:
            raise NonFiniteDreamError("all of it is not a number")

    failing = replace(mode, step=FailingStep(mode.step.timeline, mode.step.clock))
    last = list(states(failing, state))[-1]
    view = np.clip(warp(last.previous, last.motion_between), 0.0, 1.0)
    assert np.array_equal(last.following, view)
    assert "the keyframe at frame 12 is left undreamed: all of it is not a number" in caplog.text


# Resuming


MODES: dict[str, dict[str, Any]] = {
    "frame by frame": {"camera__zoom": 0.6, "camera__rotation": 40},
    "a loop": {"trip__loop": True},
    "keyframes": {"trip__keyframe": "0.4"},
    "a loop of keyframes": {"trip__keyframe": "0.4", "trip__loop": True},
}


@pytest.mark.parametrize("mode", MODES)
def test_frames_from_any_checkpoint_are_those_of_a_whole_run(
    prepare: Callable[..., Any], states: Callable[..., Iterator[Any]], mode: str
) -> None:
    plan, zoom = prepare(**MODES[mode])
    whole = list(states(zoom, zoom.begin(plan.start, starts_from_picture=False)))[-12:]
    frames = [zoom.frame(state) for state in whole]
    for number in (0, 5, 10):
        kept = zoom.to_state(whole[number])
        read = State(json.loads(json.dumps(kept.values)), unpack_arrays(pack_arrays(kept.arrays)))
        rest = [zoom.frame(state) for state in states(zoom, zoom.advance(zoom.from_state(read)))]
        assert same([frame.rgb for frame in rest], [frame.rgb for frame in frames[number + 1 :]])
        assert [frame.index for frame in rest] == list(range(12 - len(rest), 12))
