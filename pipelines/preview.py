"""A look ahead: a few frames of a dream, spread over the video, on one sheet, and what the whole will take."""

from __future__ import annotations

import itertools
import logging
import math
import statistics
import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dreamvid.checkpoint.disk_space import room_needed
from dreamvid.errors import DreamvidError, SettingsError
from dreamvid.image.resize import resize
from dreamvid.pipelines.build import cadence_at
from dreamvid.pipelines.dream_stream import dream_or_fallback
from dreamvid.pipelines.frame_loop import composite
from dreamvid.pipelines.frame_task import FrameTask
from dreamvid.pipelines.output_path import check_target
from dreamvid.text import byte_size
from dreamvid.types import Size

if sys.platform != "win32":
    import resource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from fractions import Fraction
    from pathlib import Path

    from dreamvid.checkpoint.manifest import Pictures
    from dreamvid.pipelines.masks import Masks
    from dreamvid.pipelines.options import ConfirmOverwrite
    from dreamvid.pipelines.scenes import Timeline
    from dreamvid.types import RGB, Carry, Frame, Mask

_log = logging.getLogger(__name__)

_MARK = "dreamvid-preview"
_CELL = 480
_GAP = 4
_SHORT = 90
"""Seconds that are told as such."""
_SHOT = 5
"""Seconds of a shot, where their number is not known: its first frame takes longer than those that carry it on."""


@dataclass(frozen=True, slots=True)
class PreviewEstimate:
    """What a whole dream takes.

    ``seconds`` of time and ``disk`` bytes beside the output, both about; ``memory`` bytes, the most that the frames
    on the sheet took, None where the system does not tell.
    """

    sheet: Path
    frames: int
    seconds: float
    disk: int
    memory: int | None

    def line(self) -> str:
        """Return it for people."""
        hours, minutes = divmod(math.ceil(self.seconds / 60), 60)
        took = f"{hours} h {minutes} min" if hours else f"{minutes} min"
        if self.seconds <= _SHORT:
            took = f"{math.ceil(self.seconds)} s"
        memory = "" if self.memory is None else f", {byte_size(self.memory)} of memory"
        return f"{self.sheet}: all {self.frames} frames take about {took}, {byte_size(self.disk)} on the disk{memory}"


@dataclass(frozen=True, slots=True)
class PreviewRequest:
    """Frames from a time (seconds) on, how they are dreamed, and the length of the video (seconds)."""

    frames_from: Callable[[Fraction], Iterator[Frame]]
    timeline: Timeline
    masks: Masks | None
    pictures: Pictures
    seconds: Fraction | None
    state_bytes: int


def preview(
    request: PreviewRequest,
    output: Path,
    count: int,
    *,
    source: Path,
    confirm_overwrite: ConfirmOverwrite,
) -> PreviewEstimate:
    """Dream ``count`` frames, spread evenly, into ``<output>.preview.png``.

    Each is dreamed as a shot's first. confirm_overwrite is called where a file that is no preview has that name.

    Raises
    ------
    SettingsError
        Where it is not known how long the video lasts.
    WriteError
        Where the sheet cannot be written.
    """
    from dreamvid.media.still.reader import Still  # noqa: PLC0415  imageio loads only when it is used
    from dreamvid.media.still.writer import write_still  # noqa: PLC0415  imageio loads only when it is used

    if request.seconds is None or request.pictures.frames is None:
        raise SettingsError("--preview: how long the input lasts is not known; say a --duration")
    sheet = output.with_name(f"{output.name}.preview.png")
    if not _is_preview(sheet):
        check_target(sheet, [source], confirm_overwrite)
    if request.masks is not None and request.masks.follows_motion:
        _log.warning(
            "the mask follows motion, which single frames have not: the preview shows the dream everywhere"
        )
    times = [request.seconds * (2 * place + 1) / (2 * count) for place in range(count)]
    pictures, alone, carried = zip(*(_dream_at(request, at) for at in times), strict=True)
    write_still(sheet, Still(_on_one_sheet(pictures)), metadata={_MARK: output.name}, overwrite=True)
    frames = request.pictures.frames
    shots = min(frames, math.ceil(request.seconds / _SHOT))
    seconds = shots * _usual(alone) + (frames - shots) * _usual(carried)
    disk = room_needed(request.pictures, frames, state=request.state_bytes)
    return PreviewEstimate(sheet, frames, seconds, disk, _memory())


