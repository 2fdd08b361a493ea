"""``dreamvid measure``: a table for people, JSON for programs, errors in one line."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid.cli.main import main
from dreamvid.config.settings import OutputSettings
from dreamvid.media.output.writer import open_writer
from dreamvid.types import Frame, Size, VideoInfo

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, frames: int, brightness: float) -> Path:
    noise = np.random.default_rng(0).random((32, 48, 3), dtype=np.float32) * np.float32(0.5)
    info = VideoInfo(Size(32, 48), Fraction(10))
    with open_writer(path, info=info, output=OutputSettings(codec="ffv1")) as writer:
        for index in range(frames):
            writer.write(Frame(index, Fraction(index, 10), noise + np.float32(brightness)))
    return path


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return write(tmp_path / "s.mkv", 10, 0.0), write(tmp_path / "d.mkv", 10, 0.1)


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as left:
        main(["measure", *(str(argument) for argument in arguments)])
    assert isinstance(left.value.code, int)
    return left.value.code


def test_a_table_for_people(pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*pair) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "10 frames, 48x32, dream RMS 0.1, no cut\nflashes: at most 0 in a second, red ones 0\n"
    )
    for word in ("lag 1", "lag 8", "F advected", "dream RMS", "detail", "brightness", "saturation", "4th"):
        assert word in out


def test_one_object_for_programs(pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*pair, "--json") == 0
    captured = capsys.readouterr()
    facts = json.loads(captured.out)
    assert (facts["frames"], facts["width"], facts["height"], facts["cuts"]) == (10, 48, 32, [])
    assert facts["dream_rms"] == pytest.approx(0.1, abs=0.005)
    assert [row["lag"] for row in facts["lags"]] == [1, 8]
    assert facts["drift"]["brightness"]["beyond_source"] == pytest.approx(0, abs=0.01)
    assert facts["flashes"] == {"per_second": 0, "red_per_second": 0, "too_many": []}
    assert captured.err == ""


def test_flashes_of_one_video_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    strobe = tmp_path / "strobe.mkv"
    info = VideoInfo(Size(36, 64), Fraction(10))
    with open_writer(strobe, info=info, output=OutputSettings(codec="ffv1")) as writer:
        for index in range(20):
            gray = np.full((36, 64, 3), 0.8 if index % 2 else 0.2, np.float32)
            writer.write(Frame(index, Fraction(index, 10), gray))
    assert run(strobe) == 0
    said = "flashes: at most 5 in a second, red ones 0; more than three, the limit of WCAG 2.3.1: 0.0-1.9 s\n"
    assert capsys.readouterr().out == said
    assert run(strobe, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "frames": 20,
        "flashes": {"per_second": 5, "red_per_second": 0, "too_many": [[0, 1.9]]},
    }
    assert run(strobe, "--plot", tmp_path / "chart.png") == 1
    assert "--plot needs two files" in capsys.readouterr().err


def test_progress_for_programs_does_not_hide_the_figures(
    pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*pair, "--json", "--progress", "json") == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["frames"] == 10
    events = [json.loads(line)["event"] for line in captured.err.splitlines()]
    assert events == ["start", *["frame"] * 10, "done"]


def test_one_frame_has_dashes_and_nulls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = write(tmp_path / "s.mkv", 1, 0.0), write(tmp_path / "d.mkv", 1, 0.1)
    assert run(one, other) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if "lag 1" in line)
    assert row.split() == ["lag", "1", "0", "-", "-", "-", "-", "-", "-"]
    assert run(one, other, "--json") == 0
    assert json.loads(capsys.readouterr().out)["lags"][0]["flicker"] is None


def test_notes_are_told_unless_quiet(pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(pair[0], pair[0]) == 0
    assert "hardly a dream" in capsys.readouterr().err
    assert run(pair[0], pair[0], "--quiet") == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.startswith("10 frames")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--start", "soon"], "--start"),
        (["--fps", "0"], "--fps"),
        (["--progress", "loud"], "--progress"),
        (["--plot", "chart.txt"], ".png, .svg or .pdf"),
        (["--start", "0.5"], "frames"),
    ],
)
def test_errors_are_one_line(
    pair: tuple[Path, Path], arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*pair, *arguments) == 1
    captured = capsys.readouterr()
    assert says in captured.err
    assert len(captured.err.splitlines()) == 1
    assert captured.out == ""


def test_a_missing_file_is_one_line(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(pair[0], tmp_path / "nowhere.mkv") == 1
    assert "no such file" in capsys.readouterr().err


def test_an_existing_chart_is_replaced_only_with_yes(
    pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    chart = pair[0].with_name("chart.png")
    chart.write_bytes(b"precious")
    assert run(*pair, "--plot", chart) == 1
    assert "--yes" in capsys.readouterr().err
    assert chart.read_bytes() == b"precious"
    assert run(*pair, "--plot", chart, "--yes") == 0
    assert chart.read_bytes().startswith(b"\x89PNG")
