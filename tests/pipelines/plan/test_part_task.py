"""A task dreams a part, and says how it ended."""

from __future__ import annotations

import logging
import os
import platform
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.plan import part_task
from dreamvid.pipelines.plan.make import make_plan
from dreamvid.pipelines.plan.part_task import PartTask
from dreamvid.pipelines.plan.ray_task import TaskEnd
from dreamvid.pipelines.plan.run import kept_frames
from tests.pipelines.plan.waves import load_waves

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dreamvid.config.preset import Preset
    from dreamvid.pipelines.build import LoadedDreamer
    from dreamvid.pipelines.options import StopRequested
    from dreamvid.pipelines.plan.plan import Plan


@pytest.fixture
def plan(shots: Path, settings: Preset, tmp_path: Path) -> Iterator[Plan]:
    yield make_plan(shots, tmp_path / "film.plan", settings, RunOptions(threads=1), build=load_waves)
    part_task._workers.clear()


def task_of(plan: Plan) -> PartTask:
    return PartTask(
        str(plan.folder),
        1,
        "cpu",
        Fraction(5),
        allow_mixed=False,
        trust_model=False,
        interruptible=RunOptions().interruptible,
        build=load_waves,
    )


def test_a_part_is_dreamed_once(plan: Plan) -> None:
    worker = f"cpu of {platform.node()}, process {os.getpid()}"
    assert task_of(plan).run() == task_of(plan).run() == TaskEnd(worker, is_done=True)
    assert kept_frames(plan) == plan.parts[0].frames


def test_warnings_come_back_once_each(plan: Plan) -> None:
    def load(*arguments: Any) -> LoadedDreamer:
        for text in ("too dark", "too bright", "too dark"):
            logging.getLogger("dreamvid.engine").warning(text)
        return load_waves(*arguments)

    assert replace(task_of(plan), build=load).run().warnings == ("too dark", "too bright")
    assert logging.getLogger("dreamvid").handlers == []


def test_an_error_comes_back_as_one_line(plan: Plan) -> None:
    end = replace(task_of(plan), folder=f"{plan.folder}-elsewhere").run()
    assert not end.is_done
    assert "there is no plan" in end.error
    assert "\n" not in end.error


def test_an_interrupted_task_keeps_its_frames_where_that_is_deferred(plan: Plan) -> None:
    answers = iter([False] * 10)

    @contextmanager
    def interruptible() -> Iterator[StopRequested]:
        yield lambda: next(answers, True)

    end = replace(task_of(plan), interruptible=interruptible).run()
    assert end == TaskEnd(end.worker)
    assert 0 < kept_frames(plan) < plan.parts[0].frames
