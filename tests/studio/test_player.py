"""The player's facts: whether a file flashes, what it was dreamed of, and how steady it is, in plain sentences."""

from __future__ import annotations

import time
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from dreamvid.pipelines.steadiness import measure_steadiness
from dreamvid.studio.player import explain_steadiness, with_warning
from tests.studio.dreams import write_dream, write_strobe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.testclient import TestClient


def measured(client: TestClient, address: str) -> Any:
    """Return an answer once it is there."""
    for _ in range(2000):
        answer = client.get(address)
        if answer.status_code != 202:
            return answer
        time.sleep(0.02)
    raise AssertionError


def figures(**changed: Any) -> dict[str, Any]:
    """Return the figures of a steady dream, some of them changed."""
    lag = {"lag": 1, "visible": 0.9, "flicker": 0.1, "ratio": 1.2, **changed.pop("lag", {})}
    held = {"change": 0.01, "beyond_source": 0.01}
    names = ("brightness", "saturation", "dream_rms", "detail")
    drift = {name: {**held, **changed.get(name, {})} for name in names}
    return {"lags": [lag, {**lag, "lag": 8}], "dream_rms": changed.get("rms", 0.1), "drift": drift}


def test_flashes_are_told_of_once_measured_and_remembered(
    client: TestClient, id_of: Callable[[str], str], folder: Path
) -> None:
    write_strobe(folder / "strobe.mp4")
    address = f"/api/files/{id_of('strobe.mp4')}/flashes"
    assert client.get(address).status_code == 202
    found = measured(client, address).json()
    assert (found["per_second"], found["until"]) == (6, None)
    assert (
        "more than three times a second: up to 6 flashes in a second, first at 0.0 to 2.0 s"
        in found["warning"]
    )
    assert len(list((folder / ".dreamvid-studio/analysis").iterdir())) == 1
    assert measured(client, f"/api/files/{id_of('clip.mp4')}/flashes").json()["warning"] == ""


def test_what_cannot_be_measured_is_said_without_the_folder(
    client: TestClient, id_of: Callable[[str], str], folder: Path
) -> None:
    (folder / "broken.mp4").write_bytes(b"no video at all")
    answer = measured(client, f"/api/files/{id_of('broken.mp4')}/flashes")
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("broken.mp4 ")
    steadiness = client.get(f"/api/files/{id_of('clip.mp4')}/steadiness")
    assert (steadiness.status_code, "not in this folder" in steadiness.json()["error"]) == (400, True)


def test_red_flashes_are_named() -> None:
    found = {"per_second": 1.0, "red_per_second": 4.5, "too_many": [[2.0, 3.25]], "until": None}
    assert "up to 4.5 red flashes in a second, first at 2.0 to 3.2 s" in with_warning(found)["warning"]


def test_a_dream_is_compared_with_its_source_from_where_it_begins(
    client: TestClient, id_of: Callable[[str], str], folder: Path
) -> None:
    write_dream(folder / "later.mp4", folder / "clip.mp4", Fraction("0.2"))
    write_strobe(folder / "trip.mp4")
    sources = {
        name: client.get(f"/api/files/{id_of(name)}/source").json()
        for name in ("later.mp4", "trip.mp4", "clip.mp4", "photo.png")
    }
    assert sources.pop("later.mp4") == {"id": id_of("clip.mp4"), "start": pytest.approx(2 / 12)}
    assert list(sources.values()) == [{"id": None, "start": 0}] * 3
    (folder / "clip.mp4").unlink()
    assert client.get(f"/api/files/{id_of('later.mp4')}/source").json()["id"] is None


def test_steadiness_is_measured_in_a_process_of_its_own_and_explained(
    client: TestClient, id_of: Callable[[str], str], folder: Path
) -> None:
    write_dream(folder / "it's.mp4", folder / "clip.mp4")
    report = measured(client, f"/api/files/{id_of(chr(39).join(('it', 's.mp4')))}/steadiness").json()
    assert [figure["name"] for figure in report["figures"]] == [
        *("Flicker", "Flicker over 8 frames", "Strength", "Detail", "Brightness", "Color")
    ]
    assert report["figures"][1]["meaning"] == "There are no frames to compare."
    assert (report["frames"], report["until"]) == (6, None)
    assert report["command"] == """dreamvid measure clip.mp4 'it'"'"'s.mp4' --plot steady.png"""


def test_patience_leaves_the_rest_of_a_film_out(folder: Path) -> None:
    dream = write_dream(folder / "dream.mp4", folder / "clip.mp4")
    report = measure_steadiness(folder / "clip.mp4", dream, 0)
    assert (report["frames"], report["until"]) == (1, 0)


@pytest.mark.parametrize(
    ("changed", "index", "value", "meaning"),
    [
        ({}, 0, "0.10, 1.2 times the least", "as steadily as can be measured"),
        ({"lag": {"ratio": 2.0}}, 1, "0.10, 2.0 times", "changes a little"),
        ({"lag": {"flicker": 0.4, "ratio": 8.0}}, 0, "0.40", "should only move along"),
        ({"lag": {"flicker": 1.8, "ratio": 30.0}}, 0, "1.80", "new each time"),
        ({"lag": {"flicker": 0.2, "ratio": None}}, 0, "0.20", "changes a little"),
        ({"lag": {"visible": 0.2}}, 0, "0.10", "Too little"),
        ({"rms": 0.001}, 2, "0.001", "hardly a dream"),
        ({"dream_rms": {"change": 0.3}}, 2, "0.10, +30 %", "The dream grows"),
        ({"detail": {"change": -0.2}}, 3, "-20 %", "It blurs"),
        ({"brightness": {"beyond_source": 0.2}}, 4, "+20 %", "brighter"),
        ({"saturation": {"beyond_source": None}}, 5, "-", "too short"),
    ],
)
def test_each_figure_has_a_sentence(changed: dict[str, Any], index: int, value: str, meaning: str) -> None:
    figure = explain_steadiness(figures(**changed))[index]
    assert figure.value.startswith(value)
    assert meaning in figure.meaning
