"""Values of schedules over time: the moments of a scene, and the weights of an objective's terms."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dreamvid.pipelines.scenes import SceneSpan, VideoClock
    from dreamvid.schedule.objective_schedule import ObjectiveSchedule
    from dreamvid.schedule.times import TimePoint

UNKNOWN_LENGTH = Fraction(10)
"""Length, in seconds, that is drawn of what has no known one."""


def moments_of(span: SceneSpan, clock: VideoClock, count: int) -> tuple[list[float], list[TimePoint]]:
    """Return so many moments, evenly spread over a scene, and their times in the video, in seconds."""
    fps = float(clock.fps)
    length = float(UNKNOWN_LENGTH) if span.end is None else span.end - span.start
    times = [span.start + length * k / max(count - 1, 1) for k in range(count)]
    return times, [span.point(t, round(t * fps), clock) for t in times]


def weights_at(schedule: ObjectiveSchedule, moments: Sequence[TimePoint]) -> dict[str, list[float]]:
    """Return the weights of an objective's terms at moments, by the text of each term."""
    objectives = [schedule.at(moment) for moment in moments]
    return {
        str(term): [objective.terms[index].weight for objective in objectives]
        for index, term in enumerate(schedule.terms)
    }
