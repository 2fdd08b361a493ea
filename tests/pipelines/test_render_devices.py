"""Jobs are shared between processes; what dies is begun again, and no job holds up the others."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dreamvid.config.preset import Preset
from dreamvid.errors import SettingsError, WorkError
from dreamvid.media.input.source import open_source
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.progress import NullProgress
from dreamvid.pipelines.render import render
from dreamvid.pipelines.render_devices import render_on_devices
from dreamvid.pipelines.render_jobs import Job, Result, plan_jobs
from dreamvid.types import Size
from tests.pipelines.plan.conftest import write_shots

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OPTIONS = RunOptions(device="cpu", devices=("cpu:2",))


class Counter(NullProgress):
    """Notes what is told."""

    def __init__(self) -> None:
        self.counts: list[int] = []
        self.parts: list[str] = []

    def part(self, name: str) -> None:
        self.parts.append(name)

    def frame(self, index: int) -> None:
        self.counts.append(index)


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run modules of the tests, on a machine of two cores."""
    monkeypatch.chdir(Path(__file__).parents[2])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", *filter(None, sys.path)]))
    monkeypatch.setattr("dreamvid.pipelines.plan.devices.usable_cores", lambda: 2)
    monkeypatch.setattr("dreamvid.pipelines.render_devices.usable_cores", lambda: 2)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where processes note each job that they are given."""
    return tmp_path / "log"


@pytest.fixture
def share(log: Path) -> Callable[..., Iterator[Result]]:
    """Return what renders jobs with processes that dream nothing."""
    return partial(render_on_devices, command=[sys.executable, "-m", "tests.pipelines.order_taker", str(log)])


def trips(folder: Path, *names: str) -> list[Job]:
    trip = Preset.build({"pipeline": "zoom", "trip": {"duration": 1}})
    return [Job(name, trip, None, folder / f"{name}.mp4") for name in names]


def given(log: Path) -> list[list[str]]:
    return [line.split() for line in log.read_text(encoding="utf-8").splitlines()]


def test_each_job_is_given_out_once_and_every_result_comes_back(
    share: Callable[..., Iterator[Result]], log: Path, tmp_path: Path
) -> None:
    progress = Counter()
    jobs = trips(tmp_path, *"abcdef")
    results = list(share(jobs, RunOptions(devices=("cpu:2",), progress=progress)))
    assert sorted(result.job.name for result in results) == list("abcdef")
    for result in results:
        assert result.result is not None
        assert (result.result.output, result.result.size) == (result.job.output, Size(36, 64))
    assert sorted(name for name, _, _ in given(log)) == list("abcdef")
    assert {threads for *_, threads in given(log)} == {"2"}  # as many as one process has alone
    assert progress.counts[-1] == 3 * len(jobs) - 1
    assert {part.partition(",")[0] for part in progress.parts} == {f"{name}.mp4" for name in "abcdef"}


def test_what_dies_is_begun_again_and_what_kills_is_an_error(
    share: Callable[..., Iterator[Result]], log: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    jobs = trips(tmp_path, "fragile", "deadly", "wrong", "a", "b")
    results = {result.job.name: result for result in share(jobs, OPTIONS)}
    assert len(results) == 5
    assert {name for name, result in results.items() if result.result} == {"fragile", "a", "b"}
    assert str(results["deadly"].error) == "the process that rendered it died 3 times"
    assert str(results["wrong"].error) == "there is no such picture"
    assert [name for name, *_ in given(log)].count("fragile") == 2
    assert "its process died (Killed); it is started again" in caplog.text


def test_an_existing_file_is_asked_about_and_a_stop_says_how_to_go_on(
    share: Callable[..., Iterator[Result]], tmp_path: Path
) -> None:
    (tmp_path / "a.mp4").write_text("mine", encoding="utf-8")
    asked: list[str] = []

    def confirm(path: Path | str) -> bool:
        asked.append(Path(path).name)
        return True

    stopping: list[bool] = []
    options = RunOptions(
        devices=("cpu:2",),
        confirm_overwrite=confirm,
        command=("dreamvid", "render", "p q"),
        interruptible=lambda: nullcontext(lambda: bool(stopping)),
    )
    results = share(trips(tmp_path, *"abcd"), options)
    next(results)
    stopping.append(True)
    with pytest.raises(KeyboardInterrupt, match=r"of 4 are done; go on with: dreamvid render 'p q'"):
        list(results)
    assert asked == ["a.mp4"]


def test_a_process_that_cannot_begin_ends_the_render(tmp_path: Path) -> None:
    failing = [sys.executable, "-c", "import sys; sys.exit('dreamvid: no such network')"]
    with pytest.raises(WorkError, match=r"cpu process \d: no such network"):
        list(render_on_devices(trips(tmp_path, "a"), OPTIONS, command=failing))


def test_devices_that_are_not_here_are_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there are 2 cores"):
        list(render(trips(tmp_path, "a"), RunOptions(devices=("cpu:3",))))


@pytest.mark.e2e
def test_trips_and_videos_are_shared_and_come_out_as_on_one_device(tmp_path: Path) -> None:
    quick = {
        "octaves": 2,
        "ascent": {"steps": 1},
        "run": {"precision": "float32"},
        "output": {"codec": "ffv1"},
    }
    video = Preset.build(quick)
    trip = video.override({"pipeline": "zoom", "trip.duration": 0.5, "output.width": 64, "output.height": 48})
    clip = write_shots(tmp_path / "clip.mp4", (24, 24, 24))
    broken = clip.with_name("broken.mp4")
    broken.write_bytes(b"no video")

    def run(folder: Path, options: RunOptions) -> list[Result]:
        jobs = [
            *plan_jobs([("p", video)], [clip, broken], folder, folder=True),
            *plan_jobs([("t", trip)], [], folder, folder=True),
        ]
        return list(render(jobs, options))

    two, one = tmp_path / "two", tmp_path / "one"
    results = run(two, OPTIONS)
    assert sorted(result.error is None for result in results) == [False, True, True]
    for name in ("clip.p.mkv", "t.mkv"):
        assert (two / name).exists()
    assert sorted(path.name for path in two.iterdir()) == ["clip.p.mkv", "t.mkv"]  # no work is left
    run(one, RunOptions(device="cpu", threads=2))
    for name in ("clip.p.mkv", "t.mkv"):
        frames = [[frame.rgb.tobytes() for frame in open_source(folder / name)] for folder in (one, two)]
        assert frames[0] == frames[1]
    again = [result for result in run(two, OPTIONS) if result.error is None]
    assert [result.result for result in again] == [None, None]  # they are there already
