"""One picture through layers, channels and classes: what is shown when, and what survives."""

from __future__ import annotations

import logging
from fractions import Fraction
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from dreamvid.checkpoint.layout import work_folder
from dreamvid.config.preset import Preset
from dreamvid.errors import DreamvidError, SettingsError, WriteError
from dreamvid.media.input.source import open_source
from dreamvid.pipelines import sweep as pipeline
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.replay import replay
from dreamvid.pipelines.sweep import Stop, batches, choose_stops, run_sweep
from dreamvid.pipelines.sweep_output import SweepFilm, plan_sheet
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dreamvid.objective import Objective
    from dreamvid.types import RGB

YES = RunOptions(confirm_overwrite=lambda _: True)


class Network:
    """Layers of three depths, and three classes."""

    name = "toy"
    classes = ("tabby, tabby cat", "lakeside", "cup")
    layers = tuple(
        SimpleNamespace(name=name, kind="Conv2D", channels=20, depth=depth)
        for depth, name in enumerate(["low", "mid: 2", "high"], 1)
    )

    def layer(self, name: str) -> Any:
        found = [layer for layer in self.layers if layer.name == name]
        if not found:
            raise SettingsError(f"toy has no layer '{name}'")
        return found[0]

    def class_index(self, label: str) -> int:
        return int(label) if label.isdecimal() else [c.split(",")[0] for c in self.classes].index(label)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A black picture."""
    path = tmp_path / "photo.png"
    Image.new("RGB", (96, 64)).save(path)
    return path


@pytest.fixture
def dreamed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Objectives in the order in which they are dreamed: each paints the picture in a gray of its own."""
    objectives: list[str] = []
    grays = {"low": 51, "'mid: 2'": 102, "high": 153}

    class Dreamer:
        def __init__(self, text: str = "") -> None:
            self.text = text

        def with_settings(self, objective: Objective) -> Dreamer:
            (term,) = [term for term in objective.terms if term.weight]
            return Dreamer(str(term))

        def dream(self, image: RGB) -> RGB:
            objectives.append(self.text)
            return np.full_like(image, grays.get(self.text, 204) / 255)

    def build(*_: object, **__: object) -> SimpleNamespace:
        resolved = {"precision": "float32", "device": "test"}
        return SimpleNamespace(dreamer=Dreamer(), resolved=lambda _: resolved, files={})

    monkeypatch.setattr(pipeline, "build_dreamer", build)
    monkeypatch.setattr(pipeline, "open_network", lambda *_, **__: Network())
    return objectives


def make(sweep: dict[str, object], **more: object) -> Preset:
    return Preset.build({"sweep": sweep, **more})


def shown(path: Path) -> list[tuple[int, Fraction | None]]:
    """Return the gray and the duration of each frame, above the captions."""
    frames = list(open_source(path))
    return [(round(float(frame.rgb[:32].mean()) * 255), frame.duration) for frame in frames]


def test_each_layer_is_held_and_faded_into_the_next(photo: Path, dreamed: list[str]) -> None:
    output = photo.with_name("a.gif")
    result = run_sweep(photo, output, make({"fade": 0.4, "hold": 1.2}))
    assert dreamed == ["low", "'mid: 2'", "high"]
    assert result.frames == 3
    frames = shown(output)
    assert [gray for gray, _ in frames] == pytest.approx(
        [51, 61, 71, 82, 92, 102, 112, 122, 133, 143, 153], abs=2
    )
    held = Fraction(6, 5)
    assert [duration for _, duration in frames if duration != Fraction(1, 10)] == [held, held, held]


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".webp", ".mkv"])
@pytest.mark.usefixtures("dreamed")
def test_films_of_all_kinds_are_as_long(photo: Path, suffix: str) -> None:
    output = photo.with_name(f"film{suffix}")
    run_sweep(photo, output, make({"layers": "low,high", "hold": 0.6, "fade": 0.2}, output={"fps": 10}))
    frames = shown(output)
    seconds = sum((duration or Fraction(1, 10) for _, duration in frames), Fraction(0))
    assert seconds == pytest.approx(1.4, abs=0.02)
    assert frames[0][0] == pytest.approx(51, abs=3)
    assert frames[-1][0] == pytest.approx(153, abs=3)


