"""The course of a walk: where on its path it is at each frame, and how long its latent vectors are there."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dreamvid.config.preset import Preset, Scene
from dreamvid.config.scene import SceneSettings
from dreamvid.errors import SettingsError
from dreamvid.pipelines.scenes import SceneSpan, check_schedules
from dreamvid.schedule.fields import BoundSchedule, constant

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.config.walk import WalkSettings
    from dreamvid.pipelines.scenes import VideoClock

_log = logging.getLogger(__name__)


class Course(NamedTuple):
    """Positions on the path, and the factors of the latent vectors, both ``[frames]`` float64."""

    positions: NDArray[np.float64]
    truncations: NDArray[np.float64]


def plan_course(walk: WalkSettings, clock: VideoClock, frames: int) -> Course:
    """Return the course of a walk; its schedules last as long as the walk, whatever its scenes.

    Raises
    ------
    SettingsError
        Where a schedule gives no number, or the walk never moves.
    """
    only = Preset(walk=walk)
    span = SceneSpan(Scene(SceneSettings(), only), 0.0, 0.0, frames / float(clock.fps))
    for warning in check_schedules([span], clock):
        _log.warning("%s", warning)
    schedules = only.schedules()

    def values(name: str, value: object) -> NDArray[np.float64]:
        schedule: BoundSchedule | None = schedules.get(f"walk.{name}")
        if schedule is None:
            return np.full(frames, 1.0 if value is None else constant(value), np.float64)  # type: ignore[type-var]  # a number
        times = ((index / float(clock.fps), index) for index in range(frames))
        return np.array([schedule.at(span.point(t, index, clock)) for t, index in times], np.float64)

    return Course(
        walk_positions(values("speed", walk.speed), loop=walk.loop or walk.path == "noise"),
        values("truncation", walk.truncation),
    )


def walk_positions(speeds: NDArray[np.float64], *, loop: bool) -> NDArray[np.float64]:
    """Return the position at each frame, ``[frames]``, for relative speeds of 0 and more; the first is 0.

    A frame's speed is that of the step to it from the frame before, which of a loop's first frame is the last one. A
    loop goes round as many whole times as its mean speed says, at least once; other walks end at 1.

    Raises
    ------
    SettingsError
        Where all speeds are 0.
    """
    steps = speeds if loop else speeds[1:]
    total = float(steps.sum())
    if total <= 0.0 < len(steps):
        raise SettingsError("walk.speed: is 0 all the time, so that nothing moves")
    way = np.concatenate([[0.0], np.cumsum(speeds[1:])])
    if not len(steps):
        return way
    rounds = max(1, round(total / len(steps))) if loop else 1
    return np.asarray(way * (rounds / total) if loop else np.minimum(way / total, 1.0), np.float64)
