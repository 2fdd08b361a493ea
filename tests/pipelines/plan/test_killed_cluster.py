"""Processes, machines and drivers of a Ray cluster are killed at random moments; the film comes out the same."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from dreamvid.pipelines.plan.join import join
from dreamvid.pipelines.plan.make import make_plan
from tests.pipelines.plan.cluster_dream import HEAD
from tests.pipelines.plan.ray_nodes import ROOT, two_machines
from tests.pipelines.plan.test_cluster import ALL, OPTIONS, PART, dreamed, frames_of

if TYPE_CHECKING:
    from pathlib import Path

    from ray.cluster_utils import Cluster as Nodes

    from dreamvid.config.preset import Preset
    from dreamvid.pipelines.scenes import BuildDreamer

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(sys.platform == "win32", reason="Ray's nodes are started as on Linux"),
]

KILLS = 20


@dataclass
class Killer:
    """Kills something of a cluster after a random time, while a driver runs; counts what it has killed."""

    nodes: Nodes
    logs: Path
    chance: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311  no secret
    killed: list[str] = field(default_factory=list)

    def strike(self, driver: subprocess.Popen[bytes]) -> None:
        """Kill a process that dreams, the machine that is not the head, or the driver, once frames are dreamed."""
        before = len(dreamed(self.logs))
        while len(dreamed(self.logs)) == before:
            with suppress(subprocess.TimeoutExpired):
                driver.wait(0.05)
                return
        with suppress(subprocess.TimeoutExpired):
            driver.wait(self.chance.uniform(0.0, 2.0))
            return
        what = self.chance.choice(["process", "machine", "driver"])
        getattr(self, f"_kill_{what}")(driver)
        self.killed.append(what)

    def _kill_process(self, _: subprocess.Popen[bytes]) -> None:
        with suppress(ProcessLookupError):
            os.kill(int(dreamed(self.logs)[-1]), signal.SIGKILL)

    def _kill_machine(self, _: subprocess.Popen[bytes]) -> None:
        node: Any = next(iter(self.nodes.worker_nodes))
        os.kill(node.all_processes["raylet"][0].process.pid, signal.SIGKILL)
        self.nodes.remove_node(node, allow_graceful=False)
        self.nodes.add_node(num_cpus=1)

    def _kill_driver(self, driver: subprocess.Popen[bytes]) -> None:
        driver.kill()
        driver.wait()


def test_twenty_kills_change_no_frame(
    shots: Path, settings: Preset, straight: Path, build: BuildDreamer, tmp_path: Path
) -> None:
    expected, kills = frames_of(straight), 0
    with two_machines(tmp_path / "machines") as nodes:
        head: Any = nodes.head_node
        killer = Killer(nodes, tmp_path)
        (tmp_path / HEAD).write_text(head.node_id)
        while kills < KILLS:
            plan = make_plan(shots, tmp_path / "film.plan", settings, OPTIONS, build=build)
            arguments = ["-m", "tests.pipelines.plan.cluster_driver", str(plan.folder), nodes.address]
            while plan.missing():
                with subprocess.Popen([sys.executable, *arguments, str(tmp_path), "0.1"], cwd=ROOT) as driver:
                    while driver.poll() is None and kills + len(killer.killed) < KILLS:
                        killer.strike(driver)
                    code = driver.wait()
                assert code in {0, -signal.SIGKILL}
            join(plan, tmp_path / "film.mkv", OPTIONS)
            assert frames_of(tmp_path / "film.mkv") == expected
            again = len(dreamed(tmp_path)) - ALL
            assert again <= PART * len(killer.killed)
            sys.stderr.write(f"{' '.join(killer.killed) or 'nothing'} killed, {again} frames again\n")
            kills += len(killer.killed)
            killer.killed.clear()
            (tmp_path / "film.mkv").unlink()
            (tmp_path / "log").unlink()
            plan.folder.rename(tmp_path / f"before-{kills}")