@pytest.mark.usefixtures("dreamed")
def test_names_are_written_unless_they_are_not_wanted(photo: Path) -> None:
    corners = []
    for labels in (True, False):
        run_sweep(photo, photo.with_name("a.mkv"), make({"layers": "low", "labels": labels}), YES)
        frame = next(iter(open_source(photo.with_name("a.mkv"))))
        corners.append(float(frame.rgb[-16:, :40].max()))
    assert corners[0] > 0.8
    assert corners[1] == pytest.approx(0.2, abs=0.02)


@pytest.mark.usefixtures("dreamed")
def test_a_folder_holds_each_still_once(photo: Path) -> None:
    folder = photo.with_name("stills")
    run_sweep(photo, folder, make({}), RunOptions(output_is_folder=True))
    assert sorted(path.name for path in folder.glob("*.png")) == ["000001.png", "000002.png", "000003.png"]


@pytest.mark.usefixtures("dreamed")
def test_a_contact_sheet_shows_all(photo: Path) -> None:
    output = photo.with_name("sheet.png")
    run_sweep(photo, output, make({}))
    with Image.open(output) as image:
        codes = np.asarray(image)
    assert codes.shape[:2] == (68 + 4, 3 * 100 + 4)
    assert [int(codes[10, left, 0]) for left in (10, 110, 210)] == [51, 102, 153]
    assert "dreamvid" in image.info


def test_channels_of_a_layer_begin_a_row_of_a_contact_sheet() -> None:
    layout = plan_sheet(["a"] * 16 + ["b"] * 16, Size(128, 128))
    assert (layout.rows, layout.columns) == (4, 8)
    assert layout.places[16] == (2, 0)
    assert plan_sheet([""] * 3, Size(64, 96)).columns == 3
    assert plan_sheet([""] * 4, Size(64, 96)).columns == 2
    assert max(plan_sheet([""] * 400, Size(640, 640)).size) <= 4100


@pytest.mark.usefixtures("dreamed")
def test_channels_and_classes_are_swept() -> None:
    stops = choose_stops(Network(), make({"layers": "2", "channels": "3,5", "classes": "tabby,2"}))
    assert [stop.objective for stop in stops] == ["'mid: 2'#3", "'mid: 2'#5", "class:tabby", "class:cup"]
    assert [stop.label for stop in stops] == ["mid: 2 #3", "mid: 2 #5", "tabby", "cup"]
    assert [stop.objective for stop in choose_stops(Network(), make({"classes": "all"}))] == [
        "class:tabby",
        "class:lakeside",
        "class:cup",
    ]


def test_channels_of_a_layer_share_a_dreamer_and_layers_do_not() -> None:
    stops = [Stop("", "", group, 0) for group in ["", "", *["a"] * 40, "b", ""]]
    assert [(part.start, part.stop) for part in batches(stops)] == [
        (0, 1),
        (1, 2),
        (2, 34),
        (34, 42),
        (42, 43),
        (43, 44),
    ]


