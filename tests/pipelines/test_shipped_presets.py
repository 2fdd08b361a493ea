"""The presets that ship: each is good, says what it is, and dreams a clip and changes it."""

from __future__ import annotations

import importlib.util
import json
import re
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid.config.preset import load_preset
from dreamvid.config.settings import ModelSettings, OutputSettings
from dreamvid.media.input.source import open_source
from dreamvid.media.output.writer import open_writer
from dreamvid.pipelines.landscape import Landscape
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.preset_check import check_preset, speed_class
from dreamvid.pipelines.video import dream_file
from dreamvid.pipelines.zoom.run import run_zoom
from dreamvid.types import Frame, Size, VideoInfo

if TYPE_CHECKING:
    from dreamvid.config.preset import Preset
    from dreamvid.types import RGB

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
DOCS = "".join(page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs").glob("*.md")))
FILES = {file.stem: file for file in sorted((ROOT / "presets").glob("*.yaml"))}
TRIPS = tuple(name for name, file in FILES.items() if load_preset(file).preset.pipeline == "zoom")
SIZE = Size(64, 96)
FRAMES = 12
RATE = Fraction(12)
SPEEDS = {
    "breathing": "fast",
    "carousel": "medium",
    "cathedral": "fast",
    "classic": "fast",
    "fauve": "fast",
    "fever": "fast",
    "fiesta": "medium",
    "flight": "fast",
    "flutter": "fast",
    "garden": "fast",
    "inceptionism": "fast",
    "infinite": "fast",
    "journey": "fast",
    "kaleidoscope": "fast",
    "lurk": "fast",
    "neon": "fast",
    "orchard": "slow",
    "palace": "fast",
    "pulse": "fast",
    "reef": "fast",
    "relief": "fast",
    "spiral": "fast",
    "subtle": "fast",
    "tutorial": "slow",
    "vgg": "medium",
    "voyage": "fast",
}
SHORT = 9
"""Frames of a trip."""
SMALL = {"output.width": SIZE.width, "output.dream_width": None, "run.precision": "float32"}


def scene(index: int) -> RGB:
    """Return hills and clouds with a block of colors that moves across them."""
    picture = Landscape(SIZE).frame(index / 4).copy()
    left = 4 + 5 * index
    picture[20:44, left : left + 24] = Landscape(Size(24, 24), seed=3).frame(0.0)[:, ::-1]
    return picture


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mkv"
    info = VideoInfo(SIZE, RATE, frames=FRAMES, duration=FRAMES / RATE)
    writer = open_writer(path, info=info, output=OutputSettings(codec="ffv1"))
    with writer:
        for index in range(FRAMES):
            writer.write(Frame(index, index / RATE, scene(index), duration=1 / RATE))
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return weights without meaning, by network, for those that would be downloaded."""
    from dreamvid.engine.runtime import keras
    from dreamvid.engine.weight_files import randomize_weights

    folder = tmp_path_factory.mktemp("weights")
    files = {}
    for name, make in (
        ("inceptionv3", keras.applications.InceptionV3),
        ("vgg16", keras.applications.VGG16),
    ):
        model = make(weights=None, include_top=False)
        randomize_weights(model)
        files[name] = folder / f"{name}.weights.h5"
        model.save_weights(files[name])
    return files


def pictures(path: Path) -> list[RGB]:
    return [frame.rgb for frame in open_source(path)]


def ready(name: str, weights: dict[str, Path]) -> Preset:
    """Return a shipped preset, small, and with few steps, so that all of them take a minute."""
    preset = load_preset(FILES[name]).preset.override(SMALL)
    if preset.model.name != ModelSettings().name:
        preset = preset.override({"model.weights": weights[preset.model.name]})
    return preset.override({"ascent.steps": 4})


def differences(shown: list[RGB]) -> list[float]:
    """Return how much each picture differs from the one after it, the last from the first."""
    return [
        float(np.abs(after - before).mean())
        for before, after in zip(shown, shown[1:] + shown[:1], strict=True)
    ]


def test_there_are_presets_for_videos_for_stills_and_for_trips() -> None:
    embedded = [load_preset(file).preset for file in FILES.values()]
    own = [preset for preset in embedded if preset.model == ModelSettings()]
    assert sum(preset.pipeline == "video" for preset in own) >= 6
    assert sum(preset.pipeline == "image" for preset in own) >= 2
    assert sum(preset.pipeline == "zoom" for preset in own) >= 6
    assert any(preset.trip.loop for preset in own)
    assert any(preset.trip.keyframe for preset in own)
    assert any(preset.camera.mirrors for preset in own)
    assert set(FILES) == set(SPEEDS)


@pytest.mark.parametrize("name", FILES)
def test_each_is_found_by_its_name_and_good(
    name: str, recwarn: pytest.WarningsRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    assert check_preset(name) == load_preset(FILES[name]).preset
    assert not caplog.messages
    assert not recwarn.list


@pytest.mark.parametrize("name", FILES)
def test_each_says_what_it_is_and_what_to_change(name: str) -> None:
    head = FILES[name].read_text(encoding="utf-8").partition("\n\n")[0].splitlines()
    assert head[0] == "# yaml-language-server: $schema=./preset.schema.json"
    assert all(line.startswith("#") for line in head)
    assert any(line.startswith("# Change ") for line in head)
    assert name.isalpha()
    assert name.islower()


def test_no_two_have_one_description() -> None:
    said = [load_preset(file).preset.description for file in FILES.values()]
    assert all(said)
    assert len(set(said)) == len(said)


@pytest.mark.parametrize("name", FILES)
def test_each_takes_as_long_as_is_listed(name: str) -> None:
    assert speed_class(load_preset(FILES[name]).preset) == SPEEDS[name]


@pytest.mark.parametrize("name", [name for name in FILES if name not in TRIPS])
def test_each_dreams_a_clip_and_changes_it(
    name: str, clip: Path, weights: dict[str, Path], tmp_path: Path
) -> None:
    preset = ready(name, weights).override({"output.codec": "ffv1"})
    output = tmp_path / "out.mkv"
    dream_file(clip, output, preset, RunOptions())
    source, dreamed = pictures(clip), pictures(output)
    assert len(dreamed) == FRAMES
    changes = [float(np.abs(d - s).mean()) for d, s in zip(dreamed, source, strict=True)]
    assert all(np.isfinite(picture).all() and picture.std() > 0.05 for picture in dreamed)
    assert min(changes[1:]) > 0.005, changes


@pytest.mark.parametrize("name", TRIPS)
def test_each_trip_begins_by_itself_and_goes_on(
    name: str, weights: dict[str, Path], tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    small = {"output.height": SIZE.height, "output.fps": RATE, "output.codec": "ffv1"}
    preset = ready(name, weights).override({**small, "octaves.count": 2, "trip.duration": SHORT / RATE})
    output = tmp_path / "out.mkv"
    run_zoom(output, preset, RunOptions())
    shown = pictures(output)
    assert len(shown) == SHORT
    assert all(picture.std() > 0.05 for picture in shown)
    changes = differences(shown)
    assert min(changes[:-1]) > 0.003, changes
    assert not preset.trip.loop or changes[-1] < 2.0 * max(changes[:-1]), changes
    assert not recwarn.list


def test_the_schema_that_ships_is_current() -> None:
    spec = importlib.util.spec_from_file_location("schema_tool", ROOT / "tools" / "make_preset_schema.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    shipped = (ROOT / "presets" / "preset.schema.json").read_text(encoding="utf-8")
    assert shipped == tool.text(), "run python tools/make_preset_schema.py"
    assert json.loads(shipped)["title"] == "dreamvid preset"


def test_the_gallery_shows_every_one() -> None:
    page = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    for name, file in FILES.items():
        assert f"`{name}`" in page, "run python tools/make_gallery.py"
        assert load_preset(file).preset.description in page, "run python tools/make_gallery.py"


@pytest.mark.parametrize("example", re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL))
def test_each_example_in_the_documents_is_good(example: str, tmp_path: Path) -> None:
    for name in re.findall(r"[\w/]+\.(?:csv|gan|mid|wav)\b", example):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()  # only that there are such files is checked
    file = tmp_path / "example.yaml"
    file.write_text(example, encoding="utf-8")
    check_preset(file)
