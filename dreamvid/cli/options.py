"""Command-line options made from the preset's fields, so that nothing is said twice."""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer

from dreamvid.config.preset import Preset, field_paths, parse_assignments, parse_value
from dreamvid.errors import SettingsError
from dreamvid.pipelines.options import CHUNK_SECONDS

FLAGS: dict[str, str] = {
    "--model": "model.name",
    "--weights": "model.weights",
    "--input-range": "model.input_range",
    "--objective": "objective",
    "--octaves": "octaves.count",
    "--octave-scale": "octaves.scale",
    "--steps": "ascent.steps",
    "--step-size": "ascent.step_size",
    "--strength": "look.strength",
    "--blend": "look.blend",
    "--keep-color": "look.keep_color",
    "--mask": "mask.source",
    "--steadiness": "stability.steadiness",
    "--start": "input.start",
    "--duration": "input.duration",
    "--width": "output.width",
    "--height": "output.height",
    "--dream-width": "output.dream_width",
    "--fps": "output.fps",
    "--codec": "output.codec",
    "--crf": "output.crf",
    "--speed": "output.speed",
    "--depth": "output.depth",
    "--seed": "run.seed",
    "--precision": "run.precision",
    "--tile": "run.tile",
}
"""Flag -> field; ``--set`` reaches every field."""

TRIP_FLAGS: dict[str, str] = {
    "--from": "trip.start",
    "--duration": "trip.duration",
    "--zoom": "camera.zoom",
    "--rotation": "camera.rotation",
    "--pan-x": "camera.pan_x",
    "--pan-y": "camera.pan_y",
    "--mirrors": "camera.mirrors",
    "--rate": "trip.rate",
    "--color-lock": "trip.color_lock",
    "--palette": "trip.palette",
    "--keyframe": "trip.keyframe",
    "--music": "trip.music",
    "--pulse": "trip.pulse",
}
"""Flag -> field, of zoom trips only; one that other commands have too means this field there."""

SWITCHES: dict[str, str] = {"--no-audio": "output.audio", "--no-cuts": "stability.cuts"}
"""Switch -> field that it turns off; for videos only."""

TRIP_SWITCHES: dict[str, str] = {"--loop": "trip.loop"}
"""Switch -> field that it turns on; for zoom trips only."""

VIDEO_ONLY = frozenset(
    {"--steadiness", "--start", "--duration", "--fps", "--codec", "--crf", "--speed", "--depth"}
)

_LONGEST_CHUNK = 3600

NOT_FOR_TRIPS = frozenset({"--blend", "--keep-color", "--mask", "--steadiness", "--start", "--dream-width"})

_PANELS = {
    "model": "The dream",
    "objective": "The dream",
    "octaves": "The dream",
    "ascent": "The dream",
    "look": "The dream",
    "mask": "The dream",
    "stability": "The dream",
    "camera": "The trip",
    "trip": "The trip",
    "input": "Input and output",
    "output": "Input and output",
    "run": "The run",
}


@dataclass(frozen=True, slots=True)
class CommonOptions:
    """Options of every dreaming command that are no part of a look."""

    yes: bool
    trust_model: bool
    keep_going: bool
    device: str
    threads: int | None
    progress: Literal["auto", "json"]
    report: Path | None
    log_file: Path | None
    quiet: bool
    fresh: bool = False
    keep_work: bool = False
    chunk: Fraction = CHUNK_SECONDS
    command: tuple[str, ...] = ()


