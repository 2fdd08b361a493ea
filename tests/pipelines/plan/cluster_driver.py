"""Dream a plan on a cluster: ``python -m tests.pipelines.plan.cluster_driver PLAN ADDRESS LOGS SECONDS``."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.plan.cluster import Cluster
from dreamvid.pipelines.plan.plan import read_plan
from tests.pipelines.plan.cluster_dream import LoadNotedWaves

if __name__ == "__main__":
    plan, address, logs, seconds = (
        read_plan(Path(sys.argv[1])),
        sys.argv[2],
        Path(sys.argv[3]),
        float(sys.argv[4]),
    )
    options = RunOptions(chunk=Fraction(1, 4))
    Cluster(plan, address, options, gpu=False, build=LoadNotedWaves(logs, seconds)).run(0, lambda: False)