def _dream_at(request: PreviewRequest, at: Fraction) -> tuple[RGB, float, float]:
    """Return the frame at a time (seconds) as it will be written, its seconds, and those of the frame after it.

    Of the latter, its share of what an interval between two dreamed frames takes, where the cadence is above 1.
    """
    from dreamvid.flow.interpolation import interpolate  # noqa: PLC0415  OpenCV loads only when something is dreamed

    seconds: list[float] = []
    tasks: list[FrameTask] = []
    carries: dict[int, Carry] = {}
    result: RGB | None = None
    for frame in itertools.islice(request.frames_from(at), 2):
        parts = request.timeline.at(frame)
        task = FrameTask(frame, parts[0].settings.compositor.prepare(frame.rgb), parts, starts_shot=not tasks)
        dreams: list[RGB] = []
        taken = 0.0
        for part in parts:
            motion, carry = None, carries.get(part.scene)
            started = time.perf_counter()
            if carry is not None:
                motion = part.settings.stabilizer.estimate_motion(task.picture, tasks[0].picture)
            estimated = time.perf_counter()
            dream = dream_or_fallback(part.settings, frame, task.picture, motion=motion, carry=carry)
            finished = time.perf_counter()
            taken += finished - started
            cadence = cadence_at(part.settings.preset.stability.cadence, request.timeline.clock.fps)
            if carry is not None and motion is not None and cadence > 1:
                for _ in interpolate([task.picture], carry, dream.carry, [motion, motion]):
                    between = time.perf_counter() - finished
                taken += (finished - estimated + (cadence - 1) * between) / cadence - (finished - estimated)
            dreams.append(dream.picture)
            if dream.carry is not None:
                carries[part.scene] = dream.carry
        seconds.append(taken)
        tasks.append(task)
        if result is None:
            result = composite(replace(task, mask=mask_of_one(request.masks, task)), tuple(dreams))
    if result is None:
        raise SettingsError(f"--preview: there is no frame at {float(at):.2f} s")
    return result, seconds[0], seconds[-1]


def mask_of_one(masks: Masks | None, item: FrameTask) -> Mask | None:
    """Return the mask of a frame without its neighbors; None is everywhere, also where it would follow motion."""
    return None if masks is None or masks.follows_motion else next(masks.over([item])).mask


def _usual(seconds: Sequence[float]) -> float:
    """Return the median; the first, which pays for compilation, counts only where it is alone."""
    return statistics.median(seconds[1:] or seconds)


def _on_one_sheet(pictures: Sequence[RGB]) -> RGB:
    """Return pictures of one size in rows and columns, each at most 480 px wide."""
    height, width = pictures[0].shape[:2]
    scale = min(1.0, _CELL / width)
    cell = Size(max(1, round(height * scale)), max(1, round(width * scale)))
    columns = math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    sheet = np.zeros(
        (rows * (cell.height + _GAP) - _GAP, columns * (cell.width + _GAP) - _GAP, 3), np.float32
    )
    for place, picture in enumerate(pictures):
        row, column = divmod(place, columns)
        top, left = row * (cell.height + _GAP), column * (cell.width + _GAP)
        sheet[top : top + cell.height, left : left + cell.width] = np.clip(resize(picture, cell), 0.0, 1.0)
    return sheet


def _is_preview(path: Path) -> bool:
    from dreamvid.media.still.reader import read_still  # noqa: PLC0415  imageio loads only when it is used

    try:
        return path.is_file() and _MARK in read_still(path).metadata
    except DreamvidError:
        return False


def _memory() -> int | None:
    if sys.platform == "win32":
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
