"""Make the plan of a video on a GPU of a Ray cluster, for a command whose own machine has none."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dreamvid.checkpoint.store import read_manifest
from dreamvid.config.fields import rename_files
from dreamvid.config.preset import Preset
from dreamvid.errors import WorkError
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.plan.cluster_resources import ray_options, task_needs
from dreamvid.pipelines.plan.make import make_plan
from dreamvid.pipelines.plan.ray_connection import connected
from dreamvid.pipelines.plan.ray_task import RETRIES, end_of, run_task
from dreamvid.pipelines.provenance import plain_settings

if TYPE_CHECKING:
    from dreamvid.checkpoint.manifest import Manifest
    from dreamvid.pipelines.plan.ray_task import TaskEnd
    from dreamvid.pipelines.scenes import BuildDreamer
    from dreamvid.pipelines.video_job import LoadedVideo

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PlanTask:
    """A plan to be made; all names are those of the shared storage, and ``build`` is as for a ``PartTask``."""

    source: str
    output: str
    folder: str
    settings: dict[str, Any]
    options: RunOptions
    build: BuildDreamer | None = None

    def run(self) -> TaskEnd:
        """Make the plan, or find that the one which is there fits."""

        def make() -> None:
            how = {} if self.build is None else {"build": self.build}
            preset = Preset.build(self.settings)
            source, output, folder = map(Path, (self.source, self.output, self.folder))
            make_plan(source, folder, preset, self.options, output=output, **how)

        return run_task(make, self.options.device)


def plan_on_gpu(video: LoadedVideo, folder: Path) -> bool:
    """Make the plan of a video in its work folder on a GPU of the cluster; return False where that has none.

    A dream that was begun on the device of this machine goes on as it is.

    Raises
    ------
    SettingsError
        Where Ray is not installed, or there is no such cluster.
    WorkError
        Where it cannot be made.
    """
    job = video.job
    options = job.options
    begun = None if options.fresh else read_manifest(folder)
    if begun is not None and _devices(begun) == _devices(video.manifest()):
        return False
    with connected(options.cluster or "") as ray:
        if not ray.cluster_resources().get("GPU"):
            return False
        options.progress.start(None, f"shots of {job.source.name}")
        needs = task_needs(1, options.cluster_resources, gpu=True)
        remote = ray.remote(max_retries=RETRIES, **ray_options(needs))(PlanTask.run)
        reference = remote.options(name="dreamvid plan").remote(_task(video, folder))
        end = end_of(ray, reference, "plan")
    for text in end.warnings:
        _log.warning("%s", text)
    if not end.is_done:
        raise WorkError(f"the plan could not be made: {end.error or 'its machine shuts down'}")
    return True


def _task(video: LoadedVideo, folder: Path) -> PlanTask:
    job = video.job
    options = RunOptions(
        device="gpu:0",
        threads=job.options.threads,
        trust_model=job.options.trust_model,
        keep_going=job.options.keep_going,
        output_is_folder=job.folder,
        fresh=job.options.fresh,
        command=job.options.command,
    )
    settings = rename_files(plain_settings(job.preset), lambda name, _: str(Path(name).resolve()), Preset)
    source, output, folder = (path.resolve() for path in (job.source, job.output, folder))
    return PlanTask(str(source), str(output), str(folder), settings, options)


def _devices(manifest: Manifest) -> list[object]:
    """Return the devices that the scenes of a dream are pinned to."""
    resolved = manifest.dream.get("resolved", {})
    return [scene.get("device") for scene in resolved.get("scenes", [resolved])]
