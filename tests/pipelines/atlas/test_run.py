"""Making an atlas: what is shown, where it goes, and that interrupted work goes on."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from dreamvid.cli.main import main
from dreamvid.config.settings import ModelSettings, OctaveSettings
from dreamvid.config.visualization import VisualizationSettings
from dreamvid.errors import EngineError, ObjectiveError, SettingsError, WorkError, WriteError
from dreamvid.pipelines.atlas import run as runs
from dreamvid.pipelines.atlas.output import default_output
from dreamvid.pipelines.atlas.request import AtlasRequest
from dreamvid.pipelines.atlas.run import make_atlas
from dreamvid.pipelines.jobs import unfinished_jobs
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.progress import NullProgress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dreamvid.pipelines.progress import Progress
    from dreamvid.types import RGB

SIZE = 16


@dataclass(frozen=True)
class Layer:
    name: str
    kind: str = "Conv2D"
    channels: int = 40
    depth: int = 1
    stride: int = 4


@dataclass(frozen=True)
class Network:
    layers: tuple[Layer, ...] = (Layer("conv1"), Layer("conv2", depth=2))
    classes: tuple[str, ...] = ("tench", "tabby, tabby cat")
    name: str = "dreamnet"

    def layer(self, name: str) -> Layer:
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ObjectiveError(f"{self.name} has no layer '{name}'")

    def class_index(self, label: str) -> int:
        return next(index for index, names in enumerate(self.classes) if label in names.split(", "))


class UnitPicture(NamedTuple):
    picture: RGB
    alpha: Any
    score: float
    start_score: float
    attempts: int
    reason: str = ""


class Example(NamedTuple):
    patch: RGB
    seconds: float | None
    file: Path
    activation: float


@dataclass
class StubEngine:
    """Makes pictures of noise; unit 5 is dead; units fire the more, the higher their number is."""

    network: Network = field(default_factory=Network)
    calls: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)
    fails_at: int = -1

    def visualize(self, output: str, units: Sequence[int], image: RGB | None) -> list[UnitPicture]:
        if len(self.calls) == self.fails_at:
            raise EngineError("out of memory")
        self.calls.append((output, tuple(units)))
        shape = (SIZE, SIZE, 3) if image is None else image.shape
        made = []
        for unit in units:
            seed = [*output.encode(), unit]
            noise = np.random.default_rng(seed).random(shape, dtype=np.float32)
            alpha = np.full(shape[:2], 0.5, np.float32)
            dead = "no gradient" if unit == 5 else ""
            made.append(UnitPicture(noise, alpha, 1.0 + unit, 0.5, 4 if dead else 1, dead))
        return made

    def activations(self, outputs: Sequence[str], image: RGB) -> Mapping[str, Any]:
        assert image.shape == (8, SIZE, 3)
        return {output: np.arange(40.0)[None, None] * np.ones((2, 3, 1)) for output in outputs}

    def examples(
        self, source: Path, units: Mapping[str, Sequence[int]], count: int, progress: Progress
    ) -> Mapping[str, Mapping[int, Sequence[Any]]]:
        progress.start(1, source.name)
        patch = np.full((8, 8, 3), 0.5, np.float32)
        return {
            output: {
                unit: [Example(patch, 1.5 + rank, source, 2.0 + unit - rank) for rank in range(count)]
                for unit in chosen
            }
            for output, chosen in units.items()
        }


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> StubEngine:
    stub = StubEngine()
    monkeypatch.setattr(runs, "open_engine", lambda *_: stub)
    return stub


@pytest.fixture
def request_() -> AtlasRequest:
    return AtlasRequest(ModelSettings(), VisualizationSettings(size=SIZE), channels="20")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.new("RGB", (64, 32), (200, 100, 50)).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def shown(folder: Path) -> dict[str, list[int]]:
    data = json.loads((folder / "atlas.json").read_text(encoding="utf-8"))
    return {layer["layer"]: [unit["unit"] for unit in layer["units"]] for layer in data["layers"]}


class StopsAfter(NullProgress):
    """Raises an interruption when so many chunks are there."""

    def __init__(self, chunks: int) -> None:
        self.chunks = chunks

    def chunk(self, number: int, frames: int) -> None:  # noqa: ARG002  the protocol's
        if number == self.chunks:
            raise KeyboardInterrupt


def test_a_folder_holds_page_sheet_data_and_a_tile_for_each_unit(
    engine: StubEngine, request_: AtlasRequest, tmp_path: Path
) -> None:
    result = make_atlas(request_, tmp_path / "a.atlas")
    assert {path.name for path in result.output.iterdir()} == {
        "index.html",
        "atlas.json",
        "contact-sheet.png",
        "tiles",
    }
    assert len(list((result.output / "tiles").rglob("*.webp"))) == 40
    assert shown(result.output) == {"conv1": list(range(20)), "conv2": list(range(20))}
    assert (result.tiles, result.layers, result.dead) == (40, 2, 2)
    assert "made 40 pictures in" in result.line()
    assert "2 of them show nothing" in result.line()
    assert engine.calls[0] == ("conv1", tuple(range(16)))
    assert [path.name for path in tmp_path.iterdir()] == ["a.atlas"]


def test_a_page_is_one_file_and_a_sheet_a_picture(
    engine: StubEngine, request_: AtlasRequest, tmp_path: Path
) -> None:
    page = make_atlas(request_, tmp_path / "a.html").output.read_text(encoding="utf-8")
    assert page.count("data:image/webp;base64,") == 40
    with Image.open(make_atlas(request_, tmp_path / "a.png").output) as sheet:
        assert sheet.format == "PNG"
        assert sheet.width > 8 * SIZE
    with pytest.raises(SettingsError, match=r"a\.gif: an atlas is a folder"):
        make_atlas(request_, tmp_path / "a.gif")
    assert len(engine.calls) == 8


def test_tiles_are_the_pictures_that_were_made(
    engine: StubEngine, request_: AtlasRequest, tmp_path: Path
) -> None:
    make_atlas(replace(request_, layers="conv2", channels="7,3"), tmp_path / "a")
    made = engine.visualize("conv2", [7], None)[0].picture
    with Image.open(tmp_path / "a/tiles/01-conv2/7.webp") as tile:
        assert np.abs(np.asarray(tile.convert("RGB")) / 255 - made).mean() < 0.2  # WebP halves the chroma


@pytest.mark.usefixtures("engine")
def test_tiles_are_transparent_where_asked_for(request_: AtlasRequest, tmp_path: Path) -> None:
    make_atlas(replace(request_, channels="1", transparent=True), tmp_path / "a")
    with Image.open(tmp_path / "a/tiles/01-conv1/0.webp") as tile:
        assert tile.mode == "RGBA"
        assert np.abs(np.asarray(tile)[..., 3] / 255 - 0.5).max() < 0.01
    with Image.open(tmp_path / "a/contact-sheet.png") as sheet:
        assert sheet.mode == "RGB"


def test_the_pictures_of_a_unit_share_its_tile(
    engine: StubEngine, request_: AtlasRequest, tmp_path: Path
) -> None:
    make_atlas(replace(request_, layers="conv1", channels="2", variants=3), tmp_path / "a")
    assert engine.calls == [("conv1", (0, 0, 0, 1, 1, 1))]
    assert shown(tmp_path / "a") == {"conv1": [0, 1]}
    (tile,) = (tmp_path / "a").rglob("1.webp")
    with Image.open(tile) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    assert pixels.shape == (2 * SIZE + 2, 2 * SIZE + 2, 3)
    assert min(part.std() for part in (pixels[:SIZE, :SIZE], pixels[SIZE + 2 :, :SIZE])) > 30
    assert pixels[SIZE + 4 :, SIZE + 4 :].std() < 10  # nothing, but for WebP's losses


def test_classes_alone_and_with_layers(engine: StubEngine, request_: AtlasRequest, tmp_path: Path) -> None:
    make_atlas(replace(request_, classes="tabby"), tmp_path / "a")
    assert shown(tmp_path / "a") == {"logits": [1]}
    make_atlas(replace(request_, classes="all", layers="conv1", channels="2"), tmp_path / "b")
    assert shown(tmp_path / "b") == {"conv1": [0, 1], "logits": [0, 1]}
    assert engine.calls[0] == ("logits", (1,))


@pytest.mark.usefixtures("engine")
def test_the_default_output_is_named_after_network_and_picture(request_: AtlasRequest, photo: Path) -> None:
    assert str(default_output(request_)) == "dreamnet.atlas"
    assert default_output(replace(request_, image=photo)).name == "photo.dreamnet.atlas"
    own = replace(request_, model=ModelSettings(name="nets/mine.keras"))
    assert str(default_output(own)) == "mine.atlas"


def test_a_picture_is_dreamed_at_its_own_shape(
    engine: StubEngine, request_: AtlasRequest, photo: Path, tmp_path: Path
) -> None:
    make_atlas(replace(request_, image=photo, channels="2"), tmp_path / "a")
    with Image.open(tmp_path / "a/tiles/01-conv1/0.webp") as tile:
        assert tile.size == (SIZE, SIZE // 2)
    page = (tmp_path / "a/index.html").read_text(encoding="utf-8")
    assert "tiles/source.webp" in page
    assert "dreamvid image photo.png --objective" in page
    assert len(engine.calls) == 2


def test_those_that_fire_most_come_first(
    engine: StubEngine, request_: AtlasRequest, photo: Path, tmp_path: Path
) -> None:
    strongest = replace(request_, sort="activation", layers="conv1", channels="3")
    make_atlas(replace(strongest, image=photo), tmp_path / "a")
    assert shown(tmp_path / "a") == {"conv1": [39, 38, 37]}
    make_atlas(replace(strongest, examples=photo), tmp_path / "b")
    assert shown(tmp_path / "b") == {"conv1": [39, 38, 37]}
    make_atlas(replace(strongest, image=photo, channels="2,9,4"), tmp_path / "c")
    assert shown(tmp_path / "c") == {"conv1": [9, 4, 2]}
    with pytest.raises(SettingsError, match="--sort activation: give an IMAGE or --examples"):
        make_atlas(strongest, tmp_path / "d")
    assert len(engine.calls) == 3


@pytest.mark.usefixtures("engine")
def test_examples_stand_beside_the_tiles(request_: AtlasRequest, photo: Path, tmp_path: Path) -> None:
    make_atlas(
        replace(request_, examples=photo, channels="2", layers="conv1", example_count=3), tmp_path / "a"
    )
    data = json.loads((tmp_path / "a/atlas.json").read_text(encoding="utf-8"))
    examples = data["layers"][0]["units"][1]["examples"]
    assert [(each["seconds"], each["activation"], each["source"]) for each in examples] == [
        (1.5, 3.0, "photo.png"),
        (2.5, 2.0, "photo.png"),
        (3.5, 1.0, "photo.png"),
    ]
    with Image.open(io.BytesIO((tmp_path / "a" / examples[0]["file"]).read_bytes())) as patch:
        assert patch.size == (8, 8)


def test_an_interrupted_run_goes_on_with_the_same_pictures(
    engine: StubEngine, request_: AtlasRequest, tmp_path: Path
) -> None:
    make_atlas(request_, tmp_path / "whole")
    engine.calls.clear()
    output = tmp_path / "parts"
    command = ("dreamvid", "atlas", "dreamnet")
    with pytest.raises(KeyboardInterrupt, match=r"20 of 40 pictures .* go on with: dreamvid atlas dreamnet"):
        make_atlas(request_, output, RunOptions(progress=StopsAfter(2), command=command))
    assert not output.exists()
    (job,) = unfinished_jobs(tmp_path)
    assert job.progress == "20 of 40 pictures (50 %)"
    result = make_atlas(request_, output)
    assert result.resumed_at == 20
    assert [units[0] for _, units in engine.calls] == [0, 16, 0, 16]
    assert digests(output) == digests(tmp_path / "whole")
    assert not (tmp_path / "parts.work").exists()


def test_a_run_that_failed_keeps_what_was_made(
    engine: StubEngine, request_: AtlasRequest, tmp_path: Path
) -> None:
    engine.fails_at = 0
    with pytest.raises(EngineError):
        make_atlas(request_, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []
    engine.fails_at = 1
    with pytest.raises(EngineError):
        make_atlas(request_, tmp_path / "a")
    assert [path.name for path in tmp_path.iterdir()] == ["a.work"]


def test_work_of_other_settings_is_not_gone_on_with(
    engine: StubEngine, request_: AtlasRequest, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        make_atlas(request_, tmp_path / "a", RunOptions(progress=StopsAfter(1)))
    for other, message in (
        (replace(request_, settings=VisualizationSettings(size=SIZE, steps=9)), "steps was 128, is 9"),
        (replace(request_, channels="21"), "units.conv1 was 0-19, is 0-20"),
    ):
        with pytest.raises(WorkError, match=message):
            make_atlas(other, tmp_path / "a")
    make_atlas(replace(request_, columns=3), tmp_path / "a")  # the pictures are the same
    assert len(engine.calls) == 4
    with pytest.raises(KeyboardInterrupt):
        make_atlas(request_, tmp_path / "b", RunOptions(progress=StopsAfter(1)))
    make_atlas(replace(request_, channels="21"), tmp_path / "b", RunOptions(fresh=True))
    assert shown(tmp_path / "b")["conv1"] == list(range(21))


def test_nothing_is_overwritten_unasked(engine: StubEngine, request_: AtlasRequest, tmp_path: Path) -> None:
    make_atlas(request_, tmp_path / "a")
    with pytest.raises(WriteError, match="a exists; use --yes to replace it"):
        make_atlas(request_, tmp_path / "a")
    make_atlas(replace(request_, channels="2"), tmp_path / "a", RunOptions(confirm_overwrite=lambda _: True))
    assert shown(tmp_path / "a")["conv1"] == [0, 1]
    engine.calls.clear()
    (tmp_path / "a/mine.txt").write_text("mine")
    with pytest.raises(WriteError, match="holds files that are no atlas"):
        make_atlas(request_, tmp_path / "a", RunOptions(confirm_overwrite=lambda _: True))
    assert (tmp_path / "a/mine.txt").read_text() == "mine"
    assert engine.calls == []


def run(*arguments: str | int | Path) -> int:
    with pytest.raises(SystemExit) as left:
        main(["atlas", *(str(argument) for argument in arguments)])
    assert isinstance(left.value.code, int)
    return left.value.code


@pytest.mark.usefixtures("engine")
def test_the_command_says_where_the_page_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "a"
    assert run("dreamnet", "-o", output, "--channels", "2", "--size", SIZE, "--layers", "conv?") == 0
    assert capsys.readouterr().out.strip().endswith(f": {output / 'index.html'}")


@pytest.mark.usefixtures("engine")
def test_programs_are_told_the_layer_and_how_far_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run("dreamnet", "-o", tmp_path / "a", "--channels", "20", "--size", SIZE, "--progress", "json") == 0
    )
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [event["part"] for event in events if event["event"] == "part"] == [
        "conv1",
        "conv1",
        "conv2",
        "conv2",
    ]
    assert [event["frame"] for event in events if event["event"] == "frame"] == [15, 19, 35, 39]
    assert events[-1]["tiles"] == 40


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sort", "size"], "--sort: must be unit or activation, not 'size'"),
        (["--size", "4"], "--size: must be"),
        (["--set", "color=1"], "--set color: there is no such setting; there are parameterization"),
        (["--set", "steps"], "--set steps: must read NAME=VALUE"),
        (["--octaves", "3"], "--octaves (octaves.count): is for the dream of an IMAGE, and there is none"),
        (["photo.png", "--parameterization", "maco"], "parameterization: is for pictures from noise"),
        (["photo.png", "--variants", "2"], "--variants: is for pictures from noise, and there is an IMAGE"),
        (["photo.png", "--set", "octaves.count=0"], "--octaves (octaves.count): must be from 1 to 16"),
        (["--layers", "conv9"], "no layer 'conv9'"),
        (["--examples", "nowhere.mp4"], "no such file: nowhere.mp4"),
        (["nowhere.png"], "no such file: nowhere.png"),
        (["--channels", "99,"], "conv1 has channels 0 to 39, not 99"),
    ],
)
def test_wrong_options_are_named(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("dreamnet", "-o", tmp_path / "a", *arguments) == 1
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.e2e
def test_a_network_is_shown_the_same_after_an_interruption(tmp_path: Path) -> None:
    settings = VisualizationSettings(size=32, steps=2)
    request = AtlasRequest(ModelSettings(), settings, layers="mixed0", channels="18", classes="tabby")
    with pytest.raises(KeyboardInterrupt):
        make_atlas(request, tmp_path / "parts", RunOptions(progress=StopsAfter(1)))
    make_atlas(request, tmp_path / "parts")
    make_atlas(request, tmp_path / "whole")
    assert shown(tmp_path / "whole") == {"mixed0": list(range(18)), "logits": [66]}
    assert digests(tmp_path / "parts") == digests(tmp_path / "whole")


@pytest.mark.e2e
def test_a_network_dreams_a_picture_and_shows_what_fires_in_it(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "photo.png")
    request = AtlasRequest(
        ModelSettings(),
        VisualizationSettings(size=64),
        image=tmp_path / "photo.png",
        examples=tmp_path / "photo.png",
        layers="mixed1",
        channels="2",
        sort="activation",
        example_count=1,
    )
    make_atlas(request, tmp_path / "a.atlas")
    make_atlas(replace(request, octaves=OctaveSettings(count=1)), tmp_path / "b.atlas")
    assert digests(tmp_path / "a.atlas") != digests(tmp_path / "b.atlas")
    data = json.loads((tmp_path / "a.atlas/atlas.json").read_text(encoding="utf-8"))
    strongest, weaker = data["layers"][0]["units"]
    assert strongest["activation"] >= weaker["activation"] > 0.0
    assert strongest["score"] > strongest["start_score"]
    with Image.open(tmp_path / "a.atlas" / strongest["file"]) as tile:
        assert tile.size == (64, 48)
    assert (tmp_path / "a.atlas" / strongest["examples"][0]["file"]).is_file()
