"""Dream one frame quickly, to show what a look does: a still, a video's frame at a time, or what a trip starts from.

A video's frame is dreamed as the first of a shot, with the same code as in the whole video. For speed the largest
octaves are left out (see :mod:`dreamvid.pipelines.octave_limit`), so that forms have the size, relative to the
picture, that they have in the output.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from dreamvid.config.settings import output_size
from dreamvid.errors import ReadError
from dreamvid.image.resize import cover, resize
from dreamvid.pipelines.build import build_dreamer, choose_channels
from dreamvid.pipelines.compositing import make_compositor
from dreamvid.pipelines.dream_stream import dream_or_fallback
from dreamvid.pipelines.frame_loop import composite
from dreamvid.pipelines.frame_task import FrameTask
from dreamvid.pipelines.masks import open_masks
from dreamvid.pipelines.memory import VIDEO_BYTES, check_memory
from dreamvid.pipelines.octave_limit import limit_octaves
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.output_clock import video_clock, with_tempo
from dreamvid.pipelines.padded_dreamer import padded
from dreamvid.pipelines.panorama import is_panorama, resolve_projection
from dreamvid.pipelines.preview import mask_of_one
from dreamvid.pipelines.scenes import VideoClock, first_still, load_timeline
from dreamvid.pipelines.video_job import with_video_defaults
from dreamvid.pipelines.zoom.run import plan_zoom, with_projection
from dreamvid.schedule.times import START
from dreamvid.text import printable
from dreamvid.types import Frame, Size, Spherical

if TYPE_CHECKING:
    from fractions import Fraction
    from pathlib import Path

    from dreamvid.config.preset import Preset
    from dreamvid.media.still.reader import Still
    from dreamvid.pipelines.scenes import BuildDreamer
    from dreamvid.types import RGB, VideoInfo


@dataclass(frozen=True, slots=True)
class PreviewFrame:
    """A frame and its dream, ``[H, W, 3]`` float32 in [0, 1], of one size."""

    source: RGB
    dreamed: RGB


def dream_preview(
    source: Path | None,
    preset: Preset,
    time: Fraction,
    longest: int,
    options: RunOptions = RunOptions(),
    *,
    build: BuildDreamer = build_dreamer,
) -> PreviewFrame:
    """Dream one frame; signals are 0 in it, and a tempo that is ``auto`` is taken for 120 BPM.

    Parameters
    ----------
    source
        A video, a folder of pictures or a still; None for a trip, whose preset says what it starts from.
    time
        Seconds from the first frame that is used, ``input.start``.
    longest
        Longest side of the result and of the octaves that are dreamed, in px, unless the frame or the preset's
        coarsest octave says otherwise.

    Raises
    ------
    DreamvidError
        In one line.
    """
    preset = with_tempo(preset)
    largest = min(longest, preset.octaves.largest or longest)
    preset = preset.override({"octaves.largest": largest, **_largest_of_scenes(preset, largest)})
    if source is None:
        source_rgb, dreamed = _dream_trip(preset, time, options, build)
    elif preset.pipeline == "image" or _is_still(source):
        source_rgb, dreamed = _dream_still(source, preset, options)
    else:
        source_rgb, dreamed = _dream_video_frame(source, preset, time, options, build)
    return PreviewFrame(shrink(source_rgb, longest), shrink(dreamed, longest))


def read_preview(source: Path, time: Fraction, longest: int) -> RGB:
    """Return a source's own picture at a time (seconds from its start), ``[H, W, 3]``, at most ``longest`` px."""
    if _is_still(source):
        return shrink(_read_still(source).rgb, longest)
    return shrink(_read_frame(source, source.stat().st_mtime_ns, time, None, None).rgb, longest)


def shrink(picture: RGB, longest: int) -> RGB:
    """Return a picture at most ``longest`` px on its longer side, in [0, 1]."""
    height, width = picture.shape[:2]
    factor = longest / max(height, width)
    if factor < 1.0:
        picture = resize(picture, Size(max(1, round(height * factor)), max(1, round(width * factor))))
    return np.clip(picture, 0.0, 1.0)


def _largest_of_scenes(preset: Preset, largest: int) -> dict[str, object]:
    """Return the change that limits the octaves of scenes which set them."""
    if not preset.scenes:
        return {}
    scenes = []
    for scene in preset.scenes:
        values = scene.values()
        if "octaves" in values and "largest" in values["octaves"]:
            own = values["octaves"]["largest"]
            values["octaves"] = {**values["octaves"], "largest": min(largest, own or largest)}
        scenes.append(values)
    return {"scenes": scenes}


