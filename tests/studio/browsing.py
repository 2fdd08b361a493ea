"""A studio that is served to a browser, and what a user of its page does and waits for."""

from __future__ import annotations

import json
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any, Self

import pytest
import uvicorn

from dreamvid.studio.app import make_app
from dreamvid.studio.atlases import AtlasMaker
from dreamvid.studio.jobs import JobFolder
from dreamvid.studio.library import Library
from dreamvid.studio.moving import MovingPreviews
from dreamvid.studio.previews import Previews
from dreamvid.studio.runner import JobRunner
from dreamvid.studio.security import Access
from dreamvid.studio.services import Studio
from tests.studio.conftest import copy_moving

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from dreamvid.config.preset import Preset
    from dreamvid.studio.jobs import Job

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
expect.set_options(timeout=20_000)


def copy_command(job: Job, jobs: JobFolder) -> list[str]:
    """Return a command that reports frames as a render does, and copies its source, or waits beside a mark."""
    script = (
        "import json, os, shutil, sys, time\n"
        "source, output = sys.argv[1:]\n"
        "print(json.dumps({'event': 'start', 'frames': 4}), flush=True)\n"
        "print(json.dumps({'event': 'frame', 'frame': 0, 'frames': 4, 'seconds': 1}), flush=True)\n"
        "while os.path.exists(output + '.hold'): time.sleep(0.02)\n"
        "shutil.copyfile(source, output)\n"
    )
    source = jobs.library.folder / (job.source or "clip.mp4")
    return [sys.executable, "-c", script, str(source), str(jobs.output(job))]


class Served:
    """A studio that is served in a thread; ``worker`` is the stub that dreams."""

    def __init__(self, folder: Path, worker: Any) -> None:
        self.folder, self.worker = folder, worker
        library = Library(folder)
        self.jobs = JobFolder(library)
        self._socket = socket.create_server(("127.0.0.1", 0))
        port = self._socket.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        access = Access.at("127.0.0.1", port)
        self.link = f"{self.address}/#token={access.token}"
        moving = MovingPreviews(library.state_folder / "moving", copy_moving)
        runner = JobRunner(self.jobs, copy_command)
        studio = Studio(library, self.jobs, runner, Previews(worker), access, moving, AtlasMaker(library))
        config = uvicorn.Config(make_app(studio), log_config=None, timeout_graceful_shutdown=5, ws="none")
        self._ending = studio.ending
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._server.should_exit = True
        self._thread.join(30)
        self._socket.close()
        assert not self._thread.is_alive(), "the server did not end"


def pick(page: Page, name: str) -> None:
    page.locator(".file", has_text=name).click()
    dreamed(page)


def dreamed(page: Page) -> None:
    """Wait until a dream is shown and none is under way."""
    expect(page.locator("#dreamed")).to_be_visible()
    expect(page.locator("#picture")).not_to_have_class("picture waiting")


def last(served: Served) -> Preset:
    preset: Preset = served.worker.requests[-1].preset
    return preset


def asked(page: Page, served: Served, number: int) -> None:
    """Wait for so many requests in all."""
    for _ in range(200):
        if len(served.worker.requests) >= number:
            break
        page.wait_for_timeout(25)
    assert len(served.worker.requests) >= number
    dreamed(page)


def check_access(axe: Any, page: Page, width: int) -> None:
    result = axe.run(page)
    assert result.violations_count == 0, json.dumps(result.response["violations"], indent=1)[:4000]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
