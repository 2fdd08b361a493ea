"""Jobs run one after the other, pause and go on, and survive servers and runs that are killed."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dreamvid.checkpoint.layout import LOCK, MANIFEST, work_folder
from dreamvid.studio.jobs import Job, JobFolder
from dreamvid.studio.library import Library
from dreamvid.studio.runner import JobRunner, render_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="locks and signals are those of POSIX")

RUN = """
import json, os, signal, sys, time
output, work = sys.argv[1], sys.argv[1] + ".work"
stopped = []
signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
os.makedirs(work, exist_ok=True)
place = os.path.join(work, "000001.json")
kept = int(open(place).read()) if os.path.exists(place) else 0
if os.path.exists(output + ".broken"):
    print("dreamvid: mixed9: there is no such layer", file=sys.stderr)
    sys.exit(1)
print(json.dumps({"event": "start", "frames": 10, "resumed_at": kept}), flush=True)
for frame in range(kept, 10):
    while os.path.exists(output + ".hold") and not stopped and frame >= 3:
        time.sleep(0.01)
    if stopped:
        print("dreamvid: interrupted; go on with: the same", file=sys.stderr)
        sys.exit(130)
    open(place + ".part", "w").write(str(frame + 1))
    os.replace(place + ".part", place)
    print(json.dumps({"event": "frame", "frame": frame, "frames": 10, "seconds": frame - kept + 1.0}), flush=True)
print(json.dumps({"event": "notice", "text": "a note"}), flush=True)
open(output, "a").write(f"made from {kept}")
for name in os.listdir(work):
    os.unlink(os.path.join(work, name))
