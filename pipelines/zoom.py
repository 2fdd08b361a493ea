"""A zoom trip: settings in, a video file out."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from dreamvid.errors import SettingsError
from dreamvid.pipelines.beginning import parse_beginning, read_beginning
from dreamvid.pipelines.embed import KEY, settings_json
from dreamvid.pipelines.growing import Course, Grower
from dreamvid.pipelines.keyframes import KeyframeTrip
from dreamvid.pipelines.outcome import Mute, Outcome
from dreamvid.pipelines.scenes import Clock, build_looks
from dreamvid.pipelines.soundtrack import follows_music, soundtrack
from dreamvid.pipelines.stages import Line, Stages
from dreamvid.pipelines.targets import check_target
from dreamvid.pipelines.trip import Trip
from dreamvid.preset import LONGEST_SIDE, output_size
from dreamvid.types import Frame, Size, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dreamvid.pipelines.beginning import Beginning
    from dreamvid.pipelines.machine import Machine
    from dreamvid.pipelines.outcome import MayReplace, Tell
    from dreamvid.preset import OutputSettings, Preset
    from dreamvid.types import RGB, FrameWriter

State = TypeVar("State")

_FPS = Fraction(24)
_SIDE = 640
_SHAPE = Size(360, 640)
_HEAD = 2.0
"""Seconds before a loop's first frame that its end is drawn to."""
_LEAST_LOOP = 3
_MOST_HEAD = Fraction(1, 3)
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
    "mixed3",
)
"""What dreamnet travels through where nothing is asked for: fed back for long, one objective ends as one texture."""


class Travel(Protocol[State]):
    """A way to make a trip's frames, each from an explicit state, so that it can be cut and go on anywhere."""

    def begin(self, start: RGB, *, bare: bool, palette: RGB | None = None) -> State:
        """Return the first state."""

    def states(self, state: State) -> Iterator[State]:
        """Yield the given state and all that follow."""

    def frame(self, state: State) -> Frame | None:
        """Return what is written of a state, if anything is."""


class Plan(NamedTuple):
    """What a trip is made of: settings with all defaults, what it starts from, and its frames."""

    preset: Preset
    beginning: Beginning
    start: RGB
    info: VideoInfo
    course: Course


def make_trip(
    output: Path | None,
    preset: Preset,
    machine: Machine,
    *,
    overwrite: MayReplace,
    tell: Tell | None = None,
) -> Outcome:
    """Make a zoom trip.

    Parameters
    ----------
    output
        The file or folder to write; None is ``<name>.dream.mp4`` beside what it starts from, ``trip.dream.mp4`` here
        where that is no file.
    overwrite
        Asked when the output exists; its no is a ``WriteError``.

    Raises
    ------
    DreamvidError
        In one line; nothing half-written is left.
    """
    from dreamvid.media.writer import check_output, open_writer  # noqa: PLC0415  PyAV loads only when media is touched

    tell = tell or Mute()
    recipe = preset
    plan = plan_trip(preset, tell)
    preset, info = plan.preset, plan.info
    output = output or default_output(plan.beginning, preset.output)
    folder = check_output(output, info=info, output=preset.output)
    inputs = trip_files(preset, plan.beginning)
    replace_existing = False
    for source in inputs.values() or [None]:
        replace_existing = check_target(
            output, source, overwrite if not replace_existing else _yes, folder=folder
        )
    palette = _palette(inputs.get("palette"), tell)
    started = time.perf_counter()
    with soundtrack(preset, Fraction(info.duration or 0), info.rate) as music:
        tell.start(info.frames, output.name)
        clock = Clock(info.rate, info.duration, None if music is None else music.signals)
        built = build_looks(preset, machine, clock, info.size, notify=tell.notice)
        resolved = built.resolved(info.size)
        writer = open_writer(
            output,
            info=info,
            output=preset.output,
            companion=None if music is None else music.file,
            metadata={
                KEY: settings_json(recipe, source=None, resolved=resolved, files={**built.files, **inputs})
            },
            overwrite=replace_existing,
            expected_frames=info.frames,
            notify=tell.notice,
        )
        grower = Grower(built.looks, plan.course, clock.signals)
        stages = _write(writer, trip_frames(plan, grower, palette), tell)
    return Outcome(
        source=plan.beginning.file or Path(plan.beginning.text),
        output=output,
        frames=plan.course.frames,
        seconds=time.perf_counter() - started,
        size=info.size,
        resolved=resolved,
        stages=stages,
    )


