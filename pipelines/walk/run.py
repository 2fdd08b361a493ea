"""Run a latent walk: make its film from the generator's pictures, plain or dreamed."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from dreamvid.checkpoint.layout import State, work_folder
from dreamvid.config.fields import named_files
from dreamvid.pipelines.build import build_dreamer, load_generator, warn_unused_trip_fields
from dreamvid.pipelines.footage_loop import LoopTimeline, LoopWriter
from dreamvid.pipelines.frame_loop import FrameLoop
from dreamvid.pipelines.generated_film import make_film_job, open_film_writer
from dreamvid.pipelines.loop_state import LoopState
from dreamvid.pipelines.masks import open_masks
from dreamvid.pipelines.music import music_of, soundtrack
from dreamvid.pipelines.octave_limit import dreamed_size
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.output_path import check_target, split_frame_name
from dreamvid.pipelines.provenance import (
    is_delivered,
    restore_begun_settings,
    settings_json,
)
from dreamvid.pipelines.purpose import for_purpose
from dreamvid.pipelines.result import RunResult
from dreamvid.pipelines.resume import run_resumable
from dreamvid.pipelines.scenes import VideoClock, load_timeline
from dreamvid.pipelines.signals import open_signals, signal_files
from dreamvid.pipelines.tempo import in_tempo
from dreamvid.pipelines.walk.course import plan_course
from dreamvid.pipelines.walk.plan import DEFAULT_FPS, default_output, generator_file, plan_walk
from dreamvid.pipelines.walk.source import WalkSource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from dreamvid.config.preset import Preset
    from dreamvid.pipelines.options import StopRequested
    from dreamvid.pipelines.resume import FrameProducer, FrameSink, ResumePoint
    from dreamvid.pipelines.scenes import BuildDreamer
    from dreamvid.pipelines.walk.plan import WalkPlan
    from dreamvid.pipelines.walk.source import Generator

    LoadGenerator = Callable[[Path, RunOptions], Generator]

_CARRIED_BYTES = 40
"""A pixel of what a scene hands on, in float32: source, dream, and detail that fades."""


def run_walk(
    output: Path | None,
    preset: Preset,
    options: RunOptions = RunOptions(),
    *,
    build: BuildDreamer = build_dreamer,
    load: LoadGenerator = load_generator,
) -> RunResult:
    """Make a latent walk, or resume an earlier run of the same walk.

    Parameters
    ----------
    output
        The file or folder to write; None is ``<name>.walk.mp4`` beside the generator.
    preset
        ``walk`` says what is made; where ``walk.dream`` is set, all else says how it is dreamed, as a video is.
    build, load
        Return the dreamer of a scene, and the generator in a file.

    Raises
    ------
    DreamvidError
        In one line; nothing is left but whole chunks to resume from.
    KeyboardInterrupt
        If the run was asked to stop; its text says how to resume.
    """
    from dreamvid.media.output.writer import check_output  # noqa: PLC0415  PyAV loads only when media is touched

    started = time.perf_counter()
    output, preset, options = split_frame_name(output, preset, options)
    preset = for_purpose(preset, output, None)
    generator = generator_file(preset)
    output = output or default_output(generator, preset.output)
    preset = in_tempo(preset, preset.output.fps or DEFAULT_FPS, "walk.duration", music_of(preset.walk))
    plan = plan_walk(preset, load(generator, options))
    folder = check_output(output, info=plan.info, output=preset.output, folder=options.output_is_folder)
    files = {**dict(named_files(preset.walk)), **signal_files(preset), "generator": generator}
    check = partial(check_target, output, list(files.values()), folder=folder)
    unfinished = not options.fresh and work_folder(output).is_dir()
    # Beside unfinished work the output may be this very walk, complete: whether to replace it is asked below.
    check((lambda _: True) if unfinished else options.confirm_overwrite)
    with soundtrack(plan.preset.walk, plan.duration, plan.info.rate) as music:
        signals = open_signals(preset, rate=plan.info.rate, duration=plan.duration, output=output)
        clock = VideoClock(
            plan.info.rate,
            plan.duration,
            signals.over(None if music is None else music.signals),
            preset.tempo.grid,
        )
        film = _open_film(plan, clock, output, options, build)
        files = {**film.files, **files}
        text = settings_json(preset, source=None, resolved=film.resolved, files=files)
        delivered = unfinished and is_delivered(output, text, partial(check, options.confirm_overwrite))
        job = make_film_job(
            output,
            text,
            files.values(),
            info=plan.info,
            made=plan.dreamed_info,
            settings=preset.output,
            command=options.command,
            state_bytes=film.state_bytes,
            folder=folder,
            delivered=delivered,
        )
        writer = open_film_writer(
            output, text, music, info=plan.info, frames=plan.frames, settings=preset.output, folder=folder
        )
        if plan.fade:
            writer = LoopWriter(writer, film.source)
        result = run_resumable(replace(job, signals=signals.kept), film.produce, writer, options)
    return RunResult(
        source=generator,
        output=output,
        frames=plan.frames,
        seconds=time.perf_counter() - started,
        size=plan.info.size,
        resolved=film.resolved,
        stages={**film.stages, "final": result.encoding},
        dream_rms=LoopState.from_values(result.values).dream_rms,
        resumed_at=result.resumed_at,
        verb="dreamed" if preset.walk.dream else "walked",
    )


@dataclass(frozen=True, slots=True)
class _Film:
    """What makes the frames; ``stages`` are filled by it, ``state_bytes`` is the size of a checkpoint."""

    source: WalkSource
    produce: FrameProducer
    stages: Mapping[str, float]
    resolved: dict[str, object] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    state_bytes: int = 0


def _open_film(
    plan: WalkPlan, clock: VideoClock, output: Path, options: RunOptions, build: BuildDreamer
) -> _Film:
    """Return the film of a walk; loads all that its dreams need."""
    course = plan_course(plan.preset.walk, clock, plan.frames)
    source = WalkSource(plan.generator, plan.path, course, plan.dreamed_info, plan.fade)
    if not plan.preset.walk.dream:
        frames = _PlainFrames(source, options)
        return _Film(source, frames, frames.stages)
    warn_unused_trip_fields(plan.preset)
    masks = open_masks(plan.preset, rate=plan.info.rate, keep_going=options.keep_going)
    timeline = load_timeline(
        restore_begun_settings(plan.preset, output, fresh=options.fresh),
        options,
        clock,
        plan.info.size,
        build,
        first_picture=lambda: source.frame(plan.fade).rgb,
    )
    dreamed = dreamed_size(plan.preset, plan.info.size)
    loop = FrameLoop(
        source,
        LoopTimeline.around(timeline, source) if plan.fade else timeline,
        masks,
        stores_carries=timeline.carries,
        on_frame=lambda frame: options.progress.frame(frame.index),
    )
    state_bytes = _CARRIED_BYTES * dreamed.height * dreamed.width * timeline.carries
    return _Film(source, loop, loop.stages, timeline.resolved(dreamed), timeline.files, state_bytes)


class _PlainFrames:
    """A :class:`dreamvid.pipelines.resume.FrameProducer` of a walk that is not dreamed."""

    def __init__(self, source: WalkSource, options: RunOptions) -> None:
        self.stages = {"generate": 0.0}
        self._source = source
        self._options = options

    def __call__(self, begin: ResumePoint, write: FrameSink, stop_requested: StopRequested) -> None:
        since = time.perf_counter()
        for frame in self._source.from_frame(begin.frame):
            self.stages["generate"] += time.perf_counter() - since
            write(frame, State)
            self._options.progress.frame(frame.index)
            if stop_requested():
                return
            since = time.perf_counter()
