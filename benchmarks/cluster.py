"""Measure what a Ray cluster adds to the parts of a film: ``python benchmarks/cluster.py [--parts NUMBER]...``.

Two processes of one machine take parts of a single frame each, with a device of no time, against one process
without Ray. Times are processor time, of the driver and of all processes, so that other work on the machine matters
little.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

from devices import load_pause, write_shots
from figures import Figure, table

from dreamvid.config.preset import Preset
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.plan.cluster import Cluster
from dreamvid.pipelines.plan.division import Part
from dreamvid.pipelines.plan.make import make_plan
from dreamvid.pipelines.plan.plan import Plan, read_plan
from dreamvid.pipelines.plan.worker import prepare_worker
from dreamvid.pipelines.progress import NullProgress
from dreamvid.types import Size

COUNTS = (10, 100, 1000, 10_000)
PROCESSES = 2
ALONE = 100
"""Parts that are dreamed without Ray, for comparison."""
OPTIONS = RunOptions(device="cpu", threads=1)


class Clock(NullProgress):
    """Notes when something was kept for the first time."""

    began = 0.0

    def chunk(self, number: int, frames: int) -> None:  # noqa: ARG002  the protocol's
        """Note the time."""
        self.began = self.began or time.perf_counter()


def plan_of(small: Plan, count: int) -> Plan:
    """Return a plan of ``count`` parts, each of which is the first frame."""
    plan = replace(small, parts=(Part(0, 1, 0),) * count, times=((0, Fraction(0)),) * count)
    plan.write()
    return read_plan(plan.folder)


def measure_alone(small: Plan) -> float:
    """Return the seconds of a part in this process, without Ray."""
    plan = plan_of(small, ALONE)
    worker = prepare_worker(plan, OPTIONS, build=partial(load_pause, seconds=0.0))
    worker.dream(1)
    began = time.process_time()
    for number in range(2, ALONE + 1):
        worker.dream(number)
    seconds = (time.process_time() - began) / (ALONE - 1)
    plan.remove_parts()
    return seconds


def measure(small: Plan, count: int, address: str, alone: float) -> list[Figure]:
    """Return the time of a number of parts on the cluster."""
    plan, clock = plan_of(small, count), Clock()
    cluster = Cluster(
        plan,
        address,
        replace(OPTIONS, progress=clock),
        gpu=False,
        build=partial(load_pause, seconds=0.0),
    )
    began, used = time.perf_counter(), time.process_time()
    cluster.run(0, lambda: False)
    ended, driver = time.perf_counter(), time.process_time() - used
    plan.remove_parts()
    name = f"{count} parts"
    return [
        Figure(name, "start to end", ended - began, "s", note=f"the first after {clock.began - began:.1f} s"),
        Figure(name, "a part, times processes", 1000 * PROCESSES * (ended - began) / count, "ms"),
        Figure(name, "processor time of the driver for a part", 1000 * driver / count, "ms"),
        Figure(name, "the same / that of a part without Ray", driver / count / alone, "x"),
    ]


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", action="append", type=int, help=f"numbers of parts, default {COUNTS}")
    counts = parser.parse_args().parts or COUNTS
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "a-token-of-the-benchmark"}
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    from ray.cluster_utils import Cluster as Nodes  # noqa: PLC0415  it reads the token as it is imported

    nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": PROCESSES, "include_dashboard": False})
    try:
        with tempfile.TemporaryDirectory(prefix="dreamvid-cluster-") as folder:
            clip = write_shots(Path(folder) / "two.mp4", 2, Size(36, 64))
            preset = Preset.build({"stability": {"flow": {"scale": 64}}})
            build = partial(load_pause, seconds=0.0)
            small = make_plan(clip, Path(folder) / "plan", preset, OPTIONS, build=build)
            alone = measure_alone(small)
            figures = [Figure("no Ray", "processor time of a part", 1000 * alone, "ms")]
            for count in counts:
                figures += measure(small, count, nodes.address, alone)
    finally:
        nodes.shutdown()
    print(table(figures))


if __name__ == "__main__":
    main()
