"""The flags of the command line, as tables: those of the preset's fields, and those of the run."""

from __future__ import annotations

import keyword
from typing import TYPE_CHECKING, NamedTuple

from dreamvid.config.fields import field_paths, meta_of, named_group_of
from dreamvid.config.preset import Preset
from dreamvid.pipelines.options import CHUNK_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dreamvid.pipelines.registry import OptionGroup


class SettingOption(NamedTuple):
    """A flag that sets a field of the preset, in the commands of some pipelines.

    ``switch`` is the value that one without a value sets. One that ``is_named`` takes NAME=VALUE, may be
    repeated, and sets what the field holds under each name.
    """

    flag: str
    field: str
    pipelines: tuple[str, ...]
    switch: bool | None = None
    is_named: bool = False

    @property
    def parameter(self) -> str:
        """Name of the Python parameter."""
        name = self.flag.removeprefix("--").replace("-", "_")
        return f"{name}_" if keyword.iskeyword(name) else name


def _setting_options() -> Iterator[SettingOption]:
    for field, info in field_paths(Preset).items():
        meta = meta_of(info)
        if meta.flag:
            switch = not info.default if isinstance(info.default, bool) else None
            is_named = named_group_of(info) is not None
            yield SettingOption(meta.flag, field, meta.pipelines, switch, is_named)


SETTING_OPTIONS = tuple(_setting_options())
"""In the order of the fields, which is that of the help; ``--set`` reaches every field."""

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
        "If the input is damaged, keep the frames before the damage, and warn.",
        group="source video",
    ),
    CommonOption(
        "fresh",
        ("--fresh",),
        "Discard the unfinished work of an earlier run and start from scratch.",
        group="encoding",
    ),
    CommonOption(
        "keep_work",
        ("--keep-work",),
        "Keep the work folder after success.",
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
    CommonOption("trust_model", ("--trust-model",), "Load a model file that contains code (Lambda layers)."),
    CommonOption("device", ("--device",), "Device to compute on.", "auto|cpu|gpu|gpu:N"),
    CommonOption(
        "devices",
        ("--devices",),
        "Share the video, or the jobs of render, between devices: all GPUs, some, or processes on the CPU.",
        "all|gpu:0,gpu:1|cpu:2",
        group="source video",
    ),
    CommonOption(
        "cluster",
        ("--cluster",),
        "Share the video between the machines of a Ray cluster.",
        "auto|ADDRESS",
        group="source video",
    ),
    CommonOption(
        "cluster_resources",
        ("--cluster-resources",),
        "What a task of --cluster needs of a machine besides: custom resources of Ray, memory in bytes.",
        "NAME[=AMOUNT],...",
        group="source video",
    ),
    CommonOption(
        "allow_mixed",
        ("--allow-mixed",),
        "Let other kinds of devices or versions share a dream; last bits of frames may differ.",
        group="source video",
    ),
    CommonOption("threads", ("--threads",), "CPU threads for the network; default: all cores.", "N"),
    CommonOption("progress", ("--progress",), "json: print one JSON object per line on stderr.", "auto|json"),
    CommonOption("report", ("--report",), "Write the figures of the run as JSON.", "FILE"),
    CommonOption("log_file", ("--log-file",), "Append a log of the run.", "FILE"),
    CommonOption("quiet", ("--quiet", "-q"), "Print nothing but errors."),
    CommonOption("traceback", ("--traceback",), "Show the traceback of an error."),
)
