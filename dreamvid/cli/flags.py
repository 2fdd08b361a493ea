"""The flags of the command line, as tables: those that set a field of the preset, and those of the run."""

from __future__ import annotations

import keyword
from typing import TYPE_CHECKING, NamedTuple

from dreamvid.pipelines.options import CHUNK_SECONDS

if TYPE_CHECKING:
    from dreamvid.pipelines.registry import OptionGroup


class SettingOption(NamedTuple):
    """A flag that sets a field of the preset; ``switch`` is the value that one without a value sets."""

    flag: str
    field: str
    group: OptionGroup
    switch: bool | None = None

    @property
    def parameter(self) -> str:
        """Name of the Python parameter."""
        name = self.flag.removeprefix("--").replace("-", "_")
        return f"{name}_" if keyword.iskeyword(name) else name


SETTING_OPTIONS = (
    SettingOption("--model", "model.name", "dream"),
    SettingOption("--weights", "model.weights", "dream"),
    SettingOption("--input-range", "model.input_range", "dream"),
    SettingOption("--objective", "objective", "dream"),
    SettingOption("--octaves", "octaves.count", "dream"),
    SettingOption("--octave-scale", "octaves.scale", "dream"),
    SettingOption("--steps", "ascent.steps", "dream"),
    SettingOption("--step-size", "ascent.step_size", "dream"),
    SettingOption("--strength", "look.strength", "dream"),
    SettingOption("--blend", "look.blend", "compositing"),
    SettingOption("--keep-color", "look.keep_color", "compositing"),
    SettingOption("--mask", "mask.source", "compositing"),
    SettingOption("--steadiness", "stability.steadiness", "source video"),
    SettingOption("--start", "input.start", "source video"),
    SettingOption("--duration", "input.duration", "source video"),
    SettingOption("--duration", "trip.duration", "trip"),
    SettingOption("--width", "output.width", "dream"),
    SettingOption("--height", "output.height", "dream"),
    SettingOption("--dream-width", "output.dream_width", "compositing"),
    SettingOption("--fps", "output.fps", "encoding"),
    SettingOption("--codec", "output.codec", "encoding"),
    SettingOption("--crf", "output.crf", "encoding"),
    SettingOption("--speed", "output.speed", "encoding"),
    SettingOption("--depth", "output.depth", "encoding"),
    SettingOption("--seed", "run.seed", "dream"),
    SettingOption("--precision", "run.precision", "dream"),
    SettingOption("--tile", "run.tile", "dream"),
    SettingOption("--from", "trip.start", "trip"),
    SettingOption("--zoom", "camera.zoom", "trip"),
    SettingOption("--rotation", "camera.rotation", "trip"),
    SettingOption("--pan-x", "camera.pan_x", "trip"),
    SettingOption("--pan-y", "camera.pan_y", "trip"),
    SettingOption("--mirrors", "camera.mirrors", "trip"),
    SettingOption("--rate", "trip.rate", "trip"),
    SettingOption("--color-lock", "trip.color_lock", "trip"),
    SettingOption("--palette", "trip.palette", "trip"),
    SettingOption("--keyframe", "trip.keyframe", "trip"),
    SettingOption("--music", "trip.music", "trip"),
    SettingOption("--pulse", "trip.pulse", "trip"),
    SettingOption("--no-audio", "output.audio", "source video", switch=False),
    SettingOption("--no-cuts", "stability.cuts", "source video", switch=False),
    SettingOption("--loop", "trip.loop", "trip", switch=True),
)
"""In the order of the help; ``--set`` reaches every field."""

FIELD_FLAGS = {option.field: option.flag for option in SETTING_OPTIONS}


class CommonOption(NamedTuple):
    """A flag that is no part of a preset; without ``metavar`` it takes no value.

    ``group`` is that of the pipelines which have it; None is all.
    """

    name: str
    flags: tuple[str, ...]
    help: str
    metavar: str = ""
    group: OptionGroup | None = None


COMMON_OPTIONS = (
    CommonOption(
        "keep_going",
        ("--keep-going",),
        "Keep what comes before damage in the input, and warn.",
        group="source video",
    ),
    CommonOption(
        "fresh",
        ("--fresh",),
        "Discard unfinished work of an earlier run, and start anew.",
        group="encoding",
    ),
    CommonOption(
        "keep_work",
        ("--keep-work",),
        "Leave the work directory where it is after success.",
        group="encoding",
    ),
    CommonOption(
        "chunk",
        ("--chunk",),
        f"Video that is kept at a time (default {CHUNK_SECONDS}).",
        "SECONDS",
        group="encoding",
    ),
    CommonOption("yes", ("--yes", "-y"), "Replace an existing output."),
    CommonOption("trust_model", ("--trust-model",), "Load a model file that carries code (Lambda layers)."),
    CommonOption("device", ("--device",), "Where to dream.", "auto|cpu|gpu|gpu:N"),
    CommonOption("threads", ("--threads",), "CPU threads that dream; all cores where not given.", "N"),
    CommonOption("progress", ("--progress",), "json prints one object a line on stderr.", "auto|json"),
    CommonOption("report", ("--report",), "Write a JSON report of the run.", "FILE"),
    CommonOption("log_file", ("--log-file",), "Append a log of the run.", "FILE"),
    CommonOption("quiet", ("--quiet", "-q"), "Print nothing but errors."),
    CommonOption("traceback", ("--traceback",), "Show where an error came from."),
)
