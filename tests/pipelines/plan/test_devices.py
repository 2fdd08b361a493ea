"""Several processes share the parts of a dream; what dies is started again, and an interruption is gone on from."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dreamvid.cli.main import main
from dreamvid.errors import SettingsError, WorkError
from dreamvid.media.input.source import open_source
from dreamvid.pipelines.api import dream_video
from dreamvid.pipelines.jobs import unfinished_jobs
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.plan.devices import WorkerDevice, worker_devices
from dreamvid.pipelines.plan.run import dream_on_devices
from dreamvid.pipelines.progress import NullProgress
from dreamvid.pipelines.video_job import load_video, open_video_job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from fractions import Fraction

    from dreamvid.config.preset import Preset
    from dreamvid.pipelines.options import StopRequested
    from dreamvid.pipelines.plan.plan import Plan
    from dreamvid.pipelines.result import RunResult
    from dreamvid.pipelines.scenes import BuildDreamer

    Dream = Callable[..., RunResult]

pytestmark = pytest.mark.e2e

FRAMES = 136


class Counter(NullProgress):
    """Notes what is told."""

    def __init__(self) -> None:
        self.counts: list[int] = []
        self.parts: list[str] = []
        self.resumed_at: int | None = None

    def start(self, frames: int | None, label: str, resumed_at: int = 0) -> None:
        assert frames == FRAMES
        if not label.startswith("shots"):
            self.counts, self.resumed_at = [], resumed_at

    def part(self, name: str) -> None:
        self.parts.append(name)

    def frame(self, index: int) -> None:
        self.counts.append(index)


def frames_of(path: Path) -> list[tuple[int, Fraction, bytes]]:
    return [(frame.index, frame.pts, frame.rgb.tobytes()) for frame in open_source(path)]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where workers note each frame that they dream."""
    return tmp_path / "log"


