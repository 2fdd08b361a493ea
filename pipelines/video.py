"""A video file in, a dreamed video file out: the same frames, the same time, the same sound."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from dreamvid.checkpoint.layout import OUTPUT, work_folder
from dreamvid.config.settings import output_size
from dreamvid.pipelines.build import build_dreamer, cadence_at, warn_unused_trip_fields
from dreamvid.pipelines.footage_loop import FootageLoop, LoopTimeline, LoopWriter, check_loop
from dreamvid.pipelines.frame_loop import DreamedFrame, FrameLoop, LoopState
from dreamvid.pipelines.masks import open_masks
from dreamvid.pipelines.memory import VIDEO_BYTES, WAITING_BYTES, check_memory
from dreamvid.pipelines.octave_limit import dreamed_size
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.output_path import check_target, split_frame_name
from dreamvid.pipelines.padded_dreamer import padded
from dreamvid.pipelines.panorama import described, is_panorama, resolve_projection
from dreamvid.pipelines.preview import PreviewEstimate, PreviewRequest, preview
from dreamvid.pipelines.provenance import (
    KEY,
    is_delivered,
    make_manifest,
    restore_begun_settings,
    settings_json,
)
from dreamvid.pipelines.purpose import for_purpose
from dreamvid.pipelines.result import RunResult
from dreamvid.pipelines.resume import OutputJob, run_resumable
from dreamvid.pipelines.scenes import VideoClock, load_timeline
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from fractions import Fraction
    from pathlib import Path

    from dreamvid.checkpoint.manifest import Manifest
    from dreamvid.config.preset import Preset
    from dreamvid.pipelines.masks import Masks
    from dreamvid.pipelines.scenes import BuildDreamer, Timeline
    from dreamvid.types import RGB, Frame, FrameWriter, SeekableSource, VideoInfo

_log = logging.getLogger(__name__)

_BYTES_CARRIED = 40
"""A pixel of what a scene hands on, in float32: source, dream, and detail that fades."""


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
    job = _open(source, output, preset, options)
    preset = job.preset
    warn_unused_trip_fields(preset)
    _warn_of_cadence(preset)
    unfinished = not options.fresh and work_folder(job.output).is_dir()
    confirm = (
        (lambda _: True) if unfinished else options.confirm_overwrite
    )  # asked below, once it is known what is there
    check_target(job.output, [source], confirm, folder=job.folder)
    clock, begun = VideoClock.of(job.info), restore_begun_settings(preset, job.output, fresh=options.fresh)
    begun = with_video_defaults(begun)
    build = padded(build) if is_panorama(preset) else build
    timeline = load_timeline(begun, options, clock, job.info.size, build, first_picture=job.first_picture)
    dreamed = dreamed_size(preset, job.info.size)
    resolved = timeline.resolved(dreamed)
    text = settings_json(preset, source=source, resolved=resolved, files=timeline.files)
    check = partial(check_target, job.output, [source], options.confirm_overwrite, folder=job.folder)
    delivered = unfinished and is_delivered(job.output, text, check)
    state = dreamed.height * dreamed.width * _BYTES_CARRIED if timeline.carries else 0
    task = OutputJob(job.output, job.manifest(text, timeline.files), state, delivered)
    return PreparedVideo(job, timeline, resolved, task, job.writer(text))


def _warn_of_cadence(preset: Preset) -> None:
    """Warn that a cadence does nothing where no detail is carried."""
    stability = preset.stability
    if stability.cadence != 1 and stability.steadiness == 0.0:
        _log.warning("cadence: a steadiness of 0 carries no detail, so every frame is dreamed")


def with_video_defaults(preset: Preset) -> Preset:
    """Return a preset with the defaults of videos where they differ from those of stills."""
    return preset.override({"ascent.variety": 0.0}) if preset.ascent.variety is None else preset


@dataclass(frozen=True, slots=True)
class PreparedVideo:
    """A dream that is ready to be made: everything is checked, the networks are loaded."""

    job: _VideoJob
    timeline: Timeline
    resolved: dict[str, object]
    task: OutputJob
    writer: FrameWriter

    def preview(self, count: int) -> PreviewEstimate:
        """Dream a few frames onto a sheet; see :func:`dreamvid.pipelines.preview.preview`."""
        job, pictures = self.job, self.task.manifest.pictures
        seconds = None if pictures.frames is None else pictures.frames / job.info.rate
        request = PreviewRequest(
            job.frames_from, self.timeline, job.masks, pictures, seconds, self.task.state_bytes
        )
        return preview(
            request, job.output, count, source=job.source, confirm_overwrite=job.options.confirm_overwrite
        )

    def run(self) -> RunResult:
        """Dream the whole; see :func:`dream_file`."""
        job, carries = self.job, self.timeline.carries
        first: list[DreamedFrame] = []

        def on_frame(frame: DreamedFrame) -> None:
            if not first:
                first.append(frame)
            job.options.progress.frame(frame.index)

        needs_cuts = carries or (job.masks is not None and job.masks.follows_motion)
        loop = FrameLoop(
            job.frames,
            self.timeline if job.loop is None else LoopTimeline.around(self.timeline, job.loop),
            job.masks,
            detect_cuts=needs_cuts and job.preset.stability.cuts,
            stores_carries=carries,
            on_frame=on_frame,
        )
        encoded = run_resumable(self.task, loop, self.writer, job.options)
        state = LoopState.from_values(encoded.values)
        if job.preset.stability.cadence == "auto":
            _log.warning("cadence auto: %d dreams for %d frames", state.dreamed, state.frames)
        return RunResult(
            source=job.source,
            output=job.output,
            frames=encoded.frames if job.loop is None else job.loop.frames,
            seconds=state.seconds + encoded.encoding,
            size=job.info.size,
            resolved=self.resolved,
            stages={**loop.stages, "final": encoded.encoding},
            dream_rms=state.dream_rms,
            objective_gain=self._gain(first[0]) if first and job.options.measure else None,
            resumed_at=encoded.resumed_at,
        )

    def _gain(self, frame: DreamedFrame) -> float | None:
        """Return the ratio of the objective's score after and before dreaming."""
        dreamer = self.timeline.scenes[0].loaded.dreamer
        before, after = (dreamer.score(picture) for picture in (frame.source, frame.dreamed))
        return after / before if before > 0 else None


