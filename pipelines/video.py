"""A video file in, a dreamed video file out: the same frames, the same time, the same sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dreamvid.errors import DreamvidError
from dreamvid.limits import VIDEO_BYTES
from dreamvid.pipelines.embed import KEY, read_settings, settings_json
from dreamvid.pipelines.film import Film
from dreamvid.pipelines.finish import dream_size
from dreamvid.pipelines.identity import as_begun, describe
from dreamvid.pipelines.keep import Task, make_output
from dreamvid.pipelines.keeping import Keeping
from dreamvid.pipelines.masks import open_masks
from dreamvid.pipelines.outcome import Mute, Outcome
from dreamvid.pipelines.position import Position
from dreamvid.pipelines.scenes import Clock, build_looks
from dreamvid.pipelines.targets import check_target
from dreamvid.preset import output_size
from dreamvid.work.layout import work_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dreamvid.pipelines.keep import Kept
    from dreamvid.pipelines.machine import Machine
    from dreamvid.pipelines.masks import Masks
    from dreamvid.pipelines.outcome import MayReplace, Tell
    from dreamvid.preset import Preset
    from dreamvid.types import FrameWriter, LateSource, VideoInfo
    from dreamvid.work.manifest import Manifest

_BYTES_CARRIED = 24
"""A pixel of what a scene hands on: source and dream in float32."""


def dream_file(
    source: Path,
    output: Path | None,
    preset: Preset,
    machine: Machine,
    *,
    overwrite: MayReplace,
    keeping: Keeping | None = None,
    tell: Tell | None = None,
) -> Outcome:
    """Dream a whole video; go on where an earlier run of the same dream was cut off.

    Parameters
    ----------
    source
        A video, an animation, or a folder of PNGs.
    output
        The file or folder to write; None is ``<name>.dream<suffix>`` beside the source.
    overwrite
        Asked when the output exists; its no is a ``WriteError``.
    keeping
        What becomes of unfinished work; see :mod:`dreamvid.pipelines.keep`.

    Raises
    ------
    DreamvidError
        In one line; the source is untouched, and nothing is left but whole chunks to go on from.
    KeyboardInterrupt
        Where the run was asked to stop; its text says how to go on.
    """
    tell, keeping = tell or Mute(), keeping or Keeping()
    job = _open(source, output, preset, machine, tell)
    unfinished = not keeping.fresh and work_folder(job.output).is_dir()
    may_replace = (lambda _: True) if unfinished else overwrite  # asked below, once it is known what is there
    check_target(job.output, source, may_replace, folder=job.folder)
    clock, begun = Clock.of(job.info), as_begun(preset, job.output, keeping)
    built = build_looks(begun, machine, clock, job.info.size, notify=tell.notice)
    dreamed_size = dream_size(job.info.size, preset.output.dream_width) or job.info.size
    resolved = built.resolved(dreamed_size)
    text = settings_json(preset, source=source, resolved=resolved, files=built.files)
    delivered = unfinished and _is_delivered(job.output, text)
    if unfinished and not delivered:
        check_target(job.output, source, overwrite, folder=job.folder)
    film = Film(job.frames, built, job.masks, preset.stability.cuts, machine.measure, tell)
    state = dreamed_size.height * dreamed_size.width * _BYTES_CARRIED if built.carries else 0
    task = Task(job.output, job.manifest(text, built.files, keeping), state, delivered)
    kept = make_output(task, film, job.writer(text, tell), keeping, tell)
    return _outcome(job, kept, film, resolved)


@dataclass(frozen=True, slots=True)
class _Job:
    """What is read, and what it becomes: everything that is known before a network is loaded."""

    source: Path
    output: Path
    folder: bool
    preset: Preset
    frames: LateSource
    masks: Masks | None

    @property
    def info(self) -> VideoInfo:
        """Of the frames as they are dreamed."""
        return self.frames.info

    def writer(self, text: str, tell: Tell) -> FrameWriter:
        """Return what writes the output; that it may be replaced has been found out before."""
        from dreamvid.media.writer import open_writer  # noqa: PLC0415  PyAV loads only when media is touched

        return open_writer(
            self.output,
            info=self.info,
            output=self.preset.output,
            companion=self.source,
            start=self.preset.input.start,
            duration=self.preset.input.duration,
            metadata={KEY: text},
            overwrite=True,
            notify=tell.notice,
        )

    def manifest(self, text: str, files: Mapping[str, Path], keeping: Keeping) -> Manifest:
        """Return what is to be made, for its work directory."""
        from dreamvid.media.writer import chunk_bits  # noqa: PLC0415  PyAV loads only when media is touched

        bits = chunk_bits(self.output, info=self.info, output=self.preset.output)
        inputs = (self.source, *files.values())
        return describe(
            text, output=self.output, inputs=inputs, info=self.info, bits=bits, command=keeping.command
        )


def _open(source: Path, output: Path | None, preset: Preset, machine: Machine, tell: Tell) -> _Job:
    """Open the input, and find out what its dream will be."""
    from dreamvid.media.probe import probe  # noqa: PLC0415  PyAV loads only when media is touched
    from dreamvid.media.source import open_source  # noqa: PLC0415  the same
    from dreamvid.media.writer import check_output, default_output  # noqa: PLC0415  the same

    media = probe(source, fps=preset.output.fps, limits=machine.limits)
    size = output_size(media.video.size, preset.output)
    machine.limits.check_memory(source.name, size, VIDEO_BYTES)
    frames = open_source(
        source,
        start=preset.input.start,
        duration=preset.input.duration,
        size=None if size == media.video.size else size,
        fps=preset.output.fps,
        keep_going=machine.keep_going,
        limits=machine.limits,
        notify=tell.notice,
    )
    masks = open_masks(preset, rate=media.video.rate, notify=tell.notice, machine=machine)
    output = output or default_output(source, info=frames.info, output=preset.output)
    folder = check_output(output, info=frames.info, output=preset.output)
    return _Job(source, output, folder, preset, frames, masks)


def _is_delivered(output: Path, text: str) -> bool:
    """Return whether the output is in place already: a run was killed between renaming it and tidying up.

    Outputs get their name only when they are whole; the embedded text tells this one from others.
    """
    try:
        return output.exists() and read_settings(output) == text
    except DreamvidError:
        return False


def _outcome(job: _Job, kept: Kept, film: Film, resolved: dict[str, object]) -> Outcome:
    last = Position.from_values(kept.values)
    return Outcome(
        source=job.source,
        output=job.output,
        frames=kept.frames,
        seconds=last.seconds + kept.encoding,
        size=job.info.size,
        resolved=resolved,
        stages={**film.stages, "final": kept.encoding},
        dream_rms=last.dream_rms,
        objective_gain=film.gain(),
        resumed_at=kept.resumed_at,
    )
