"""A video file in, a dreamed video file out: the same frames, the same time, the same sound."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dreamvid.checkpoint.layout import OUTPUT, work_folder
from dreamvid.pipelines.build import build_dreamer, warn_unused_trip_fields
from dreamvid.pipelines.loop_state import LoopState
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.output_path import check_target
from dreamvid.pipelines.plan.plan import has_plan
from dreamvid.pipelines.plan.run import dream_on_devices
from dreamvid.pipelines.preview import PreviewEstimate, PreviewRequest, preview
from dreamvid.pipelines.provenance import is_delivered, restore_begun_settings
from dreamvid.pipelines.result import RunResult
from dreamvid.pipelines.resume import OutputJob, run_resumable
from dreamvid.pipelines.video_job import LoadedVideo, load_video, open_video_job

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.config.preset import Preset
    from dreamvid.pipelines.frame_loop import DreamedFrame
    from dreamvid.pipelines.scenes import BuildDreamer

_log = logging.getLogger(__name__)


def dream_file(
    source: Path,
    output: Path | None,
    preset: Preset,
    options: RunOptions = RunOptions(),
    *,
    build: BuildDreamer = build_dreamer,
) -> RunResult:
    """Dream a whole video; go on where an earlier run of the same dream was cut off.

    Parameters
    ----------
    source
        A video, an animation, or a folder of pictures.
    output
        The file or folder to write; None is ``<name>.dream<suffix>`` beside the source.
    build
        Returns the dreamer of a scene.

    Raises
    ------
    DreamvidError
        In one line; the source is untouched, and nothing is left but whole chunks to go on from.
    KeyboardInterrupt
        Where the run was asked to stop; its text says how to go on.
    """
    return prepare(source, output, preset, options, build=build).run()


def prepare(
    source: Path,
    output: Path | None,
    preset: Preset,
    options: RunOptions = RunOptions(),
    *,
    build: BuildDreamer = build_dreamer,
) -> PreparedVideo:
    """Check and load all that a dream needs, and write nothing; see :func:`dream_file`."""
    job = open_video_job(source, output, preset, options)
    preset = job.preset
    warn_unused_trip_fields(preset)
    _warn_of_cadence(preset)
    unfinished = not options.fresh and work_folder(job.output).is_dir()
    confirm = (
        (lambda _: True) if unfinished else options.confirm_overwrite
    )  # asked below, once it is known what is there
    check_target(job.output, [source], confirm, folder=job.folder)
    video = load_video(job, restore_begun_settings(job.preset, job.output, fresh=options.fresh), build)
    check = partial(check_target, job.output, [source], options.confirm_overwrite, folder=job.folder)
    delivered = unfinished and is_delivered(job.output, video.text, check)
    return PreparedVideo(
        video, OutputJob(job.output, video.manifest(), video.state_bytes, delivered, video.signals)
    )


def _warn_of_cadence(preset: Preset) -> None:
    """Warn that a cadence does nothing where no detail is carried."""
    stability = preset.stability
    if stability.cadence != 1 and stability.steadiness == 0.0:
        _log.warning("cadence: a steadiness of 0 carries no detail, so every frame is dreamed")


@dataclass(frozen=True, slots=True)
class PreparedVideo:
    """A dream that is ready to be made: everything is checked, the networks are loaded."""

    video: LoadedVideo
    task: OutputJob

    def preview(self, count: int) -> PreviewEstimate:
        """Dream a few frames onto a sheet; see :func:`dreamvid.pipelines.preview.preview`."""
        job, pictures = self.video.job, self.task.manifest.pictures
        seconds = None if pictures.frames is None else pictures.frames / job.info.rate
        request = PreviewRequest(
            job.frames_from, self.video.timeline, job.masks, pictures, seconds, self.task.state_bytes
        )
        return preview(
            request, job.output, count, source=job.source, confirm_overwrite=job.options.confirm_overwrite
        )

    def run(self) -> RunResult:
        """Dream the whole; see :func:`dream_file`."""
        job = self.video.job
        folder = work_folder(job.output)
        options = job.options
        shared = options.devices or options.cluster or options.in_parts
        if shared or (has_plan(folder) and not options.fresh):
            return dream_on_devices(self.video, folder, delivered=self.task.delivered)
        first: list[DreamedFrame] = []

        def on_frame(frame: DreamedFrame) -> None:
            if not first:
                first.append(frame)
            job.options.progress.frame(frame.index)

        loop = self.video.frame_loop(on_frame)
        writer = job.writer(self.video.text, folder / OUTPUT)
        encoded = run_resumable(self.task, loop, writer, job.options)
        state = LoopState.from_values(encoded.values)
        if job.preset.stability.cadence == "auto":
            _log.warning("cadence auto: %d dreams for %d frames", state.dreamed, state.frames)
        return RunResult(
            source=job.source,
            output=job.output,
            frames=encoded.frames if job.loop is None else job.loop.frames,
            seconds=state.seconds + encoded.encoding,
            size=job.info.size,
            resolved=self.video.resolved,
            stages={**loop.stages, "final": encoded.encoding},
            dream_rms=state.dream_rms,
            objective_gain=self._gain(first[0]) if first and job.options.measure else None,
            resumed_at=encoded.resumed_at,
        )

    def _gain(self, frame: DreamedFrame) -> float | None:
        """Return the ratio of the objective's score after and before dreaming."""
        dreamer = self.video.timeline.scenes[0].loaded.dreamer
        before, after = (dreamer.score(picture) for picture in (frame.source, frame.dreamed))
        return after / before if before > 0 else None
