"""Make the plan of a dream: find the shots of the video, once, and divide it into parts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dreamvid.checkpoint.disk_space import check_room, room_needed
from dreamvid.checkpoint.layout import SIGNALS, work_folder, write_file
from dreamvid.checkpoint.store import open_store, read_manifest
from dreamvid.errors import WorkError
from dreamvid.pipelines.build import build_dreamer
from dreamvid.pipelines.frame_loop import LEAD_IN
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.plan.division import divide
from dreamvid.pipelines.plan.plan import Plan, has_plan, read_plan, threads_of, usable_cores, with_threads
from dreamvid.pipelines.progress import NullProgress
from dreamvid.pipelines.provenance import pin_precision
from dreamvid.pipelines.resume import lossless
from dreamvid.pipelines.threads import prefetch
from dreamvid.pipelines.video_job import load_video, open_video_job
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction
    from pathlib import Path

    from dreamvid.checkpoint.manifest import Manifest
    from dreamvid.checkpoint.store import Store
    from dreamvid.config.preset import Preset
    from dreamvid.pipelines.scenes import BuildDreamer
    from dreamvid.pipelines.video_job import LoadedVideo
    from dreamvid.types import RGB


def make_plan(
    source: Path,
    folder: Path | None,
    preset: Preset,
    options: RunOptions = RunOptions(),
    *,
    output: Path | None = None,
    build: BuildDreamer = build_dreamer,
) -> Plan:
    """Divide a video into parts, and write down what and how they are dreamed.

    Parameters
    ----------
    source, preset
        As for :func:`dreamvid.pipelines.video.dream_file`.
    folder
        Where the plan goes; None is the work folder of the output, so that running that goes on with it.
    output
        The file or folder that the parts are joined to; None is ``<name>.dream<suffix>`` beside the source.

    Raises
    ------
    DreamvidError
        In one line; a plan that is there and fits is left as it is.
    """
    if output is None:  # that the plan is a folder says nothing of the output
        options = replace(options, output_is_folder=False)
    job = open_video_job(source, output, preset, options)
    folder = work_folder(job.output) if folder is None else folder
    begun = None if options.fresh else read_manifest(folder)
    video = load_video(job, job.preset if begun is None else pin_precision(job.preset, begun), build)
    plan, store = open_plan(folder, video)
    store.release()
    return plan


def open_plan(folder: Path, video: LoadedVideo) -> tuple[Plan, Store]:
    """Make the plan of a video in a work folder, or open the one that is there; its lock is held with the store.

    Raises
    ------
    WorkError
        Where the folder holds work of other settings, or work that was begun without a plan, or is no work folder.
    BusyError
        Where another run shares out or joins its parts.
    WriteError
        Where it cannot be written, or the disk lacks room.
    """
    options = video.job.options
    begun = None if options.fresh else read_manifest(folder)
    threads = options.threads or (begun and threads_of(begun)) or usable_cores()
    manifest = with_threads(video.manifest(), threads)
    store = open_store(folder, manifest, lossless, fresh=options.fresh)
    try:
        if video.signals:
            write_file(folder / SIGNALS, video.signals)
        if not store.records:
            plan = read_plan(folder) if has_plan(folder) else _make_plan(folder, video, store.manifest)
            return plan, store
    except BaseException:
        store.release() if has_plan(folder) else store.remove()
        raise
    store.release()
    raise WorkError(
        f"{printable(folder)} holds work that was begun on one device; go on with it so, or discard it: --fresh"
    )


def _make_plan(folder: Path, video: LoadedVideo, manifest: Manifest) -> Plan:
    job = video.job
    check_room(
        folder.parent, room_needed(manifest.pictures, manifest.pictures.frames, state=video.state_bytes)
    )
    times: list[Fraction] = []
    shots: list[int] = []
    progress = (
        NullProgress() if job.options.in_parts else job.options.progress
    )  # only dreamed frames are counted
    progress.start(manifest.pictures.frames, f"shots of {job.source.name}")
    for index, (time, starts_shot) in enumerate(_find_shots(video)):
        times.append(time)
        if starts_shot:
            shots.append(index)
        progress.frame(index)
    parts = divide(len(times), shots, video.renewal, carries=video.timeline.carries)
    starts = [max(0, part.first - part.warm_up - LEAD_IN) for part in parts]
    plan = Plan(
        folder=folder,
        source=job.source,
        output=job.output,
        output_is_folder=job.folder,
        preset=job.preset,
        keep_going=job.options.keep_going,
        text=video.text,
        manifest=manifest,
        parts=tuple(parts),
        times=tuple((start, times[start]) for start in starts),
    )
    plan.write()
    return plan


def _find_shots(video: LoadedVideo) -> Iterator[tuple[Fraction, bool]]:
    """Yield the time of each frame, and whether it begins a shot, found as when it is dreamed."""
    from dreamvid.flow.shot_detection import mark_cuts  # noqa: PLC0415  OpenCV loads only where shots are sought

    def prepared() -> Iterator[tuple[Fraction, RGB]]:
        for frame in video.job.frames:
            compositor = video.timeline.at(frame)[0].settings.compositor
            yield frame.pts, compositor.prepare(frame.rgb)

    for (time, _), is_cut in mark_cuts(prefetch(prepared()), lambda item: item[1], detect=video.finds_cuts):
        yield time, is_cut
