"""Machines that share nothing but a URL make the frames of one run."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

pytest.importorskip("fsspec", reason="fsspec is not installed")

import fsspec.config

from dreamvid.checkpoint.layout import PLAN, work_folder
from dreamvid.errors import DamagedError, ReadError, WriteError
from dreamvid.media.input.source import open_source
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.plan import remote
from dreamvid.pipelines.plan.cache import FOLDER, WORK, cache_folder, film_of
from dreamvid.pipelines.plan.join import join
from dreamvid.pipelines.plan.make import make_plan
from dreamvid.pipelines.plan.remote import RemoteWork
from dreamvid.pipelines.plan.worker import prepare_worker
from dreamvid.pipelines.remote_video import _with_files_in
from dreamvid.pipelines.video import dream_file
from tests.ftp_server import PASSWORD, USER, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dreamvid.config.preset import Preset
    from dreamvid.pipelines.plan.plan import Plan
    from dreamvid.pipelines.scenes import BuildDreamer

pytestmark = pytest.mark.e2e

QUICK = RunOptions(chunk=Fraction(1, 4), threads=1)


@pytest.fixture
def there(tmp_path: Path, shots: Path) -> Path:
    """The folder that the URL names."""
    folder = tmp_path / "there"
    folder.mkdir()
    (folder / "film.mp4").write_bytes(shots.read_bytes())
    return folder


@pytest.fixture
def work(there: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RemoteWork]:
    monkeypatch.setitem(fsspec.config.conf, "ftp", {"username": USER, "password": PASSWORD})
    (there / "out.mkv.work").mkdir()
    with serving(there) as server:
        yield RemoteWork(f"{server.url}/out.mkv.work", f"{server.url}/film.mp4")


@pytest.fixture
def on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return what makes this process work on another machine."""

    def move(machine: str) -> None:
        monkeypatch.setenv(FOLDER, str(tmp_path / machine))

    return move


@pytest.fixture
def planned(
    work: RemoteWork, settings: Preset, build: BuildDreamer, on: Callable[[str], None]
) -> Callable[..., Plan]:
    """Return what makes the plan, on the machine of the command."""

    def make(preset: Preset = settings) -> Plan:
        on("driver")
        folder = work_folder(cache_folder(WORK, "out") / "out.mkv")
        folder.parent.mkdir(parents=True, exist_ok=True)
        work.fetch_begun(folder)
        preset = _with_files_in(folder.parent / remote.FILES, preset)
        return make_plan(film_of(work.film), folder, preset, QUICK, build=build)

    return make


def dream(work: RemoteWork, number: int, build: BuildDreamer) -> Path:
    """Dream a part as a worker does, and send it; return what is left of it."""
    plan = work.open_plan()
    prepare_worker(plan, QUICK, build=build).dream(number)
    work.send_part(plan, number)
    return plan.folder_of(number)


def frames_of(path: Path) -> list[tuple[int, Fraction, bytes]]:
    return [(frame.index, frame.pts, frame.rgb.tobytes()) for frame in open_source(path)]


def test_machines_that_share_no_storage_make_the_frames_of_one_run(
    *,
    work: RemoteWork,
    planned: Callable[..., Plan],
    on: Callable[[str], None],
    build: BuildDreamer,
    straight: Path,
    tmp_path: Path,
) -> None:
    shared = work.share(planned())
    for number in (5, 2, 1, 4, 3):
        on(f"machine {number % 2}")
        assert not dream(shared, number, build).exists()
    plan = planned()  # with the command once more
    assert plan.missing() == [1, 2, 3, 4, 5]
    work.share(plan)
    assert not plan.missing()
    join(plan, tmp_path / "out.mkv", QUICK)
    assert frames_of(tmp_path / "out.mkv") == frames_of(straight)
    work.remove()
    assert not list((tmp_path / "there/out.mkv.work").iterdir())