def dreaming_command(
    *, video: bool, trip: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the settings' options; it receives ``common: Common`` and what they make.

    ``video`` gives those of moving pictures as well, ``trip`` those of zoom trips instead of what only videos have.

    That is ``preset: Preset``, the one of ``--preset`` with the other options laid over it, or, where the function
    asks for them, ``changes: dict``: dotted paths and values, to be laid over presets that it finds itself. One that
    asks for both is told what was laid over.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(function, eval_str=True)
        parameters = [p for p in own.parameters.values() if p.name not in {"preset", "changes", "common"}]
        by_name = "preset" in own.parameters
        flags = {flag: path for flag, path in FLAGS.items() if video or flag not in VIDEO_ONLY}
        switches = dict.fromkeys(SWITCHES.items() if video else (), False)
        if trip:
            flags = {flag: path for flag, path in FLAGS.items() if flag not in NOT_FOR_TRIPS} | TRIP_FLAGS
            switches = dict.fromkeys(TRIP_SWITCHES.items(), True)
        settings = {_parameter_name(flag): path for flag, path in flags.items()}
        parameters += [_setting_parameter(flag, path) for flag, path in flags.items()]
        if by_name:
            parameters.append(_preset_parameter())
        parameters += [_switch_parameter(switch, path) for switch, path in switches]
        parameters += _extra_parameters(video=video, input_video=video and not trip)

        def command(context: typer.Context, **given: Any) -> None:
            overrides = {path: given.pop(name) for name, path in settings.items()}
            overrides = {
                path: parse_value(path, value) for path, value in overrides.items() if value is not None
            }
            for (switch, path), value in switches.items():
                if given.pop(_parameter_name(switch)):
                    overrides[path] = value
            assigned = parse_assignments(given.pop("assignments") or [])
            common = _common(given, arguments=context.find_root().obj or ())
            changes = {**overrides, **assigned}
            if not by_name:
                function(changes=changes, common=common, **given)
                return
            ref = given.pop("preset_ref")
            preset = Preset() if ref is None else Preset.load(ref)
            if "changes" in own.parameters:
                given["changes"] = changes
            function(preset=preset.override(changes), common=common, **given)

        signature = inspect.Signature([*parameters, _parameter("context", typer.Context)])
        command.__signature__ = signature  # type: ignore[attr-defined]  # what Typer reads
        command.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
        command.__name__, command.__doc__ = function.__name__, function.__doc__
        return command

    return decorate


def _parameter_name(flag: str) -> str:
    name = flag.removeprefix("--").replace("-", "_")
    return f"{name}_" if keyword.iskeyword(name) else name


def _setting_parameter(flag: str, path: str) -> inspect.Parameter:
    info = field_paths()[path]
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    facts = [str(extra["unit"])] if "unit" in extra else []
    if info.default is not None:
        facts.append(f"default {info.default}")
    note = f" ({', '.join(facts)})" if facts else ""
    option = typer.Option(
        flag,
        help=f"{info.description}{note}",
        metavar=_metavar(info.annotation),
        rich_help_panel=_PANELS[path.split(".", maxsplit=1)[0]],
        show_default=False,
    )
    return _parameter(_parameter_name(flag), Annotated[str | None, option], None)


def _preset_parameter() -> inspect.Parameter:
    option = typer.Option(
        "--preset",
        help="Start from a preset: a name from 'presets list', or a .yaml file; other options overrule it.",
        metavar="NAME|FILE",
        rich_help_panel="The dream",
    )
    return _parameter("preset_ref", Annotated[str | None, option], None)


def _switch_parameter(switch: str, path: str) -> inspect.Parameter:
    panel = _PANELS[path.split(".", maxsplit=1)[0]]
    option = typer.Option(switch, help=field_paths()[path].description, metavar="", rich_help_panel=panel)
    return _parameter(_parameter_name(switch), Annotated[bool, option], default=False)


def _metavar(annotation: Any) -> str:
    choices = [a for a in (annotation, *get_args(annotation)) if get_origin(a) is Literal]
    words = [str(value) for choice in choices for value in get_args(choice)]
    kinds = {annotation, *get_args(annotation)}
    if int in kinds:
        words.append("N")
    elif float in kinds:
        words.append("X")
    elif Path in kinds:
        words.append("FILE")
    return "|".join(words) or "TEXT"


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _extra_parameters(*, video: bool, input_video: bool) -> list[inspect.Parameter]:
    def flag(name: str, *flags: str, text: str) -> inspect.Parameter:
        option = typer.Option(*flags, help=text, metavar="", rich_help_panel="The run")
        return _parameter(name, Annotated[bool, option], default=False)

    def value(name: str, flag_name: str, metavar: str, text: str) -> inspect.Parameter:
        option = typer.Option(flag_name, help=text, metavar=metavar, rich_help_panel="The run")
        return _parameter(name, Annotated[str | None, option], None)

    assignments = typer.Option(
        "--set",
        help="Set any field, for example ascent.smoothing=1.5; may be repeated.",
        metavar="PATH=VALUE",
        rich_help_panel="The dream",
    )
    parameters = [_parameter("assignments", Annotated[list[str] | None, assignments], None)]
    if input_video:
        parameters.append(
            flag("keep_going", "--keep-going", text="Keep what comes before damage in the input, and warn.")
        )
    if video:
        parameters += [
            flag("fresh", "--fresh", text="Discard unfinished work of an earlier run, and start anew."),
            flag("keep_work", "--keep-work", text="Leave the work directory where it is after success."),
            value("chunk", "--chunk", "SECONDS", f"Video that is kept at a time (default {CHUNK_SECONDS})."),
        ]
    return [
        *parameters,
        flag("yes", "--yes", "-y", text="Replace an existing output."),
        flag("trust_model", "--trust-model", text="Load a model file that carries code (Lambda layers)."),
        value("device", "--device", "auto|cpu|gpu|gpu:N", "Where to dream."),
        value("threads", "--threads", "N", "CPU threads that dream; all cores where not given."),
        value("progress", "--progress", "auto|json", "json prints one object a line on stderr."),
        value("report", "--report", "FILE", "Write a JSON report of the run."),
        value("log_file", "--log-file", "FILE", "Append a log of the run."),
        flag("quiet", "--quiet", "-q", text="Print nothing but errors."),
        flag("traceback", "--traceback", text="Show where an error came from."),
    ]


def _common(given: dict[str, Any], *, arguments: Sequence[str]) -> CommonOptions:
    given.pop("traceback")  # main() looks for it before anything can fail
    progress = given.pop("progress") or "auto"
    if progress not in {"auto", "json"}:
        raise SettingsError(f"--progress: must be auto or json, not '{progress}'")
    threads = given.pop("threads")
    if threads is not None and (not threads.isdecimal() or not 1 <= int(threads) <= 1024):  # noqa: PLR2004
        raise SettingsError(f"--threads: must be a number from 1 to 1024, not '{threads}'")
    return CommonOptions(
        yes=given.pop("yes"),
        trust_model=given.pop("trust_model"),
        keep_going=given.pop("keep_going", False),
        device=given.pop("device") or "auto",
        threads=None if threads is None else int(threads),
        progress="json" if progress == "json" else "auto",
        report=_path(given.pop("report")),
        log_file=_path(given.pop("log_file")),
        quiet=given.pop("quiet"),
        fresh=given.pop("fresh", False),
        keep_work=given.pop("keep_work", False),
        chunk=_chunk(given.pop("chunk", None)),
        command=("dreamvid", *arguments) if arguments else (),
    )


def _chunk(text: str | None) -> Fraction:
    if text is None:
        return CHUNK_SECONDS
    try:
        seconds = Fraction(text)
    except (ValueError, ZeroDivisionError):
        seconds = Fraction(0)
    if not 0 < seconds <= _LONGEST_CHUNK:
        raise SettingsError(
            f"--chunk: must be a number of seconds, above 0 and up to {_LONGEST_CHUNK}, not '{text}'"
        )
    return seconds


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
