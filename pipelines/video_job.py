"""A video that is to be dreamed: what is read, what it becomes, and the networks that make it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dreamvid.config.settings import output_size
from dreamvid.pipelines.build import cadence_at
from dreamvid.pipelines.footage_loop import KEPT_BYTES, FootageLoop, LoopTimeline, LoopWriter, check_loop
from dreamvid.pipelines.frame_loop import DreamedFrame, FrameLoop
from dreamvid.pipelines.masks import open_masks
from dreamvid.pipelines.memory import VIDEO_BYTES, WAITING_BYTES, check_memory
from dreamvid.pipelines.octave_limit import dreamed_size
from dreamvid.pipelines.output_path import split_frame_name
from dreamvid.pipelines.padded_dreamer import padded
from dreamvid.pipelines.panorama import described, is_panorama, resolve_projection
from dreamvid.pipelines.provenance import KEY, make_manifest, settings_json
from dreamvid.pipelines.purpose import for_purpose
from dreamvid.pipelines.renewal import Renewal
from dreamvid.pipelines.scenes import VideoClock, load_timeline
from dreamvid.pipelines.signals import Clip, open_signals, signal_files
from dreamvid.pipelines.tempo import Music, in_tempo
from dreamvid.schedule.lengths import known_seconds
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from fractions import Fraction
    from pathlib import Path

    from dreamvid.checkpoint.manifest import Manifest
    from dreamvid.config.preset import Preset
    from dreamvid.pipelines.masks import Masks
    from dreamvid.pipelines.options import RunOptions
    from dreamvid.pipelines.scenes import BuildDreamer, Timeline
    from dreamvid.pipelines.signals import SignalCurves
    from dreamvid.types import RGB, Frame, FrameWriter, SeekableSource, VideoInfo

_log = logging.getLogger(__name__)

_BYTES_CARRIED = 40
"""A pixel of what a scene hands on, in float32: source, dream, and detail that fades."""


@dataclass(frozen=True, slots=True)
class VideoJob:
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

    def signals(self) -> SignalCurves:
        """Return the signals of the preset, measured of this video where they are of the clip."""
        start = self.preset.input.start
        clip = Clip(self.frames, self.masks, self.source, start, self.info)
        if self.loop is not None:
            clip = clip._replace(
                frames=self.loop.frames_of_loop(), start=start + self.loop.fade / self.info.rate
            )
        return open_signals(
            self.preset,
            rate=self.info.rate,
            duration=self.info.duration,
            clip=clip,
            output=self.output,
            keep_going=self.options.keep_going,
        )

    def writer(self, text: str, part: Path | None = None) -> FrameWriter:
        """Return what writes the output; that it may be replaced has been found out before.

        ``text`` are the embedded settings; ``part`` is where it is written first, by default beside the output.
        """
        from dreamvid.media.output.writer import open_writer  # noqa: PLC0415  PyAV loads only when media is touched

        start, duration = self.preset.input.start, known_seconds(self.preset.input.duration)
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
            part=part,
            folder=self.folder,
        )
        return writer if self.loop is None else LoopWriter(writer, self.loop)


@dataclass(frozen=True, slots=True)
class LoadedVideo:
    """A video whose networks are loaded and whose settings are checked.

    ``resolved`` is what ``auto`` became, ``text`` are the settings to embed, ``files`` what it is made from beside
    the video, and ``signals`` what was measured of pictures, as the content of a file of the work folder.
    """

    job: VideoJob
    timeline: Timeline
    resolved: dict[str, object]
    text: str
    files: dict[str, Path]
    signals: bytes = b""

    @property
    def finds_cuts(self) -> bool:
        """Whether it matters where shots begin."""
        job = self.job
        needs_cuts = self.timeline.carries or (job.masks is not None and job.masks.follows_motion)
        return needs_cuts and job.preset.stability.cuts

    @property
    def renewal(self) -> Renewal | None:
        """Where in a shot the dream is grown anew."""
        renew = self.job.preset.stability.renew
        return Renewal.of(renew, self.job.info.rate) if self.timeline.carries else None

    @property
    def state_bytes(self) -> int:
        """Approximate size of a checkpoint's state."""
        if not self.timeline.carries:
            return 0
        size = dreamed_size(self.job.preset, self.job.info.size)
        return size.height * size.width * _BYTES_CARRIED * (2 if self.renewal else 1)

    def manifest(self) -> Manifest:
        """Return what is to be made, for its work folder."""
        from dreamvid.media.output.writer import chunk_bits  # noqa: PLC0415  PyAV loads only when media is touched

        job = self.job
        bits = chunk_bits(job.output, info=job.info, output=job.preset.output, folder=job.folder)
        inputs = (job.source, *self.files.values())
        return make_manifest(
            self.text,
            output=job.output,
            inputs=inputs,
            info=job.info if job.loop is None else job.loop.info,
            bits=bits,
            command=job.options.command,
        )

    def frame_loop(self, on_frame: Callable[[DreamedFrame], None], end: int | None = None) -> FrameLoop:
        """Return what makes the frames, up to ``end`` (an index; None is the end of the video)."""
        loop = self.job.loop
        return FrameLoop(
            self.job.frames,
            self.timeline if loop is None else LoopTimeline.around(self.timeline, loop),
            self.job.masks,
            detect_cuts=self.finds_cuts,
            renewal=self.renewal,
            end=end,
            stores_carries=self.timeline.carries,
            on_frame=on_frame,
        )


