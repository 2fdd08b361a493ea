"""Machines of a Ray cluster share the parts of a dream: the frames are those of one run, whatever dies meanwhile."""

from __future__ import annotations

import platform
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

import fsspec.config
import pytest

from dreamvid.checkpoint.layout import PLAN, begun_parts
from dreamvid.cli.interrupt import defer_interrupts
from dreamvid.cli.main import main
from dreamvid.errors import SettingsError, WorkError
from dreamvid.media.input.source import open_source
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.plan import run
from dreamvid.pipelines.plan.cache import FOLDER
from dreamvid.pipelines.plan.cluster import Cluster
from dreamvid.pipelines.plan.join import join
from dreamvid.pipelines.plan.make import make_plan
from dreamvid.pipelines.progress import NullProgress
from dreamvid.pipelines.remote_video import dream_url
from dreamvid.pipelines.video import dream_file
from tests.ftp_server import PASSWORD, USER, serving
from tests.pipelines.plan.cluster_dream import HEAD, LoadNotedWaves
from tests.pipelines.plan.conftest import steady_settings
from tests.pipelines.plan.ray_nodes import two_machines
from tests.pipelines.plan.remote_driver import noted
from tests.pipelines.plan.waves import load_waves

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ray.cluster_utils import Cluster as Nodes

    from dreamvid.config.preset import Preset
    from dreamvid.pipelines.plan.plan import Plan
    from dreamvid.pipelines.scenes import BuildDreamer

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform == "win32", reason="Ray's nodes are started as on Linux"),
]

FRAMES = 136
ALL, PART = 220, 56
"""Frames that the dream of all parts takes, and that of the longest, with those of warm-ups and fades."""
OPTIONS = RunOptions(chunk=Fraction(1, 4), threads=1, device="cpu")


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """Two machines of one core each, as processes of this one."""
    with two_machines(tmp_path_factory.mktemp("machines")) as nodes:
        yield nodes


@dataclass
class Kept(NullProgress):
    """Notes how many frames are kept, and what is at which part."""

    frames: int = 0
    parts: list[str] = field(default_factory=list)

    def part(self, name: str) -> None:
        self.parts.append(name)

    def chunk(self, number: int, kept: int) -> None:  # noqa: ARG002  the protocol's
        self.frames = kept


def frames_of(path: Path) -> list[tuple[int, Fraction, bytes]]:
    return [(frame.index, frame.pts, frame.rgb.tobytes()) for frame in open_source(path)]


@pytest.fixture
def plan(shots: Path, settings: Preset, tmp_path: Path, build: BuildDreamer) -> Plan:
    return make_plan(shots, tmp_path / "film.plan", settings, OPTIONS, build=build)


@pytest.fixture
def logs(nodes: Nodes, tmp_path: Path) -> Path:
    """Where the dream notes its frames."""
    folder = tmp_path / "logs"
    folder.mkdir()
    head: Any = nodes.head_node
    (folder / HEAD).write_text(head.node_id)
    return folder


def dreamed(logs: Path) -> list[str]:
    """Return the processes that dreamed frames, one for each frame; warm-ups count, too."""
    file = logs / "log"
    return [line.split()[1] for line in file.read_text().splitlines()] if file.exists() else []


