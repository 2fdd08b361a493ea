"""(i) Trips: what a zoom trip takes beside its gradients, and whether it stays itself over a thousand frames."""

from __future__ import annotations

import statistics
import time
from fractions import Fraction
from typing import TYPE_CHECKING

import cv2
import numpy as np
from figures import Figure

from dreamvid.config.preset import Preset
from dreamvid.image.transform import Velocity, warp
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.scenes import VideoClock, load_timeline
from dreamvid.pipelines.zoom.feedback import FeedbackStep, ZoomClock
from dreamvid.pipelines.zoom.frame_by_frame import FrameByFrameZoom
from dreamvid.pipelines.zoom.run import fill_defaults
from dreamvid.pipelines.zoom.start_image import parse_start_image, read_start_image
from dreamvid.types import Size

if TYPE_CHECKING:
    from dreamvid.pipelines.zoom.frame_by_frame import ZoomState
    from dreamvid.types import RGB

PART = "i trips"
FPS = Fraction(24)
FAST, LONG = Size(288, 512), Size(108, 192)
APART = 100
BAR_BESIDE, BAR_FPS, BAR_DRIFT, BAR_SAME = 1.10, 4.0, 0.15, 0.5


def measure(*, rounds: int, frames: int) -> list[Figure]:
    """Return figures of the default look: time at 512x288, drift over ``frames`` frames at 192x108."""
    return [*_speed(8 * rounds), *_drift(frames)]


def _speed(frames: int) -> list[Figure]:
    trip, state = _begin(FAST, 480)
    seconds = []
    for _ in range(frames):
        before = time.perf_counter()
        state = trip.advance(state)
        seconds.append(time.perf_counter() - before)
    gradients = []
    for _ in range(frames):  # the same gradients once more, and nothing else
        scenes = trip.step.scenes(state.index, state.picture)
        before = time.perf_counter()
        for scene in scenes:
            scene.settings.dreamer.dream(state.picture, steps=1, frame_index=state.index)
        gradients.append(time.perf_counter() - before)
    whole, bare = statistics.median(seconds), statistics.median(gradients)
    note = f"{FAST}, {frames} frames"
    return [
        Figure(PART, "a frame / its gradients", whole / bare, "", "at most", BAR_BESIDE, note=note),
        Figure(
            PART, "frames a second", 1.0 / whole, "fps", "at least", BAR_FPS, note="bar: two cores with AMX"
        ),
    ]


def _drift(frames: int) -> list[Figure]:
    trip, state = _begin(LONG, frames)
    move = Velocity(1.25).over(APART / float(FPS), LONG.width / LONG.height)
    statistics_by_frame: dict[int, tuple[float, float, float]] = {}
    correlations: list[float] = []
    previous: RGB | None = None
    for index in range(frames):
        if index:
            state = trip.advance(state)
        if index % APART:
            continue
        statistics_by_frame[index] = _facts(state.picture)
        if previous is not None:
            correlations.append(float(np.corrcoef(warp(previous, move).ravel(), state.picture.ravel())[0, 1]))
        previous = state.picture
    first, last = statistics_by_frame[APART], statistics_by_frame[max(statistics_by_frame)]
    names = ("Laplacian energy", "saturation", "contrast")
    drift = [
        Figure(
            PART,
            f"{name}, change",
            abs(b / a - 1.0),
            "",
            "at most",
            BAR_DRIFT,
            note=f"frame {APART} to {max(statistics_by_frame)}",
        )
        for name, a, b in zip(names, first, last, strict=True)
    ]
    same = Figure(
        PART,
        f"likeness over {APART} frames",
        max(correlations),
        "",
        "under",
        BAR_SAME,
        note="largest correlation",
    )
    return [*drift, same]


def _begin(size: Size, frames: int) -> tuple[FrameByFrameZoom, ZoomState]:
    duration = frames / FPS
    preset = fill_defaults(Preset.build({"pipeline": "zoom"}), duration)
    looks = load_timeline(preset, RunOptions(), VideoClock(FPS, duration), size)
    trip = FrameByFrameZoom(FeedbackStep(looks, ZoomClock(FPS, frames)))
    start = read_start_image(parse_start_image("noise"), size, 0)
    return trip, trip.begin(start, starts_from_picture=False)


def _facts(picture: RGB) -> tuple[float, float, float]:
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    energy = float(np.mean(np.square(cv2.Laplacian(gray, cv2.CV_32F))))
    return energy, float(np.mean(np.ptp(picture, axis=-1))), float(gray.std())
