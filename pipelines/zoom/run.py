"""A zoom trip: settings in, a video file out."""

from __future__ import annotations

import logging
import time
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dreamvid.checkpoint.layout import OUTPUT, work_folder
from dreamvid.config.preset import LONGEST_SIDE, output_size
from dreamvid.errors import SettingsError
from dreamvid.image.resize import cover
from dreamvid.limits import Limits
from dreamvid.pipelines.identity import describe, restore_begun_settings
from dreamvid.pipelines.memory import check_memory
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.output_path import check_target
from dreamvid.pipelines.provenance import KEY, is_delivered, settings_json
from dreamvid.pipelines.result import RunResult
from dreamvid.pipelines.resume import OutputJob, run_resumable
from dreamvid.pipelines.scenes import Clock, build_looks
from dreamvid.pipelines.zoom.feedback import FeedbackStep, ZoomClock
from dreamvid.pipelines.zoom.frame_by_frame import Trip, TripState
from dreamvid.pipelines.zoom.frames import ZoomFrames
from dreamvid.pipelines.zoom.keyframed import KeyframeTrip, KeyState
from dreamvid.pipelines.zoom.music import follows_music, soundtrack
from dreamvid.pipelines.zoom.start_image import parse_start_image, read_start_image
from dreamvid.types import Size, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dreamvid.config.preset import OutputSettings, Preset
    from dreamvid.pipelines.options import ConfirmOverwrite
    from dreamvid.pipelines.progress import Progress
    from dreamvid.pipelines.zoom.music import Soundtrack
    from dreamvid.pipelines.zoom.start_image import StartImage
    from dreamvid.types import RGB, FrameWriter

_log = logging.getLogger(__name__)

