"""Command-line options: how commands get them, with help texts from the fields of the preset that they set."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer

from dreamvid.cli.flags import COMMON_OPTIONS, SETTING_OPTIONS, CommonOption, SettingOption
from dreamvid.config.fields import field_paths, group_of, innermost, meta_of
from dreamvid.config.preset import Preset, parse_assignments, parse_value
from dreamvid.config.quality import Quality, parse_quality, with_quality
from dreamvid.errors import SettingsError
from dreamvid.media.remote import is_url, without_secrets
from dreamvid.objective import Objective
from dreamvid.pipelines.options import CHUNK_SECONDS
from dreamvid.pipelines.output_path import ends_in_slash
from dreamvid.pipelines.plan.cluster_resources import parse_resources
from dreamvid.pipelines.plan.devices import first_device, parse_devices
from dreamvid.pipelines.registry import PIPELINES

_MAX_CHUNK_SECONDS = 3600
_MAX_THREADS = 1024
_SOURCELESS = {"zoom": ("zoom trips", "zoom"), "walk": ("latent walks", "gan walk")}
"""Pipelines whose presets are for their own command alone: in words, and that command."""
_DEVICE = re.compile(r"auto|cpu|gpu(:[0-9]+)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CommonOptions:
    """Values of :data:`COMMON_OPTIONS`; ``command`` is the whole command line.

    ``output_is_folder`` says that ``--output`` ends in a slash.
    """

    keep_going: bool = False
    fresh: bool = False
    keep_work: bool = False
    chunk: Fraction = CHUNK_SECONDS
    yes: bool = False
    trust_model: bool = False
    device: str = "auto"
    devices: tuple[str, ...] = ()
    cluster: str | None = None
    cluster_resources: tuple[tuple[str, float], ...] = ()
    allow_mixed: bool = False
    threads: int | None = None
    progress: Literal["auto", "json"] = "auto"
    report: Path | None = None
    log_file: Path | None = None
    quiet: bool = False
    command: tuple[str, ...] = ()
    output_is_folder: bool = False


Command = Callable[..., None]


def output_option(help_text: str, *, takes_urls: bool = False) -> Any:
    """Return ``--output``; commands get a ``Path``, and a slash at its end as ``CommonOptions.output_is_folder``.

    One that ``takes_urls`` gets such a name as the text that it is.
    """
    # As a path, Typer would lose the slash.
    parser = str if takes_urls else _no_url
    return typer.Option("-o", "--output", metavar="OUT", parser=parser, help=help_text)


def _no_url(text: str) -> str:
    if is_url(text):
        raise SettingsError(f"{without_secrets(text)} is a URL; only 'dreamvid video' writes to URLs")
    return text


def dreaming_command(pipeline: str, *, omit: Iterable[str] = ()) -> Callable[[Command], Command]:
    """Give a command the options of a pipeline; see :data:`~dreamvid.pipelines.registry.PIPELINES`.

    The function receives ``common: CommonOptions``, and of the following what it has parameters for: ``preset``, the
    one of ``--preset`` with all other options laid over it, and ``changes``, these options as dotted paths and
    values, those of ``--quality`` included. Without the first there is no ``--preset``. ``omit`` are names of common
    options that it does not get.
    """
    left_out = frozenset(omit)
    groups = PIPELINES[pipeline].options

    def decorate(function: Command) -> Command:
        signature = inspect.signature(function, eval_str=True)
        takes_preset, takes_changes = (name in signature.parameters for name in ("preset", "changes"))
        settings = [option for option in SETTING_OPTIONS if pipeline in option.pipelines]
        common_options = [
            option
            for option in COMMON_OPTIONS
            if option.group in {None, *groups} and option.name not in left_out
        ]

        def command(context: typer.Context, **values: Any) -> None:
            quality = parse_quality(values.pop("quality"), draft=values.pop("draft"))
            changes = with_quality(_take_changes(values, settings), quality)
            common = _with_output(values, _take_common(values, context))
            if takes_preset:
                reference = values.pop("preset_reference")
                preset = Preset() if reference is None else Preset.load(reference)
                values["preset"] = preset.override(changes)
                if reference is not None and preset.pipeline in _SOURCELESS and preset.pipeline != pipeline:
                    name, command = _SOURCELESS[preset.pipeline]
                    raise SettingsError(
                        f"--preset {reference}: is for {name}; use it with 'dreamvid {command}' or 'dreamvid render'"
                    )
            if takes_changes:
                values["changes"] = changes
            function(common=common, **values)

        parameters = [
            *(_setting_parameter(option) for option in settings if option.switch is None),
            *([_preset_parameter()] if takes_preset else []),
            *_quality_parameters(),
            *(_setting_parameter(option) for option in settings if option.switch is not None),
            _assignments_parameter(),
            *(_common_parameter(option) for option in common_options),
        ]
        return _with_parameters(command, function, signature, parameters)

    return decorate


def common_command(*names: str, **helps: str) -> Callable[[Command], Command]:
    """Give a command some of the common options as ``common``; those in ``helps`` get this help text."""
    options = [
        option._replace(help=helps.get(option.name, option.help))
        for option in COMMON_OPTIONS
        if option.name in {*names, *helps, "traceback"}
    ]

    def decorate(function: Command) -> Command:
        def command(context: typer.Context, **values: Any) -> None:
            common = _with_output(values, _take_common(values, context))
            function(common=common, **values)

        signature = inspect.signature(function, eval_str=True)
        return _with_parameters(command, function, signature, map(_common_parameter, options))

    return decorate


def _with_parameters(
    command: Command, function: Command, signature: inspect.Signature, parameters: Iterable[inspect.Parameter]
) -> Command:
    """Return ``command`` with the name, help text and parameters of ``function``, and further parameters."""
    arguments = [p for p in signature.parameters.values() if p.name not in {"preset", "changes", "common"}]
    full = inspect.Signature([*arguments, *parameters, _parameter("context", typer.Context)])
    command.__signature__ = full  # type: ignore[attr-defined]  # what Typer reads
    command.__annotations__ = {p.name: p.annotation for p in full.parameters.values()}
    command.__name__, command.__doc__ = function.__name__, function.__doc__
    return command


def _take_changes(values: dict[str, Any], options: Iterable[SettingOption]) -> dict[str, object]:
    """Remove the values of setting options and ``--set``; return them by dotted path."""
    changes: dict[str, object] = {}
    for option in options:
        value = values.pop(option.parameter)
        if option.is_named:
            changes |= _parse_named(option, value or [])
        elif option.switch is None and value is not None:
            changes[option.field] = parse_value(option.field, value)
        elif option.switch is not None and value:
            changes[option.field] = option.switch
    return {**changes, **parse_assignments(values.pop("assignments") or [])}


def _parse_named(option: SettingOption, texts: Iterable[str]) -> dict[str, object]:
    """Return the values of NAME=VALUE texts by dotted path."""
    changes: dict[str, object] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not name or not equals or "." in name:
            raise SettingsError(f"{option.flag} {text}: must read NAME=SOURCE, for example heart=heart.csv")
        path = f"{option.field}.{name}"
        changes[path] = parse_value(path, value)
    return changes


def _take_common(values: dict[str, Any], context: typer.Context) -> CommonOptions:
    """Remove the values of common options; return them, checked."""
    names = [option.name for option in COMMON_OPTIONS if option.name in values]
    common = {name: values.pop(name) for name in names}
    del common["traceback"]  # main() looks for it before anything can fail
    parsers: dict[str, Callable[[str], Any]] = {
        "chunk": _parse_chunk,
        "device": _parse_device,
        "devices": parse_devices,
        "cluster_resources": parse_resources,
        "threads": _parse_threads,
        "progress": _parse_progress,
        "report": Path,
        "log_file": Path,
    }
    parsed = {
        name: parsers[name](value) if name in parsers else value
        for name, value in common.items()
        if value is not None
    }
    if "device" in parsed and "devices" in parsed:
        raise SettingsError("--device and --devices: name one of the two")
    if "cluster" in parsed and "devices" in parsed:
        raise SettingsError("--devices and --cluster: name one of the two")
    if "cluster_resources" in parsed and "cluster" not in parsed:
        raise SettingsError("--cluster-resources: is for the tasks of --cluster")
    if devices := parsed.get("devices"):
        parsed["device"] = first_device(devices)
    arguments = context.find_root().obj or ()
    return CommonOptions(**parsed, command=("dreamvid", *arguments) if arguments else ())


def _with_output(values: dict[str, Any], common: CommonOptions) -> CommonOptions:
    """Turn the value of ``--output``, where a command has it, into a path; return the options with what it says."""
    output: str | None = values.get("output")
    if output is None:
        return common
    values["output"] = _parse_output(output)
    return replace(common, output_is_folder=ends_in_slash(output))


def _parse_output(text: str) -> Path | str:
    if not text:
        raise SettingsError("--output: must not be empty")
    return text if is_url(text) else Path(text)


def _parse_device(text: str) -> str:
    if _DEVICE.fullmatch(text) is None:
        raise SettingsError(f"--device: must be auto, cpu, gpu or gpu:N, not '{text}'")
    return text


def _parse_chunk(text: str) -> Fraction:
    try:
        seconds = Fraction(text)
    except (ValueError, ZeroDivisionError):
        seconds = Fraction(0)
    if not 0 < seconds <= _MAX_CHUNK_SECONDS:
        raise SettingsError(
            f"--chunk: must be a number of seconds, above 0 and up to {_MAX_CHUNK_SECONDS}, not '{text}'"
        )
    return seconds


def _parse_threads(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MAX_THREADS:
        raise SettingsError(f"--threads: must be a number from 1 to {_MAX_THREADS}, not '{text}'")
    return int(text)


def _parse_progress(text: str) -> str:
    if text not in {"auto", "json"}:
        raise SettingsError(f"--progress: must be auto or json, not '{text}'")
    return text


def _setting_parameter(option: SettingOption) -> inspect.Parameter:
    field = field_paths(Preset)[option.field]
    group = group_of(Preset.model_fields[option.field.partition(".")[0]])
    panel = (group or Preset).panel
    if option.switch is not None:
        info = typer.Option(option.flag, help=field.description, metavar="", rich_help_panel=panel)
        return _parameter(option.parameter, Annotated[bool, info], default=False)
    if option.is_named:
        info = typer.Option(
            option.flag,
            help=f"{field.description} May be repeated.",
            metavar="NAME=SOURCE",
            rich_help_panel="Beats and signals",
            show_default=False,
        )
        return _parameter(option.parameter, Annotated[list[str] | None, info], None)
    unit = meta_of(field).unit
    facts = [unit] if unit else []
    if field.default is not None:
        facts.append(f"default {field.default}")
    note = f" ({', '.join(facts)})" if facts else ""
    info = typer.Option(
        option.flag,
        help=f"{field.description}{note}",
        metavar=_metavar(innermost(field).annotation),
        rich_help_panel=panel,
        show_default=False,
    )
    return _parameter(option.parameter, Annotated[str | None, info], None)


def _common_parameter(option: CommonOption) -> inspect.Parameter:
    info = typer.Option(*option.flags, help=option.help, metavar=option.metavar, rich_help_panel="The run")
    if option.metavar:
        return _parameter(option.name, Annotated[str | None, info], None)
    return _parameter(option.name, Annotated[bool, info], default=False)


def _preset_parameter() -> inspect.Parameter:
    info = typer.Option(
        "--preset",
        help=("Preset to start from: a name from 'presets list' or a .yaml file; other options override it."),
        metavar="NAME|FILE",
        rich_help_panel="The dream",
    )
    return _parameter("preset_reference", Annotated[str | None, info], None)


def _quality_parameters() -> Iterable[inspect.Parameter]:
    info = typer.Option(
        "--quality",
        help="draft: the look in a fraction of the time, for trying; best: more time. Other options override it.",
        metavar="|".join(get_args(Quality)),
        rich_help_panel="The dream",
    )
    yield _parameter("quality", Annotated[str | None, info], None)
    info = typer.Option(
        "--draft", help="The same as --quality draft.", metavar="", rich_help_panel="The dream"
    )
    yield _parameter("draft", Annotated[bool, info], default=False)


def _assignments_parameter() -> inspect.Parameter:
    info = typer.Option(
        "--set",
        help="Set any field, for example ascent.smoothing=1.5; may be repeated.",
        metavar="PATH=VALUE",
        rich_help_panel="The dream",
    )
    return _parameter("assignments", Annotated[list[str] | None, info], None)


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _metavar(annotation: Any) -> str:
    choices = [a for a in (annotation, *get_args(annotation)) if get_origin(a) is Literal]
    words = [str(value) for choice in choices for value in get_args(choice)]
    kinds = {annotation, *get_args(annotation)}
    if Objective in kinds:
        return "TEXT"
    if int in kinds:
        words.append("N")
    elif float in kinds or (words and Fraction in kinds):
        words.append("X")
    elif Path in kinds:
        words.append("FILE")
    return "|".join(words) or "TEXT"
