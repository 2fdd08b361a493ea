"""Dream a video on several devices or machines, in the parts of a plan in its work folder."""

from __future__ import annotations

import logging
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dreamvid.checkpoint.chunk import read_records
from dreamvid.checkpoint.store import open_store
from dreamvid.errors import DreamvidError, NothingDreamedError
from dreamvid.pipelines.build import count_gpus
from dreamvid.pipelines.memory import VIDEO_BYTES, check_memory
from dreamvid.pipelines.plan.cluster import Cluster
from dreamvid.pipelines.plan.crew import Crew, worker_command
from dreamvid.pipelines.plan.devices import worker_devices
from dreamvid.pipelines.plan.join import PartsReader, encode
from dreamvid.pipelines.plan.make import open_plan
from dreamvid.pipelines.plan.plan import read_plan
from dreamvid.pipelines.plan.plan_task import plan_on_gpu
from dreamvid.pipelines.plan.worker import dream_free_parts, worker_of
from dreamvid.pipelines.provenance import InputGuard
from dreamvid.pipelines.resume import lossless
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dreamvid.checkpoint.store import Store
    from dreamvid.pipelines.options import RunOptions
    from dreamvid.pipelines.plan.devices import WorkerDevice
    from dreamvid.pipelines.plan.plan import Plan
    from dreamvid.pipelines.result import RunResult
    from dreamvid.pipelines.video_job import LoadedVideo


_log = logging.getLogger(__name__)


def dream_on_devices(
    video: LoadedVideo,
    folder: Path,
    *,
    delivered: bool = False,
    command: Callable[[Plan, WorkerDevice, RunOptions], Sequence[str]] = worker_command,
) -> RunResult:
    """Dream a video with one process for each of ``options.devices``; go on where an earlier run was cut off.

    With ``options.cluster`` its machines take the parts; with ``options.in_parts`` this process takes some itself.

    Parameters
    ----------
    folder
        The work folder of the output, where the plan lies.
    delivered
        An earlier run finished the output already; only its work folder is left, and is removed.
    command
        As for :class:`~dreamvid.pipelines.plan.crew.Crew`.

    Raises
    ------
    DreamvidError
        In one line; parts and complete chunks of parts stay.
    KeyboardInterrupt
        Where the run was asked to stop; its text says how to go on.
    """
    job = video.job
    options = job.options
    here = not (options.in_parts or options.cluster)
    devices = worker_devices(options.devices or (options.device,), count_gpus) if here else []
    if len(devices) > 1:
        check_memory(job.source.name, job.info.size, VIDEO_BYTES, len(devices))
    plan, store, on_gpus = _open_plan(video, folder)
    reader = PartsReader(plan)
    encoding, kept = 0.0, kept_frames(plan)
    try:
        if not delivered:
            if options.in_parts:
                for _ in dream_free_parts(worker_of(plan, video)):
                    pass
            elif options.cluster:
                shared = options
                if options.remote is not None:
                    shared = replace(options, remote=options.remote.share(plan))
                    kept = kept_frames(plan)
                cluster = Cluster(plan, options.cluster, shared, gpu=on_gpus)
                _dream_parts(plan, cluster, kept, options)
            else:
                _dream_parts(plan, Crew(plan, devices, options, command), kept, options)
            InputGuard(plan.manifest).check()
            store.finish()
            encoding = encode(reader, job, options)
    except BaseException as error:  # noqa: BLE001  raised again there
        _keep_or_remove(plan, store, options, error)
    result = reader.result(job, encoding, kept)
    if options.keep_work:
        store.keep()
    else:
        store.remove()
    return result


def _open_plan(video: LoadedVideo, folder: Path) -> tuple[Plan, Store, bool]:
    """Open the plan, or make it; return it with its lock, and whether the tasks of a cluster take GPUs.

    They do where this machine has one, and where the cluster has some and shares the storage: then it makes the plan.
    """
    options = video.job.options
    if options.cluster is None:
        return *open_plan(folder, video), False
    on_gpus = options.device.startswith("gpu") or (options.device == "auto" and count_gpus() > 0)
    if not on_gpus and options.device == "auto" and options.remote is None and plan_on_gpu(video, folder):
        plan = read_plan(folder)
        manifest = replace(plan.manifest, folder=str(Path.cwd()))  # where the same command goes on
        return plan, open_store(folder, manifest, lossless), True
    return *open_plan(folder, video), on_gpus


def _dream_parts(plan: Plan, crew: Crew | Cluster, kept: int, options: RunOptions) -> None:
    options.progress.start(plan.frames, plan.output.name, kept)
    with options.interruptible() as asked:
        crew.run(kept, asked)
        if asked():
            raise KeyboardInterrupt


def kept_frames(plan: Plan) -> int:
    """Return the number of frames in complete chunks of all parts."""
    count = 0
    for number in range(1, len(plan.parts) + 1):
        records = read_records(plan.folder_of(number), plan.manifest_of(number, plan.manifest).identity)
        count += records[-1].end if records else 0
    return count


def _keep_or_remove(plan: Plan, store: Store, options: RunOptions, error: BaseException) -> None:
    """Keep the plan if anything was dreamed, and raise the error; an interruption says how to go on."""
    kept = kept_frames(plan)
    if not kept or isinstance(error, NothingDreamedError):
        store.remove()
        raise error
    store.release()
    command = shlex.join(options.command)
    way = f"go on with: {command}" if command else "the same call goes on from there"
    place = printable(options.remote.url if options.remote else plan.folder)
    text = f"{kept} of {plan.frames} frames are kept in {place}; {way}"
    if isinstance(error, KeyboardInterrupt):
        raise KeyboardInterrupt(f"interrupted; {text}") from None
    if isinstance(error, DreamvidError):
        _log.warning("%s", text)
    raise error