@dataclass(frozen=True, slots=True)
class _VideoJob:
    """What is read, and what it becomes: everything that is known before a network is loaded."""

    source: Path
    output: Path
    folder: bool
    preset: Preset
    options: RunOptions
    frames: SeekableSource
    masks: Masks | None

    @property
    def info(self) -> VideoInfo:
        """Of the frames that are written."""
        info = self.frames.info if self.loop is None else self.loop.loop_info
        return described(self.preset, info)

    @property
    def loop(self) -> FootageLoop | None:
        """The footage, where it becomes a loop."""
        return self.frames if isinstance(self.frames, FootageLoop) else None

    def first_picture(self) -> RGB:
        """Return the first frame in the source's own size, ``[H, W, 3]``, so that it is the same whatever is made."""
        from dreamvid.media.input.source import open_source  # noqa: PLC0415  PyAV loads only when media is touched

        start, keep_going = self.preset.input.start, self.options.keep_going
        return next(iter(open_source(self.source, start=start, keep_going=keep_going))).rgb

    def frames_from(self, time: Fraction) -> Iterator[Frame]:
        """Yield the frames from about a time on (seconds), found by seeking."""
        from dreamvid.media.input.source import open_source  # noqa: PLC0415  PyAV loads only when media is touched

        start = self.preset.input.start + time
        frames = open_source(
            self.source,
            start=start,
            size=self.info.size,
            fps=self.preset.output.fps,
            keep_going=self.options.keep_going,
        )
        first = int(time * self.info.rate)
        for frame in frames:
            yield replace(frame, index=first + frame.index, pts=time + frame.pts)

    def writer(self, text: str) -> FrameWriter:
        """Return what writes the output; that it may be replaced has been found out before."""
        from dreamvid.media.output.writer import open_writer  # noqa: PLC0415  PyAV loads only when media is touched

        start, duration = self.preset.input.start, self.preset.input.duration
        if self.loop is not None:
            start, duration = start + self.loop.fade / self.info.rate, self.loop.loop_info.duration
        writer = open_writer(
            self.output,
            info=self.info,
            output=self.preset.output,
            streams_from=self.source,
            start=start,
            duration=duration,
            metadata={KEY: text},
            overwrite=True,
            part=work_folder(self.output) / OUTPUT,
            folder=self.folder,
        )
        return writer if self.loop is None else LoopWriter(writer, self.loop)

    def manifest(self, text: str, files: Mapping[str, Path]) -> Manifest:
        """Return what is to be made, for its work directory."""
        from dreamvid.media.output.writer import chunk_bits  # noqa: PLC0415  PyAV loads only when media is touched

        bits = chunk_bits(self.output, info=self.info, output=self.preset.output, folder=self.folder)
        inputs = (self.source, *files.values())
        dreamed = self.info if self.loop is None else self.loop.info
        return make_manifest(
            text, output=self.output, inputs=inputs, info=dreamed, bits=bits, command=self.options.command
        )


def _waiting_frames(preset: Preset, rate: Fraction) -> int:
    """Return how many frames wait for the next dreamed one, at most."""
    return max(cadence_at(scene.preset.stability.cadence, rate) for scene in preset.in_scenes()) - 1


def _open(source: Path, output: Path | None, preset: Preset, options: RunOptions) -> _VideoJob:
    """Open the input, and find out what its dream will be."""
    from dreamvid.media.input.probe import probe  # noqa: PLC0415  PyAV loads only when media is touched
    from dreamvid.media.input.source import open_source  # noqa: PLC0415  the same
    from dreamvid.media.output.writer import check_output, default_output  # noqa: PLC0415  the same

    output, preset, options = split_frame_name(output, preset, options)
    media = probe(source, fps=preset.output.fps)
    preset = for_purpose(preset, output, media.video)
    duration = preset.input.duration
    if preset.input.loop:
        preset = check_loop(preset, media.video, has_sound=bool(media.audio))
        duration = None if duration is None else duration + preset.input.crossfade
    size = output_size(media.video.size, preset.output)
    check_memory(source.name, size, VIDEO_BYTES + WAITING_BYTES * _waiting_frames(preset, media.video.rate))
    frames = open_source(
        source,
        start=preset.input.start,
        duration=duration,
        size=None if size == media.video.size else size,
        fps=preset.output.fps,
        keep_going=options.keep_going,
    )
    preset = resolve_projection(preset, printable(source.name), media.video.spherical)
    looped = FootageLoop.of(frames, preset, printable(source.name)) if preset.input.loop else None
    masks = open_masks(preset, rate=media.video.rate, keep_going=options.keep_going)
    output = output or default_output(source, info=frames.info, output=preset.output)
    folder = check_output(output, info=frames.info, output=preset.output, folder=options.output_is_folder)
    return _VideoJob(source, output, folder, preset, options, looped or frames, masks)
