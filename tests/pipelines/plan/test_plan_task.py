"""A cluster with GPUs makes the plan for a command whose machine has none."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from dreamvid.errors import WorkError
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.plan import plan_task, run
from dreamvid.pipelines.plan.make import make_plan
from dreamvid.pipelines.plan.plan import read_plan
from dreamvid.pipelines.video import dream_file
from tests.pipelines.plan.one_process import OneProcess
from tests.pipelines.plan.waves import load_waves

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dreamvid.config.preset import Preset
    from dreamvid.pipelines.build import LoadedDreamer
    from dreamvid.pipelines.plan.plan import Plan
    from dreamvid.pipelines.plan.plan_task import PlanTask
    from dreamvid.pipelines.plan.ray_task import TaskEnd

OPTIONS = RunOptions(cluster="auto", command=("dreamvid", "video"))


def load_on_gpu(*_: object) -> LoadedDreamer:
    loaded = load_waves()
    return replace(loaded, resolved=lambda size: dict(loaded.resolved(size)) | {"device": "a GPU"})


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> OneProcess:
    """A cluster with a GPU; this machine has none."""

    def do(task: PlanTask) -> TaskEnd:
        return replace(task, build=load_on_gpu).run()

    ray = OneProcess(do, {"CPU": 8.0, "GPU": 1.0})

    @contextmanager
    def connected(_: str) -> Iterator[OneProcess]:
        yield ray

    monkeypatch.setattr(plan_task, "connected", connected)
    monkeypatch.setattr(run, "count_gpus", lambda: 0)
    return ray


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the cluster is asked to dream."""
    found: dict[str, Any] = {}

    class Told:
        def __init__(self, plan: Plan, *_: object, gpu: bool) -> None:
            found.update(plan=plan, gpu=gpu)

        def run(self, *_: object) -> None:
            raise WorkError("asked")

    monkeypatch.setattr(run, "Cluster", Told)
    return found


def dream(shots: Path, output: Path, settings: Preset, options: RunOptions = OPTIONS) -> None:
    with pytest.raises(WorkError, match="asked"):
        dream_file(shots, output, settings, options, build=load_waves)


def device_of(plan: Plan) -> object:
    resolved: Any = plan.manifest.dream["resolved"]
    return resolved["scenes"][0]["device"] if "scenes" in resolved else resolved["device"]


def test_the_plan_is_made_on_a_gpu_of_the_cluster(
    ray: OneProcess, asked: dict[str, Any], shots: Path, settings: Preset, tmp_path: Path
) -> None:
    output = tmp_path / "named.mkv"
    dream(shots, output, settings)
    assert asked["gpu"]
    assert ray.needed["num_gpus"] == 1
    assert device_of(asked["plan"]) == "a GPU"
    assert (asked["plan"].output, len(asked["plan"].parts)) == (output, 5)


def test_parts_go_to_cpus_where_no_gpu_is_there_or_wanted(
    ray: OneProcess, asked: dict[str, Any], shots: Path, settings: Preset, tmp_path: Path
) -> None:
    dream(shots, tmp_path / "cpu.mkv", settings, replace(OPTIONS, device="cpu"))
    assert not asked["gpu"]
    ray.resources = {"CPU": 8.0}
    dream(shots, tmp_path / "none.mkv", settings)
    assert not asked["gpu"]
    assert device_of(asked["plan"]) == "a processor"


def test_a_plan_that_was_begun_here_is_gone_on_with(
    ray: OneProcess, asked: dict[str, Any], shots: Path, settings: Preset, tmp_path: Path
) -> None:
    output = tmp_path / "out.mkv"
    made = make_plan(shots, tmp_path / "out.mkv.work", settings, OPTIONS, output=output, build=load_waves)
    dream(shots, output, settings)
    assert not asked["gpu"]
    assert not ray.needed
    assert device_of(made) == "a processor"


@pytest.mark.usefixtures("ray")
def test_a_plan_of_a_gpu_is_gone_on_with_by_the_same_settings_only(
    asked: dict[str, Any], shots: Path, settings: Preset, tmp_path: Path
) -> None:
    output = tmp_path / "out.mkv"
    make_plan(shots, tmp_path / "out.mkv.work", settings, OPTIONS, output=output, build=load_on_gpu)
    dream(shots, output, settings)
    assert asked["gpu"]
    make_plan(shots, tmp_path / "out.mkv.work", settings, OPTIONS, output=output, build=load_on_gpu)
    with pytest.raises(WorkError, match=r"plan could not be made: .*ascent\.steps was 4, is 5"):
        dream_file(shots, output, settings.override({"ascent.steps": 5}), OPTIONS, build=load_waves)
    assert device_of(read_plan(tmp_path / "out.mkv.work")) == "a GPU"