_FPS = Fraction(24)
_SIDE = 640
_SHAPE = Size(360, 640)
_HEAD = 2.0
"""Seconds before a loop's first frame that its end is drawn to."""
_LEAST_LOOP = 3
_MOST_HEAD = Fraction(1, 3)
_BYTES_OF_STATE, _BYTES_OF_HEAD = 36, 6
"""What a pixel of a trip's state takes: up to three pictures in float32, and a loop's head in 16 bits."""
_BYTES_IN_ALL = 400
_KEYFRAME_PIXELS = 2.25
_MOST_CHECKED = 2000
_STAY = Fraction(4)
_FADE = 0.5
_DREAMNETS = (
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
"""What dreamnet travels through where nothing is asked for: fed back for long, one objective ends as one texture."""


class Plan(NamedTuple):
    """What a trip is made of: settings with all defaults, what it starts from, and its frames."""

    preset: Preset
    beginning: StartImage
    start: RGB
    info: VideoInfo
    course: ZoomClock

    @property
    def duration(self) -> Fraction:
        """Length in seconds: whole frames."""
        return self.course.frames / self.course.fps

    def writer(self, output: Path, text: str, music: Soundtrack | None) -> FrameWriter:
        """Return what writes the output; that it may be replaced has been found out before."""
        from dreamvid.media.output.writer import open_writer  # noqa: PLC0415  PyAV loads only when media is touched

        return open_writer(
            output,
            info=self.info,
            output=self.preset.output,
            companion=None if music is None else music.file,
            metadata={KEY: text},
            overwrite=True,
            expected_frames=self.course.frames,
            part=work_folder(output) / OUTPUT,
            notify=_log.warning,
        )

    def task(
        self, output: Path, text: str, inputs: Sequence[Path], command: tuple[str, ...], *, delivered: bool
    ) -> OutputJob:
        """Return what is to be made, for its work directory."""
        from dreamvid.media.output.writer import chunk_bits  # noqa: PLC0415  PyAV loads only when media is touched

        bits = chunk_bits(output, info=self.info, output=self.preset.output)
        manifest = describe(text, output=output, inputs=inputs, info=self.info, bits=bits, command=command)
        pixels = self.info.size.height * self.info.size.width
        return OutputJob(
            output, manifest, pixels * (_BYTES_OF_STATE + _BYTES_OF_HEAD * self.course.head), delivered
        )


def run_zoom(
    output: Path | None,
    preset: Preset,
    options: RunOptions = RunOptions(),
) -> RunResult:
    """Make a zoom trip; go on where an earlier run of the same trip was cut off.

    Parameters
    ----------
    output
        The file or folder to write; None is ``<name>.dream.mp4`` beside what it starts from, ``trip.dream.mp4`` here
        where that is no file.

    Raises
    ------
    DreamvidError
        In one line; nothing is left but whole chunks to go on from.
    KeyboardInterrupt
        Where the run was asked to stop; its text says how to go on.
    """
    from dreamvid.media.output.writer import check_output  # noqa: PLC0415  PyAV loads only when media is touched

    plan = plan_trip(preset)
    output = output or default_output(plan.beginning, preset.output)
    folder = check_output(output, info=plan.info, output=preset.output)
    inputs = trip_files(preset, plan.beginning)
    unfinished = not options.fresh and work_folder(output).is_dir()
    _check(
        output, inputs, _yes if unfinished else options.confirm_overwrite, folder=folder
    )  # asked below, once it is known
    palette = _palette(inputs.get("palette"))
    started = time.perf_counter()
    with soundtrack(preset, plan.duration, plan.info.rate) as music:
        clock = Clock(plan.info.rate, plan.duration, None if music is None else music.signals)
        looks = restore_begun_settings(plan.preset, output, fresh=options.fresh)
        built = build_looks(looks, options, clock, plan.info.size)
        resolved = built.resolved(plan.info.size)
        text = settings_json(preset, source=None, resolved=resolved, files={**built.files, **inputs})
        check = partial(_check, output, inputs, options.confirm_overwrite, folder=folder)
        delivered = unfinished and is_delivered(output, text, check)
        grower = FeedbackStep(built.looks, plan.course, clock.signals)
        check_camera(plan, grower)
        voyage = choose_voyage(plan, grower, palette, options.progress)
        task = plan.task(
            output, text, [*built.files.values(), *inputs.values()], options.command, delivered=delivered
        )
        writer = plan.writer(output, text, music)
        kept = run_resumable(task, voyage, writer, options)
    return RunResult(
        source=plan.beginning.file or Path(plan.beginning.text),
        output=output,
        frames=kept.frames,
        seconds=time.perf_counter() - started,
        size=plan.info.size,
        resolved=resolved,
        stages={**voyage.stages, "final": kept.encoding},
        resumed_at=kept.resumed_at,
    )


def plan_trip(preset: Preset) -> Plan:
    """Return what a trip is made of.

    Raises
    ------
    DreamvidError
        Where what it starts from cannot be read, or the trip would be too large or too long.
    """
    for name, usual in (("look.blend", "normal"), ("look.keep_color", "off"), ("mask.source", "off")):
        section, field = name.split(".")
        if getattr(getattr(preset, section), field) != usual:
            _log.warning("%s: a trip has no source to go by; left out", name)
    rate = preset.output.fps or _FPS
    frames = max(1, round(preset.trip.duration * rate))
    Limits().check_frames("the trip", frames)
    beginning = parse_start_image(preset.trip.start)
    own = None
    if beginning.file is not None:
        own = read_start_image(beginning, None, 0)
    size = trip_size(preset.output, None if own is None else Size(*own.shape[:2]))
    Limits().check_picture("the trip", size)
    start = read_start_image(beginning, size, preset.run.seed) if own is None else cover(own, size)
    info = VideoInfo(size, rate, frames=frames, duration=frames / rate)
    head = round(min(Fraction(_HEAD), _MOST_HEAD * frames / rate) * rate) if preset.trip.loop else 0
    head = head if preset.trip.keyframe is None else 0
    if preset.trip.loop and frames < _LEAST_LOOP:
        raise SettingsError(f"trip.duration: a loop needs 3 frames at least, not {frames}")
    larger = 1.0 if preset.trip.keyframe is None else _KEYFRAME_PIXELS
    each = round(_BYTES_IN_ALL * larger) + _BYTES_OF_HEAD * head
    check_memory("the trip", size, each)
    return Plan(filled(preset, frames / rate), beginning, start, info, ZoomClock(rate, frames, head))


def check_camera(plan: Plan, grower: FeedbackStep) -> None:
    """Refuse a camera that goes too far at once, before any work is done.

    Raises
    ------
    SettingsError
        In one line.
    """
    frames, every = plan.course.frames, plan.preset.trip.keyframe
    for index in range(0, frames, -(-frames // _MOST_CHECKED)):
        grower.move(grower.parts(index, plan.start), index, plan.info.size)
    if every is not None:
        KeyframeTrip(grower, plan.info.size, every, plan.preset.trip.loop).check(plan.start)


def choose_voyage(
    plan: Plan, grower: FeedbackStep, palette: RGB | None, progress: Progress
) -> ZoomFrames[TripState] | ZoomFrames[KeyState]:
    """Return what makes the frames of a trip."""
    every, bare = plan.preset.trip.keyframe, plan.beginning.is_picture
    if every is None:
        return ZoomFrames(Trip(grower), plan.course.frames, plan.start, bare, palette, progress)
    trip = KeyframeTrip(grower, plan.info.size, every, plan.preset.trip.loop)
    return ZoomFrames(trip, plan.course.frames, plan.start, bare, palette, progress)


def trip_size(output: OutputSettings, own: Size | None) -> Size:
    """Return the size of a trip: as asked for, else with a longest side of 640 px; even.

    ``own`` is the size of the picture that it starts from, None where that has none.
    """
    shape = own or _SHAPE
    if output.width is not None or output.height is not None:
        size = output_size(shape, output)
    else:
        scale = _SIDE / max(shape)
        size = Size(*(max(16, 2 * round(side * scale / 2)) for side in shape))
    return Size(*(side + side % 2 for side in size)) if max(size) < LONGEST_SIDE else size


def default_output(beginning: StartImage, output: OutputSettings) -> Path:
    """Return where a trip goes if nobody says."""
    from dreamvid.media.output.writer import default_output as usual  # noqa: PLC0415  PyAV loads only when media is touched

    info = VideoInfo(_SHAPE, _FPS)
    name = usual(Path("trip.mp4"), info=info, output=output)
    return (
        name
        if beginning.file is None
        else beginning.file.with_name(f"{beginning.file.stem}{''.join(name.suffixes)}")
    )


def trip_files(preset: Preset, beginning: StartImage) -> dict[str, Path]:
    """Return the files that a trip is made from, by role."""
    files: dict[str, Path] = {}
    if beginning.file is not None:
        files["start"] = beginning.file
    if preset.trip.palette != "start":
        files["palette"] = Path(preset.trip.palette)
    if preset.trip.music is not None:
        files["music"] = preset.trip.music
    return files


def filled(preset: Preset, duration: Fraction) -> Preset:
    """Return the preset with what follows from the rest."""
    changes: dict[str, object] = {}
    if preset.objective == "auto" and preset.model.name.lower() == "dreamnet" and not preset.scenes:
        changes["objective"] = dreamnet_journey(duration, loop=preset.trip.loop)
    if preset.trip.pulse is None and preset.trip.music is not None and not follows_music(preset):
        changes["trip.pulse"] = 1.0
    return preset.override(changes) if changes else preset


def dreamnet_journey(duration: Fraction, *, loop: bool) -> dict[str, Any]:
    """Return the objective of a trip with dreamnet, as a preset has it: some seconds of each thing, in turn.

    In a loop the last goes over into the first as all others do.
    """
    count = min(len(_DREAMNETS), max(1, round(duration / _STAY)))
    every = float(duration / count if loop else _STAY)
    return {"cycle": list(_DREAMNETS[:count]), "every": every, "fade": _FADE * every}


def _palette(path: Path | None) -> RGB | None:
    from dreamvid.media.still.reader import read_still  # noqa: PLC0415  imageio loads only when media is touched

    return None if path is None else read_still(path, notify=_log.warning).rgb


def _check(
    output: Path, inputs: Mapping[str, Path], confirm_overwrite: ConfirmOverwrite, *, folder: bool
) -> None:
    """Refuse an output that is one of the inputs, or exists and may not be replaced."""
    for path in inputs.values():
        check_target(output, path, _yes, folder=folder)
    check_target(output, None, confirm_overwrite, folder=folder)


def _yes(path: Path) -> bool:  # noqa: ARG001  it has been asked for
    return True
