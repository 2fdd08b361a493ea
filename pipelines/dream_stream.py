"""Dream one frame after the other, each from what the one before hands on.

Where the cadence is above 1, frames wait until the one after them that is dreamed, which comes next in ``interval``.
A shot's first and last frame are dreamed, and those at which scenes begin and end.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from dreamvid.errors import NonFiniteDreamError
from dreamvid.pipelines.loop_state import StreamState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dreamvid.pipelines.frame_task import FrameTask
    from dreamvid.pipelines.scenes import FrameSettings
    from dreamvid.types import RGB, Carry, Frame, InitialDetail, Motion

_log = logging.getLogger(__name__)

LOGGED = 3
"""Failed frames that are logged one by one."""


@dataclass(frozen=True, slots=True)
class DreamedTask:
    """A frame with its dream in each scene that shows it, and the state of the stream after it.

    ``dreamed`` and ``failed`` count the dreams that were made for it, and ``error`` is that of a failed one.
    """

    task: FrameTask
    dreams: tuple[RGB, ...]
    state: StreamState
    dreamed: int = 0
    failed: int = 0
    error: NonFiniteDreamError | None = None

    @property
    def index(self) -> int:
        """The frame's index."""
        return self.task.frame.index


class DreamStream:
    """Dreams frames in order.

    Parameters
    ----------
    next_frame
        Index of the first frame that is returned.
    state
        The state after the one before.
    """

    def __init__(self, next_frame: int, state: StreamState) -> None:
        self._next = next_frame
        self._first = next_frame - state.interval
        self._carries = state.carries
        self._interval: list[FrameTask] = []

    def feed(self, task: FrameTask) -> Iterator[DreamedTask]:
        """Take the next frame; yield those whose dreams are done, in order."""
        if task.frame.index < self._first:
            return
        if self._interval and not _continues(task, self._interval[-1]):
            yield from self.finish()
        self._interval.append(task)
        is_carried = all(part.scene in self._carries for part in task.parts)
        if not is_carried or not _continues(task, None) or _ends_interval(self._interval):
            yield from self.finish()

    def finish(self) -> Iterator[DreamedTask]:
        """Yield the dreams of the frames that wait, as at the end of a shot."""
        interval, self._interval = self._interval, []
        if interval:
            yield from self._dream_interval(interval)

    def _dream_interval(self, interval: Sequence[FrameTask]) -> Iterator[DreamedTask]:
        """Dream the last frame of an interval, then carry detail to the ones before it; yield those that are new."""
        before, task = self._carries, interval[-1]
        dreams: list[Dream] = []
        carries: dict[int, Carry] = {}
        for place, part in enumerate(task.parts):
            settings, motion = _over_interval(interval, place)
            dream = dream_or_fallback(
                settings, task.frame, task.picture, motion=motion, carry=before.get(part.scene)
            )
            dreams.append(dream)
            if dream.carry is not None:
                carries[part.scene] = dream.carry
        carried = [
            _interpolate(interval, place, before[part.scene], carries.get(part.scene))
            for place, part in enumerate(task.parts)
            if len(interval) > 1
        ]
        for position, (between, pictures) in enumerate(
            zip(interval[:-1], zip(*carried, strict=True), strict=True), 1
        ):
            if between.frame.index >= self._next:
                yield DreamedTask(between, pictures, StreamState(position, before))
        self._carries = carries
        if task.frame.index >= self._next:
            errors = [dream.error for dream in dreams if dream.error is not None]
            yield DreamedTask(
                task,
                tuple(dream.picture for dream in dreams),
                StreamState(0, carries),
                len(dreams) - len(errors),
                len(errors),
                errors[0] if errors else None,
            )


class Dream(NamedTuple):
    """A frame's dream in one scene, what it hands to the next frame, and why it is a fallback where it is one."""

    picture: RGB
    carry: Carry | None
    error: NonFiniteDreamError | None = None


