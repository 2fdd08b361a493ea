"""The frame around a command: log, report, progress for programs, questions."""

from __future__ import annotations

import json
import logging
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid.cli.main import main
from dreamvid.media.still import Still, write_still
from dreamvid.media.writer import open_writer
from dreamvid.preset import OutputSettings
from dreamvid.types import Frame, Size, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUICK = ["--octaves", "1", "--steps", "1", "--precision", "float32", "--device", "cpu"]


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    logger = logging.getLogger("dreamvid")
    before = list(logger.handlers)
    yield
    for handler in set(logger.handlers) - set(before):
        logger.removeHandler(handler)
        handler.close()


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "p.png"
    rgb = np.random.default_rng(0).random((24, 32, 3), dtype=np.float32)
    write_still(path, Still(rgb), overwrite=False)
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    noise = np.random.default_rng(0).random((32, 48, 3), dtype=np.float32)
    info = VideoInfo(Size(32, 48), Fraction(10))
    writer = open_writer(
        path, info=info, output=OutputSettings(), companion=None, metadata={}, notify=lambda _: None
    )
    with writer:
        for index in range(3):
            writer.write(Frame(index, Fraction(index, 10), noise))
    return path


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    assert isinstance(left.value.code, int)
    return left.value.code


def test_progress_for_programs_is_one_object_a_line(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("video", clip, *QUICK, "--progress", "json") == 0
    captured = capsys.readouterr()
    events = [json.loads(line) for line in captured.err.splitlines()]
    assert [event["event"] for event in events] == ["start", "frame", "frame", "frame", "done"]
    assert [event["frame"] for event in events[1:4]] == [0, 1, 2]
    assert events[0]["frames"] == 3
    assert events[-1]["output"].endswith("clip.dream.mp4")
    assert captured.out == ""


def test_the_closing_line_says_frames_time_speed_size_and_path(
    clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("video", clip, *QUICK) == 0
    out = capsys.readouterr().out
    assert out.startswith("dreamed 3 frames in ")
    assert all(part in out for part in ("fps", "48x32", "kB", "clip.dream.mp4"))


def test_quiet_prints_nothing(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("video", clip, *QUICK, "--quiet") == 0
    assert capsys.readouterr() == ("", "")


def test_the_report_and_the_log_tell_of_the_run(clip: Path) -> None:
    report, log = clip.with_name("report.json"), clip.with_name("run.log")
    assert run("video", clip, *QUICK, "--report", report, "--log-file", log) == 0
    facts = json.loads(report.read_text(encoding="utf-8"))
    assert facts["frames"] == 3
    assert facts["precision"] == "float32"
    assert facts["dream_rms"] > 0
    assert facts["objective_gain"] > 0
    assert {"decode", "dream", "encode"} <= set(facts["stages"])
    assert "clip.dream.mp4" in log.read_text(encoding="utf-8")


def test_several_images_go_into_a_folder_and_one_report(picture: Path) -> None:
    other, report = picture.with_name("q.png"), picture.with_name("report.json")
    other.write_bytes(picture.read_bytes())
    assert run("image", picture, other, "-o", picture.parent / "out", *QUICK, "--report", report) == 0
    assert sorted(p.name for p in (picture.parent / "out").iterdir()) == ["p.dream.png", "q.dream.png"]
    assert len(json.loads(report.read_text(encoding="utf-8"))) == 2


@pytest.mark.parametrize("option", ["--report", "--log-file"])
def test_a_report_that_cannot_be_written_is_an_error_before_the_work(
    clip: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("video", clip, *QUICK, option, clip.parent / "nowhere" / "x") == 1
    assert option in capsys.readouterr().err
    assert not clip.with_name("clip.dream.mp4").exists()


def test_an_existing_output_is_replaced_only_with_yes(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = clip.with_name("clip.dream.mp4")
    output.write_bytes(b"precious")
    assert run("video", clip, *QUICK) == 1
    assert "--yes" in capsys.readouterr().err
    assert output.read_bytes() == b"precious"
    assert run("video", clip, *QUICK, "--yes") == 0
    assert output.stat().st_size > 100
