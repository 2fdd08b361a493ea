"""A studio of a small folder, whose previews are dreamed by a stub and whose jobs are run by hand."""

from __future__ import annotations

import io
import sys
import time
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from dreamvid.config.settings import OutputSettings
from dreamvid.media.output.writer import open_writer
from dreamvid.pipelines.landscape import Landscape, write_wind
from dreamvid.types import Frame, Size, VideoInfo

pytest.importorskip("starlette", reason="starlette is not installed")

from starlette.testclient import TestClient

from dreamvid.studio.app import make_app
from dreamvid.studio.atlases import AtlasMaker
from dreamvid.studio.jobs import JobFolder
from dreamvid.studio.library import Library
from dreamvid.studio.moving import MovingPreviews
from dreamvid.studio.preview_worker import PreviewReply, PreviewRequest
from dreamvid.studio.previews import Previews
from dreamvid.studio.runner import JobRunner
from dreamvid.studio.security import Access
from dreamvid.studio.services import Studio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import BrowserContext, Page

    from tests.studio.browsing import Served

RATE = Fraction(12)
PORT = 8480
ADDRESS = f"http://127.0.0.1:{PORT}"


def webp(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((27, 48, 3), shade, np.uint8)).save(buffer, "webp")
    return buffer.getvalue()


def until(true: Callable[[], bool]) -> None:
    """Wait until something is true, ten seconds at most."""
    for _ in range(1000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError


@dataclass
class StubWorker:
    """Answers every request with gray pictures, and remembers it."""

    requests: list[PreviewRequest] = field(default_factory=list)
    error: str = ""
    wait: Callable[[], object] = lambda: None
    closed: bool = False

    def dream(self, request: PreviewRequest) -> PreviewReply:
        self.requests.append(request)
        self.wait()
        if self.error:
            return PreviewReply(error=self.error)
        shade = 60 + 10 * (len(self.requests) % 15)
        return PreviewReply(webp(30), webp(shade))

    def close(self) -> None:
        self.closed = True


def write_clip(path: Path, *, frames: int = 6, sound: bool = True) -> Path:
    """Write a small landscape with the sound of wind."""
    size = Size(54, 96)
    wind = path.with_name("wind.wav")
    write_wind(wind, float(frames / RATE))
    writer = open_writer(
        path,
        info=VideoInfo(size, RATE, frames=frames),
        output=OutputSettings(),
        streams_from=wind if sound else None,
    )
    landscape = Landscape(size)
    with writer:
        for index in range(frames):
            writer.write(Frame(index, index / RATE, landscape.frame(index / 12), duration=1 / RATE))
    wind.unlink()
    return path


def write_photograph(path: Path) -> Path:
    codes = np.round(Landscape(Size(60, 90), 3).frame(1.0) * 255).astype(np.uint8)
    Image.fromarray(codes).save(path)
    return path


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a clip and a photograph; tests take copies."""
    folder = tmp_path_factory.mktemp("material")
    write_clip(folder / "clip.mp4")
    write_photograph(folder / "photo.png")
    return folder


@pytest.fixture
def folder(tmp_path: Path, material: Path) -> Path:
    """The folder that the studio shows."""
    folder = tmp_path / "films"
    folder.mkdir()
    for file in material.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


@pytest.fixture
def worker() -> StubWorker:
    return StubWorker()


def no_command(*_: object) -> list[str]:
    return [sys.executable, "-c", "pass"]


def copy_moving(_: Path, source: Path, output: Path, __: int | None) -> list[str]:
    """Return a command that reports a frame and copies its source, or waits beside a mark."""
    script = (
        "import json, os, shutil, sys, time\n"
        "source, output, hold = sys.argv[1:]\n"
        "print(json.dumps({'event': 'start', 'frames': 4}), flush=True)\n"
        "print(json.dumps({'event': 'frame', 'frame': 0, 'frames': 4, 'seconds': 1}), flush=True)\n"
        "while os.path.exists(hold): time.sleep(0.02)\n"
        "shutil.copyfile(source, output)\n"
    )
    return [sys.executable, "-c", script, str(source), str(output), str(source.with_name("moving.hold"))]


@pytest.fixture
def studio(folder: Path, worker: StubWorker) -> Studio:
    library = Library(folder)
    jobs = JobFolder(library)
    access = Access.at("127.0.0.1", PORT)
    runner = JobRunner(jobs, no_command)
    moving = MovingPreviews(library.state_folder / "moving", copy_moving)
    atlases = AtlasMaker(library, no_command)
    return Studio(library, jobs, runner, Previews(worker), access, moving, atlases, max_upload=200_000)


@pytest.fixture
def stranger(studio: Studio) -> Iterator[TestClient]:
    """A client of the right address without the page's cookie."""
    with TestClient(make_app(studio), base_url=ADDRESS, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def client(studio: Studio, stranger: TestClient) -> TestClient:
    """The page: it has exchanged the token of its link for the cookie."""
    stranger.headers["origin"] = ADDRESS
    assert stranger.post("/api/session", json={"token": studio.access.token}).status_code == 200
    return stranger


@pytest.fixture
def id_of(studio: Studio) -> Callable[[str], str]:
    """Return the id of a file of the folder."""

    def find(name: str) -> str:
        file = studio.library.named(name)
        assert file is not None
        return file.id

    return find


@pytest.fixture
def served(folder: Path, worker: StubWorker) -> Iterator[Served]:
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    from tests.studio.browsing import Served  # noqa: PLC0415  loads playwright

    with Served(folder, worker) as served:
        yield served


@pytest.fixture
def page(context: BrowserContext, served: Served) -> Iterator[Page]:
    """The page, opened by its link; nothing is asked of any other server, and no script fails."""
    from tests.studio.browsing import expect  # noqa: PLC0415  loads playwright

    faults: list[str] = []
    opened = context.new_page()
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on(
        "request",
        lambda request: (
            None if request.url.startswith((served.address, "data:", "blob:")) else faults.append(request.url)
        ),
    )
    opened.goto(served.link)
    expect(opened.locator(".file")).to_have_count(2)
    yield opened
    assert faults == []