@pytest.mark.usefixtures("dreamed")
def test_the_output_is_at_most_640_px_long_unless_a_size_is_asked_for(tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    Image.new("RGB", (1001, 1501)).save(large)
    assert run_sweep(large, tmp_path / "a.png", make({"layers": "low"})).size == (640, 426)
    preset = make({"layers": "low"}, output={"width": 100})
    assert run_sweep(large, tmp_path / "b.png", preset).size == (150, 100)


class CrashError(Exception):
    """The process ends."""


def crash_at(objective: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let the dream of an objective fail, until what is returned is called."""
    build: Any = getattr(pipeline, "build_dreamer")  # noqa: B009  what the fixture has put there
    dreamer = type(build().dreamer)
    dream = dreamer.dream

    def crash(self: Any, image: RGB) -> RGB:
        if self.text == objective:
            raise CrashError
        picture: RGB = dream(self, image)
        return picture

    monkeypatch.setattr(dreamer, "dream", crash)
    return lambda: monkeypatch.setattr(dreamer, "dream", dream)


def test_what_is_dreamed_survives_a_crash_and_the_rest_follows(
    photo: Path, dreamed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, output = photo.with_name("whole.gif"), photo.with_name("a.gif")
    run_sweep(photo, whole, make({}))
    repair = crash_at("high", monkeypatch)
    with pytest.raises(CrashError):
        run_sweep(photo, output, make({}))
    assert not output.exists()
    repair()
    dreamed.clear()
    result = run_sweep(photo, output, make({}))
    assert dreamed == ["high"]
    assert result.resumed_at == 2
    assert output.read_bytes() == whole.read_bytes()
    assert not work_folder(output).exists()


def test_other_times_and_no_names_use_what_is_dreamed_and_other_layers_are_refused(
    photo: Path, dreamed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    output = photo.with_name("a.gif")
    repair = crash_at("high", monkeypatch)
    with pytest.raises(CrashError):
        run_sweep(photo, output, make({}))
    repair()
    with pytest.raises(DreamvidError, match=r"does not fit: sweep\.layers was not set, is low"):
        run_sweep(photo, output, make({"layers": "low"}))
    dreamed.clear()
    run_sweep(photo, output, make({"hold": 0.2, "fade": 0, "labels": False}, output={"fps": 5}))
    assert dreamed == ["high"]
    assert [gray for gray, _ in shown(output)] == [51, 102, 153]


@pytest.mark.parametrize(
    ("sweep", "name", "says"),
    [
        ({"layers": "nosuch"}, "a.gif", "nosuch"),
        ({"layers": ""}, "a.gif", "--layers: is empty"),
        ({"classes": " "}, "a.gif", "--classes: is empty"),
        ({"layers": "low", "channels": "99,"}, "a.gif", "channels 0 to 19, not 99"),
        ({"classes": "77-99"}, "a.gif", "classes 0 to 2"),
        ({}, "a.docx", "docx"),
        ({}, "there.gif", "use --yes to replace it"),
        ({}, "photo.png", "photo.png"),
        ({}, "nowhere/a.gif", "nowhere"),
    ],
)
def test_a_wrong_call_is_refused_in_one_line_and_leaves_nothing(
    photo: Path, dreamed: list[str], sweep: dict[str, object], name: str, says: str
) -> None:
    photo.with_name("there.gif").write_bytes(b"precious")
    before = {path: path.read_bytes() for path in photo.parent.iterdir()}
    with pytest.raises(DreamvidError) as caught:
        run_sweep(photo, photo.with_name(name) if "/" not in name else photo.parent / name, make(sweep))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert {path: path.read_bytes() for path in photo.parent.iterdir()} == before
    assert dreamed == []


@pytest.mark.usefixtures("dreamed")
def test_a_folder_or_what_is_no_picture_is_refused(photo: Path) -> None:
    text = photo.with_name("notes.txt")
    text.write_text("hello")
    for source in (photo.parent, text, photo.with_name("missing.png")):
        with pytest.raises(DreamvidError):
            run_sweep(source, photo.with_name("a.gif"), make({}))


@pytest.mark.usefixtures("dreamed")
def test_a_full_disk_leaves_nothing_but_what_goes_on(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise WriteError("no space left")

    monkeypatch.setattr(SweepFilm, "_write", full)
    output = photo.with_name("a.gif")
    with pytest.raises(WriteError, match="no space left"):
        run_sweep(photo, output, make({}))
    assert not output.exists()
    monkeypatch.undo()


def test_the_preset_s_objective_gives_way(
    photo: Path, dreamed: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    run_sweep(photo, photo.with_name("a.png"), make({"layers": "low"}, objective="class:cup"))
    assert dreamed == ["low"]


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.mp4"])
def test_a_sweep_is_made_again_from_its_embedded_settings(photo: Path, dreamed: list[str], name: str) -> None:
    output = photo.with_name(name)
    run_sweep(photo, output, make({"layers": "high,low", "hold": 0.3, "fade": 0.1}))
    result = replay(output, None, None, {})
    assert result.output.name == f"a.again{output.suffix}"
    assert dreamed == ["high", "low"] * 2
    if output.suffix == ".png":
        assert np.array_equal(np.asarray(Image.open(result.output)), np.asarray(Image.open(output)))
    else:
        assert shown(result.output) == shown(output)
