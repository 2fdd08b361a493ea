"""A few frames first: a sheet, an estimate, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dreamvid.cli.main import main
from dreamvid.errors import WriteError
from dreamvid.media.input.source import open_source
from dreamvid.media.still.reader import Still, read_still
from dreamvid.media.still.writer import write_still
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.video import prepare

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.config.preset import Preset
    from dreamvid.types import RGB, Frame

pytestmark = pytest.mark.e2e


def test_a_sheet_and_an_estimate_and_then_the_whole(clip: Path, quick: Preset) -> None:
    prepared = prepare(clip, None, quick, RunOptions(device="cpu"))
    forecast = prepared.preview(4)
    sheet = clip.with_name("clip.dream.mp4.preview.png")
    assert forecast.sheet == sheet
    assert {path.name for path in clip.parent.iterdir()} == {clip.name, sheet.name}
    assert read_still(sheet).rgb.shape == (2 * 48 + 4, 2 * 80 + 4, 3)
    assert forecast.frames == 10
    assert forecast.seconds > 0
    assert forecast.disk > 10 * 48 * 80
    assert "all 10 frames take about" in forecast.line()
    prepared.preview(1)  # replaces an older preview
    assert prepared.run().frames == 10


def test_a_preview_changes_nothing_in_the_whole(clip: Path, quick: Preset) -> None:
    preset = quick.override({"output.codec": "ffv1"})
    plain, after = clip.with_name("plain.mkv"), clip.with_name("after.mkv")
    prepare(clip, plain, preset, RunOptions(device="cpu")).run()
    prepared = prepare(clip, after, preset, RunOptions(device="cpu"))
    prepared.preview(4)
    prepared.run()
    assert [f.rgb.tobytes() for f in frames_of(after)] == [f.rgb.tobytes() for f in frames_of(plain)]


def frames_of(path: Path) -> list[Frame]:
    return list(open_source(path))


@pytest.mark.parametrize("source", ["luma", "motion"])
def test_masked_dreams_have_previews(clip: Path, quick: Preset, source: str) -> None:
    masked = quick.override({"mask.source": source})
    prepared = prepare(clip, None, masked, RunOptions(device="cpu"))
    assert prepared.preview(2).sheet.exists()


def test_another_picture_of_that_name_is_kept(clip: Path, quick: Preset) -> None:
    sheet = clip.with_name("clip.dream.mp4.preview.png")
    write_still(sheet, Still(read_first(clip)), overwrite=False)
    before = sheet.read_bytes()
    prepared = prepare(clip, None, quick, RunOptions(device="cpu"))
    with pytest.raises(WriteError, match="--yes"):
        prepared.preview(2)
    assert sheet.read_bytes() == before


def read_first(clip: Path) -> RGB:
    return next(iter(open_source(clip))).rgb


@pytest.mark.parametrize("count", ["0", "x", "101"])
def test_a_count_that_cannot_be_is_one_line(
    clip: Path, count: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["video", str(clip), "--preview", count])
    assert left.value.code == 1
    assert "--preview" in capsys.readouterr().err


def test_without_a_terminal_it_ends_after_the_sheet(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["video", str(clip), "--preview", "2", "--octaves", "2", "--steps", "1", "--device", "cpu"])
    assert left.value.code == 0
    assert "all 10 frames take about" in capsys.readouterr().out
    assert not clip.with_name("clip.dream.mp4").exists()