def _dream_video_frame(
    source: Path, preset: Preset, time: Fraction, options: RunOptions, build: BuildDreamer
) -> tuple[RGB, RGB]:
    info = _video_info(source, source.stat().st_mtime_ns, preset.output.fps)
    preset = resolve_projection(preset, printable(source.name), info.spherical)
    build = padded(build) if is_panorama(preset) else build
    size = output_size(info.size, preset.output)
    check_memory(source.name, size, VIDEO_BYTES)
    info = replace(info, size=size)
    signals = dict.fromkeys(preset.signals, 0.0)
    clock = video_clock(preset, info, (lambda _: signals) if signals else None)
    changed = source.stat().st_mtime_ns
    rgb = _read_frame(source, changed, preset.input.start + time, size, preset.output.fps).rgb
    frame = Frame(int(time * info.rate), time, rgb)
    timeline = load_timeline(
        with_video_defaults(preset), options, clock, size, build, first_picture=lambda: rgb
    )
    parts = timeline.at(frame)
    task = FrameTask(frame, parts[0].settings.compositor.prepare(rgb), parts, starts_shot=True)
    dreams = tuple(
        dream_or_fallback(part.settings, frame, task.picture, motion=None, carry=None).picture
        for part in parts
    )
    masks = open_masks(preset, rate=info.rate)
    return rgb, composite(replace(task, mask=mask_of_one(masks, task)), dreams)


def _dream_still(source: Path, preset: Preset, options: RunOptions) -> tuple[RGB, RGB]:
    from dreamvid.media.still.panorama import goes_around  # noqa: PLC0415  imageio loads only when media is touched

    preset = first_still(preset)
    still = _read_still(source)
    rgb = still.rgb
    preset = resolve_projection(
        preset, printable(source.name), Spherical() if goes_around(still.panorama) else None
    )
    size = output_size(Size(*rgb.shape[:2]), preset.output)
    if size != rgb.shape[:2]:
        rgb = cover(rgb, size)
    (preset,) = limit_octaves([preset], size)
    built = build_dreamer(choose_channels(preset, options, rgb), options, still=True)
    finish = make_compositor(preset, size)
    prepared = finish.prepare(rgb)
    masks = open_masks(preset, rate=None)
    mask = None if masks is None else masks.of_still(rgb)
    return rgb, finish.apply(rgb, prepared, built.dreamer.dream(prepared), mask)


def _dream_trip(preset: Preset, time: Fraction, options: RunOptions, build: BuildDreamer) -> tuple[RGB, RGB]:
    """Dream what a trip starts from by the objective of a time, once, with all steps; the camera stands still."""
    plan = plan_zoom(with_projection(preset))
    clock = VideoClock(plan.info.rate, plan.duration, lambda _: START.signals, plan.preset.tempo.grid)
    timeline = load_timeline(
        plan.preset, options, clock, plan.info.size, build, first_picture=lambda: plan.start
    )
    frame = Frame(int(time * plan.info.rate), time, plan.start)
    dreamed = np.zeros_like(plan.start)
    for part in timeline.at(frame):
        dreamed += np.float32(part.share) * part.settings.dreamer.dream(plan.start)
    return plan.start, dreamed


@lru_cache(maxsize=8)
def _video_info(source: Path, changed: int, fps: Fraction | None) -> VideoInfo:  # noqa: ARG001  a file that changes is probed anew
    from dreamvid.media.input.probe import probe  # noqa: PLC0415  PyAV loads only when media is touched

    return probe(source, fps=fps).video


@lru_cache(maxsize=2)
def _read_frame(
    source: Path,
    changed: int,  # noqa: ARG001  a file that changes is read anew
    time: Fraction,
    size: Size | None,
    fps: Fraction | None,
) -> Frame:
    from dreamvid.media.input.source import open_source  # noqa: PLC0415  PyAV loads only when media is touched

    for frame in open_source(source, start=time, size=size, fps=fps):
        return frame
    raise ReadError(f"{source.name}: has no frame at {float(time):g} s")


def _read_still(source: Path) -> Still:
    from dreamvid.media.still.reader import read_still  # noqa: PLC0415  imageio loads only when media is touched

    return read_still(source)


def _is_still(source: Path) -> bool:
    from dreamvid.media.still.reader import is_still  # noqa: PLC0415  imageio loads only when media is touched

    return source.is_file() and is_still(source)
