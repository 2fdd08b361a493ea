"""A clip in which a square appears: table, times, heat maps and outputs say so."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import imageio.v3 as iio
import numpy as np
import pytest

from dreamvid.config.settings import ModelSettings
from dreamvid.errors import DreamvidError, SettingsError, WriteError
from dreamvid.media.input.probe import probe
from dreamvid.media.input.source import open_source
from dreamvid.media.still.reader import read_still
from dreamvid.pipelines import activations
from dreamvid.pipelines.activations import ActivationRequest, see_activations
from dreamvid.pipelines.heat_maps import strip_height
from dreamvid.pipelines.options import RunOptions

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.pipelines.activity import ActivityReport


class ColorNetwork(SimpleNamespace):
    """One layer of three channels, and no classes."""

    name = "colors"
    classes = ()
    loaded = SimpleNamespace(logits=None)
    layers = (SimpleNamespace(name="color", kind="Conv2D", channels=3, depth=1),)

    def layer(self, name: str) -> Any:
        return {"color": self.layers[0]}[name]


@pytest.fixture(autouse=True)
def _colors(monkeypatch: pytest.MonkeyPatch, color_reader: Any) -> None:
    monkeypatch.setattr(activations, "open_network", lambda *_, **__: ColorNetwork())
    monkeypatch.setattr(activations, "build_reader", lambda *_: color_reader)


def see(source: Path, options: RunOptions = RunOptions(), **request: Any) -> ActivityReport:
    return see_activations(source, ModelSettings(), ActivationRequest(**request), options)


@pytest.fixture
def red_clip(tmp_path: Path, square_clip: Any) -> Path:
    clip: Path = square_clip(
        tmp_path / "red appears.mkv", 24, lambda index: (1.0, 0.0, 0.0) if index >= 12 else None
    )
    return clip


def test_the_report_tells_which_channel_wakes_where_and_when(red_clip: Path) -> None:
    report = see(red_clip)
    (shown,) = report.layers["color"]
    assert shown.objective == "color#0"
    assert report.times is not None
    assert [report.times[frame] for frame in shown.activity.onsets] == [0.5]
    assert 12 <= shown.place[0] <= 23
    assert 8 <= shown.place[1] <= 19
    facts = report.to_dict()
    (channel,) = facts["layers"][0]["channels"]
    assert (channel["objective"], channel["onsets"]) == ("color#0", [0.5])
    assert channel["strength"] == pytest.approx(1.0, abs=0.03)
    assert channel["over_time"][:12] == [0.0] * 12
    assert (facts["frames"], facts["width"], facts["height"], len(facts["times"])) == (24, 80, 48, 24)


def test_the_video_shows_the_heat_where_and_when_the_square_is(red_clip: Path, tmp_path: Path) -> None:
    output = tmp_path / "heat.mkv"
    see(red_clip, channels="0,", output=output)
    frames = list(open_source(output))
    times = [frame.pts for frame in open_source(red_clip)]
    assert [frame.pts for frame in frames] == times
    assert frames[0].rgb.shape == (48 + strip_height(80), 80, 3)
    heat = [frame.rgb[:48].max(-1) - frame.rgb[:48].min(-1) for frame in frames]
    assert max(values.max() for values in heat[:12]) < 0.1
    rows, columns = np.nonzero(heat[12] > 0.4)
    assert (rows.mean(), columns.mean()) == pytest.approx((13.5, 17.5), abs=3)


def test_the_sheet_shows_each_channel_at_its_strongest(red_clip: Path, tmp_path: Path) -> None:
    sheet, output = tmp_path / "sheet.png", tmp_path / "heat.gif"
    see(red_clip, sheet=sheet, output=output)
    picture = read_still(sheet).rgb
    assert picture.shape[1] == 2 * 256 + 6
    channel = picture[:, 262:]
    assert (channel.max(-1) - channel.min(-1))[: round(48 * 3.2)].max() > 0.4
    assert probe(output).video.frames == 24


def test_a_video_keeps_its_sound_and_its_part(clip: Path, tmp_path: Path) -> None:
    output = tmp_path / "heat.mp4"
    report = see(clip, channels="2,", output=output, start=Fraction(1, 4), duration=Fraction(1, 2))
    media = probe(output)
    assert report.times is not None
    assert media.video.frames == len(report.times) == 6
    assert [stream.kind for stream in media.streams] == ["video", "audio"]


def test_a_picture_gives_a_picture(tmp_path: Path) -> None:
    picture = np.full((40, 60, 3), 128, np.uint8)
    picture[10:20, 30:40] = 0, 0, 255
    iio.imwrite(tmp_path / "blue.png", picture)
    report = see(tmp_path / "blue.png", output=tmp_path / "heat.png", channels="all", top=1)
    assert report.times is None
    (shown,) = report.layers["color"]
    assert shown.objective == "color#2"
    assert "onsets" not in report.to_dict()["layers"][0]["channels"][0]
    heat = read_still(tmp_path / "heat.png").rgb[:40]
    rows, columns = np.nonzero(heat.max(-1) - heat.min(-1) > 0.4)
    assert (rows.mean(), columns.mean()) == pytest.approx((14.5, 34.5), abs=2)


def test_a_chart_is_drawn_over_time(red_clip: Path, tmp_path: Path) -> None:
    see(red_clip, plot=tmp_path / "chart.svg")
    assert "color#0" in (tmp_path / "chart.svg").read_text(encoding="utf-8")


def test_the_width_is_what_the_network_sees(red_clip: Path, color_reader: Any) -> None:
    report = see(red_clip, width=40)
    assert color_reader.sizes == {(24, 40)}
    (shown,) = report.layers["color"]
    assert 12 <= shown.place[0] <= 23


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"sheet": "sheet.mp4"}, "no known kind of picture"),
        ({"output": "heat.xyz"}, "xyz"),
        ({"plot": "chart.jpg"}, "a chart is .png, .svg or .pdf"),
        ({"output": "a.mkv", "sheet": "no/such/folder.png"}, "does not exist"),
        ({"sheet": "x.png", "plot": "x.png"}, "two outputs have the same name"),
        ({"channels": "7,"}, "color has channels 0 to 2"),
        ({"classes": "cat"}, "no classifier"),
        ({"output": "red appears.mkv"}, "input and output are the same"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(
    red_clip: Path, tmp_path: Path, request_: dict[str, str], message: str
) -> None:
    paths: dict[str, Any] = {
        k: tmp_path / v if k in {"sheet", "output", "plot"} else v for k, v in request_.items()
    }
    with pytest.raises(DreamvidError, match=message) as raised:
        see(red_clip, **paths)
    assert "\n" not in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == [red_clip.name]


def test_an_existing_output_stays(red_clip: Path, tmp_path: Path) -> None:
    (tmp_path / "sheet.png").write_text("mine", encoding="utf-8")
    with pytest.raises(WriteError, match="exists; use --yes"):
        see(red_clip, sheet=tmp_path / "sheet.png")
    see(red_clip, RunOptions(confirm_overwrite=lambda _: True), sheet=tmp_path / "sheet.png")
    assert read_still(tmp_path / "sheet.png").rgb.shape[2] == 3


def test_options_of_videos_are_refused_for_a_picture(tmp_path: Path) -> None:
    iio.imwrite(tmp_path / "p.png", np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(SettingsError, match="is one picture; --start, --duration and --fps"):
        see(tmp_path / "p.png", fps=Fraction(2))
    with pytest.raises(SettingsError, match="is one picture; --plot"):
        see(tmp_path / "p.png", plot=tmp_path / "c.png")


def test_where_nothing_fires_there_is_an_empty_table_and_a_message_for_a_sheet(tmp_path: Path) -> None:
    iio.imwrite(tmp_path / "gray.png", np.full((8, 8, 3), 90, np.uint8))
    assert see(tmp_path / "gray.png").layers == {"color": ()}
    with pytest.raises(SettingsError, match="none of the chosen channels fires"):
        see(tmp_path / "gray.png", channels="0,", sheet=tmp_path / "sheet.png")
    with pytest.raises(WriteError, match=r"no known kind of picture; name it with one of [a-z. ]+$"):
        see(tmp_path / "gray.png", output=tmp_path / "out.mp4")