def plan_trip(preset: Preset, tell: Tell) -> Plan:
    """Return what a trip is made of.

    Raises
    ------
    DreamvidError
        Where what it starts from cannot be read, or it would have no frame.
    """
    for name, usual in (("look.blend", "normal"), ("look.keep_color", "off"), ("mask.source", "off")):
        section, field = name.split(".")
        if getattr(getattr(preset, section), field) != usual:
            tell.notice(f"{name}: a trip has no source to go by; left out")
    rate = preset.output.fps or _FPS
    frames = max(1, round(preset.trip.duration * rate))
    beginning = parse_beginning(preset.trip.start)
    own = None if beginning.file is None else read_beginning(beginning, None, 0, notify=tell.notice)
    size = trip_size(preset.output, None if own is None else Size(*own.shape[:2]))
    start = read_beginning(beginning, size, preset.run.seed, notify=_silent)
    info = VideoInfo(size, rate, frames=frames, duration=frames / rate)
    head = round(min(Fraction(_HEAD), _MOST_HEAD * frames / rate) * rate) if preset.trip.loop else 0
    head = head if preset.trip.keyframe is None else 0
    if preset.trip.loop and frames < _LEAST_LOOP:
        raise SettingsError(f"trip.duration: a loop needs 3 frames at least, not {frames}")
    return Plan(_filled(preset, frames / rate), beginning, start, info, Course(rate, frames, head))


def trip_frames(plan: Plan, grower: Grower, palette: RGB | None) -> Iterator[Frame]:
    """Return the frames of a trip, each made when it is asked for."""
    every, loop = plan.preset.trip.keyframe, plan.preset.trip.loop
    if every is None:
        return _travel(Trip(grower), plan, palette)
    return _travel(KeyframeTrip(grower, plan.info.size, every, loop), plan, palette)


def _travel(trip: Travel[State], plan: Plan, palette: RGB | None) -> Iterator[Frame]:
    state = trip.begin(plan.start, bare=plan.beginning.is_picture, palette=palette)
    for now in trip.states(state):
        frame = trip.frame(now)
        if frame is not None:
            yield frame


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


def default_output(beginning: Beginning, output: OutputSettings) -> Path:
    """Return where a trip goes if nobody says."""
    from dreamvid.media.writer import default_output as usual  # noqa: PLC0415  PyAV loads only when media is touched

    info = VideoInfo(_SHAPE, _FPS)
    name = usual(Path("trip.mp4"), info=info, output=output)
    return (
        name
        if beginning.file is None
        else beginning.file.with_name(f"{beginning.file.stem}{''.join(name.suffixes)}")
    )


def trip_files(preset: Preset, beginning: Beginning) -> dict[str, Path]:
    """Return the files that a trip is made from, by role."""
    files: dict[str, Path] = {}
    if beginning.file is not None:
        files["start"] = beginning.file
    if preset.trip.palette != "start":
        files["palette"] = Path(preset.trip.palette)
    if preset.trip.music is not None:
        files["music"] = preset.trip.music
    return files


def _filled(preset: Preset, duration: Fraction) -> Preset:
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


def _palette(path: Path | None, tell: Tell) -> RGB | None:
    from dreamvid.media.still import read_still  # noqa: PLC0415  imageio loads only when media is touched

    return None if path is None else read_still(path, notify=tell.notice).rgb


def _write(writer: FrameWriter, frames: Iterable[Frame], tell: Tell) -> dict[str, float]:
    """Encode frames in a thread of their own while the next ones are dreamed; return the seconds of each stage."""
    seconds = {"dream": 0.0, "encode": 0.0}

    def encode(line: Line[Frame]) -> None:
        for frame in line:
            before = time.perf_counter()
            writer.write(frame)
            seconds["encode"] += time.perf_counter() - before

    with writer:
        stages = Stages()
        line: Line[Frame] = Line(stages.stop)
        stages.start("encode", lambda: encode(line))
        try:
            before = time.perf_counter()
            for frame in frames:
                seconds["dream"] += time.perf_counter() - before
                line.put(frame)
                tell.frame(frame.index)
                before = time.perf_counter()
            line.put(None)
        except BaseException as error:  # noqa: BLE001  raised again by join, or overruled by an earlier one
            stages.fail(error)
        stages.join()
    return seconds


def _silent(text: str) -> None:
    """Say nothing: it has been said."""


def _yes(path: Path) -> bool:  # noqa: ARG001  it has been asked for
    return True
