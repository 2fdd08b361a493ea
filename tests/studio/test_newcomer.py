"""The real studio: from a dropped clip to a finished video with sound, and previews that are those of the render."""

from __future__ import annotations

import base64
import hashlib
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid.config.preset import Preset
from dreamvid.media.input.probe import probe
from dreamvid.media.input.source import open_source
from dreamvid.pipelines.image import dream_images
from dreamvid.pipelines.preview_frame import dream_preview
from dreamvid.pipelines.video import dream_file
from dreamvid.studio.jobs import JobFolder
from dreamvid.studio.library import Library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.e2e

QUICK = {"octaves": 2, "ascent": {"steps": 1}, "run": {"precision": "float32"}, "output": {"codec": "ffv1"}}


def test_a_preview_is_the_first_frame_of_a_shot_as_it_is_rendered(folder: Path) -> None:
    preset = Preset.build({**QUICK, "look": {"strength": 0.7}})
    dream_file(folder / "clip.mp4", folder / "out.mkv", preset)
    rendered = next(iter(open_source(folder / "out.mkv"))).rgb
    preview = dream_preview(folder / "clip.mp4", preset, Fraction(0), 480)
    assert preview.dreamed.shape == rendered.shape
    assert float(np.abs(preview.dreamed - rendered).max()) <= 1 / 255
    assert float(np.abs(preview.dreamed - preview.source).mean()) > 1 / 255


def test_a_preview_of_a_still_is_its_dream(folder: Path) -> None:
    preset = Preset.build({"pipeline": "image", **QUICK})
    (result,) = dream_images([folder / "photo.png"], folder / "out.png", preset)
    from dreamvid.media.still.reader import read_still  # noqa: PLC0415  loads imageio

    preview = dream_preview(folder / "photo.png", preset, Fraction(0), 480)
    assert float(np.abs(preview.dreamed - read_still(result.output).rgb).max()) <= 1 / 255
    small = dream_preview(folder / "photo.png", preset, Fraction(0), 64)
    assert max(small.dreamed.shape) == 64


def test_a_trip_shows_what_it_starts_from_and_dreams_of_it() -> None:
    preset = Preset.build({"pipeline": "zoom", **QUICK, "trip": {"start": "#204060-#ff8800", "duration": 2}})
    preview = dream_preview(None, preset, Fraction(1), 64)
    assert preview.source.shape == preview.dreamed.shape == (36, 64, 3)
    assert float(np.abs(preview.dreamed - preview.source).mean()) > 1 / 255


@contextmanager
def open_studio(films: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the studio of a folder; yield its process and the link that the command prints."""
    command = [
        sys.executable,
        "-m",
        "dreamvid",
        "studio",
        str(films),
        "--no-open",
        "--port",
        "0",
        "--threads",
        "1",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline().strip() for _ in range(3)]
            assert "goes on at the next start" in lines[2]
            yield process, lines[1]
        finally:
            process.kill()  # does nothing where it has ended


def drop(page: Page, file: Path) -> None:
    """Drop a file onto the page."""
    code = base64.b64encode(file.read_bytes()).decode()
    transfer = page.evaluate_handle(
        """([code, name]) => {
            const transfer = new DataTransfer();
            const bytes = Uint8Array.from(atob(code), (letter) => letter.charCodeAt(0));
            transfer.items.add(new File([bytes], name));
            return transfer;
        }""",
        [code, file.name],
    )
    for event in ("dragenter", "dragover", "drop"):
        page.dispatch_event("#picture", event, {"dataTransfer": transfer})


def kill_running(jobs: JobFolder) -> None:
    """End the render that runs with kill -9."""
    (running,) = [job for job in jobs.jobs() if jobs.is_running(job)]
    os.kill(int(jobs.file(running, ".lock").read_bytes()), signal.SIGKILL)


def digests(video: Path) -> list[str]:
    return [hashlib.sha256(frame.rgb.tobytes()).hexdigest() for frame in open_source(video)]


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX's")
def test_from_a_dropped_clip_to_finished_videos_with_sound_over_a_killed_server(
    browser: Browser, material: Path, tmp_path: Path
) -> None:
    films = tmp_path / "my films"
    films.mkdir()
    jobs = JobFolder(Library(films))
    page = browser.new_page()
    page.set_default_timeout(120_000)
    looks = ("subtle", "neon", "palace")
    with open_studio(films) as (process, link):
        page.goto(link)
        page.locator(".shelf [data-name=subtle]").wait_for()
        drop(page, material / "clip.mp4")
        page.locator("#dreamed").wait_for()
        page.select_option("#quality", "draft")
        for look in looks:
            page.locator(f"[data-name={look}]").click()
            page.click("#render")
            page.get_by_text(f"clip.{look}.mp4 is queued").wait_for()
        page.locator("[data-view=renders]").click()
        page.locator(".job", has_text="of 6 frames").wait_for()
        process.kill()
        kill_running(jobs)
        assert process.wait(60) == -signal.SIGKILL
    presets = [Preset.load(str(jobs.file(job, ".yaml"))) for job in jobs.jobs()]
    with open_studio(films) as (process, link):
        page.goto(link)
        page.locator("[data-view=renders]").click()
        page.locator(".job", has_text="finished").nth(2).wait_for()
        page.get_by_role("button", name="Play clip.subtle.mp4").first.click()
        page.locator("video#player-dream").wait_for()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    page.close()
    media = probe(films / "clip.subtle.mp4")
    assert media.video.frames == 6
    assert [stream.codec for stream in media.audio] == ["aac"]
    for look, preset in zip(looks, presets, strict=True):
        dream_file(films / "clip.mp4", tmp_path / f"{look}.mp4", preset)
        assert digests(films / f"clip.{look}.mp4") == digests(tmp_path / f"{look}.mp4")
