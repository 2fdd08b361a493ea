"""Measure signals of a clip in one pass over its frames: brightness, motion, cuts, and the area of a mask."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from dreamvid.image.luma import luma
from dreamvid.image.resize import resize
from dreamvid.pipelines.frame_task import FrameTask
from dreamvid.schedule.signals import Curve
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from dreamvid.pipelines.masks import Masks
    from dreamvid.types import Frame

_LONGEST_SIDE = 160
"""Of the pictures that motion is measured in, in px."""
_CUT_SHARE = 0.25
"""Of a frame, for which a cut lasts: so it shows in one frame alone."""


def measure_clip(
    frames: Iterable[Frame], features: Collection[str], masks: Masks | None = None
) -> dict[str, NDArray[np.float64]]:
    """Return ``times`` (seconds) and each of the features, ``[N]``, a value for each frame.

    ``brightness`` is the mean luma, 0 to 1. ``motion`` is the mean change of luma since the frame before, per second;
    a shot's first frame has that of the next one. ``cuts`` are 1 in a shot's first frame, but for the clip's, else 0.
    ``mask`` is the mean of the mask, 0 to 1: the share of the picture in which the dream shows.

    Parameters
    ----------
    frames
        In order; they are held one by one.
    features
        Some of ``brightness``, ``motion``, ``cuts`` and ``mask``.
    masks
        Those of the run; None is a mask that is white everywhere.
    """
    rows: list[tuple[float, float, float, float, float]] = []
    last: tuple[NDArray[np.float32], float] | None = None
    follows_shots = not {"motion", "cuts"}.isdisjoint(features) or (
        masks is not None and masks.follows_motion
    )
    tasks = _tasks(frames, detect_cuts=follows_shots)
    for task in masks.over(tasks) if masks is not None and "mask" in features else tasks:
        time, picture = float(task.frame.pts), luma(_shrink(task.frame))
        motion = math.nan
        if last is not None and not task.starts_shot and time > last[1]:
            motion = float(np.abs(picture - last[0]).mean(dtype=np.float64)) / (time - last[1])
        area = 1.0 if task.mask is None else float(task.mask.mean(dtype=np.float64))
        is_cut = float(task.starts_shot and bool(rows))
        rows.append((time, float(picture.mean(dtype=np.float64)), motion, is_cut, area))
        last = picture, time
    columns = np.array(rows, np.float64).reshape(-1, 5).T
    measured = dict(zip(("times", "brightness", "motion", "cuts", "mask"), columns, strict=True))
    measured["motion"] = _filled(measured["motion"])
    return {name: measured[name] for name in ("times", *features)}


def clip_curve(measured: Mapping[str, NDArray[Any]], feature: str) -> Curve:
    """Return a feature that :func:`measure_clip` measured as a curve."""
    times, values = measured["times"], measured[feature]
    if feature != "cuts" or len(times) == 1:
        return Curve(times, values)
    lengths = _CUT_SHARE * np.diff(times, append=2 * times[-1] - times[-2])
    return Curve(
        np.stack([times, times + lengths], axis=1).ravel(),
        np.stack([values, np.zeros_like(values)], axis=1).ravel(),
        has_steps=True,
        has_peaks=True,
    )


def _tasks(frames: Iterable[Frame], *, detect_cuts: bool) -> Iterator[FrameTask]:
    from dreamvid.flow.shot_detection import mark_cuts  # noqa: PLC0415  loads OpenCV

    for frame, is_cut in mark_cuts(frames, lambda frame: frame.rgb, detect=detect_cuts):
        yield FrameTask(frame, frame.rgb, starts_shot=is_cut)


def _shrink(frame: Frame) -> Any:
    height, width = frame.rgb.shape[:2]
    scale = min(1.0, _LONGEST_SIDE / max(height, width))
    return resize(frame.rgb, Size(max(1, round(height * scale)), max(1, round(width * scale))))


def _filled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values of which each that is not known is the next one, or the last one at the end; 0 for none."""
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        return np.zeros_like(values)
    following = np.minimum(np.searchsorted(known, np.arange(len(values))), len(known) - 1)
    return values[known[following]]
