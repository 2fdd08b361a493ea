"""The real studio: from a dropped clip to a finished video with sound, and previews that are those of the render."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
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

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.e2e

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
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


@pytest.fixture
def link(tmp_path: Path) -> Iterator[str]:
    """The link of a studio of an empty folder, as the command prints it."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    films = tmp_path / "my films"
    films.mkdir()
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
            yield lines[1]
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
            assert process.stdout.read() == ""
        finally:
            process.kill()  # does nothing where it has ended


def test_from_a_dropped_clip_to_a_finished_video_with_sound(
    link: str, material: Path, tmp_path: Path
) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        sandbox = [] if os.name == "nt" or os.geteuid() else ["--no-sandbox"]  # it refuses to run as root
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        page = browser.new_page()
        page.set_default_timeout(120_000)
        page.goto(link)
        page.set_input_files("#add-files", material / "clip.mp4")
        page.locator("#dreamed").wait_for()
        page.locator("[data-name=subtle]").click()
        page.select_option("#quality", "draft")
        page.click("#render")
        page.locator("[data-view=renders]").click()
        page.locator(".job", has_text="finished").wait_for()
        page.get_by_role("button", name="Play clip.subtle.mp4").first.click()
        page.locator("#player video").wait_for()
        browser.close()
    output = tmp_path / "my films/clip.subtle.mp4"
    media = probe(output)
    assert media.video.frames == 6
    assert [stream.codec for stream in media.audio] == ["aac"]
