"""What a task needs of a machine is read from text, and said as Ray wants it."""

from __future__ import annotations

import pytest

from dreamvid.cli.main import main
from dreamvid.errors import SettingsError
from dreamvid.pipelines.plan.cluster_resources import (
    describe_needs,
    is_met,
    parse_resources,
    ray_options,
    task_needs,
)


def test_names_have_amounts_or_need_only_be_there() -> None:
    found = parse_resources("film, disk = 0.5,memory=8e9,accelerator_type:A100")
    assert dict(found) == {"film": 0.001, "disk": 0.5, "memory": 8e9, "accelerator_type:A100": 0.001}


@pytest.mark.parametrize(
    "text",
    ["", "film=", "=1", "film=no", "film=0", "film=-1", "film=inf", "film=1.5", "film,", "film,film=1"],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="--cluster-resources: must be names and amounts"):
        parse_resources(text)


@pytest.mark.parametrize("text", ["GPU=2", "cpu=1"])
def test_processors_are_named_otherwise(text: str) -> None:
    with pytest.raises(SettingsError, match="follow from --threads, its GPU from --device"):
        parse_resources(text)


def test_a_task_takes_a_gpu_or_as_many_cpus_as_threads() -> None:
    extra = parse_resources("film=0.5,memory=8e9")
    options = {"num_cpus": 1, "num_gpus": 1, "memory": 8_000_000_000, "resources": {"film": 0.5}}
    assert ray_options(task_needs(8, extra, gpu=True)) == options
    assert ray_options(task_needs(8, (), gpu=False)) == {"num_cpus": 8, "num_gpus": 0}


def test_one_machine_must_have_all() -> None:
    needs = task_needs(4, parse_resources("film"), gpu=False)
    apart = [
        {"Alive": True, "Resources": {"CPU": 8}},
        {"Alive": True, "Resources": {"CPU": 2, "film": 1}},
        {"Alive": False, "Resources": {"CPU": 8, "film": 1}},
    ]
    assert not is_met(needs, apart)
    assert is_met(needs, [*apart, {"Alive": True, "Resources": {"CPU": 4, "film": 1}}])
    assert describe_needs(needs) == "4 CPUs, the plan's number of threads (--threads) and film (0.001)"


def test_resources_are_for_a_cluster(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["video", "film.mov", "--cluster-resources", "film"])
    assert left.value.code == 1
    assert "--cluster-resources: is for the tasks of --cluster" in capsys.readouterr().err