def test_two_machines_make_the_frames_of_one_run_though_a_process_and_a_machine_die(
    nodes: Nodes,
    plan: Plan,
    logs: Path,
    straight: Path,
    *,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (logs / "kill-process").touch()
    (logs / "kill-node").touch()
    progress = Kept()
    crew = Cluster(
        plan, nodes.address, replace(OPTIONS, progress=progress), gpu=False, build=LoadNotedWaves(logs)
    )
    crew.run(0, lambda: False)
    assert len(list(logs.glob("kill-process-*"))) == len(list(logs.glob("kill-node-*"))) == 1
    join(plan, tmp_path / "out.mkv", OPTIONS)
    assert frames_of(tmp_path / "out.mkv") == frames_of(straight)
    assert progress.frames == FRAMES
    for number in range(1, 6):
        assert f"part {number} of 5, cpu of {platform.node()}, process " in "\n".join(progress.parts)
    assert capsys.readouterr().out == ""  # Ray would report the deaths there
    assert len(dreamed(logs)) <= ALL + 2 * PART
    nodes.add_node(num_cpus=1)


def test_a_killed_driver_comes_back_and_nothing_whole_is_dreamed_again(
    nodes: Nodes, plan: Plan, logs: Path, straight: Path, tmp_path: Path
) -> None:
    arguments = [str(plan.folder), nodes.address, str(logs), "0.02"]
    driver = subprocess.Popen([sys.executable, "-m", "tests.pipelines.plan.cluster_driver", *arguments])
    deadline = time.monotonic() + 240
    while len(dreamed(logs)) < 40 and driver.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    before = sum(plan.is_done(number) for number in range(1, 6))
    Cluster(plan, nodes.address, OPTIONS, gpu=False, build=LoadNotedWaves(logs)).run(0, lambda: False)
    join(plan, tmp_path / "out.mkv", OPTIONS)
    assert before < 5
    assert frames_of(tmp_path / "out.mkv") == frames_of(straight)
    assert len(dreamed(logs)) <= ALL + 2 * PART  # both machines were at a part


def test_machines_without_shared_storage_go_on_after_a_killed_process_and_a_killed_driver(
    nodes: Nodes, shots: Path, logs: Path, straight: Path, *, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dreamvid.media.remote._DEAD_SECONDS", 2.0)  # that one is dead
    monkeypatch.setitem(fsspec.config.conf, "ftp", {"username": USER, "password": PASSWORD})
    monkeypatch.setattr(run, "Cluster", noted(logs))
    (logs / "kill-process").touch()
    (tmp_path / "there").mkdir()
    shutil.copy(shots, tmp_path / "there/a film.mp4")
    work = tmp_path / "there/out.mkv.work"
    with serving(tmp_path / "there") as server:
        urls = f"{server.url}/a film.mp4", f"{server.url}/out.mkv"
        command = [
            sys.executable,
            "-m",
            "tests.pipelines.plan.remote_driver",
            *urls,
            nodes.address,
            str(logs),
        ]
        with (tmp_path / "driver.log").open("w") as log:
            driver = subprocess.Popen(command, stderr=log)
        deadline = time.monotonic() + 240
        while not list(work.glob("part-*.zip")) and driver.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        driver.kill()
        driver.wait()
        whole = len(list(work.glob("part-*.zip")))
        assert whole, (tmp_path / "driver.log").read_text()
        monkeypatch.setenv(FOLDER, str(tmp_path / "third"))
        options = replace(OPTIONS, cluster=nodes.address)
        dream_url(*urls, steady_settings(), options, build=load_waves)
    assert whole < 5
    assert frames_of(tmp_path / "there/out.mkv") == frames_of(straight)
    assert len(dreamed(logs)) <= ALL + 3 * PART
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == ["a film.mp4", "out.mkv"]
    assert (
        server.fetched.count("a film.mp4") == 3
    )  # once on each machine; the first driver is on one with a node


def test_an_interruption_keeps_every_whole_frame_of_the_machine_with_the_resource(
    nodes: Nodes, plan: Plan, logs: Path
) -> None:
    options = replace(
        OPTIONS,
        chunk=Fraction(5),  # none is full
        interruptible=partial(defer_interrupts, quiet=True),
        cluster_resources=(("film", 0.001),),
    )
    crew = Cluster(plan, nodes.address, options, gpu=False, build=LoadNotedWaves(logs, 0.1))
    handler = signal.getsignal(signal.SIGTERM)
    crew.run(0, lambda: len(dreamed(logs)) > 8)
    assert signal.getsignal(signal.SIGTERM) is handler
    kept, count = run.kept_frames(plan), len(dreamed(logs))
    assert begun_parts(plan.folder) == {1}
    assert 8 < kept <= count < plan.parts[0].frames
    time.sleep(1)
    assert len(dreamed(logs)) == count


def test_what_cannot_be_dreamed_is_one_line(nodes: Nodes, plan: Plan) -> None:
    (plan.folder / PLAN).unlink()
    crew = Cluster(plan, nodes.address, OPTIONS, gpu=False)
    with pytest.raises(WorkError, match=r"part \d: .*film.plan: there is no plan") as caught:
        crew.run(0, lambda: False)
    assert "\n" not in str(caught.value)


def test_an_error_that_nobody_expects_is_one_line(nodes: Nodes, plan: Plan, tmp_path: Path) -> None:
    crew = Cluster(plan, nodes.address, OPTIONS, gpu=False, build=LoadNotedWaves(tmp_path / "nowhere"))
    with pytest.raises(WorkError, match=r"part \d: FileNotFoundError: .*nowhere") as caught:
        crew.run(0, lambda: False)
    assert "\n" not in str(caught.value)


def test_a_video_is_shared_where_a_cluster_is_named(
    shots: Path, settings: Preset, tmp_path: Path, build: BuildDreamer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    class Told:
        def __init__(self, plan: Plan, address: str, options: RunOptions, *, gpu: bool) -> None:  # noqa: ARG002
            asked.update(address=address, gpu=gpu, parts=len(plan.parts))

        def run(self, *_: object) -> None:
            raise WorkError("asked")

    monkeypatch.setattr(run, "Cluster", Told)
    with suppress(WorkError):
        dream_file(shots, tmp_path / "out.mkv", settings, replace(OPTIONS, cluster="auto"), build=build)
    assert asked == {"address": "auto", "gpu": False, "parts": 5}


def test_where_there_is_no_cluster_one_line_says_so(plan: Plan) -> None:
    with pytest.raises(
        SettingsError, match=r"--cluster '127.0.0.1:9': no Ray cluster answers there"
    ) as caught:
        Cluster(plan, "127.0.0.1:9", OPTIONS, gpu=False).run(0, lambda: False)
    assert "\n" not in str(caught.value)


def test_without_ray_one_line_says_what_to_install(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SettingsError, match=r"--cluster needs Ray: pip install 'dreamvid\[cluster\]'"):
        Cluster(plan, "auto", OPTIONS, gpu=False).run(0, lambda: False)


def test_devices_and_a_cluster_are_not_named_together(
    shots: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["video", str(shots), "--devices", "all", "--cluster", "auto"])
    assert left.value.code == 1
    assert "--devices and --cluster: name one of the two" in capsys.readouterr().err