@pytest.fixture
def dream(shots: Path, settings: Preset, tmp_path: Path, build: BuildDreamer, log: Path) -> Dream:
    """Return what dreams the clip with two processes that take no network."""

    def part_worker(plan: Plan, device: WorkerDevice, options: RunOptions) -> Sequence[str]:  # noqa: ARG001
        return [sys.executable, "-m", "tests.pipelines.plan.part_worker", str(plan.folder), str(log)]

    def run(
        options: RunOptions = RunOptions(), command: Callable[..., Sequence[str]] = part_worker
    ) -> RunResult:
        options = replace(options, device="cpu", devices=("cpu:2",))
        video = load_video(open_video_job(shots, tmp_path / "out.mkv", settings, options), settings, build)
        return dream_on_devices(video, tmp_path / "out.mkv.work", command=command)

    return run


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run modules of the tests, on a machine of two cores."""
    monkeypatch.chdir(Path(__file__).parents[3])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", *filter(None, sys.path)]))
    monkeypatch.setattr("dreamvid.pipelines.plan.devices.usable_cores", lambda: 2)


def test_two_processes_one_of_which_is_killed_make_the_frames_of_one_run(
    dream: Dream, straight: Path, tmp_path: Path, log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "die").write_text("20")  # of 136, so that the process gets there however late it begins
    progress = Counter()
    result = dream(RunOptions(progress=progress))
    assert frames_of(tmp_path / "out.mkv") == frames_of(straight)
    assert not (tmp_path / "out.mkv.work").exists()
    assert result.frames == FRAMES
    assert "its process died (Killed); it is started again" in caplog.text
    # The parts are of 24 to 32 frames, and chunks within them of 6.
    assert FRAMES <= len(log.read_text().split()) <= FRAMES + 12
    assert progress.counts[-1] == FRAMES - 1
    assert {name.partition(",")[0] for name in progress.parts} == {
        f"part {number} of 5" for number in range(1, 6)
    }


def test_an_interruption_is_gone_on_from(
    dream: Dream, straight: Path, tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Counter()

    @contextmanager
    def soon() -> Iterator[StopRequested]:
        yield lambda: bool(progress.counts) and progress.counts[-1] >= 40

    with pytest.raises(KeyboardInterrupt, match=r"interrupted; \d+ of 136 frames are kept in"):
        dream(RunOptions(progress=progress, interruptible=soon))
    (job,) = unfinished_jobs(tmp_path)
    assert (job.frames, job.parts, job.running, job.workers) == (FRAMES, 5, False, ())
    assert job.kept >= 40
    with pytest.raises(SystemExit):
        main(["jobs", str(tmp_path)])
    assert f"{job.kept} of 136 frames" in capsys.readouterr().out
    log.unlink()
    progress = Counter()
    dream(RunOptions(progress=progress))
    assert progress.resumed_at == job.kept
    assert len(log.read_text().split()) == FRAMES - job.kept
    assert frames_of(tmp_path / "out.mkv") == frames_of(straight)


def test_an_error_of_a_process_is_that_of_the_run(dream: Dream, tmp_path: Path) -> None:
    failing = "import sys; sys.exit('dreamvid: no such network')"
    with pytest.raises(WorkError, match=r"cpu process \d: no such network"):
        dream(command=lambda *_: [sys.executable, "-c", failing])
    assert not (tmp_path / "out.mkv.work").exists()  # nothing was dreamed


def test_processes_that_only_die_are_given_up(dream: Dream, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(WorkError, match="5 parts are left, and no process to dream them"):
        dream(command=lambda *_: [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"])
    assert caplog.text.count("started again") == 6
    assert caplog.text.count("died 4 times") == 2


def test_processes_share_the_cores_and_gpus_are_seen_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = worker_devices(("cpu:2",), lambda: 0)
    assert (first.device, second.device) == ("cpu", "cpu")
    if first.cores is not None and second.cores is not None:
        assert not first.cores & second.cores
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6")
    gpus = worker_devices(("all",), lambda: 3)
    assert [(gpu.name, gpu.device, dict(gpu.variables)) for gpu in gpus] == [
        (f"gpu:{index}", "gpu:0", {"CUDA_VISIBLE_DEVICES": str(4 + index)}) for index in range(3)
    ]
    assert [gpu.name for gpu in worker_devices(("gpu:2", "gpu:0"), lambda: 3)] == ["gpu:2", "gpu:0"]
    assert [device.name for device in worker_devices(("all",), lambda: 0)] == ["cpu"]


@pytest.mark.parametrize(
    ("names", "message"), [(("gpu:3",), "there are 3 GPUs"), (("cpu:9",), "there are 2 cores")]
)
def test_devices_that_are_not_here_are_named(names: tuple[str, ...], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        worker_devices(names, lambda: 3)


@pytest.mark.parametrize(
    "text", ["", "tpu", "cpu:0", "cpu:1,cpu:2", "cpu:2,gpu:0", "gpu:0,gpu:0", "all,gpu:0", "gpu:x"]
)
def test_what_is_no_list_of_devices_is_one_line(
    text: str, shots: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["video", str(shots), "--devices", text])
    assert left.value.code == 1
    assert capsys.readouterr().err.startswith("dreamvid: --devices: ")


def test_python_names_devices_as_the_command_line_does(shots: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[RunOptions] = []
    monkeypatch.setattr("dreamvid.pipelines.video.dream_file", lambda *arguments: given.append(arguments[3]))
    dream_video(shots, devices="cpu:2")
    dream_video(shots, devices="GPU:1, gpu:2")
    assert [(options.device, options.devices) for options in given] == [
        ("cpu", ("cpu:2",)),
        ("gpu:1", ("gpu:1", "gpu:2")),
    ]
    with pytest.raises(SettingsError, match="--devices: must be all"):
        dream_video(shots, devices="tpu")
    with pytest.raises(SettingsError, match="not both"):
        dream_video(shots, device="cpu", devices="cpu:2")
