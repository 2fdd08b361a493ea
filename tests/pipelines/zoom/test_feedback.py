"""The camera, the colors, and how a picture is dreamed further."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dreamvid.config.preset import parse_value
from dreamvid.errors import SettingsError
from dreamvid.image.color_transfer import measure_palette
from dreamvid.image.transform import Velocity, warp
from dreamvid.pipelines.zoom.feedback import ZoomClock
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dreamvid.types import RGB, StepMap

ASPECT = 64 / 36
FPS = 12


def test_the_frame_rate_changes_nothing_but_smoothness(dream: Callable[..., list[RGB]], photo: Path) -> None:
    slow, fast = (
        dream(trip__start=str(photo), trip__rate=0, camera__zoom=2, camera__rotation=30, output__fps=fps)
        for fps in ("12", "24")
    )
    assert len(fast) == 2 * len(slow)
    for index, frame in enumerate(slow):
        assert np.abs(frame - fast[2 * index]).mean() < 0.01


def test_a_preroll_has_the_times_of_the_loops_end() -> None:
    clock = ZoomClock(Fraction(FPS), frames=36, preroll=12)
    assert [clock.time(index) for index in (-12, -1, 0, 35)] == [2, Fraction(35, 12), 0, Fraction(35, 12)]


def test_a_picture_turns_slowly_at_first(prepare: Callable[..., Any], photo: Path) -> None:
    def change(seconds: int, **changes: object) -> float:
        """Return by how much a frame at a time changes the start picture."""
        plan, mode = prepare(trip__start=str(photo), trip__duration="20s", **changes)
        index = seconds * FPS
        targets = mode.begin(plan.start, starts_from_picture=True).targets
        dreamed = mode.step.dream_further(plan.start, mode.step.scenes(index, plan.start), targets, index)
        return float(np.abs(dreamed - plan.start).mean())

    assert change(1) < 0.15 * change(1, trip__ease_in="0s")
    assert change(1) < change(3) < change(5)
    assert change(5) == change(5, trip__ease_in="0s")
    assert change(8, trip__ease_in="60s") == change(8, trip__ease_in="0s")  # at most 0.4 of the trip is eased


@pytest.mark.parametrize(
    "changes", [{"trip__loop": True}, {"trip__keyframe": "1"}, {"trip__start": "#204060"}]
)
def test_loops_keyframes_and_colors_have_their_full_rate_at_once(
    dream: Callable[..., list[RGB]], photo: Path, changes: dict[str, Any]
) -> None:
    settings = {"trip__start": str(photo), **changes}
    for first, second in zip(
        dream(trip__ease_in="0s", **settings), dream(trip__ease_in="5s", **settings), strict=True
    ):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    "changes", [{"trip__rate": 0}, {"look__strength": 0, "trip__keyframe": "0.5"}], ids=["rate", "strength"]
)
def test_without_dreams_the_camera_moves_over_the_picture(
    dream: Callable[..., list[RGB]], photo: Path, changes: dict[str, Any]
) -> None:
    frames = dream(
        trip__start=str(photo),
        camera={"zoom": 1.5, "rotation": 20, "pan_x": 0.1, "pan_y": 0.05},
        **changes,
    )
    motion = Velocity(1.5, 20.0, (0.1, 0.05)).over(11 / FPS, ASPECT)
    expected = np.clip(warp(frames[0], motion), 0.0, 1.0)
    assert np.abs(frames[-1] - expected)[4:-4, 4:-4].mean() < 0.03
    assert abs(frames[-1].std() - expected.std()) < 0.01


@pytest.mark.parametrize(
    "changes",
    [
        {"camera.zoom": "1 + t"},
        {"camera.rotation": "90*sin(tau*t)"},
        {"camera.pan_x": "0.2*t"},
        {"camera.pan_y": "-0.2*t"},
        {"camera.center_x": "t"},
        {"camera.center_y": "1 - t"},
        {"trip.rate": "4*t"},
        {"trip.color_lock": "t"},
        {"trip.hue": "360*t"},
        {"trip.saturation": "2*t"},
        {"trip.brightness": "0.5 + t"},
        {"camera.mirrors": 6},
        {"look.strength": "p"},
        {"ascent.steps": "{0s: 1, 1s: 3}"},
        {"camera.zoom": "{0s: 1, 1s: 2, ease: in-out}", "trip.keyframe": "0.5"},
        {"camera.mirrors": 6, "trip.keyframe": "0.5"},
        {"trip.hue": "360*t", "trip.keyframe": "0.5"},
    ],
    ids="+".join,
)
def test_each_setting_changes_the_frames(dream: Callable[..., list[RGB]], changes: dict[str, object]) -> None:
    parsed = {path: parse_value(path, v) if isinstance(v, str) else v for path, v in changes.items()}
    base = {"trip__duration": "0.5", "trip__color_lock": 0.9, "trip__keyframe": parsed.get("trip.keyframe")}
    varied = dream(**(base | {path.replace(".", "__"): value for path, value in parsed.items()}))
    assert np.abs(varied[-1] - dream(**base)[-1]).mean() > 1e-3


def test_scenes_have_cameras_of_their_own_and_fade_into_each_other(
    dream: Callable[..., list[RGB]], photo: Path
) -> None:
    frames = dream(
        trip__start=str(photo),
        trip__rate=0,
        scenes=[
            {"camera": {"zoom": 1, "pan_x": 0.5}},
            {"start": "0.5s", "transition": "0.25s", "camera": {"zoom": 2, "pan_x": 0}},
        ],
    )
    panned = warp(frames[1], Velocity(pan=(0.5, 0.0)).over(1 / FPS, ASPECT))
    assert np.abs(frames[2] - panned)[:, :-6].mean() < 0.01
    zoomed = warp(frames[10], Velocity(zoom=2.0).over(1 / FPS, ASPECT))
    assert np.abs(frames[11] - zoomed).mean() < 0.01


def test_scenes_fade_from_speed_to_speed(prepare: Callable[..., Any]) -> None:
    plan, mode = prepare(
        scenes=[
            {"camera": {"zoom": 1}},
            {"start": "0.25s", "transition": "0.5s", "camera": {"zoom": 4}},
        ]
    )
    scales = [
        mode.step.motion(mode.step.scenes(index, plan.start), index, plan.info.size).scale
        for index in (0, 6, 11)
    ]
    assert np.array(scales) ** FPS == pytest.approx([1.0, 2.0, 4.0])


def test_a_very_large_zoom_in_one_frame_is_one_line(prepare: Callable[..., Any]) -> None:
    with pytest.raises(SettingsError, match=r"camera\.zoom"):
        prepare(output__fps="0.1", trip__duration="20", camera__zoom=16)


# Music


@pytest.mark.parametrize(
    ("zoom", "pulse", "beat", "expected"),
    [
        (1.5, 1.0, 0.0, 1.5**0.5),
        (1.5, 1.0, 1.0, 1.5**6.5),
        (0.8, 1.0, 1.0, 0.8**6.5),
        (1.5, 0.5, 1.0, 1.5**3.75),
        (1.5, 4.0, 0.0, 1.0),  # never back
        (1.5, 0.0, 1.0, 1.5),
        (1.5, None, 1.0, 1.5),
        (1.0, 1.0, 1.0, 1.05**6.5),
    ],
)
def test_the_zoom_pulses_to_the_beat(
    prepare: Callable[..., Any], zoom: float, pulse: float | None, beat: float, expected: float
) -> None:
    plan, mode = prepare(camera__zoom=zoom, trip__pulse=pulse)
    step = replace(mode.step, signals=lambda t: {"beat": beat if t == 5 / FPS else -1.0})
    motion = step.motion(step.scenes(5, plan.start), 5, plan.info.size)
    assert motion.scale**FPS == pytest.approx(expected)


# Dreams


class RecordingDreamer:
    """Records what it is asked for, and returns one color."""

    def __init__(self, color: float = 0.5) -> None:
        self.color = color
        self.calls: list[dict[str, Any]] = []

    def dream(self, image: RGB, **call: Any) -> RGB:
        self.calls.append(call)
        return np.full_like(image, self.color)


def further(mode: Any, dreamer: RecordingDreamer, picture: RGB, index: int = 3) -> RGB:
    """Return a picture that a dreamer has dreamed further by a frame."""
    scenes = tuple(
        scene._replace(settings=scene.settings._replace(dreamer=dreamer))
        for scene in mode.step.scenes(index, picture)
    )
    _, targets = mode.step.measure_targets(picture, picture, None)
    dreamed: RGB = mode.step.dream_further(picture, scenes, targets, index)
    return dreamed


def test_places_with_little_detail_get_more_steps(prepare: Callable[..., Any]) -> None:
    _, mode = prepare(ascent__steps=8)
    picture = np.full((*Size(36, 64), 3), 0.5, np.float32)
    picture[:, :32] = np.random.default_rng(0).uniform(0.0, 1.0, (36, 32, 1))
    dreamer = RecordingDreamer()
    further(mode, dreamer, picture)
    (call,) = dreamer.calls
    steps: StepMap = call["step_map"]
    assert call["steps"] == 4  # 6 full dreams a second of 8 steps, in 12 frames
    assert steps.mean() == pytest.approx(4.0, rel=1e-4)
    assert steps[:, -16:].min() > 2 * steps[:, :16].max()


def test_the_shifts_of_a_preroll_are_those_of_the_end(prepare: Callable[..., Any]) -> None:
    plan, mode = prepare(trip__loop=True)
    indices = []
    for index in (-4, 8):
        dreamer = RecordingDreamer()
        further(mode, dreamer, plan.start, index)
        indices.append(dreamer.calls[0]["frame_index"])
    assert indices[0] == indices[1]


def test_a_dream_that_is_not_finite_is_left_out_with_a_warning(
    prepare: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    plan, mode = prepare(trip__color_lock=0)
    dreamed = further(mode, RecordingDreamer(np.nan), plan.start)
    assert np.abs(dreamed - plan.start).mean() < 0.05
    assert "frame 3 goes on undreamed" in caplog.text


# Colors


def test_a_palette_is_held(dream: Callable[..., list[RGB]]) -> None:
    sea = np.full((20, 20, 3), (30, 90, 160), np.float32) + np.indices((20, 20))[0][..., None]
    sea = (sea / 255).astype(np.float32)
    frames = dream(palette=sea, trip__color_lock=1)
    assert measure_palette(frames[-1]).mean == pytest.approx(measure_palette(sea).mean, abs=6.0)


def test_saturation_moves_the_palette(dream: Callable[..., list[RGB]], photo: Path) -> None:
    colorful, gray = (
        measure_palette(dream(trip__start=str(photo), trip__color_lock=1, trip__saturation=saturation)[-1])
        for saturation in (1, 0)
    )
    assert np.hypot(*gray.spread[1:]) < 0.5 * np.hypot(*colorful.spread[1:])
