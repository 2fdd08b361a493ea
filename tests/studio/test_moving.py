"""Moving previews: two seconds of the render, small; the newest wins, and nothing of the others stays."""

from __future__ import annotations

import sys
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid.config.preset import Preset
from dreamvid.errors import ReadError, SettingsError
from dreamvid.media.input.source import open_source
from dreamvid.pipelines.preview_frame import dream_preview
from dreamvid.pipelines.video import dream_file
from dreamvid.studio.moving import SECONDS, MovingPreviews, moving_preset
from dreamvid.types import Size

pytest.importorskip("starlette", reason="starlette is not installed")

from starlette.testclient import TestClient

from dreamvid.studio.app import make_app
from tests.studio.conftest import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dreamvid.studio.services import Studio


def test_it_is_the_look_of_the_render_at_the_scrubber_made_small() -> None:
    preset = Preset.build({"input": {"start": 3}, "output": {"codec": "prores", "fps": 12}, "octaves": 6})
    small = moving_preset(preset, Size(1080, 1920), Fraction(5), 480)
    assert small.input.start == 8
    assert small.input.duration == SECONDS
    assert small.output.width == 480
    assert small.output.fps == 12
    assert small.output.codec == Preset().output.codec
    assert (
        small.octaves.count == 2
    )  # the coarsest octave stays: forms have the size that they have in the render
    assert small.stability == preset.stability
    assert small.octaves.largest is None
    assert moving_preset(preset, Size(90, 160), Fraction(0), 480).output.width == 160


def test_it_ends_where_the_part_ends_that_is_used() -> None:
    preset = Preset.build({"input": {"duration": 3}})
    ends = [moving_preset(preset, Size(90, 160), Fraction(at), 480).input.duration for at in (0, 1, 2)]
    assert ends == [2, 2, 1]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"pipeline": "zoom"}, "is for videos"),
        ({"look": {"strength": {"0s": 0.2, "end": 1}}}, "do not change over time"),
        ({"scenes": [{"start": "0s", "objective": "mixed2"}]}, "do not change over time"),
    ],
)
def test_what_it_cannot_show_is_said(values: dict[str, object], text: str) -> None:
    with pytest.raises(SettingsError, match=text):
        moving_preset(Preset.build(values), Size(90, 160), Fraction(0), 480)


def test_the_newest_wins_and_leaves_nothing(tmp_path: Path) -> None:
    def command(_: Path, source: Path, output: Path, threads: int | None) -> list[str]:
        return [sys.executable, "-c", "import time; time.sleep(60)", str(source), str(output), str(threads)]

    moving = MovingPreviews(tmp_path / "moving", command)
    first = moving.begin(tmp_path / "clip.mp4", Preset())
    process = moving._runs[""].process
    second = moving.begin(tmp_path / "clip.mp4", Preset())
    assert process.poll() is not None
    with pytest.raises(ReadError, match="given up"):
        moving.status(first)
    assert {path.stem for path in (tmp_path / "moving").iterdir()} == {second}
    moving.cancel(first)
    assert not moving.status(second).finished
    moving.clear()
    assert not (tmp_path / "moving").exists()


def test_pages_have_one_each_and_there_are_two_at_most(tmp_path: Path) -> None:
    def command(*_: object) -> list[str]:
        return [sys.executable, "-c", "import time; time.sleep(60)"]

    moving = MovingPreviews(tmp_path / "moving", command)
    first, second = (moving.begin(tmp_path / "clip.mp4", Preset(), page=page) for page in ("a", "b"))
    assert not moving.status(first).finished
    again = moving.begin(tmp_path / "clip.mp4", Preset(), page="a")
    assert not moving.status(second).error
    third = moving.begin(tmp_path / "clip.mp4", Preset(), page="c")
    with pytest.raises(ReadError, match="given up"):
        moving.status(second)
    moving.cancel(third)
    assert {path.name for path in (tmp_path / "moving").iterdir()} == {again}
    moving.clear()


def test_an_end_without_a_word_is_said(tmp_path: Path) -> None:
    def command(*_: object) -> list[str]:
        return [sys.executable, "-c", "raise SystemExit(3)"]

    moving = MovingPreviews(tmp_path / "moving", command)
    name = moving.begin(tmp_path / "clip.mp4", Preset())
    until(lambda: bool(moving.status(name).error))
    assert "exit code 3" in moving.status(name).error
    with pytest.raises(ReadError, match="not finished"):
        moving.file(name)


def test_it_is_begun_followed_played_and_given_up(
    client: TestClient, id_of: Callable[[str], str], folder: Path, studio: Studio
) -> None:
    (folder / "moving.hold").touch()
    body = {"source": id_of("clip.mp4"), "values": {}, "time": 0.25, "longest": 64}
    address = f"/api/moving/{client.post('/api/moving', json=body).json()['id']}"
    until(lambda: client.get(address).json()["done"] == 1)
    assert client.get(address).json() == {"done": 1, "frames": 4, "finished": False, "error": ""}
    assert client.get(f"{address}/content").status_code == 400
    (folder / "moving.hold").unlink()
    until(lambda: client.get(address).json()["finished"])
    assert client.get(f"{address}/content").content == (folder / "clip.mp4").read_bytes()
    assert client.get(f"{address}/flashes").json()["warning"] == ""
    assert client.post(address, json={}).status_code == 200
    assert client.get(address).status_code == 400
    assert list((studio.library.state_folder / "moving").iterdir()) == []


def test_what_a_killed_server_left_is_removed(studio: Studio) -> None:
    left = studio.library.state_folder / "moving/ab/preview.mp4"
    left.parent.mkdir(parents=True)
    left.touch()
    with TestClient(make_app(studio)):
        assert not left.exists()


def test_only_clips_move(client: TestClient, id_of: Callable[[str], str]) -> None:
    bodies: list[dict[str, object]] = [{"values": {}}, {"source": id_of("photo.png"), "values": {}}]
    for body in bodies:
        answer = client.post("/api/moving", json=body)
        assert answer.status_code == 400
        assert "pick a clip first" in answer.json()["error"]


@pytest.mark.e2e
def test_its_first_frame_is_that_of_the_still_preview_and_of_the_render(folder: Path) -> None:
    preset = Preset.build({"octaves": 4, "ascent": {"steps": 1}, "run": {"precision": "float32"}})
    small = moving_preset(preset, Size(54, 96), Fraction(1, 4), 480)
    dream_file(folder / "clip.mp4", folder / "out.mkv", small.override({"output.codec": "ffv1"}))
    frames = [frame.rgb for frame in open_source(folder / "out.mkv")]
    assert len(frames) == 3
    still = dream_preview(folder / "clip.mp4", preset, Fraction(1, 4), 480)
    assert frames[0].shape == still.dreamed.shape
    assert float(np.abs(frames[0] - still.dreamed).max()) <= 1 / 255
    assert float(np.abs(still.dreamed - still.source).mean()) > 1 / 255
