"""Atlases of the studio: one page is made at a time, in a process of its own, and what was made is shown."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from dreamvid.atomic import FileLock
from dreamvid.config.settings import ModelSettings
from dreamvid.config.visualization import VisualizationSettings
from dreamvid.errors import ReadError
from dreamvid.pipelines.atlas import run as runs
from dreamvid.pipelines.atlas.request import AtlasRequest
from dreamvid.pipelines.atlas.run import make_atlas
from dreamvid.studio.atlas_routes import network_analysis
from dreamvid.studio.atlases import PAGE_UNITS, AtlasMaker, AtlasPage, atlas_command
from dreamvid.studio.library import Library
from tests.pipelines.atlas.test_run import SIZE, StubEngine
from tests.studio.conftest import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.testclient import TestClient

    from dreamvid.studio.services import Studio

PAGE = AtlasPage(ModelSettings(), "mixed4", 0, 48)
WAITS = 'import time; print(\'{"event": "start", "frames": 48}\', flush=True); time.sleep(60)'
NETWORK = {
    "network": "dreamnet",
    "layers": [
        {"name": "conv1", "objective": "conv1", "kind": "Conv2D", "channels": 40, "depth": 1, "main": True},
        {"name": "conv2", "objective": "conv2", "kind": "Conv2D", "channels": 140, "depth": 2, "main": True},
    ],
    "classes": [{"title": name, "words": name, "objective": f"class:{name}"} for name in ("tench", "tabby")],
}


def runs_script(script: str) -> Callable[..., list[str]]:
    return lambda _, output, *__: [sys.executable, "-c", script, str(output)]


def finish(output: Path, *, size: int = SIZE, **request: Any) -> None:
    """Make an atlas of noise."""
    made = AtlasRequest(ModelSettings(), VisualizationSettings(size=size), **request)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "open_engine", lambda *_: StubEngine())
        output.parent.mkdir(parents=True, exist_ok=True)
        make_atlas(made, output)


def test_a_page_is_made_by_the_command(folder: Path) -> None:
    output = folder / "x.atlas"
    command = atlas_command(PAGE, output, None, "auto")[1:]
    assert command == [
        *("-m", "dreamvid", "atlas", "-o", str(output), "--size", "96", "--layers", "'mixed4'"),
        *(
            "--channels",
            "0-47",
            "--input-range=auto",
            "--device",
            "auto",
            "--progress",
            "json",
            "--",
            "dreamnet",
        ),
    ]
    odd = replace(PAGE, model=ModelSettings(name="--help"), layer="it's", first=48, end=49)
    command = atlas_command(odd, output, 1, "cpu")
    assert command[-2:] == ["--", "--help"]
    assert command[command.index("--layers") + 1] == "'it''s'"
    assert command[command.index("--channels") + 1] == "48-48"
    assert command[command.index("--threads") + 1] == "1"
    classes = atlas_command(replace(PAGE, layer="logits"), output, None, "auto")
    assert classes[classes.index("--classes") + 1] == "0-47"
    file = Library(folder).named("clip.mp4")
    strongest = atlas_command(replace(PAGE, examples=file), output, None, "auto")
    assert strongest[strongest.index("--examples") + 1] == str(folder / "clip.mp4")
    assert strongest[strongest.index("--channels") + 1] == str(PAGE_UNITS)


def test_pages_of_other_pictures_have_other_names(folder: Path) -> None:
    library = Library(folder)
    (folder / "own.keras").write_bytes(b"network")
    own = replace(PAGE, model=ModelSettings(name=str(folder / "own.keras")))
    pages = [
        *(PAGE, own, replace(PAGE, layer="mixed5"), replace(PAGE, first=48, end=96)),
        replace(PAGE, examples=library.named("clip.mp4")),
        replace(PAGE, examples=library.named("photo.png")),
    ]
    names = {page.id for page in pages}
    assert len(names) == len(pages)
    assert {page.id for page in pages} == names
    (folder / "own.keras").write_bytes(b"another")
    os.utime(folder / "own.keras", ns=(0, 0))
    assert own.id not in names


def test_a_new_page_ends_the_one_before_which_can_be_gone_on_with(folder: Path) -> None:
    maker = AtlasMaker(Library(folder), runs_script(WAITS))
    first = maker.begin(PAGE)
    process = maker._process
    until(lambda: maker.status(first).total == 48)
    assert maker.status(first).state == "making"
    assert maker.begin(PAGE) == first
    assert maker._process is process  # it is gone on with, not begun again
    if sys.platform != "win32":
        assert process is not None
        assert os.getpriority(os.PRIO_PROCESS, process.pid) > os.getpriority(os.PRIO_PROCESS, 0)
    second = maker.begin(replace(PAGE, layer="mixed5"))
    assert (maker.status(first).state, maker.status(second).state) == ("stopped", "making")
    maker.stop(first)
    assert maker.status(second).state == "making"
    maker.stop(second)
    assert maker.status(second).state == "stopped"
    maker.begin(PAGE)
    assert maker.status(first).state == "making"
    maker.stop()
    assert maker.read(first).units == {}


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (
            "print('dreamvid: there is no room on the disk'); raise SystemExit(1)",
            "there is no room on the disk",
        ),
        ("raise SystemExit(3)", "it ended unexpectedly (exit code 3)"),
    ],
)
def test_a_page_that_failed_says_why(folder: Path, script: str, error: str) -> None:
    maker = AtlasMaker(Library(folder), runs_script(script))
    page = maker.begin(PAGE)
    until(lambda: maker.status(page).state != "making")
    assert (maker.status(page).state, maker.status(page).error) == ("failed", error)


def test_a_finished_page_is_not_made_again(folder: Path) -> None:
    library = Library(folder)
    finish(library.state_folder / "atlases" / f"{PAGE.id}.atlas", channels="3")
    maker = AtlasMaker(library, runs_script("raise SystemExit(1)"))
    page = maker.begin(PAGE)
    assert maker.status(page).state == "done"
    assert maker._process is None
    assert len(maker.read(page).units["conv1"]) == 3


def test_a_run_of_a_server_that_was_killed_is_waited_for(folder: Path) -> None:
    library = Library(folder)
    work = library.state_folder / "atlases" / f"{PAGE.id}.atlas.work"
    work.mkdir(parents=True)
    lock = FileLock(work / "lock", create=True)
    maker = AtlasMaker(library, runs_script("raise SystemExit(1)"))
    page = maker.begin(PAGE)
    assert maker._process is None
    assert maker.status(page).state == "making"
    lock.release()
    assert maker.status(page).state == "stopped"


@pytest.mark.parametrize("name", ["..", "x", "../" + "0" * 29, "0" * 31 + "/", "A" * 32])
def test_only_names_of_pages_are_read(folder: Path, name: str) -> None:
    with pytest.raises(ReadError, match="no such atlas"):
        AtlasMaker(Library(folder)).status(name)


@pytest.fixture
def known(studio: Studio) -> None:
    """The network has been described."""
    networks = studio.library.state_folder / "networks"
    networks.mkdir(parents=True)
    (networks / f"{network_analysis(ModelSettings()).key}.json").write_text(json.dumps(NETWORK))


@pytest.mark.usefixtures("known")
def test_a_network_is_described_with_its_atlases_in_the_folder(client: TestClient, folder: Path) -> None:
    finish(folder / "lesson", layers="conv1", channels="3", classes="all")
    (folder / "broken.atlas").mkdir()
    (folder / "broken.atlas/atlas.json").write_text("{")
    (folder / "broken.atlas/contact-sheet.png").touch()
    answer = client.post("/api/network", json={"values": {}}).json()
    assert answer["layers"] == NETWORK["layers"]
    assert answer["page"] == PAGE_UNITS
    (lesson,) = answer["atlases"]
    assert (lesson["name"], lesson["layers"]) == ("lesson", {"conv1": 3, "logits": 2})
    units = client.get(f"/api/atlas/{lesson['id']}?layer=logits").json()
    assert units["state"] == "done"
    assert [unit["objective"] for unit in units["units"]] == ["class:tench", "class:tabby"]
    assert client.get(f"/api/atlas/{lesson['id']}?layer=nothing").json()["units"] == []
    picture = client.get(f"/api/atlas/{lesson['id']}/picture?layer=conv1&unit=2")
    assert picture.content == (folder / "lesson/tiles/01-conv1/2.webp").read_bytes()
    assert picture.headers["content-type"] == "image/webp"


def test_another_network_is_described_anew(client: TestClient) -> None:
    answer = client.post("/api/network", json={"values": {"model": {"name": "../x.keras"}}})
    assert answer.status_code == 422
    assert "in the folder" in answer.json()["error"]
    (answer,) = [client.post("/api/atlas", json={"values": {}, "layer": "conv1"})]
    assert answer.json()["error"] == "the network has no such layer"


@pytest.mark.usefixtures("known")
def test_a_page_is_opened_shown_and_stopped(
    client: TestClient, studio: Studio, id_of: Callable[[str], str]
) -> None:
    client.post("/api/network", json={"values": {}})
    studio.atlases._command = runs_script(WAITS)
    page = client.post("/api/atlas", json={"values": {}, "layer": "conv2", "first": 96}).json()["id"]
    assert page == AtlasPage(ModelSettings(), "conv2", 96, 140).id
    until(lambda: client.get(f"/api/atlas/{page}?layer=conv2").json()["total"] == 48)
    assert client.get(f"/api/atlas/{page}?layer=conv2").json() == {
        "state": "making",
        "total": 48,
        "error": "",
        "units": [],
    }
    assert client.post(f"/api/atlas/{page}/stop", json={}).status_code == 200
    assert client.get(f"/api/atlas/{page}").json()["state"] == "stopped"
    body = {"values": {}, "layer": "conv2", "examples": id_of("clip.mp4")}
    strongest = client.post("/api/atlas", json=body).json()["id"]
    studio.atlases.stop()
    (folder := studio.library.folder / "example").mkdir()
    output = studio.library.state_folder / "atlases" / f"{strongest}.atlas"
    finish(output, layers="conv2", channels="2", examples=folder, sort="activation", example_count=1)
    shown = client.get(f"/api/atlas/{strongest}?layer=conv2").json()
    assert shown["units"][0] == {
        "unit": 39,
        "title": "#39",
        "objective": "conv2#39",
        "reason": "",
        "examples": [{"source": "example", "seconds": 1.5}],
    }
    address = f"/api/atlas/{strongest}/picture?layer=conv2&unit=39"
    assert client.get(f"{address}&example=0").content.startswith(b"RIFF")
    for rest in ("&example=1", "&example=x", "0", "&layer=conv1"):
        answer = client.get(address + rest)
        assert (answer.status_code, answer.json()["error"]) == (400, "the atlas has no such picture")


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"layer": "nothing"}, "no such layer"),
        ({"layer": ["conv1"]}, "no such layer"),
        ({}, "no such layer"),
        ({"layer": "conv1", "first": 40}, "units 0 to 39"),
        ({"layer": "conv1", "first": -1}, "units 0 to 39"),
        ({"layer": "conv1", "first": "0"}, "units 0 to 39"),
        ({"layer": "conv1", "examples": "../clip.mp4"}, "no such file"),
        ({"layer": "conv1", "values": {"octaves": 99}}, "must be from 1 to 16"),
    ],
)
def test_a_page_that_there_is_none_of_is_refused(client: TestClient, body: dict[str, Any], text: str) -> None:
    client.post("/api/network", json={"values": {}})
    answer = client.post("/api/atlas", json={"values": {}, **body})
    assert answer.status_code in {400, 422}
    assert text in answer.json()["error"]


@pytest.mark.usefixtures("known")
def test_classes_have_no_examples(client: TestClient, id_of: Callable[[str], str]) -> None:
    client.post("/api/network", json={"values": {}})
    body = {"values": {}, "layer": "logits", "examples": id_of("clip.mp4")}
    assert "examples are found for layers" in client.post("/api/atlas", json=body).json()["error"]


@pytest.mark.engine
def test_the_embedded_network_is_described() -> None:
    from dreamvid.pipelines.atlas.overview import describe_network  # noqa: PLC0415  loads TensorFlow

    found = describe_network(ModelSettings())
    main = [layer["name"] for layer in found["layers"] if layer["main"]]
    assert main == [f"mixed{number}" for number in range(6)]
    bullfrog = {"title": "bullfrog", "words": "bullfrog, Rana catesbeiana", "objective": "class:bullfrog"}
    assert bullfrog in found["classes"]
    assert json.loads(json.dumps(found)) == found
