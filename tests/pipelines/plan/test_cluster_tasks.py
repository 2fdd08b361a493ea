"""What the tasks of a cluster report reaches the user; one that runs task after task here takes the place of Ray."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from dreamvid.checkpoint.layout import LOCK
from dreamvid.errors import WorkError
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.plan import cluster
from dreamvid.pipelines.plan.cluster import Cluster
from dreamvid.pipelines.plan.make import make_plan
from dreamvid.pipelines.plan.ray_task import TaskEnd
from dreamvid.pipelines.progress import NullProgress
from tests.pipelines.plan.one_process import OneProcess
from tests.pipelines.plan.waves import load_waves

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dreamvid.config.preset import Preset
    from dreamvid.pipelines.plan.part_task import PartTask
    from dreamvid.pipelines.plan.plan import Plan


@dataclass
class Told(NullProgress):
    """Notes what is at which part."""

    parts: list[str] = field(default_factory=list)

    def part(self, name: str) -> None:
        self.parts.append(name)


@pytest.fixture
def plan(shots: Path, settings: Preset, tmp_path: Path) -> Plan:
    return make_plan(shots, tmp_path / "film.plan", settings, RunOptions(threads=1), build=load_waves)


@pytest.fixture
def share(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> Callable[..., OneProcess]:
    """Run the plan's parts with a function that takes the place of the tasks; return what took Ray's."""

    def run(
        do: Callable[[PartTask], TaskEnd], progress: NullProgress | None = None, **resources: float
    ) -> OneProcess:
        ray = OneProcess(do, resources or {"CPU": 1.0})

        @contextmanager
        def connected(_: str) -> Iterator[OneProcess]:
            yield ray

        monkeypatch.setattr(cluster, "connected", connected)
        Cluster(plan, "auto", RunOptions(progress=progress or NullProgress()), gpu=False).run(
            0, lambda: False
        )
        return ray

    return run


def done(plan: Plan, task: PartTask, *warnings: str) -> TaskEnd:
    """Do a part."""
    plan.folder_of(task.number).mkdir(exist_ok=True)
    (plan.folder_of(task.number) / "complete.json").touch()
    return TaskEnd("cpu of node, process 7", is_done=True, warnings=warnings)


def note_process(plan: Plan, task: PartTask) -> None:
    folder = plan.folder_of(task.number)
    folder.mkdir(exist_ok=True)
    facts = '{"host": "node", "process": 6, "device": "cpu", "since": 0.5}'
    (folder / LOCK).write_text(facts)


def test_each_part_is_told_with_who_dreams_it(plan: Plan, share: Callable[..., OneProcess]) -> None:
    told = Told()
    ray = share(lambda task: done(plan, task), told)
    assert told.parts == [f"part {number} of 5, cpu of node, process 7" for number in range(1, 6)]
    assert ray.needed["num_cpus"] == 1


def test_a_warning_of_several_tasks_is_told_once(
    plan: Plan, share: Callable[..., OneProcess], caplog: pytest.LogCaptureFixture
) -> None:
    share(lambda task: done(plan, task, "too dark", f"part {task.number}"))
    texts = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert texts == ["too dark", "part 1", "part 2", "part 3", "part 4", "part 5"]


def test_a_part_that_is_begun_again_is_told(
    plan: Plan, share: Callable[..., OneProcess], caplog: pytest.LogCaptureFixture
) -> None:
    told, begun = Told(), []

    def do(task: PartTask) -> TaskEnd:
        begun.append(task.number)
        if begun != [1]:
            return done(plan, task)
        note_process(plan, task)
        return TaskEnd("cpu of node, process 6")

    share(do, told)
    assert begun == [1, 2, 3, 4, 5, 1]
    assert "part 1: cpu of node, process 6, has ended too early; the part is begun again" in caplog.messages
    assert told.parts[0] == "part 1 of 5, cpu of node, process 6"
    assert told.parts[-1] == "part 1 of 5, cpu of node, process 7"


def test_who_was_at_a_part_in_an_earlier_run_is_not_told(
    plan: Plan, share: Callable[..., OneProcess]
) -> None:
    (plan.folder_of(5)).mkdir()
    (plan.folder_of(5) / LOCK).write_text(
        '{"host": "old", "process": 1, "device": "cpu", "since": 0.1}', encoding="ascii"
    )
    told = Told()
    share(lambda task: done(plan, task), told)
    assert not any("old" in name for name in told.parts)


def test_what_cannot_be_dreamed_ends_the_run(plan: Plan, share: Callable[..., OneProcess]) -> None:
    with pytest.raises(WorkError, match="part 1: node: the disk is full"):
        share(lambda _: TaskEnd("cpu of node, process 7", error="node: the disk is full"))
    assert plan.missing() == [1, 2, 3, 4, 5]


def test_ray_has_a_limited_number_of_tasks_at_a_time(
    plan: Plan, share: Callable[..., OneProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_TASKS", 2)
    assert share(lambda task: done(plan, task)).most == 2
    assert not plan.missing()


def test_gpus_that_are_not_used_and_processors_that_are_missing_are_told(
    plan: Plan, share: Callable[..., OneProcess], caplog: pytest.LogCaptureFixture
) -> None:
    share(lambda task: done(plan, task), CPU=0.5, GPU=2.0)
    assert "the cluster's GPUs are not used, as the plan was made on a machine without one" in caplog.messages
    assert any("no machine of the cluster has 1 CPUs" in text for text in caplog.messages)
