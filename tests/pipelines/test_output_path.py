"""What cannot be written is known before anything is dreamed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dreamvid.config.preset import Preset
from dreamvid.errors import DreamvidError, ReadError, SettingsError, WriteError
from dreamvid.media.still.reader import Still
from dreamvid.media.still.writer import write_still
from dreamvid.pipelines import demo, image, video_job
from dreamvid.pipelines.demo import run_demo
from dreamvid.pipelines.image import dream_images
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.output_path import check_folder, check_target
from dreamvid.pipelines.video import dream_file


@pytest.fixture(autouse=True)
def _no_dreaming(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("too late: the network was asked for already")

    monkeypatch.setattr(image, "build_dreamer", never)
    monkeypatch.setattr(video_job, "load_timeline", never)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "p.png"
    write_still(path, Still(np.zeros((24, 32, 3), np.float32)), overwrite=False)
    return path


def refused(sources: list[Path], output: Path | None, **overrides: object) -> str:
    """Return the one line with which stills are refused; nothing is there that was not before."""
    folder = sources[0].parent
    before = sorted(folder.rglob("*"))
    with pytest.raises(DreamvidError) as caught:
        list(
            dream_images(
                sources, output, Preset().override(overrides), RunOptions(confirm_overwrite=lambda _: True)
            )
        )
    assert sorted(folder.rglob("*")) == before
    return str(caught.value)


@pytest.mark.parametrize("name", ["o.xyz", "o.mp4", "o.gif"])
def test_an_unknown_suffix_of_a_still(picture: Path, name: str) -> None:
    assert "no known kind of picture" in refused([picture], picture.with_name(name))


def test_a_folder_that_cannot_be_made(picture: Path) -> None:
    text = picture.with_name("text")
    text.write_text("x")
    assert "is no folder" in refused([picture], text)
    assert "is no folder" in refused([picture], text / "new" / "er")


def test_a_folder_is_made_only_for_a_dream(picture: Path) -> None:
    broken = picture.with_name("broken.png")
    broken.write_text("x")
    assert "broken.png" in refused([picture, broken], picture.with_name("new"))
    assert "one file" in refused([picture, picture], picture.with_name("new"))


def test_a_source_without_a_name_of_its_own(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(picture.parent)
    for name in (".", "..", "/"):
        with pytest.raises(ReadError, match="is a folder"):
            list(dream_images([Path(name)], None, Preset(), RunOptions(confirm_overwrite=lambda _: True)))


@pytest.mark.parametrize("field", ["output.width", "output.dream_width"])
def test_a_size_that_would_eat_the_memory(tmp_path: Path, field: str) -> None:
    thin = tmp_path / "thin.png"
    write_still(thin, Still(np.zeros((700, 2, 3), np.float32)), overwrite=False)
    assert "16384" in refused([thin], tmp_path / "o.png", **{field: 4096})


def test_a_still_over_itself(picture: Path) -> None:
    assert "the same" in refused([picture], picture)


@pytest.mark.parametrize(
    ("name", "overrides", "says"),
    [
        ("o.xyz", {}, "cannot write .xyz"),
        ("o.mp4", {"output.codec": "ffv1"}, "cannot hold ffv1"),
        ("o.mp4", {"output.crf": 60}, "0 to 51"),
        ("full.mp4", {}, "is a folder"),
        ("full", {}, "no dreamed frames"),
    ],
)
def test_a_video_that_cannot_be_written(
    clip: Path, tmp_path: Path, name: str, overrides: dict[str, object], says: str
) -> None:
    for folder in ("full.mp4", "full"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "diary.txt").touch()

    def ask(_: Path | str) -> bool:
        raise AssertionError("asked whether to replace what can never be replaced")

    with pytest.raises(DreamvidError, match=says):
        dream_file(clip, tmp_path / name, Preset().override(overrides), RunOptions(confirm_overwrite=ask))


def test_devices_are_no_outputs() -> None:
    with pytest.raises(WriteError, match="no ordinary file"):
        check_target(Path(os.devnull), [Path("in.mp4")], lambda _: True)


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="too long"):
        check_target(tmp_path / ("x" * 300), [tmp_path / "in.mp4"], lambda _: True)


def test_a_link_into_nowhere_names_the_folder_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "o.mp4").symlink_to("/nowhere/at/all.mp4")
    with pytest.raises(WriteError, match="folder /nowhere/at does not exist"):
        check_target(tmp_path / "o.mp4", [tmp_path / "in.mp4"], lambda _: True)


def test_a_folder_to_be_made_in_one_that_may_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # whoever runs the tests may be root
    with pytest.raises(WriteError, match="cannot be written"):
        check_folder(tmp_path / "new")


def test_the_clip_of_the_demonstration_is_made_without_warnings(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    demo.make_clip(tmp_path / "clip.mp4", overwrite=False)
    assert (tmp_path / "clip.mp4").stat().st_size
    assert not [record.getMessage() for record in caplog.records]


def test_a_demonstration_that_fails_can_be_started_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make_clip(path: Path, **_: Any) -> None:
        path.write_text("clip")

    def fail(*_: object, **__: object) -> None:
        raise SettingsError("no")

    monkeypatch.setattr(demo, "make_clip", make_clip)
    monkeypatch.setattr(demo, "dream_file", fail)
    for _ in range(2):
        with pytest.raises(SettingsError):
            run_demo(tmp_path, Preset(), RunOptions())
    assert not list(tmp_path.iterdir())
