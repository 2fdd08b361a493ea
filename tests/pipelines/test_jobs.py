"""Unfinished work is listed with what it needs and the way to go on."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from dreamvid.atomic import FileLock
from dreamvid.checkpoint.layout import LOCK
from dreamvid.cli.main import main
from dreamvid.pipelines.jobs import unfinished_jobs
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.progress import NullProgress
from dreamvid.pipelines.video import dream_file

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.config.preset import Preset

pytestmark = pytest.mark.e2e


class Ends(NullProgress):
    def frame(self, index: int) -> None:
        if index == 4:  # the queue holds two: the first three are kept
            raise ZeroDivisionError


@pytest.fixture
def work(clip: Path, quick: Preset) -> Path:
    """A run that ended after three kept frames of ten."""
    options = RunOptions(
        progress=Ends(), device="cpu", chunk=Fraction(1, 4), command=("dreamvid", "video", "my clip.mp4")
    )
    with pytest.raises(ZeroDivisionError):
        dream_file(clip, None, quick, options)
    return clip.with_name("clip.dream.mp4.work")


def test_progress_and_the_way_to_go_on(clip: Path, work: Path) -> None:
    (job,) = unfinished_jobs(clip.parent)
    assert job.work == str(work)
    assert job.output == str(clip.with_name("clip.dream.mp4"))
    assert (job.kept, job.frames, job.complete, job.running, job.needs) == (3, 10, False, False, ())
    assert job.progress == "3 of 10 frames (30 %)"
    assert job.command == "dreamvid video 'my clip.mp4'"


def test_what_is_missing_or_has_changed_is_named(clip: Path, work: Path) -> None:
    assert work.is_dir()
    moved = clip.rename(clip.with_name("elsewhere.mp4"))
    (job,) = unfinished_jobs(clip.parent)
    assert job.needs == (f"{clip}, which is missing",)
    clip.write_bytes(b"something else")
    (job,) = unfinished_jobs(clip.parent)
    assert job.needs == (f"{clip} as it was; it has changed",)
    clip.write_bytes(moved.read_bytes())  # only its time differs
    (job,) = unfinished_jobs(clip.parent)
    assert job.needs == ()


def test_room_is_looked_for(clip: Path, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert work.is_dir()
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    (job,) = unfinished_jobs(clip.parent)
    assert len(job.needs) == 1
    assert "more room on the disk" in job.needs[0]


def test_a_run_that_is_at_it_is_told_apart(clip: Path, work: Path) -> None:
    lock = FileLock(work / LOCK, create=True)
    assert unfinished_jobs(clip.parent)[0].running
    lock.release()
    assert not unfinished_jobs(clip.parent)[0].running


def test_a_lost_manifest_and_folders_of_others(clip: Path, work: Path) -> None:
    (work / "manifest.json").write_bytes(b"")
    (clip.parent / "home.work").mkdir()
    (job,) = unfinished_jobs(clip.parent)
    assert "manifest is lost" in job.needs[0]


def test_the_command_lists_for_people_and_programs(
    clip: Path, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (["jobs", str(clip.parent)], ["jobs", str(clip.parent), "--json"]):
        with pytest.raises(SystemExit) as left:
            main(arguments)
        assert left.value.code == 0
    out = capsys.readouterr().out
    assert "3 of 10 frames" in out
    assert "go on with: dreamvid video 'my clip.mp4'" in out
    (job,) = json.loads(out[out.index("[\n") :])
    assert job["work"] == str(work)


def test_nothing_unfinished_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["jobs", str(tmp_path)])
    assert capsys.readouterr().out == f"no unfinished work in {tmp_path}\n"


def test_what_cannot_be_gone_on_from_does_not_count(clip: Path, work: Path) -> None:
    (work / "000001.npz").unlink()
    (job,) = unfinished_jobs(clip.parent)
    assert job.kept == 0


def test_what_was_kept_after_success_is_no_unfinished_work(clip: Path, quick: Preset) -> None:
    outcome = dream_file(clip, None, quick, RunOptions(device="cpu", keep_work=True))
    assert unfinished_jobs(clip.parent) == []
    outcome.output.unlink()
    (job,) = unfinished_jobs(clip.parent)
    assert job.complete


def test_a_description_is_no_setting(clip: Path, quick: Preset, work: Path) -> None:
    assert work.is_dir()
    described = quick.override({"description": "my look", "inputs": ["*.mp4"]})
    outcome = dream_file(clip, None, described, RunOptions(device="cpu"))
    assert outcome.resumed_at == 3
