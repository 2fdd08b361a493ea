"""Presets over inputs: which files are written, and that one failure stops nothing else."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid.atomic import FileLock
from dreamvid.checkpoint.layout import LOCK
from dreamvid.errors import ReadError, SettingsError, WriteError
from dreamvid.media.still.reader import Still
from dreamvid.media.still.writer import write_still
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.render import render
from dreamvid.pipelines.render_jobs import Result, plan_jobs

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.config.preset import Preset


def test_outputs_are_named_by_input_and_preset(clip: Path, quick: Preset) -> None:
    still = quick.override({"pipeline": "image"})
    jobs = plan_jobs([("deep", quick), ("still", still)], [clip], None)
    assert [job.output for job in jobs] == [clip.with_name("clip.deep.mp4"), clip.with_name("clip.still.png")]
    folder = clip.parent / "out"
    (job,) = plan_jobs([("deep", quick.override({"output.codec": "vp9"}))], [clip], folder)
    assert job.output == folder / "clip.deep.webm"
    (job,) = plan_jobs([("deep", quick)], [clip], clip.with_name("mine.mp4"))
    assert job.output == clip.with_name("mine.mp4")


def test_a_single_file_cannot_take_several_outputs(clip: Path, quick: Preset) -> None:
    with pytest.raises(WriteError, match="folder"):
        plan_jobs([("a", quick), ("b", quick)], [clip], clip.with_name("one.mp4"))
    with pytest.raises(WriteError, match="this one file"):
        plan_jobs([("a", quick), ("a", quick)], [clip], None)


def test_a_preset_brings_its_own_inputs(clip: Path, quick: Preset) -> None:
    clip.with_name("clap.mp4").write_bytes(clip.read_bytes())
    pattern = quick.override({"inputs": [str(clip.with_name("cl*.mp4"))]})
    assert [job.source and job.source.name for job in plan_jobs([("p", pattern)], [], None)] == [
        "clap.mp4",
        "clip.mp4",
    ]
    assert [job.source for job in plan_jobs([("p", pattern)], [clip], None)] == [clip]
    for values, says in (
        ({}, "names no inputs"),
        ({"inputs": [str(clip.with_name("x*.mp4"))]}, "no file fits"),
    ):
        with pytest.raises(SettingsError, match=says):
            plan_jobs([("p", quick.override(values))], [], None)


@pytest.mark.e2e
def test_the_rest_goes_on_after_a_failure(clip: Path, quick: Preset) -> None:
    missing, broken = clip.with_name("missing.mp4"), clip.with_name("broken.mp4")
    broken.write_bytes(b"no video")
    jobs = plan_jobs([("p", quick)], [missing, broken, clip], None)
    results = list(render(jobs, RunOptions(device="cpu")))
    assert [result.result is not None for result in results] == [False, False, True]
    assert isinstance(results[0].error, ReadError)
    assert results[2].result is not None
    assert results[2].result.frames == 10
    assert sorted(path.name for path in clip.parent.iterdir()) == ["broken.mp4", "clip.mp4", "clip.p.mp4"]


def test_nothing_is_replaced_unasked(clip: Path, quick: Preset) -> None:
    existing = clip.with_name("clip.p.mp4")
    existing.write_text("mine", encoding="utf-8")
    (result,) = render(plan_jobs([("p", quick)], [clip], None), RunOptions())
    assert isinstance(result.error, WriteError)
    assert existing.read_text(encoding="utf-8") == "mine"


@pytest.mark.e2e
def test_what_is_there_already_is_not_made_again(clip: Path, quick: Preset) -> None:
    still = quick.override({"pipeline": "image"})
    photo = clip.with_name("a.png")
    write_still(photo, Still(np.full((48, 64, 3), 0.4, np.float32)), overwrite=False)

    def run(preset: Preset = quick, *, again: bool = False) -> list[Result]:
        jobs = [*plan_jobs([("p", preset)], [clip], None), *plan_jobs([("s", still)], [photo], None)]
        return list(render(jobs, RunOptions(device="cpu", confirm_overwrite=lambda _: again), again=again))

    assert all(result.result for result in run())
    assert [(result.result, result.error) for result in run()] == [(None, None)] * 2
    assert all(result.result for result in run(again=True))
    changed = run(quick.override({"ascent.steps": 2}))
    assert isinstance(changed[0].error, WriteError)
    assert changed[1].error is None
    clip.write_bytes(clip.read_bytes() + b"\0" * 8)
    assert isinstance(run()[0].error, WriteError)


@pytest.mark.e2e
def test_an_interruption_between_two_jobs_says_how_to_go_on(clip: Path, quick: Preset) -> None:
    asked: list[bool] = []
    options = RunOptions(
        device="cpu",
        command=("dreamvid", "render", "p q"),
        interruptible=lambda: nullcontext(lambda: bool(asked)),
    )
    clip.with_name("clap.mp4").write_bytes(clip.read_bytes())
    jobs = plan_jobs([("p", quick)], [clip, clip.with_name("clap.mp4")], None)
    results = render(jobs, options)
    assert next(results).result is not None
    asked.append(True)
    with pytest.raises(KeyboardInterrupt, match=r"1 of 2 are done; go on with: dreamvid render 'p q'"):
        next(results)


@pytest.mark.e2e
def test_a_job_that_another_run_is_at_comes_last(
    clip: Path, quick: Preset, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip.with_name("clap.mp4").write_bytes(clip.read_bytes())
    jobs = plan_jobs([("p", quick)], [clip, clip.with_name("clap.mp4")], None)
    work = clip.with_name("clip.p.mp4.work")
    work.mkdir()
    lock = FileLock(work / LOCK, create=True)
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        lock.release()

    monkeypatch.setattr("dreamvid.pipelines.render.time.sleep", wait)
    results = list(render(jobs, RunOptions(device="cpu")))
    assert [result.job.source and result.job.source.name for result in results] == ["clap.mp4", "clip.mp4"]
    assert all(result.result for result in results)
    assert len(waited) == 1