def dream_or_fallback(
    settings: FrameSettings, frame: Frame, picture: RGB, *, motion: Motion | None, carry: Carry | None
) -> Dream:
    """Dream a frame in one scene and stabilize it against that scene's last frame.

    A dream that holds numbers which are not finite is replaced by the carried detail, or by the source where none is
    carried; then the next frame starts anew. So one bad frame does not end a night's run.
    """
    initial = settings.stabilizer.prepare(motion, carry)
    if initial.detail is not None and not np.isfinite(initial.detail).all():
        initial = settings.stabilizer.prepare(None, None)
    try:
        return _dream(settings, frame, picture, initial, carry)
    except NonFiniteDreamError as error:
        is_carried = carry is not None and initial.detail is not None
        _log.warning(
            "frame %d at %.2f s shows %s: %s",
            frame.index,
            frame.pts,
            "what was carried to it" if is_carried else "its source",
            error,
            extra={"repeats": LOGGED},
        )
        if carry is None or initial.detail is None:
            return Dream(picture, None, error)
        carried = replace(
            carry,
            source=picture,
            dreamed=np.clip(picture + initial.detail, 0.0, 1.0),
            reference=initial.reference,
            fading=initial.fading,
        )
        return Dream(carried.shown, carried, error)


def _dream(
    settings: FrameSettings, frame: Frame, picture: RGB, initial: InitialDetail, carry: Carry | None
) -> Dream:
    dreamed = settings.dreamer.dream(
        picture,
        detail=initial.detail,
        steps=initial.steps,
        step_map=initial.step_map,
        frame_index=None if initial.detail is None else frame.index,
    )
    if not np.isfinite(dreamed).all():
        raise NonFiniteDreamError("its dream holds what is no finite number; try --precision float32")
    stabilized = settings.stabilizer.stabilize(picture, dreamed, initial, carry)
    if not np.isfinite(stabilized.dreamed).all():
        raise NonFiniteDreamError("its dream holds what is no finite number once it is stabilized")
    return Dream(stabilized.shown, stabilized)


def _continues(task: FrameTask, last: FrameTask | None) -> bool:
    """Return whether detail is carried to a frame in all its scenes, and the last one shows the same scenes."""
    if last is not None and [part.scene for part in task.parts] != [part.scene for part in last.parts]:
        return False
    return all(motion is not None for motion in task.motions)


def _ends_interval(interval: Sequence[FrameTask]) -> bool:
    """Return whether the last frame is dreamed: in any of its scenes."""
    return any(
        part.settings.stabilizer.ends_interval([cast("Motion", task.motions[place]) for task in interval])
        for place, part in enumerate(interval[-1].parts)
    )


def _over_interval(interval: Sequence[FrameTask], place: int) -> tuple[FrameSettings, Motion | None]:
    """Return the settings of the last frame for one of its scenes, and the motion since the last dreamed frame."""
    from dreamvid.flow.interpolation import compose  # noqa: PLC0415  OpenCV loads only when something is dreamed

    settings = interval[-1].parts[place].settings
    if len(interval) == 1:
        return settings, interval[-1].motions[place]
    motions = [cast("Motion", task.motions[place]) for task in interval]
    stabilizers = [task.parts[place].settings.stabilizer for task in interval]
    return settings._replace(stabilizer=stabilizers[-1].after(stabilizers[:-1])), compose(motions)


def _interpolate(
    interval: Sequence[FrameTask], place: int, before: Carry, after: Carry | None
) -> Iterator[RGB]:
    """Yield the dreams of all frames but the last one, in one of its scenes, from the dreams on both sides."""
    from dreamvid.flow.interpolation import interpolate  # noqa: PLC0415  OpenCV loads only when something is dreamed

    motions = [cast("Motion", task.motions[place]) for task in interval]
    return interpolate([task.picture for task in interval[:-1]], before, after, motions)
