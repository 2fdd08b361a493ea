"""Dream with two processes that take no network: ``python -m tests.pipelines.plan.killable CLIP OUTPUT LOG``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.plan.run import dream_on_devices
from dreamvid.pipelines.video_job import load_video, open_video_job
from tests.pipelines.plan.conftest import steady_settings
from tests.pipelines.plan.waves import load_waves

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dreamvid.pipelines.plan.devices import WorkerDevice
    from dreamvid.pipelines.plan.plan import Plan

SECONDS = "0.05"
"""What a frame takes."""


def main() -> None:
    """See the module."""
    clip, output, log = map(Path, sys.argv[1:])

    def command(plan: Plan, device: WorkerDevice, options: RunOptions) -> Sequence[str]:  # noqa: ARG001
        worker = [sys.executable, "-m", "tests.pipelines.plan.part_worker"]
        return [*worker, str(plan.folder), str(log), SECONDS]

    options = RunOptions(device="cpu", devices=("cpu:2",))
    video = load_video(
        open_video_job(clip, output, steady_settings(), options), steady_settings(), load_waves
    )
    dream_on_devices(video, output.with_name(f"{output.name}.work"), command=command)


if __name__ == "__main__":
    main()