def with_video_defaults(preset: Preset) -> Preset:
    """Return a preset with the defaults of videos where they differ from those of stills."""
    return preset.override({"ascent.variety": 0.0}) if preset.ascent.variety is None else preset


def load_video(job: VideoJob, preset: Preset, build: BuildDreamer) -> LoadedVideo:
    """Load the networks of a video and check all settings.

    ``preset`` is the job's, with what ``auto`` is known to become. Errors are those of
    :func:`dreamvid.pipelines.scenes.load_timeline`.
    """
    settings = with_video_defaults(preset)
    build = padded(build) if is_panorama(preset) else build
    info = job.info
    signals = job.signals()
    clock = VideoClock.of(info, signals.over(None), job.preset.tempo.grid)
    timeline = load_timeline(settings, job.options, clock, info.size, build, first_picture=job.first_picture)
    files = {**timeline.files, **signal_files(job.preset)}
    resolved = timeline.resolved(dreamed_size(job.preset, info.size))
    text = settings_json(job.preset, source=job.source, resolved=resolved, files=files)
    return LoadedVideo(job, timeline, resolved, text, files, signals.kept)


def _waiting_frames(preset: Preset, rate: Fraction) -> int:
    """Return how many frames wait for the next dreamed one, at most."""
    return max(cadence_at(scene.preset.stability.cadence, rate) for scene in preset.in_scenes()) - 1


def _warn_of_missing_bars(preset: Preset, info: VideoInfo) -> None:
    """Warn of a video that ends before the bars that are asked for."""
    duration = known_seconds(preset.input.duration)
    if preset.tempo.bars is None or preset.input.loop or duration is None or info.duration is None:
        return
    if info.duration < duration - 1 / info.rate:
        _log.warning(
            "tempo.bars: %d bars last %.2f s, and the video only %.2f s from there on",
            preset.tempo.bars,
            float(duration),
            float(info.duration),
        )


def open_video_job(source: Path, output: Path | None, preset: Preset, options: RunOptions) -> VideoJob:
    """Open the input, and find out what its dream will be."""
    from dreamvid.media.input.probe import probe  # noqa: PLC0415  PyAV loads only when media is touched
    from dreamvid.media.input.source import open_source  # noqa: PLC0415  the same
    from dreamvid.media.output.writer import check_output, default_output  # noqa: PLC0415  the same

    output, preset, options = split_frame_name(output, preset, options)
    media = probe(source, fps=preset.output.fps)
    preset = for_purpose(preset, output, media.video)
    listened = preset.input.start + (preset.input.crossfade if preset.input.loop else 0)
    preset = in_tempo(
        preset, preset.output.fps or media.video.rate, "input.duration", Music(source, listened)
    )
    duration = known_seconds(preset.input.duration)
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
    _warn_of_missing_bars(preset, frames.info)
    preset = resolve_projection(preset, printable(source.name), media.video.spherical)
    looped = FootageLoop.of(frames, preset, printable(source.name)) if preset.input.loop else None
    if looped is not None:
        check_memory(source.name, size, VIDEO_BYTES + KEPT_BYTES * looped.fade)
    masks = open_masks(preset, rate=media.video.rate, keep_going=options.keep_going)
    output = output or default_output(source, info=frames.info, output=preset.output)
    folder = check_output(output, info=frames.info, output=preset.output, folder=options.output_is_folder)
    return VideoJob(source, output, folder, preset, options, looped or frames, masks)
