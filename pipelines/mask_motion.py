"""Mask what moves by itself, whatever the camera does."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dreamvid.flow.camera_motion import subject_motion
from dreamvid.flow.optical_flow import make_estimator
from dreamvid.image.masks import motion_mask
from dreamvid.image.panorama import unpad
from dreamvid.image.resize import resize
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from fractions import Fraction

    from numpy.typing import NDArray

    from dreamvid.flow.optical_flow import Method
    from dreamvid.pipelines.frame_task import FrameTask
    from dreamvid.types import RGB, FlowEstimator, Mask

REACH = 3
"""Frames of the same shot on either side that a mask of motion depends on."""

_LONGEST = 320
"""Longest side, in px, at which motion is found: more would tell nothing more of a soft mask."""


class _Step(NamedTuple):
    """Motion since the frame before: ``distance`` ``[h, w]`` in longer sides, None for a shot's first frame."""

    distance: NDArray[np.float32] | None
    seconds: float


class MotionMask:
    """White where things move by themselves (`dreamvid.flow.camera_motion`).

    Speeds are averaged over up to `REACH` frames on either side within the shot, nearer ones counting more: so masks
    do not flicker, pictures that repeat (animation on twos, raised frame rates) do no harm, and a shot's first frame
    has its mask too. A picture that is frozen for longer has no motion, and its mask is empty; so is that of a shot
    of one frame.

    Its flow is its own: the stabilizer's stands still wherever motion explains nothing, which beside a moving camera
    would look like motion. ``padded`` says that what is dreamed are padded panoramas (`dreamvid.image.panorama`).
    """

    def __init__(self, method: Method, *, padded: bool = False) -> None:
        self._estimator: FlowEstimator = make_estimator(method, "medium", _LONGEST)
        self._padded = padded

    def over(self, tasks: Iterable[FrameTask]) -> Iterator[tuple[FrameTask, Mask]]:
        """Yield each frame with its mask, of its size; `REACH` frames are held back."""
        pending: deque[FrameTask] = deque()
        steps: deque[_Step] = (
            deque()
        )  # to as many frames before the first pending one, and to all pending ones
        previous: tuple[RGB, Fraction] | None = None
        for task in tasks:
            if task.starts_shot:
                yield from _flush(pending, steps)
                steps.clear()
                previous = None
            small = _shrink(task.picture)
            steps.append(self._step(small, task.frame.pts, previous))
            pending.append(task)
            previous = small, task.frame.pts
            if len(pending) > REACH:
                yield _emit(pending, steps)
                if len(steps) > 2 * REACH:
                    steps.popleft()
        yield from _flush(pending, steps)

    def _step(self, small: RGB, pts: Fraction, previous: tuple[RGB, Fraction] | None) -> _Step:
        if previous is None:
            return _Step(None, 0.0)
        flow = self._estimator.estimate(small, previous[0])
        distance = subject_motion(flow, small, previous[0]) / np.float32(max(small.shape))
        return _Step(unpad(distance) if self._padded else distance, float(pts - previous[1]))


def _flush(pending: deque[FrameTask], steps: deque[_Step]) -> Iterator[tuple[FrameTask, Mask]]:
    while pending:
        yield _emit(pending, steps)


def _emit(pending: deque[FrameTask], steps: deque[_Step]) -> tuple[FrameTask, Mask]:
    position = len(steps) - len(pending)
    task = pending.popleft()
    return task, _mask(steps, position, task)


def _mask(steps: Sequence[_Step], position: int, task: FrameTask) -> Mask:
    """Return the mask of a frame from the steps around the one to it, which is at ``position``."""
    distance: NDArray[np.float32] | None = None
    seconds = 0.0
    for index in range(max(position - REACH + 1, 0), min(position + REACH + 1, len(steps))):
        step = steps[index]
        if step.distance is not None:
            weight = REACH + 0.5 - abs(index - position - 0.5)
            share = np.float32(weight) * step.distance
            distance = share if distance is None else distance + share
            seconds += weight * step.seconds
    size = Size(*task.frame.rgb.shape[:2])
    if distance is None or seconds <= 0.0:
        return np.zeros(size, np.float32)
    return motion_mask(distance / np.float32(seconds), size)


def _shrink(picture: RGB) -> RGB:
    height, width = picture.shape[:2]
    scale = min(1.0, _LONGEST / max(height, width))
    return resize(picture, Size(max(1, round(height * scale)), max(1, round(width * scale))))
