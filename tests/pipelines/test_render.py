"""Presets over inputs: which files are written, and that one failure stops nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dreamvid.errors import ReadError, SettingsError, WriteError
from dreamvid.pipelines.machine import Machine
from dreamvid.pipelines.render import plan_jobs, render

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.preset import Preset


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


def test_the_rest_goes_on_after_a_failure(clip: Path, quick: Preset) -> None:
    missing, broken = clip.with_name("missing.mp4"), clip.with_name("broken.mp4")
    broken.write_bytes(b"no video")
    jobs = plan_jobs([("p", quick)], [missing, broken, clip], None)
    results = list(render(jobs, Machine(device="cpu"), overwrite=lambda _: False))
    assert [result.outcome is not None for result in results] == [False, False, True]
    assert isinstance(results[0].error, ReadError)
    assert results[2].outcome is not None
    assert results[2].outcome.frames == 10
    assert sorted(path.name for path in clip.parent.iterdir()) == ["broken.mp4", "clip.mp4", "clip.p.mp4"]


def test_nothing_is_replaced_unasked(clip: Path, quick: Preset) -> None:
    existing = clip.with_name("clip.p.mp4")
    existing.write_text("mine", encoding="utf-8")
    (result,) = render(plan_jobs([("p", quick)], [clip], None), Machine(), overwrite=lambda _: False)
    assert isinstance(result.error, WriteError)
    assert existing.read_text(encoding="utf-8") == "mine"
