"""Run a zoom trip: plan it, check it, and make its file from frames."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dreamvid.checkpoint.layout import work_folder
from dreamvid.config.fields import named_files
from dreamvid.errors import SettingsError
from dreamvid.image.panorama import is_whole_sphere
from dreamvid.image.resize import cover
from dreamvid.media.limits import check_frames, check_picture
from dreamvid.pipelines.build import build_dreamer
from dreamvid.pipelines.generated_film import DEFAULT_SIZE, film_size, make_film_job, open_film_writer
from dreamvid.pipelines.memory import check_memory
from dreamvid.pipelines.music import music_of, soundtrack, uses_music_signals
from dreamvid.pipelines.octave_limit import dreamed_size
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.output_clock import TRIP_RATE
from dreamvid.pipelines.output_path import check_target, split_frame_name
from dreamvid.pipelines.panorama import described, is_panorama, resolve_projection
from dreamvid.pipelines.provenance import (
    is_delivered,
    restore_begun_settings,
    settings_json,
)
from dreamvid.pipelines.purpose import for_purpose
from dreamvid.pipelines.result import RunResult
from dreamvid.pipelines.resume import run_resumable
from dreamvid.pipelines.scenes import VideoClock, load_timeline
from dreamvid.pipelines.signals import open_signals, signal_files
from dreamvid.pipelines.tempo import in_tempo
from dreamvid.pipelines.zoom.feedback import FeedbackStep, ZoomClock
from dreamvid.pipelines.zoom.frame_by_frame import FrameByFrameZoom
from dreamvid.pipelines.zoom.frames import ZoomFrames
from dreamvid.pipelines.zoom.keyframed import KEYFRAME_SCALE, KeyframedZoom
from dreamvid.pipelines.zoom.start_image import parse_start_image, read_start_image
from dreamvid.schedule.lengths import known_seconds
from dreamvid.text import printable
from dreamvid.types import Size, Spherical, VideoInfo

if TYPE_CHECKING:
    from dreamvid.config.preset import Preset
    from dreamvid.config.settings import OutputSettings
    from dreamvid.pipelines.scenes import BuildDreamer
    from dreamvid.pipelines.zoom.frames import ZoomMode
    from dreamvid.pipelines.zoom.start_image import StartImage
    from dreamvid.types import RGB

_log = logging.getLogger(__name__)

# Size of panoramas without a start picture, unless the output settings say otherwise.
_DEFAULT_PANORAMA_SIZE = Size(320, 640)
# Length of a loop's pre-roll in seconds: so long does the loop's end take to become it, which then is a morph rather
# than a dissolve. Short loops have a share of their own length.
_PREROLL_SECONDS, _MAX_PREROLL_SHARE = Fraction(2), Fraction(1, 3)
_MIN_LOOP_FRAMES = 3
_MAX_EASE_IN = Fraction(2, 5)
"""Share of a trip in which its rate may grow."""

# Bytes per pixel: of a checkpoint (up to three float32 pictures), of a pre-roll frame (16 bits a channel), and of a
# run, by estimate.
_STATE_BYTES, _PREROLL_BYTES, _RUN_BYTES = 36, 6, 400

# Objectives that a zoom with dreamnet goes through by default. Fed back for long, a single one ends as one texture.
_DREAMNET_OBJECTIVES = (
    "class:brain coral",
    "class:jellyfish",
    "class:monarch, class:cauliflower",
    "class:triumphal arch",
    "class:mushroom",
    "mixed2",
    "class:goldfish, class:coral reef",
    "class:alp",
    "mixed3",
    "class:lakeside",
    "class:umbrella",
    "class:cliff dwelling",
)
# Seconds of each objective, and the share of them that its cross-fade takes.
_OBJECTIVE_SECONDS, _FADE_SHARE = Fraction(4), 0.5


class ZoomPlan(NamedTuple):
    """A zoom that fits the limits: settings with all defaults, its start image, and its frames.

    ``start`` has the size at which frames are dreamed, ``info.size`` is that of the output.
    """

    preset: Preset
    start_image: StartImage
    start: RGB
    info: VideoInfo
    clock: ZoomClock

    @property
    def duration(self) -> Fraction:
        """Length in seconds: whole frames."""
        return self.clock.frames / self.clock.fps

    @property
    def dreamed(self) -> Size:
        """Size at which frames are dreamed."""
        return Size(*self.start.shape[:2])

    @property
    def state_bytes(self) -> int:
        """Size of a checkpoint."""
        return self.dreamed.height * self.dreamed.width * (_STATE_BYTES + _PREROLL_BYTES * self.clock.preroll)

    @property
    def ease_in(self) -> float:
        """Seconds over which the rate of change grows; 0 where there is no picture to turn slowly."""
        trip = self.preset.trip
        if not self.start_image.is_picture or trip.loop or trip.keyframe is not None:
            return 0.0
        return float(min(trip.ease_in, _MAX_EASE_IN * self.duration))


def run_zoom(
    output: Path | None,
    preset: Preset,
    options: RunOptions = RunOptions(),
    *,
    build: BuildDreamer = build_dreamer,
) -> RunResult:
    """Make a zoom trip, or resume an earlier run of the same trip.

    Parameters
    ----------
    output
        The file or folder to write; None is ``<name>.dream.mp4`` beside the start image's file, or ``trip.dream.mp4``
        in the current folder.
    build
        Returns the dreamer of a scene.

    Raises
    ------
    DreamvidError
        Nothing is left but whole chunks to resume from.
    KeyboardInterrupt
        If the run was asked to stop; its text says how to resume.
    """
    from dreamvid.media.output.writer import check_output  # noqa: PLC0415  PyAV loads only when media is touched

    output, preset, options = split_frame_name(output, preset, options)
    preset = with_projection(_in_tempo(for_purpose(preset, output, None)))
    plan = plan_zoom(preset)
    output = output or default_output(plan.start_image, preset.output)
    folder = check_output(output, info=plan.info, output=preset.output, folder=options.output_is_folder)
    files = {**input_files(preset, plan.start_image), **signal_files(preset)}
    check = partial(check_target, output, list(files.values()), folder=folder)
    unfinished = not options.fresh and work_folder(output).is_dir()
    # Beside unfinished work the output may be this very trip, complete: whether to replace it is asked below.
    check((lambda _: True) if unfinished else options.confirm_overwrite)
    palette = _read_palette(files.get("palette"))
    started = time.perf_counter()
    signals = open_signals(
        preset,
        rate=plan.info.rate,
        duration=plan.duration,
        output=output,
        keep_going=options.keep_going,
    )
    with soundtrack(preset.trip, plan.duration, plan.info.rate) as music:
        clock = VideoClock(
            plan.info.rate,
            plan.duration,
            signals.over(None if music is None else music.signals),
            preset.tempo.grid,
        )
        settings = restore_begun_settings(plan.preset, output, fresh=options.fresh)
        timeline = load_timeline(
            settings, options, clock, plan.info.size, build, first_picture=lambda: plan.start
        )
        resolved = timeline.resolved(plan.dreamed)
        text = settings_json(preset, source=None, resolved=resolved, files={**timeline.files, **files})
        delivered = unfinished and is_delivered(output, text, partial(check, options.confirm_overwrite))
        mode = choose_mode(plan, FeedbackStep(timeline, plan.clock, clock.signals, plan.ease_in))
        mode.check(plan.start)
        frames = ZoomFrames(
            mode,
            plan.clock.frames,
            plan.start,
            plan.start_image.is_picture,
            palette,
            options.progress,
            plan.info.size,
        )
        inputs = [*timeline.files.values(), *files.values()]
        job = make_film_job(
            output,
            text,
            inputs,
            info=plan.info,
            made=plan.info,
            settings=preset.output,
            command=options.command,
            state_bytes=plan.state_bytes,
            folder=folder,
            delivered=delivered,
        )
        writer = open_film_writer(
            output,
            text,
            music,
            info=plan.info,
            frames=plan.clock.frames,
            settings=preset.output,
            folder=folder,
        )
        result = run_resumable(replace(job, signals=signals.kept), frames, writer, options)
    return RunResult(
        source=plan.start_image.file or Path(plan.start_image.text),
        output=output,
        frames=result.frames,
        seconds=time.perf_counter() - started,
        size=plan.info.size,
        resolved=resolved,
        stages={**frames.stages, "final": result.encoding},
        resumed_at=result.resumed_at,
    )


def with_projection(preset: Preset) -> Preset:
    """Return the preset with the projection that the start picture says, where it is left to that; all checked."""
    from dreamvid.media.still.panorama import goes_around  # noqa: PLC0415  imageio loads only when media is touched
    from dreamvid.media.still.reader import is_still, read_still  # noqa: PLC0415  the same

    file = parse_start_image(preset.trip.start).file
    if preset.projection == "auto" and file is not None and is_still(file):
        spherical = Spherical() if goes_around(read_still(file).panorama) else None
        preset = resolve_projection(preset, printable(file.name), spherical)
    if is_panorama(preset):
        if preset.trip.keyframe is not None:
            raise SettingsError(
                "trip.keyframe: trips through panoramas are dreamed frame by frame; leave it out"
            )
        if any(scene.preset.camera.mirrors > 1 for scene in preset.in_scenes()):
            raise SettingsError("camera.mirrors: there is no kaleidoscope in a panorama; leave it out")
    return preset


def _in_tempo(preset: Preset) -> Preset:
    """Return the preset with its tempo known; see :func:`dreamvid.pipelines.tempo.in_tempo`."""
    rate = preset.output.fps or TRIP_RATE
    return in_tempo(preset, rate, "trip.duration", music_of(preset.trip))


def plan_zoom(preset: Preset) -> ZoomPlan:
    """Return the plan of a zoom, whose tempo is known.

    Raises
    ------
    DreamvidError
        If the start image cannot be read, or the zoom is too large, too long or too short.
    """
    for name, unused in (("look.blend", "normal"), ("look.keep_color", "off"), ("mask.source", "off")):
        group, field = name.split(".")
        if getattr(getattr(preset, group), field) != unused:
            _log.warning("%s: a trip has no source to go by; left out", name)
    trip, fps = preset.trip, preset.output.fps or TRIP_RATE
    frames = max(1, round(known_seconds(trip.duration) * fps))
    check_frames("the trip", frames)
    if trip.loop and frames < _MIN_LOOP_FRAMES:
        raise SettingsError(f"trip.duration: a loop needs {_MIN_LOOP_FRAMES} frames at least, not {frames}")
    start_image = parse_start_image(trip.start)
    picture = read_start_image(start_image, None, 0) if start_image.is_picture else None
    no_picture = _DEFAULT_PANORAMA_SIZE if is_panorama(preset) else None
    size = film_size(preset.output, no_picture if picture is None else Size(*picture.shape[:2]))
    check_picture("the trip", size)
    if is_panorama(preset) and not is_whole_sphere(size):
        raise SettingsError(
            f"projection: a trip goes through the whole sphere, twice as wide as high; {size} shows a part of it"
        )
    dreamed = dreamed_size(preset, size)
    start = (
        read_start_image(start_image, dreamed, preset.run.seed, panorama=is_panorama(preset))
        if picture is None
        else cover(picture, dreamed)
    )
    duration = frames / fps
    preroll, run_bytes = 0, _RUN_BYTES
    if trip.keyframe is not None:
        run_bytes = round(_RUN_BYTES * KEYFRAME_SCALE**2)
    elif trip.loop:
        preroll = round(min(_PREROLL_SECONDS, _MAX_PREROLL_SHARE * duration) * fps)
    check_memory("the trip", size, run_bytes + _PREROLL_BYTES * preroll)
    info = described(preset, VideoInfo(size, fps, frames=frames, duration=duration))
    return ZoomPlan(
        fill_defaults(preset, duration), start_image, start, info, ZoomClock(fps, frames, preroll)
    )


def choose_mode(plan: ZoomPlan, step: FeedbackStep) -> ZoomMode[Any]:
    """Return what makes the frames: keyframes where ``trip.keyframe`` is set."""
    trip = plan.preset.trip
    if trip.keyframe is None:
        return FrameByFrameZoom(step)
    return KeyframedZoom(step, plan.dreamed, known_seconds(trip.keyframe), trip.loop)


def default_output(start_image: StartImage, output: OutputSettings) -> Path:
    """Return ``<name>.dream.mp4`` beside the start image's file, or ``trip.dream.mp4``; the suffix fits the codec."""
    from dreamvid.media.output.writer import default_output as video_output  # noqa: PLC0415  PyAV loads only when media is touched

    path = video_output(Path("trip.mp4"), info=VideoInfo(DEFAULT_SIZE, TRIP_RATE), output=output)
    if start_image.file is None:
        return path
    return start_image.file.parent / f"{start_image.file.stem}{''.join(path.suffixes)}"


