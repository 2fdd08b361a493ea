"""Dream parts of a plan: each in a work folder of its own, which is locked meanwhile."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dreamvid.checkpoint.chunk_writer import ChunkWriter
from dreamvid.checkpoint.manifest import changes, minor_changes
from dreamvid.checkpoint.store import open_store
from dreamvid.errors import BusyError, ReadError, WorkError
from dreamvid.pipelines.build import build_dreamer
from dreamvid.pipelines.loop_state import LoopState
from dreamvid.pipelines.plan.holder import describe_holder
from dreamvid.pipelines.plan.plan import has_plan, with_threads
from dreamvid.pipelines.provenance import InputGuard, pin_precision
from dreamvid.pipelines.resume import (
    ResumePoint,
    check_store_room,
    keep_frames,
    keep_or_remove,
    lossless,
    state_of,
)
from dreamvid.pipelines.video_job import load_video, open_video_job
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dreamvid.checkpoint.chunk import ChunkRecord
    from dreamvid.checkpoint.manifest import Manifest
    from dreamvid.checkpoint.store import Store
    from dreamvid.pipelines.frame_loop import DreamedFrame
    from dreamvid.pipelines.options import RunOptions
    from dreamvid.pipelines.plan.plan import Plan
    from dreamvid.pipelines.scenes import BuildDreamer
    from dreamvid.pipelines.video_job import LoadedVideo

_log = logging.getLogger(__name__)

_POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Worker:
    """A plan whose networks are loaded here, and the manifest that this machine gives."""

    plan: Plan
    video: LoadedVideo
    manifest: Manifest

    def dream(self, number: int) -> bool:
        """Dream a part, or go on with it; return False where it was done already, or the plan is joined.

        Raises
        ------
        BusyError
            Where another worker is at it.
        KeyboardInterrupt
            Where the run was asked to stop; what is whole is kept.
        DreamvidError
            In one line; complete chunks stay.
        """
        plan, options = self.plan, self.video.job.options
        if plan.is_done(number) or plan.is_joined or not has_plan(plan.folder):
            return False
        store = open_store(plan.folder_of(number), plan.manifest_of(number, self.manifest), lossless)
        name = f"part {number} of {len(plan.parts)}"
        try:
            options.progress.start(plan.parts[number - 1].frames, plan.output.name, store.frames)
            options.progress.part(name)
            if store.complete:
                store.release()
                return False
            store.note(describe_holder(options.device))
            check_store_room(store, self.video.state_bytes)
            self._make_frames(number, store)
        except BaseException as error:  # noqa: BLE001  raised again there
            keep_or_remove(store, options, error)
        store.release()
        return True

    def _make_frames(self, number: int, store: Store) -> None:
        part, options = self.plan.parts[number - 1], self.video.job.options

        def on_frame(frame: DreamedFrame) -> None:
            options.progress.frame(frame.index - part.first)

        def on_chunk(record: ChunkRecord) -> None:
            options.progress.chunk(record.number, record.end)

        state = state_of(store)
        if state is None:
            start = LoopState(frames=part.first, interval=part.warm_up, shot_start=part.shot_start)
            state = start.to_checkpoint()
        times = dict([self.plan.times[number - 1], *enumerate(store.times(), part.first)])
        begin = ResumePoint(part.first + store.frames, state, times)
        guard = InputGuard(self.manifest)
        chunks = ChunkWriter(store, options.chunk, lambda _: None, on_chunk, check=guard.check)
        with options.interruptible() as asked:
            keep_frames(self.video.frame_loop(on_frame, part.end), begin, chunks, asked)
            if asked():
                raise KeyboardInterrupt
        if store.frames != part.frames:
            raise ReadError(
                f"{printable(self.plan.source)} ended in part {number}, at frame {part.first + store.frames}; "
                f"there were {self.plan.frames} frames when it was planned"
            )
        store.finish()


def prepare_worker(plan: Plan, options: RunOptions, *, build: BuildDreamer = build_dreamer) -> Worker:
    """Load all that a plan's parts need, and check that this machine makes what was planned.

    With ``options.allow_mixed``, another device or other versions than the plan's only lead to a warning.

    Raises
    ------
    WorkError
        Where settings, the source or another file, the device or a version is not that of the plan.
    DreamvidError
        As for a video that is dreamed on one device.
    """
    options = replace(
        options,
        keep_going=plan.keep_going,
        output_is_folder=plan.output_is_folder,
        threads=options.threads or plan.threads,
    )
    job = open_video_job(plan.source, plan.output, plan.preset, options)
    return worker_of(plan, load_video(job, pin_precision(job.preset, plan.manifest), build))


def worker_of(plan: Plan, video: LoadedVideo) -> Worker:
    """Return the worker of a plan whose networks are loaded; errors as for :func:`prepare_worker`."""
    options = video.job.options
    manifest = with_threads(video.manifest(), options.threads or plan.threads)
    _check_same(plan, manifest, allow_mixed=options.allow_mixed)
    return Worker(plan, video, manifest)


def _check_same(plan: Plan, manifest: Manifest, *, allow_mixed: bool) -> None:
    """Raise a ``WorkError`` where a manifest is not that of a plan; device and versions may be allowed to differ."""
    if different := changes(plan.manifest, manifest):
        raise WorkError(f"{printable(plan.folder)} was planned otherwise: {different}; make the plan again")
    if minor := minor_changes(plan.manifest, manifest):
        if not allow_mixed:
            raise WorkError(
                f"{printable(plan.folder)} was planned for another machine: {minor}; frames would differ in "
                "their last bits; use --allow-mixed to take part all the same"
            )
        _log.warning("%s: frames may differ in their last bits from those of other workers", minor)


def dream_parts(worker: Worker, numbers: Sequence[int]) -> Iterator[int]:
    """Dream these parts; yield the number of each that was not done before. Errors as for :meth:`Worker.dream`."""
    with worker.video.job.options.interruptible() as asked:
        for number in numbers:
            if asked():
                raise KeyboardInterrupt
            if worker.dream(number):
                yield number


def dream_free_parts(worker: Worker, *, poll: float = _POLL_SECONDS, wait: bool = True) -> Iterator[int]:
    """Dream whatever part nobody is at until all are done; yield the number of each.

    Where others are at all that is left, they are waited for: what one leaves behind is taken up. Without ``wait``,
    this ends there.
    """
    options = worker.video.job.options
    left = worker.plan.missing()
    while left:
        busy: list[int] = []
        with options.interruptible() as asked:
            for number in left:
                try:
                    if worker.dream(number):
                        yield number
                except BusyError:
                    busy.append(number)
                if asked():
                    raise KeyboardInterrupt
            left = [number for number in busy if wait and not worker.plan.is_done(number)]
            if left:
                time.sleep(poll)