os.rmdir(work)
"""


def command(job: Job, folder: JobFolder) -> list[str]:
    return [sys.executable, "-c", RUN, str(folder.output(job))]


@pytest.fixture
def jobs(tmp_path: Path) -> JobFolder:
    return JobFolder(Library(tmp_path))


@pytest.fixture
def make_runner(jobs: JobFolder) -> Iterator[Callable[[], JobRunner]]:
    """Return what makes a runner, that of a new server, which looks when the test says so."""
    made: list[JobRunner] = []

    def make() -> JobRunner:
        made.append(JobRunner(JobFolder(jobs.library), command))
        return made[-1]

    yield make
    for runner in made:
        runner.close()


@pytest.fixture
def runner(make_runner: Callable[[], JobRunner]) -> JobRunner:
    return make_runner()


def add(jobs: JobFolder, name: str, order: float) -> Job:
    return jobs.add(Job("", name, "video", None, f"{name}.mp4", order, order), "octaves: 3\n")


def hold(jobs: JobFolder, job: Job, *, on: bool = True) -> None:
    """Let a run wait at its fourth frame."""
    mark = jobs.output(job).with_name(f"{job.output}.hold")
    if on:
        mark.touch()
    else:
        mark.unlink()


def until(runner: JobRunner, happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline
        runner.look()
        time.sleep(0.02)


def state(jobs: JobFolder, job: Job) -> str:
    return jobs.status(jobs.job(job.id)).state


def change(jobs: JobFolder, job: Job, **values: object) -> None:
    jobs.write(replace(jobs.job(job.id), **values))  # type: ignore[arg-type]  # fields of a job


def test_jobs_run_one_after_the_other(jobs: JobFolder, runner: JobRunner) -> None:
    second, first = add(jobs, "second", 2), add(jobs, "first", 1)
    hold(jobs, first)
    until(runner, lambda: jobs.status(first).done == 3)
    status = jobs.status(first)
    assert (status.state, status.frames, status.seconds_left) == ("running", 10, 7.0)
    assert state(jobs, second) == "waiting"
    hold(jobs, first, on=False)
    until(runner, lambda: state(jobs, second) == "done")
    assert jobs.output(first).read_text() == "made from 0"
    assert jobs.status(second).notes == ("a note",)
    assert jobs.status(second).done == 10


def test_a_paused_job_lets_the_next_one_run_and_goes_on_later(jobs: JobFolder, runner: JobRunner) -> None:
    first, second = add(jobs, "first", 1), add(jobs, "second", 2)
    hold(jobs, first)
    until(runner, lambda: jobs.status(first).done == 3)
    change(jobs, first, paused=True)
    until(runner, lambda: state(jobs, first) == "paused" and state(jobs, second) == "done")
    assert not jobs.output(first).exists()
    hold(jobs, first, on=False)
    change(jobs, first, paused=False)
    until(runner, lambda: state(jobs, first) == "done")
    assert jobs.output(first).read_text() == "made from 3"


def test_a_run_outlives_its_server_and_the_next_server_knows(
    jobs: JobFolder, runner: JobRunner, make_runner: Callable[[], JobRunner]
) -> None:
    first, second = add(jobs, "first", 1), add(jobs, "second", 2)
    hold(jobs, first)
    until(runner, lambda: jobs.status(first).done == 3)
    process = runner._process
    assert process is not None
    runner._process = None  # the server is gone; its run is not
    later = make_runner()
    for _ in range(3):
        later.look()
    assert (state(jobs, first), state(jobs, second)) == ("running", "waiting")
    assert later._process_id(first) == process.pid
    change(jobs, first, paused=True)
    later.look()
    assert process.wait(20) == 130
    until(later, lambda: state(jobs, first) == "paused")
    hold(jobs, first, on=False)
    change(jobs, first, paused=False)
    until(later, lambda: state(jobs, first) == state(jobs, second) == "done")
    assert jobs.output(first).read_text() == "made from 3"


def test_a_run_that_was_killed_with_its_server_starts_again(
    jobs: JobFolder, runner: JobRunner, make_runner: Callable[[], JobRunner]
) -> None:
    each = [add(jobs, name, order) for order, name in enumerate(("a", "b", "c"))]
    hold(jobs, each[0])
    until(runner, lambda: jobs.status(each[0]).done == 3)
    process = runner._process
    assert process is not None
    process.kill()
    process.wait()
    hold(jobs, each[0], on=False)
    later = make_runner()
    until(later, lambda: all(state(jobs, job) == "done" for job in each))
    assert [jobs.output(job).read_text() for job in each] == ["made from 3", "made from 0", "made from 0"]


def test_a_run_that_the_system_ends_says_so_and_goes_on_when_asked(
    jobs: JobFolder, runner: JobRunner
) -> None:
    job = add(jobs, "large", 1)
    hold(jobs, job)
    until(runner, lambda: jobs.status(job).done == 3)
    assert runner._process is not None
    runner._process.kill()
    until(runner, lambda: state(jobs, job) == "failed")
    assert "SIGKILL" in jobs.status(jobs.job(job.id)).error
    hold(jobs, job, on=False)
    change(jobs, job, killed="")
    until(runner, lambda: state(jobs, job) == "done")


def test_a_job_that_fails_shows_the_line_of_the_command(jobs: JobFolder, runner: JobRunner) -> None:
    first, second = add(jobs, "first", 1), add(jobs, "second", 2)
    (jobs.library.folder / "first.mp4.broken").touch()
    until(runner, lambda: state(jobs, second) == "done")
    assert jobs.status(first).error == "mixed9: there is no such layer"


@pytest.mark.parametrize("code", [0, 3])
def test_a_run_that_ends_without_a_word_is_not_begun_again(jobs: JobFolder, code: int) -> None:
    def silent(*_: object) -> list[str]:
        return [sys.executable, "-c", f"raise SystemExit({code})"]

    runner, job = JobRunner(jobs, silent), add(jobs, "silent", 1)
    until(runner, lambda: state(jobs, job) == "failed")
    assert f"ended unexpectedly (exit code {code})" in jobs.status(jobs.job(job.id)).error
    runner.close()


def test_a_cancelled_job_leaves_nothing_but_what_is_not_its_own(jobs: JobFolder, runner: JobRunner) -> None:
    job, other = add(jobs, "first", 1), add(jobs, "other", 2)
    hold(jobs, job)
    until(runner, lambda: jobs.status(job).done == 3)
    change(jobs, other, cancelled=True)
    change(jobs, job, cancelled=True)
    work = work_folder(jobs.output(job))
    (work / LOCK).touch()
    (work / MANIFEST).touch()
    until(runner, lambda: jobs.jobs() == [])
    assert not work.exists()
    assert sorted(path.name for path in jobs.folder.iterdir()) == []


def test_what_is_done_keeps_its_output_when_it_leaves_the_list(jobs: JobFolder, runner: JobRunner) -> None:
    job = add(jobs, "first", 1)
    until(runner, lambda: state(jobs, job) == "done")
    change(jobs, job, cancelled=True)
    until(runner, lambda: jobs.jobs() == [])
    assert jobs.output(job).read_text() == "made from 0"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"id": "x"}',
        '{"id": "ID", "name": "n", "pipeline": "video", "source": "../a", "output": "b", "order": 1, "created": 1}',
        '{"id": "ID", "name": "n", "pipeline": "video", "source": "a", "output": "/etc/b", "order": 1, "created": 1}',
        '{"id": "ID", "name": "n", "pipeline": "video", "source": 5, "output": "b", "order": "x", "created": 1}',
    ],
)
def test_odd_job_files_are_passed_over(jobs: JobFolder, text: str) -> None:
    good = add(jobs, "good", 1)
    name = "0" * 32
    (jobs.folder / f"{name}.json").write_text(text.replace("ID", name))
    assert jobs.jobs() == [good]


def test_names_of_outputs_are_free(jobs: JobFolder) -> None:
    add(jobs, "clip.look", 1)
    (jobs.library.folder / "clip.look-2.mp4").touch()
    work_folder(jobs.library.folder / "clip.look-3.mp4").mkdir()
    assert jobs.free_output("clip.look", ".mp4") == "clip.look-4.mp4"
    assert jobs.free_output("clip.look", ".webm") == "clip.look.webm"


def test_a_job_is_rendered_by_the_command_line(jobs: JobFolder) -> None:
    job = jobs.add(Job("", "n", "video", "-clip.mp4", "out.mp4", 1, 1), "octaves: 3\n")
    words = render_command(job, jobs)
    folder = jobs.library.folder
    assert words[1:5] == ["-m", "dreamvid", "render", str(jobs.file(job, ".yaml"))]
    assert words[5:] == [
        "-i",
        str(folder / "-clip.mp4"),
        "-o",
        str(folder / "out.mp4"),
        "--progress",
        "json",
        "--chunk",
        "2",
    ]
