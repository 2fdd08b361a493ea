"""Dream a video by URL on a cluster in a process of its own, given both URLs, an address and the folder of logs."""

from __future__ import annotations

import sys
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.plan import run
from dreamvid.pipelines.plan.cluster import Cluster
from dreamvid.pipelines.remote_video import dream_url
from tests.pipelines.plan.cluster_dream import LoadNotedWaves
from tests.pipelines.plan.conftest import steady_settings
from tests.pipelines.plan.waves import load_waves


def noted(logs: Path) -> Any:
    """Return the class of a cluster whose dream notes its frames."""
    return partial(Cluster, build=LoadNotedWaves(logs))


if __name__ == "__main__":
    source, output, address, logs = sys.argv[1:]
    setattr(run, "Cluster", noted(Path(logs)))  # noqa: B010  it is no variable of that module's
    options = RunOptions(chunk=Fraction(1, 4), threads=1, device="cpu", cluster=address)
    dream_url(source, output, steady_settings(), options, build=load_waves)