def input_files(preset: Preset, start_image: StartImage) -> dict[str, Path]:
    """Return the files that a zoom is made from, by role."""
    files: dict[str, Path] = {}
    if start_image.file is not None:
        files["start"] = start_image.file
    return files | {role: path for role, path in named_files(preset.trip) if role != "start"}


def fill_defaults(preset: Preset, duration: Fraction) -> Preset:
    """Return the preset with the defaults that depend on other settings: objective and pulse."""
    changes: dict[str, object] = {}
    if preset.objective == "auto" and preset.model.name.lower() == "dreamnet" and not preset.scenes:
        changes["objective"] = _dreamnet_schedule(duration, loop=preset.trip.loop)
    if preset.trip.pulse is None and preset.trip.music is not None and not uses_music_signals(preset):
        changes["trip.pulse"] = 1.0
    return preset.override(changes) if changes else preset


def _dreamnet_schedule(duration: Fraction, *, loop: bool) -> dict[str, Any]:
    """Return the default objective of a zoom with dreamnet, as a preset holds it; a loop has whole cycles."""
    count = min(len(_DREAMNET_OBJECTIVES), max(1, round(duration / _OBJECTIVE_SECONDS)))
    every = float(duration / count if loop else _OBJECTIVE_SECONDS)
    return {"cycle": list(_DREAMNET_OBJECTIVES[:count]), "every": every, "fade": _FADE_SHARE * every}


def _read_palette(path: Path | None) -> RGB | None:
    from dreamvid.media.still.reader import read_still  # noqa: PLC0415  imageio loads only when media is touched

    return None if path is None else read_still(path).rgb
