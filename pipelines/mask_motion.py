"""Masks of motion: where things move on their own."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dreamvid.flow.camera_motion import own_motion
from dreamvid.flow.optical_flow import make_estimator
from dreamvid.image.masks import motion_mask
from dreamvid.image.resize import resize
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from fractions import Fraction

    from numpy.typing import NDArray

    from dreamvid.flow.optical_flow import Method
    from dreamvid.pipelines.frame_loop import FrameTask
    from dreamvid.types import RGB, FlowEstimator, Mask

REACH = 3
"""Frames of the same shot on either side that a mask of motion depends on."""

_LONGEST = 320
"""Longest side, in px, at which motion is found: more would tell nothing more of a soft mask."""


class _Step(NamedTuple):
    """From the frame before to a frame: ``distance`` ``[h, w]`` in longer sides, None for a shot's first frame."""

    distance: NDArray[np.float32] | None
    seconds: float


class Moving:
    """What moves on its own, whatever the camera does (`dreamvid.flow.camera_motion`).

    Speeds are averaged over up to `REACH` frames on either side within the shot, nearer ones counting more: so masks
    do not flicker, pictures that repeat (animation on twos, raised frame rates) do no harm, and a shot's first frame
    has its mask too. A picture that is frozen for longer has no motion, and its mask is empty; so is that of a shot
    of one frame.

    Its flow is its own: the stabilizer's stands still wherever motion explains nothing, which beside a moving camera
    would look like motion.
    """

    def __init__(self, method: Method) -> None:
        self._estimator: FlowEstimator = make_estimator(method, "medium", _LONGEST)

    def over(self, items: Iterable[FrameTask]) -> Iterator[tuple[FrameTask, Mask]]:
        """Yield each frame with its mask, of its size; `REACH` frames are held back."""
        waiting: deque[FrameTask] = deque()
        steps: deque[_Step] = deque()  # to as many frames before the first that waits, and to all that wait
        before: tuple[RGB, Fraction] | None = None
        for item in items:
            if item.begins:
                yield from _rest(waiting, steps)
                steps.clear()
                before = None
            small = _shrunk(item.picture)
            steps.append(self._step(small, item.frame.pts, before))
            waiting.append(item)
            before = small, item.frame.pts
            if len(waiting) > REACH:
                yield _next(waiting, steps)
                if len(steps) > 2 * REACH:
                    steps.popleft()
        yield from _rest(waiting, steps)

    def _step(self, small: RGB, pts: Fraction, before: tuple[RGB, Fraction] | None) -> _Step:
        if before is None:
            return _Step(None, 0.0)
        flow = self._estimator.estimate(small, before[0])
        distance = own_motion(flow, small, before[0]) / np.float32(max(small.shape))
        return _Step(distance, float(pts - before[1]))


def _rest(waiting: deque[FrameTask], steps: deque[_Step]) -> Iterator[tuple[FrameTask, Mask]]:
    while waiting:
        yield _next(waiting, steps)


def _next(waiting: deque[FrameTask], steps: deque[_Step]) -> tuple[FrameTask, Mask]:
    due = len(steps) - len(waiting)
    item = waiting.popleft()
    return item, _mask(steps, due, item)


def _mask(steps: Sequence[_Step], due: int, item: FrameTask) -> Mask:
    """Return the mask of a frame from the steps around the one to it, which is at ``due``."""
    distance: NDArray[np.float32] | None = None
    seconds = 0.0
    for index in range(max(due - REACH + 1, 0), min(due + REACH + 1, len(steps))):
        step = steps[index]
        if step.distance is not None:
            weight = REACH + 0.5 - abs(index - due - 0.5)
            share = np.float32(weight) * step.distance
            distance = share if distance is None else distance + share
            seconds += weight * step.seconds
    size = Size(*item.frame.rgb.shape[:2])
    if distance is None or seconds <= 0.0:
        return np.zeros(size, np.float32)
    return motion_mask(distance / np.float32(seconds), size)


def _shrunk(picture: RGB) -> RGB:
    height, width = picture.shape[:2]
    scale = min(1.0, _LONGEST / max(height, width))
    return resize(picture, Size(max(1, round(height * scale)), max(1, round(width * scale))))
