"""A video file in, a dreamed video file out: the same frames, the same time, the same sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dreamvid.pipelines.embed import KEY, settings_json
from dreamvid.pipelines.finish import dream_size
from dreamvid.pipelines.loop import Dreamed, dream_scenes
from dreamvid.pipelines.masks import open_masks
from dreamvid.pipelines.outcome import Mute, Outcome
from dreamvid.pipelines.scenes import Clock, build_looks
from dreamvid.pipelines.targets import check_target
from dreamvid.preset import output_size

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.pipelines.machine import Machine
    from dreamvid.pipelines.outcome import MayReplace, Tell
    from dreamvid.preset import Preset
    from dreamvid.types import RGB


def dream_file(
    source: Path,
    output: Path | None,
    preset: Preset,
    machine: Machine,
    *,
    overwrite: MayReplace,
    tell: Tell | None = None,
) -> Outcome:
    """Dream a whole video.

    Parameters
    ----------
    source
        A video, an animation, or a folder of PNGs.
    output
        The file or folder to write; None is ``<name>.dream<suffix>`` beside the source.
    overwrite
        Asked when the output exists; its no is a ``WriteError``.

    Raises
    ------
    DreamvidError
        In one line; the source is untouched and nothing half-written is left.
    """
    from dreamvid.media.probe import probe  # noqa: PLC0415  PyAV loads only when media is touched
    from dreamvid.media.source import open_source  # noqa: PLC0415  the same
    from dreamvid.media.writer import check_output, default_output, open_writer  # noqa: PLC0415  the same

    tell = tell or Mute()
    media = probe(source, fps=preset.output.fps)
    size = output_size(media.video.size, preset.output)
    frames = open_source(
        source,
        start=preset.input.start,
        duration=preset.input.duration,
        size=None if size == media.video.size else size,
        fps=preset.output.fps,
        keep_going=machine.keep_going,
        notify=tell.notice,
    )
    info = frames.info
    masks = open_masks(preset, rate=media.video.rate, notify=tell.notice, keep_going=machine.keep_going)
    output = output or default_output(source, info=info, output=preset.output)
    folder = check_output(output, info=info, output=preset.output)
    replace_existing = check_target(output, source, overwrite, folder=folder)
    tell.start(info.frames, output.name)
    dreamed_size = dream_size(info.size, preset.output.dream_width) or info.size
    built = build_looks(preset, machine, Clock.of(info), info.size, notify=tell.notice)
    resolved = built.resolved(dreamed_size)
    writer = open_writer(
        output,
        info=info,
        output=preset.output,
        companion=source,
        start=preset.input.start,
        duration=preset.input.duration,
        metadata={KEY: settings_json(preset, source=source, resolved=resolved, files=built.files)},
        overwrite=replace_existing,
        notify=tell.notice,
    )
    first: list[tuple[RGB, RGB]] = []

    def on_frame(done: Dreamed) -> None:
        if machine.measure and not first:
            first.append((done.source, done.dreamed))
        tell.frame(done.index)

    report = dream_scenes(
        frames,
        built.looks,
        writer,
        detect_cuts=preset.stability.cuts and (built.carries or (masks is not None and masks.follows_motion)),
        masks=masks,
        on_frame=on_frame,
        notify=tell.notice,
    )
    gain = None
    if first:
        before, after = (built.first.dreamer.score(picture) for picture in first[0])
        gain = after / before if before > 0 else None
    return Outcome(
        source=source,
        output=output,
        frames=report.frames,
        seconds=report.seconds,
        size=info.size,
        resolved=resolved,
        stages=report.stages,
        dream_rms=report.dream_rms,
        objective_gain=gain,
    )
