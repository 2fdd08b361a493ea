"""The frame around a command: log, report, progress for programs, questions."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from dreamvid import dream_video
from dreamvid.cli.main import main
from dreamvid.cli.progress import JsonLines, Lines
from dreamvid.config.settings import OutputSettings
from dreamvid.media.input.source import open_source
from dreamvid.media.output.writer import open_writer
from dreamvid.media.still.reader import Still
from dreamvid.media.still.writer import write_still
from dreamvid.pipelines import memory
from dreamvid.pipelines.replay import read_recipe
from dreamvid.types import Frame, Size, VideoInfo

QUICK = ["--octaves", "1", "--steps", "1", "--precision", "float32", "--device", "cpu"]


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
    writer = open_writer(path, info=info, output=OutputSettings(), streams_from=None, metadata={})
    with writer:
        for index in range(3):
            writer.write(Frame(index, Fraction(index, 10), noise))
    return path


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    assert isinstance(left.value.code, int)
    return left.value.code


@pytest.mark.e2e
def test_progress_for_programs_is_one_object_a_line(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("video", clip, *QUICK, "--progress", "json") == 0
    captured = capsys.readouterr()
    events = [json.loads(line) for line in captured.err.splitlines()]
    assert [event["event"] for event in events] == ["start", "frame", "frame", "frame", "chunk", "done"]
    assert [event["frame"] for event in events[1:4]] == [0, 1, 2]
    assert (events[0]["frames"], events[0]["resumed_at"]) == (3, 0)
    assert (events[4]["chunk"], events[4]["kept"]) == (1, 3)
    assert events[-1]["output"].endswith("clip.dream.mp4")
    assert captured.out == ""


@pytest.mark.e2e
def test_the_closing_line_says_frames_time_speed_size_and_path(
    clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("video", clip, *QUICK) == 0
    out = capsys.readouterr().out
    assert out.startswith("dreamed 3 frames in ")
    assert all(part in out for part in ("fps", "48x32", "kB", "clip.dream.mp4"))


@pytest.mark.e2e
def test_quiet_prints_nothing(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("video", clip, *QUICK, "--quiet") == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.e2e
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


@pytest.mark.e2e
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


@pytest.mark.parametrize("option", ["--report", "--log-file"])
def test_a_report_or_log_never_goes_over_anything_else(
    clip: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = clip.read_bytes()
    assert run("video", clip, *QUICK, option, clip) == 1
    assert "something else" in capsys.readouterr().err
    assert clip.read_bytes() == before


@pytest.mark.e2e
def test_a_report_that_names_the_output_leaves_the_output_alone(
    picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = picture.with_name("o.png")
    assert run("image", picture, "-o", output, *QUICK, "--report", output) == 1
    assert "something else" in capsys.readouterr().err
    assert output.read_bytes().startswith(b"\x89PNG")


@pytest.mark.e2e
def test_an_older_report_is_replaced_as_a_whole(picture: Path) -> None:
    report = picture.with_name("report.json")
    report.write_text('{"old": true}', encoding="utf-8")
    assert run("image", picture, *QUICK, "--report", report) == 0
    assert "old" not in json.loads(report.read_text(encoding="utf-8"))
    assert [p.name for p in picture.parent.iterdir() if "part" in p.name] == []


@pytest.mark.e2e
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_log_on_a_full_disk_ends_with_a_notice(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("image", picture, *QUICK, "--log-file", "/dev/full") == 0
    err = capsys.readouterr().err
    assert err.count("the log ends here") == 1
    assert "Traceback" not in err


@pytest.mark.e2e
def test_the_log_takes_names_that_are_no_text(tmp_path: Path, picture: Path) -> None:
    odd, log = tmp_path / os.fsdecode(b"\xff.png"), tmp_path / "run.log"
    picture.rename(odd)
    assert run("image", odd, *QUICK, "--log-file", log, "--quiet") == 0
    assert "dreamed 1 frame" in log.read_text(encoding="utf-8")


def test_failures_are_told_once_whatever_libraries_did_to_logging(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = logging.StreamHandler()
    logging.getLogger().addHandler(handler)
    try:
        assert run("video", tmp_path / "no.mp4") == 1
    finally:
        logging.getLogger().removeHandler(handler)
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.e2e
def test_that_nobody_reads_the_closing_line_is_no_error(picture: Path) -> None:
    command = [sys.executable, "-m", "dreamvid", "image", str(picture), *QUICK]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
    assert picture.with_name("p.dream.png").exists()


@pytest.mark.e2e
def test_an_existing_output_is_replaced_only_with_yes(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = clip.with_name("clip.dream.mp4")
    output.write_bytes(b"precious")
    assert run("video", clip, *QUICK) == 1
    assert "--yes" in capsys.readouterr().err
    assert output.read_bytes() == b"precious"
    assert run("video", clip, *QUICK, "--yes") == 0
    assert output.stat().st_size > 100


def test_what_takes_too_much_memory_is_one_line(
    picture: Path, clip: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(memory, "machine_memory", lambda: 10**9)
    for command, source, needed in (
        ("image", picture, "23.5 GB"),
        ("video", clip, "85.1 GB"),
        ("zoom", picture, "53.6 GB"),
    ):
        assert run(command, source, *QUICK, "--width", "16384", "--height", "8000") == 1
        error = capsys.readouterr().err
        assert f"take about {needed} of memory" in error
        assert error.count("\n") == 1


def test_frames_that_wait_for_a_dreamed_one_count_as_memory(
    clip: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(memory, "machine_memory", lambda: 10**9)
    assert run("video", clip, *QUICK, "--width", "16384", "--height", "8000", "--cadence", "6") == 1
    assert "take about 111.3 GB of memory" in capsys.readouterr().err


def test_a_listener_that_goes_away_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    class Gone:
        def write(self, text: str) -> int:
            written.append(text)
            raise OSError(text)

    monkeypatch.setattr(sys, "stderr", Gone())
    JsonLines().frame(3)
    Lines().notice("something")
    assert len(written) == 2  # both were tried, and neither raised


@pytest.mark.e2e
@pytest.mark.usefixtures("clip")
@pytest.mark.parametrize(
    "arguments", [["video", "clip.mp4"], ["zoom", "p.png", "--duration", "0.3", "--fps", "10"]]
)
def test_a_name_that_ends_in_a_slash_is_a_folder_of_frames(
    picture: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(picture.parent)
    frames = ["000001.png", "000002.png", "000003.png", "frames.json"]
    for name in ("takes.v2/", "takes.mp4/"):
        assert run(*arguments, *QUICK, "-o", name) == 0
        assert sorted(path.name for path in Path(name).iterdir()) == frames
        assert run(*arguments, *QUICK, "-o", name) == 1
        assert run(*arguments, *QUICK, "-o", name, "--yes") == 0
    assert run(*arguments, *QUICK, "-o", "takes.v2", "--yes") == 0  # a folder by now
    assert sorted(path.name for path in Path("takes.v2").iterdir()) == frames
    assert run("replay", "takes.v2", *QUICK) == 0
    assert sorted(path.name for path in Path("takes.v2-again").iterdir()) == frames


@pytest.mark.e2e
def test_a_name_that_ends_in_a_slash_is_a_folder_for_outputs(
    clip: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(picture.parent)
    other = picture.with_name("q.png")
    other.write_bytes(picture.read_bytes())
    clip.with_name("look.yaml").write_text("octaves: 1\n")
    clip.with_name("still.yaml").write_text("pipeline: image\n")
    assert run("image", picture, other, "-o", "out.png/", *QUICK) == 0
    assert run("render", "look.yaml", "-i", clip, "-o", "out.v1/", *QUICK) == 0
    assert run("render", "still.yaml", "-i", picture, "-i", other, "-o", "out.v1/", *QUICK) == 0
    made = {name: sorted(path.name for path in Path(name).iterdir()) for name in ("out.png", "out.v1")}
    assert made == {
        "out.png": ["p.dream.png", "q.dream.png"],
        "out.v1": ["clip.look.mp4", "p.still.png", "q.still.png"],
    }


@pytest.mark.e2e
def test_a_preset_renders_a_folder_of_frames_into_one(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(clip.parent)
    clip.with_name("look.yaml").write_text("octaves: 1\n")
    assert run("video", "clip.mp4", *QUICK, "-o", "takes.v2/") == 0
    assert run("render", "look.yaml", "-i", "takes.v2", *QUICK) == 0
    assert len(list(clip.with_name("takes.v2.look").glob("*.png"))) == 3


@pytest.mark.e2e
def test_an_api_output_that_ends_in_a_slash_is_a_folder(clip: Path) -> None:
    quick = {"octaves": 1, "ascent": {"steps": 1}, "run": {"precision": "float32"}}
    result = dream_video(clip, f"{clip.with_name('takes.v2')}/", quick)
    assert result.output.is_dir()


@pytest.mark.e2e
def test_a_draft_keeps_its_settings_and_its_replay_is_the_same(clip: Path) -> None:
    assert run("video", clip, *QUICK, "--draft", "--codec", "ffv1", "-o", clip.with_name("draft.mkv")) == 0
    draft = clip.with_name("draft.mkv")
    stored = read_recipe(draft).settings
    assert {"largest", "count"} <= stored["octaves"].keys()
    assert run("replay", draft) == 0
    again = open_source(clip.with_name("draft.again.mkv"))
    for one, other in zip(open_source(draft), again, strict=True):
        assert np.array_equal(one.rgb, other.rgb)


@pytest.mark.parametrize("command", ["video", "image", "zoom", "render", "replay", "demo"])
def test_a_quality_that_there_is_not_is_one_line(
    command: str, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command, picture, "--quality", "good") == 1
    assert capsys.readouterr().err == "dreamvid: --quality: must be draft, normal or best, not 'good'\n"
