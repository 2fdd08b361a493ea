"""What the timeline asks for: a look over time, and analyses that run in the background and are kept."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from dreamvid.studio.analyses import Analyses, Analysis

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.testclient import TestClient


def ask(client: TestClient, source: str | None, values: dict[str, Any], moments: Any = 11) -> Any:
    return client.post("/api/timeline", json={"source": source, "values": values, "moments": moments})


def found(client: TestClient, key: str) -> dict[str, Any]:
    """Return what an analysis finds."""
    for _ in range(600):
        answer = client.get(f"/api/timeline/analysis/{key}")
        if answer.status_code != 202:
            result: dict[str, Any] = answer.json()
            return result
        time.sleep(0.05)
    raise AssertionError("the analysis does not end")


def test_keyframes_have_their_times_and_curves(client: TestClient, id_of: Callable[[str], str]) -> None:
    strength = {"0s": 0, "25%": {"value": 0.5, "ease": "hold"}, "end": 1, "ease": "in-out"}
    answer = ask(client, id_of("clip.mp4"), {"look": {"strength": strength}}).json()
    assert (answer["seconds"], answer["rate"], answer["grid"]) == (0.5, 12, None)
    (row,) = answer["rows"]
    (segment,) = row["segments"]
    assert (row["path"], segment["kind"], segment["owner"], segment["ease"]) == (
        "look.strength",
        "keyframes",
        None,
        "in-out",
    )
    assert [
        (key["time"], key["unit"], key["seconds"], key["value"], key["ease"]) for key in segment["keys"]
    ] == [
        ("0s", "s", 0, 0, None),
        ("25%", "%", 0.125, 0.5, "hold"),
        ("end", "%", 0.5, 1, None),
    ]
    assert len(segment["values"]) == 11
    assert segment["values"][0] == segment["values"][2] == 0
    assert segment["values"][-1] == 1


def test_scenes_have_their_own_times_and_beats(client: TestClient) -> None:
    values = {
        "pipeline": "zoom",
        "trip": {"duration": 8},
        "tempo": {"bpm": 120, "first_beat": 0.25},
        "camera": {"zoom": "1 + 0.1*sin(t)"},
        "scenes": [
            {"start": "0s"},
            {"start": "50%", "transition": "2b", "objective": {"0b": "mixed1", "4b": "mixed2"}},
        ],
    }
    answer = ask(client, None, values).json()
    assert answer["grid"] == {"period": 0.5, "first": 0.25, "beats_per_bar": 4}
    assert [(scene["start"], scene["fade"], scene["end"]) for scene in answer["scenes"]] == [
        (0, 0, 5),
        (4, 1, 8),
    ]
    assert answer["scenes"][1]["first_beat"] == 4.25
    objective, camera = answer["rows"]
    assert [segment["kind"] for segment in objective["segments"]] == ["constant", "keyframes"]
    assert objective["segments"][1]["owner"] == 1
    assert [key["seconds"] for key in objective["segments"][1]["keys"]] == [4.25, 6.25]
    assert set(objective["segments"][1]["terms"]) == {"mixed1", "mixed2"}
    assert [segment["text"] for segment in camera["segments"]] == ["1 + 0.1*sin(t)"] * 2


def test_mistakes_are_said_at_their_settings(client: TestClient, id_of: Callable[[str], str]) -> None:
    clip = id_of("clip.mp4")
    answer = ask(client, clip, {"look": {"strength": "sinus(t)"}})
    assert answer.status_code == 422
    assert answer.json()["mistakes"][0][0] == "look.strength"
    answer = ask(client, clip, {"scenes": [{"start": "0s"}, {"start": "0.4s"}, {"start": "0.2s"}]})
    assert answer.json()["mistakes"] == [
        ["scenes.2.start", "must be after the scene before, which starts at 0.4 s"]
    ]
    answer = ask(client, clip, {"look": {"strength": {"0s": 0, "4b": 1}}}).json()
    assert "needs a tempo" in answer["rows"][0]["segments"][0]["problem"]
    answer = ask(client, clip, {"look": {"strength": "1 + t"}}).json()
    assert "it is held at 1" in answer["notes"][0]
    assert ask(client, id_of("photo.png"), {"pipeline": "image"}).status_code == 400
    assert ask(client, None, {}).status_code == 400
    assert ask(client, clip, {}, moments="all").status_code == 400
    assert ask(client, "../clip.mp4", {}).status_code == 400


def test_sound_and_cuts_are_found_and_kept(
    client: TestClient, id_of: Callable[[str], str], folder: Path
) -> None:
    keys = ask(client, id_of("clip.mp4"), {}).json()["analyses"]
    sound = found(client, keys["sound"])
    assert set(sound) == {"peaks", "hop", "beats", "tempo", "seconds"}
    assert max(sound["peaks"]) > 0
    assert found(client, keys["shots"]) == {"cuts": [], "until": None}
    kept = {file.stem for file in (folder / ".dreamvid-studio/analysis").glob("*.json")}
    assert kept == set(keys.values())
    assert ask(client, id_of("clip.mp4"), {}).json()["analyses"] == keys
    moved = ask(client, id_of("clip.mp4"), {"input": {"start": 0.25}}).json()["analyses"]
    assert not set(moved.values()) & kept
    assert client.get("/api/timeline/analysis/..%2F..%2Fclip").status_code in {400, 404}
    assert client.get("/api/timeline/analysis/nothing").status_code == 400


def test_curves_follow_the_music_of_a_trip(client: TestClient, material: Path, folder: Path) -> None:
    (folder / "music.mp4").write_bytes((material / "clip.mp4").read_bytes())
    values = {
        "pipeline": "zoom",
        "trip": {"duration": 2, "music": "music.mp4"},
        "camera": {"zoom": "1 + rms"},
    }
    answer = ask(client, None, values, 40).json()
    assert set(answer["rows"][0]["segments"][0]["values"]) == {1}
    assert list(answer["analyses"]) == ["sound"]
    found(client, answer["analyses"]["sound"])
    heard = ask(client, None, values, 40).json()["rows"][0]["segments"][0]["values"]
    assert len(set(heard)) > 5


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    file.write_bytes(b"1")
    return file


async def result_of(analyses: Analyses, analysis: Analysis) -> dict[str, Any]:
    key = await analyses.ask(analysis)
    for _ in range(1000):
        result = analyses.result(key)
        if result is not None:
            return result
        await asyncio.sleep(0.02)
    raise AssertionError("the analysis does not end")


def test_what_takes_too_long_is_given_up(file: Path, tmp_path: Path) -> None:
    async def run() -> None:
        analyses = Analyses(tmp_path / "kept", patience=3)
        slow = await result_of(analyses, Analysis(time.sleep, (600,), (file,), "600"))  # type: ignore[arg-type]
        assert slow == {"error": "takes longer than 3 s; it is left out"}
        await analyses.close()

    asyncio.run(run())
    assert not list((tmp_path / "kept").glob("*"))


def test_a_damaged_result_is_found_again(
    client: TestClient, id_of: Callable[[str], str], folder: Path
) -> None:
    key = ask(client, id_of("clip.mp4"), {}).json()["analyses"]["shots"]
    assert found(client, key)["cuts"] == []
    kept = folder / ".dreamvid-studio/analysis" / f"{key}.json"
    kept.write_text("{", encoding="utf-8")

    async def run() -> None:
        analyses = Analyses(kept.parent)
        assert await asyncio.to_thread(analyses._read, key) is None
        await analyses.close()

    asyncio.run(run())
