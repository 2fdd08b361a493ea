"""The jobs of a render: every preset over every input, where their outputs go, and which are there already."""

from __future__ import annotations

import glob
import json
import shlex
from contextlib import nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from dreamvid._version import __version__
from dreamvid.atomic import is_locked
from dreamvid.checkpoint.layout import LOCK, work_folder
from dreamvid.errors import DreamvidError, SettingsError, WriteError
from dreamvid.pipelines.output_path import made_folder
from dreamvid.pipelines.provenance import fingerprint, portable_settings, read_settings
from dreamvid.pipelines.registry import PIPELINES
from dreamvid.pipelines.tempo import duration_setting, in_tempo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dreamvid.config.preset import Preset
    from dreamvid.pipelines.options import RunOptions
    from dreamvid.pipelines.result import RunResult

_MOST_INPUTS = 10_000


@dataclass(frozen=True, slots=True)
class Job:
    """One preset over one input.

    Attributes
    ----------
    source
        None for a zoom trip that starts from what its preset says.
    output
        None is beside the input.
    output_is_folder
        Whether it is a folder of PNGs.
    in_folder
        Whether the output goes into a folder that was named for it, and is made where it is missing.
    """

    name: str
    preset: Preset
    source: Path | None
    output: Path | None
    output_is_folder: bool = False
    in_folder: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a job: a result or an error; neither where its output was there already."""

    job: Job
    result: RunResult | None = None
    error: DreamvidError | None = None


def plan_jobs(
    presets: Sequence[tuple[str, Preset]],
    inputs: Sequence[Path],
    output: Path | None,
    *,
    folder: bool = False,
) -> list[Job]:
    """Return what is to be rendered.

    Parameters
    ----------
    presets
        Names and presets.
    inputs
        What each dreams; where empty, each preset's own inputs.
    output
        A file for a single job, else a folder; None writes beside each input. Files are named
        ``<input>.<preset>.<suffix>``.
    folder
        Whether ``output`` is a folder whatever its name.

    Raises
    ------
    SettingsError
        Where a preset has no input, or a pattern finds none.
    WriteError
        Where several jobs would write one file.
    """
    pairs: list[tuple[str, Preset, Path | None]] = [
        (name, preset, source) for name, preset in presets for source in (inputs or _own_inputs(name, preset))
    ]
    folder = output is not None and (folder or output.is_dir() or not output.suffix)
    if output is not None and not folder and len(pairs) > 1:
        raise WriteError(
            f"{output}: several outputs need a folder as --output; end its name in a slash to make one"
        )
    if output is not None and not folder:
        return [Job(name, preset, source, output) for name, preset, source in pairs]
    jobs = [_job(name, preset, source, output) for name, preset, source in pairs]
    seen: set[Path] = set()
    for job in jobs:
        if job.output is not None and job.output in seen:
            raise WriteError(f"{job.output}: two outputs would be written to this one file")
        if job.output is not None:
            seen.add(job.output)
    return jobs


def is_busy(job: Job) -> bool:
    """Return whether another run is at a job."""
    return job.output is not None and is_locked(work_folder(job.output) / LOCK)


def run_job(job: Job, options: RunOptions) -> RunResult:
    """Make the output of a job; errors are those of its pipeline."""
    run = PIPELINES[job.preset.pipeline].run
    with made_folder(job.output.parent) if job.in_folder and job.output else nullcontext():
        return run(
            job.source, job.output, job.preset, replace(options, output_is_folder=job.output_is_folder)
        )


def stopped(number: int, jobs: int, options: RunOptions) -> str:
    """Return what is said of a render that was stopped after a number of its jobs."""
    way = shlex.join(options.command) if options.command else "the same call"
    return f"interrupted; {number} of {jobs} are done; go on with: {way}"


def is_made(job: Job) -> bool:
    """Return whether an output is in place that says of itself that it was made by this job.

    One that further files went into (guide images, masks, music) is not looked into: it may be of others by now.
    """
    output = job.output
    if output is None or not output.exists() or work_folder(output).exists():
        return False
    setting = PIPELINES[job.preset.pipeline].source_setting
    start = {setting.path: str(job.source)} if job.source and setting else {}
    try:
        embedded = json.loads(read_settings(output) or "{}")
        preset = _in_tempo_of(output, job.preset.override(start))
        settings = json.loads(json.dumps(portable_settings(preset)))
        files = embedded["files"]
        inputs = files.pop(setting.role, None) if setting and start else embedded["source"]
        same = not files and (job.source is None or inputs["fingerprint"] == fingerprint(job.source))
        return bool(same) and bool(embedded["version"] == __version__ and embedded["settings"] == settings)
    except (DreamvidError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _in_tempo_of(output: Path, preset: Preset) -> Preset:
    """Return a preset with its lengths as an output embeds them, where its tempo is a number."""
    if not isinstance(preset.tempo.bpm, Fraction):
        return preset
    from dreamvid.media.input.probe import probe  # noqa: PLC0415  PyAV loads only when media is touched

    return in_tempo(preset, probe(output).video.rate, duration_setting(preset.pipeline), None)


def _own_inputs(name: str, preset: Preset) -> Sequence[Path | None]:
    if not preset.inputs and preset.pipeline == "zoom":
        return [None]
    if not preset.inputs and preset.pipeline == "walk" and preset.walk.generator is not None:
        return [preset.walk.generator]
    if not preset.inputs:
        raise SettingsError(f"preset {name} names no inputs; give one with -i FILE")
    inputs: list[Path] = []
    for pattern in preset.inputs:
        if not glob.has_magic(pattern):
            inputs.append(Path(pattern))
            continue
        matches = sorted(glob.iglob(pattern, recursive=True))[: _MOST_INPUTS + 1]  # noqa: PTH207  it may begin anywhere
        if not matches:
            raise SettingsError(f"preset {name}: no file fits inputs '{pattern}'")
        inputs += [Path(match) for match in matches]
    if len(inputs) > _MOST_INPUTS:
        raise SettingsError(f"preset {name}: inputs name more than {_MOST_INPUTS} files")
    return inputs


def _job(name: str, preset: Preset, source: Path | None, folder: Path | None) -> Job:
    """Return the job of ``<input>.<preset>.<suffix>`` in a folder, or beside the input.

    Without an input it is ``<preset>.<suffix>``.
    """
    usual = PIPELINES[preset.pipeline].default_output(source, preset)
    if source is None:
        output = (folder or Path()) / f"{name}{usual.suffix}"
        return Job(name, preset, source, output, in_folder=folder is not None)
    stem, _, suffix = usual.name.rpartition(".walk" if preset.pipeline == "walk" else ".dream")
    output = (folder or usual.parent) / f"{stem}.{name}{suffix}"
    return Job(name, preset, source, output, output_is_folder=not suffix, in_folder=folder is not None)
