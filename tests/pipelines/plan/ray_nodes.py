"""Two machines of a Ray cluster, of one core each, as processes of the test; skips it where there is no Ray."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "a-token-of-the-tests"}  # read as Ray is imported
pytest.importorskip("ray", reason="Ray is not installed")

from ray.cluster_utils import Cluster as Nodes

from dreamvid.pipelines.plan.cache import FOLDER
from tests.ftp_server import FSSPEC

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
QUICK_CHECKS = {
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 4,
}
"""How soon the death of a machine is noticed."""


@contextmanager
def two_machines(caches: Path) -> Iterator[Nodes]:
    """Start the machines, of which the first has the resource ``film``; end all of their processes.

    What they fetch from URLs, each has for itself in a folder in ``caches``.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setenv("PYTHONPATH", os.pathsep.join(["", *filter(None, sys.path)]))
        for name, value in FSSPEC.items():
            patch.setenv(name, value)
        patch.setenv(FOLDER, str(caches / "first"))
        nodes = Nodes(
            initialize_head=True,
            head_node_args={
                "num_cpus": 1,
                "resources": {"film": 1},
                "include_dashboard": False,
                "_system_config": QUICK_CHECKS,
            },
        )
        patch.setenv(FOLDER, str(caches / "second"))
        nodes.add_node(num_cpus=1)
        nodes.wait_for_nodes()
        yield nodes
        nodes.shutdown()  # type: ignore[no-untyped-call]  # Ray's
