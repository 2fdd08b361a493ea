"""Reading an atlas: a finished one, and one that is being made, whose pictures are the same."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dreamvid.config.settings import ModelSettings
from dreamvid.config.visualization import VisualizationSettings
from dreamvid.errors import ReadError
from dreamvid.pipelines.atlas import run as runs
from dreamvid.pipelines.atlas.reading import (
    KeptPicture,
    is_finished,
    read_atlas,
    read_picture,
    read_unfinished,
)
from dreamvid.pipelines.atlas.request import AtlasRequest
from dreamvid.pipelines.atlas.run import make_atlas
from dreamvid.pipelines.options import RunOptions
from tests.pipelines.atlas.test_run import SIZE, StopsAfter, StubEngine

if TYPE_CHECKING:
    from pathlib import Path

REQUEST = AtlasRequest(ModelSettings(), VisualizationSettings(size=SIZE), layers="conv2", channels="20-37,3")


@pytest.fixture(autouse=True)
def _engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "open_engine", lambda *_: StubEngine())


def test_pictures_of_an_unfinished_atlas_are_those_of_the_finished(tmp_path: Path) -> None:
    output = tmp_path / "a.atlas"
    with pytest.raises(KeyboardInterrupt):
        make_atlas(REQUEST, output, RunOptions(progress=StopsAfter(1)))
    assert not is_finished(output)
    early = read_unfinished(output)
    units = early.units["conv2"]
    assert [(unit.unit, unit.title, unit.objective) for unit in units] == [
        (number, f"#{number}", f"conv2#{number}") for number in range(20, 36)
    ]
    pictures = [read_picture(unit.picture) for unit in units]
    make_atlas(REQUEST, output)
    assert is_finished(output)
    atlas = read_atlas(output)
    assert [unit.unit for unit in atlas.units["conv2"]] == [*range(20, 38), 3]
    assert [read_picture(unit.picture) for unit in atlas.units["conv2"][:16]] == pictures
    assert {name: atlas.settings[name] for name in early.settings} == early.settings
    with pytest.raises(ReadError, match="no longer there"):
        read_picture(units[0].picture)


def test_what_shows_nothing_says_why_and_classes_are_known_by_number(tmp_path: Path) -> None:
    request = replace(REQUEST, channels="0-20", classes="all")
    with pytest.raises(KeyboardInterrupt):
        make_atlas(request, tmp_path / "a", RunOptions(progress=StopsAfter(3)))
    units = read_unfinished(tmp_path / "a").units
    assert units["conv2"][5].reason == "no gradient"
    assert units["conv2"][6].reason == ""
    assert [unit.objective for unit in units["logits"]] == ["class:0", "class:1"]
    make_atlas(request, tmp_path / "a")
    classes = read_atlas(tmp_path / "a").units["logits"]
    assert [(unit.title, unit.objective) for unit in classes] == [
        ("tench", "class:tench"),
        ("tabby", "class:tabby"),
    ]


def test_where_nothing_is_begun_there_are_no_pictures(tmp_path: Path) -> None:
    assert read_unfinished(tmp_path / "a").units == {}
    with pytest.raises(ReadError, match="no longer there"):
        read_picture(KeptPicture(tmp_path / "a.work/000001.mkv", 0))


def test_examples_come_with_their_time(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").touch()
    request = replace(
        REQUEST, channels="3", sort="activation", examples=tmp_path / "clip.mp4", example_count=2
    )
    make_atlas(request, tmp_path / "a")
    units = read_atlas(tmp_path / "a").units["conv2"]
    assert [unit.unit for unit in units] == [39, 38, 37]
    assert [(each.source, each.seconds) for each in units[0].examples] == [
        ("clip.mp4", 1.5),
        ("clip.mp4", 2.5),
    ]
    assert read_picture(units[0].examples[1].picture).startswith(b"RIFF")
    assert units[0].activation == 41.0


def change(folder: Path, **values: object) -> None:
    """Change the data of the first unit, or of the whole where that has such a key."""
    file = folder / "atlas.json"
    data = json.loads(file.read_text(encoding="utf-8"))
    for name, value in values.items():
        (data if name in data else data["layers"][0]["units"][0])[name] = value
    file.write_text(json.dumps(data), encoding="utf-8")


@pytest.mark.parametrize(
    "values",
    [
        {"file": "../../secret.webp"},
        {"file": "/etc/secret.webp"},
        {"file": "atlas.json"},
        {"file": None},
        {"unit": "x"},
        {"examples": 3},
        {"format": "another"},
        {"version": 99},
        {"settings": 3},
        {"layers": {"a": 1}},
    ],
)
def test_data_that_is_no_atlas_or_leads_elsewhere_is_refused(
    tmp_path: Path, values: dict[str, object]
) -> None:
    (tmp_path / "secret.webp").touch()
    make_atlas(replace(REQUEST, channels="1"), tmp_path / "a")
    change(tmp_path / "a", **values)
    with pytest.raises(ReadError, match="a holds no atlas that can be read"):
        read_atlas(tmp_path / "a")


def test_damaged_data_is_refused(tmp_path: Path) -> None:
    make_atlas(replace(REQUEST, channels="1"), tmp_path / "a")
    (tmp_path / "a/atlas.json").write_bytes(b'{"format": ')
    with pytest.raises(ReadError, match="no atlas"):
        read_atlas(tmp_path / "a")
    with pytest.raises(ReadError, match="no atlas"):
        read_atlas(tmp_path)