@pytest.mark.parametrize("harm", ["cut", "flipped", "empty", "other"])
def test_a_part_that_is_not_whole_is_dreamed_again(
    *,
    harm: str,
    work: RemoteWork,
    planned: Callable[..., Plan],
    on: Callable[[str], None],
    build: BuildDreamer,
    there: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    plan = planned()
    shared = work.share(plan)
    on("machine")
    dream(shared, 1, build)
    dream(shared, 2, build)
    packed = there / "out.mkv.work/part-000001.zip"
    data = bytearray(packed.read_bytes())
    data[len(data) // 2] ^= 1
    harmed = {
        "cut": packed.read_bytes()[:-100],
        "flipped": bytes(data),
        "empty": b"",
        "other": (there / "out.mkv.work/part-000002.zip").read_bytes(),
    }
    packed.write_bytes(harmed[harm])
    on("driver")
    work.share(plan)
    assert plan.missing() == [1, 3, 4, 5]
    assert work.parts() == {2}
    assert "part 1 was damaged, or of another dream; it is dreamed again" in caplog.text
    on("machine")
    dream(shared, 1, build)
    on("driver")
    assert work.fetch_part(plan, 1)
    assert plan.missing() == [3, 4, 5]


def test_a_part_that_is_sent_in_part_does_not_count(
    *,
    work: RemoteWork,
    planned: Callable[..., Plan],
    on: Callable[[str], None],
    build: BuildDreamer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared = work.share(planned())
    on("machine")
    plan = shared.open_plan()
    prepare_worker(plan, QUICK, build=build).dream(1)
    system, _ = fsspec.url_to_fs(work.url)

    def put_half(self: Any, path: str, name: str) -> None:
        with open(path, "rb") as source, self.open(name, "wb") as file:  # noqa: PTH123  as fsspec does
            file.write(source.read(10_000))
        raise ConnectionResetError("Connection reset by peer")

    with monkeypatch.context() as patch:
        patch.setattr(type(system), "put_file", put_half)
        with pytest.raises(WriteError, match="Connection reset"):
            shared.send_part(plan, 1)
    assert work.parts() == set()
    assert plan.is_done(1)  # so that it is not dreamed again here
    assert not list(plan.folder.parent.glob("*.zip"))
    shared.send_part(plan, 1)
    assert work.parts() == {1}


def test_files_that_settings_name_come_along(
    *,
    work: RemoteWork,
    planned: Callable[..., Plan],
    on: Callable[[str], None],
    build: BuildDreamer,
    settings: Preset,
    shots: Path,
    tmp_path: Path,
) -> None:
    mask = tmp_path / "a mask.png"
    cv2.imwrite(str(mask), np.tile(np.array([[0, 255]], np.uint8), (18, 1)))
    masked = settings.override({"mask.source": str(mask)})
    dream_file(shots, tmp_path / "straight.mkv", masked, RunOptions(), build=build)
    shared = work.share(planned(masked))
    mask.rename(tmp_path / "elsewhere.png")
    on("machine")
    for number in range(1, 6):
        dream(shared, number, build)
    mask.hardlink_to(tmp_path / "elsewhere.png")
    plan = planned(masked)
    work.share(plan)
    join(plan, tmp_path / "out.mkv", QUICK)
    assert frames_of(tmp_path / "out.mkv") == frames_of(tmp_path / "straight.mkv")


def test_a_plan_writes_nowhere_else(
    work: RemoteWork, planned: Callable[..., Plan], on: Callable[[str], None], tmp_path: Path
) -> None:
    plan = planned()
    value = json.loads((plan.folder / PLAN).read_text())
    value["source"] = "../../../../elsewhere/film.mp4"
    (plan.folder / PLAN).write_text(json.dumps(value))
    shared = work.share(plan)
    on("machine")
    with pytest.raises(ReadError, match="the plan is of no film by URL"):
        shared.open_plan()
    assert not (tmp_path / "elsewhere").exists()


def test_a_damaged_plan_is_one_line(work: RemoteWork, planned: Callable[..., Plan], there: Path) -> None:
    work.share(planned())
    (there / "out.mkv.work/plan.zip").write_bytes(b"PK no plan")
    with pytest.raises(DamagedError, match=r"out\.mkv\.work/plan\.zip is damaged; --fresh discards it"):
        planned()
