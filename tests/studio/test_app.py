"""What the page asks for: files, previews, looks that come back, uploads, and the queue."""

from __future__ import annotations

import asyncio
import json
import threading
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from dreamvid._version import __version__
from dreamvid.checkpoint.layout import work_folder
from dreamvid.config.fields import field_paths
from dreamvid.config.preset import Preset
from dreamvid.media.still.reader import read_still
from dreamvid.media.still.writer import write_still
from dreamvid.pipelines.provenance import KEY, settings_json
from dreamvid.studio.form import FIRST_DIALS, form_fields
from dreamvid.studio.preview_worker import PreviewRequest
from dreamvid.studio.previews import MOST_WAITING, Previews

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.testclient import TestClient

    from dreamvid.studio.services import Studio


def test_files_are_listed_with_what_they_hold(client: TestClient) -> None:
    listing = client.get("/api/files").json()
    assert listing["complete"]
    clip, photo = sorted(listing["files"], key=lambda file: file["name"])
    assert (clip["kind"], clip["width"], clip["height"], clip["sound"]) == ("video", 96, 54, True)
    assert clip["seconds"] == pytest.approx(0.5)
    assert (photo["kind"], photo["width"], photo["seconds"], photo["dreamed"]) == ("still", 90, 0, False)


def test_ids_are_opaque_and_stay(client: TestClient, folder: Path) -> None:
    first = {file["name"]: file["id"] for file in client.get("/api/files").json()["files"]}
    (folder / "another.png").write_bytes((folder / "photo.png").read_bytes())
    second = {file["name"]: file["id"] for file in client.get("/api/files").json()["files"]}
    assert first.items() < second.items()
    assert all("clip" not in each for each in first.values())


def test_a_damaged_file_says_why(client: TestClient, folder: Path) -> None:
    (folder / "broken.mp4").write_bytes(b"no video at all")
    broken = next(file for file in client.get("/api/files").json()["files"] if file["name"] == "broken.mp4")
    frame = client.get(f"/api/files/{broken['id']}/frame").json()
    for line in (broken["problem"], frame["error"]):
        assert "broken.mp4" in line
        assert str(folder) not in line


def test_players_ask_for_parts(client: TestClient, id_of: Callable[[str], str], folder: Path) -> None:
    data = (folder / "clip.mp4").read_bytes()
    whole = client.get(f"/api/files/{id_of('clip.mp4')}/content")
    assert (whole.content, whole.headers["content-type"]) == (data, "video/mp4")
    part = client.get(f"/api/files/{id_of('clip.mp4')}/content", headers={"range": "bytes=100-199"})
    assert part.status_code == 206
    assert part.content == data[100:200]


def test_a_frame_of_the_source_is_shown(
    client: TestClient, id_of: Callable[[str], str], tmp_path: Path
) -> None:
    for name, time in (("clip.mp4", "0.25"), ("photo.png", "0")):
        answer = client.get(f"/api/files/{id_of(name)}/frame?time={time}&longest=64")
        assert answer.headers["content-type"] == "image/webp"
        (tmp_path / "frame.webp").write_bytes(answer.content)
        assert max(read_still(tmp_path / "frame.webp").rgb.shape) == 64
    late = client.get(f"/api/files/{id_of('clip.mp4')}/frame?time=9")
    assert late.status_code == 400
    assert "lasts only 0.5 s" in late.json()["error"]


def test_a_preview_is_dreamed_by_the_settings(
    client: TestClient, id_of: Callable[[str], str], worker: Any, folder: Path
) -> None:
    body = {
        "page": "a",
        "source": id_of("clip.mp4"),
        "time": 0.25,
        "longest": 9999,
        "values": {"octaves": {"count": 3}},
    }
    answer = client.post("/api/preview", json=body)
    assert answer.status_code == 200
    assert set(answer.json()) == {"source", "dreamed", "notes", "seconds", "film"}
    assert answer.json()["film"] == {"start": 0, "seconds": 0.5, "rate": 12}
    (request,) = worker.requests
    assert request.source == folder / "clip.mp4"
    assert (float(request.time), request.longest, request.preset.octaves.count) == (0.25, 1280, 3)


@pytest.mark.parametrize(
    ("name", "values", "film"),
    [
        ("clip.mp4", {"input": {"start": "0:00.25"}}, (0.25, 0.25, 12)),
        ("clip.mp4", {"tempo": {"bpm": 240}, "input": {"duration": "1b"}}, (0, 0.25, 12)),
        ("photo.png", {"pipeline": "image"}, (0, 0, 24)),
        (None, {"pipeline": "zoom", "tempo": {"bpm": 120}, "trip": {"duration": "2bar"}}, (0, 4, 24)),
    ],
)
def test_the_scrubber_is_told_what_is_made(
    client: TestClient,
    id_of: Callable[[str], str],
    name: str | None,
    values: dict[str, object],
    film: tuple[float, ...],
) -> None:
    body = {"source": name and id_of(name), "values": values}
    assert tuple(client.post("/api/preview", json=body).json()["film"].values()) == film


def test_the_last_frame_is_shown(client: TestClient, id_of: Callable[[str], str]) -> None:
    for time in (5 / 12, 0.4166):
        assert client.get(f"/api/files/{id_of('clip.mp4')}/frame?time={time}").status_code == 200


def test_a_trip_starts_from_the_frame_at_the_scrubber(
    client: TestClient, id_of: Callable[[str], str], worker: Any, folder: Path
) -> None:
    values = {"pipeline": "zoom"}
    for source in (None, id_of("photo.png"), id_of("clip.mp4")):
        assert (
            client.post("/api/preview", json={"source": source, "time": 0.25, "values": values}).status_code
            == 200
        )
    starts = [request.preset.trip.start for request in worker.requests]
    assert starts == ["noise", str(folder / "photo.png"), f"{folder / 'clip.mp4'}@0.250s"]
    assert all(request.source is None for request in worker.requests)


def test_what_does_not_fit_is_said_at_its_setting(client: TestClient, id_of: Callable[[str], str]) -> None:
    values = {"octaves": {"count": 99}, "ascent": {"steps": "nope"}}
    answer = client.post("/api/preview", json={"source": id_of("clip.mp4"), "values": values})
    assert answer.status_code == 422
    assert dict(answer.json()["mistakes"]) == {
        "octaves.count": "must be from 1 to 16, not '99'",
        "ascent.steps": "must be a whole number from 1 to 10000, not 'nope'",
    }


def test_errors_of_the_dream_are_those_of_the_command_line(
    client: TestClient, id_of: Callable[[str], str], worker: Any, folder: Path
) -> None:
    worker.error = "objective: dreamnet has no layer 'mixed9'"
    answer = client.post("/api/preview", json={"source": id_of("clip.mp4"), "values": {}})
    assert (answer.status_code, answer.json()["error"]) == (422, worker.error)
    worker.error = f"{folder}/mask.png: no such file"
    answer = client.post("/api/preview", json={"source": id_of("clip.mp4"), "values": {}})
    assert answer.json()["error"] == "mask.png: no such file"
    assert client.post("/api/preview", json={"values": {}}).status_code == 400


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"values": 5}', b'{"values": [1]}', b"\xff", b"[" * 5000]
)
def test_odd_requests_are_answered(client: TestClient, body: bytes) -> None:
    for path in ("/api/preview", "/api/look", "/api/look/text", "/api/jobs"):
        assert client.post(path, content=body).status_code in {200, 400, 422}, path


def test_a_request_that_is_too_large_is_refused(client: TestClient) -> None:
    assert client.post("/api/look", content=b" " * 1_100_000).status_code == 413


def test_every_setting_has_a_field_with_help() -> None:
    fields = {field["path"]: field for field in form_fields()}
    left_out = {path for path in field_paths(Preset) if path not in fields}
    assert {path for path in left_out if not path.startswith(("sweep.", "walk."))} == {
        "inputs",
        "scenes",
        "signals",
        "pipeline",
        "description",
    }
    assert set(FIRST_DIALS) <= fields.keys()
    assert all(field["help"] and field["label"] and field["pipelines"] for field in fields.values())
    steps = fields["ascent.steps"]
    assert (steps["min"], steps["max"], steps["whole"], steps["scheduled"]) == (1, 10000, True, True)
    assert fields["ascent.jitter"]["unit"] == "px"
    assert fields["look.blend"]["choices"][:2] == ["normal", "lighten"]
    assert fields["camera.zoom"]["pipelines"] == ["zoom"]
    for field in fields.values():
        if field["kind"] == "number":
            low, high = field["usual"]
            assert field["min"] <= low < high <= field["max"], field["path"]
    json.dumps(form_fields())


def test_every_preset_that_dreams_offline_has_a_picture(client: TestClient) -> None:
    facts = client.get("/api/studio").json()
    without = {preset["name"] for preset in facts["presets"] if not preset["picture"]}
    assert without == {"inceptionism", "tutorial", "vgg"}
    assert facts["version"] == __version__
    assert client.get("/api/presets/palace/picture").content[:4] == b"RIFF"
    assert client.get("/api/presets/vgg/picture").status_code == 400


def test_presets_are_shown_on_the_users_own_picture(
    client: TestClient, id_of: Callable[[str], str], worker: Any
) -> None:
    address = f"/api/presets/palace/picture?source={id_of('photo.png')}&time=0&page=a"
    first, second = client.get(address), client.get(address)
    assert first.content == second.content
    assert len(worker.requests) == 1


def dreamed(folder: Path, name: str, preset: Preset, source: Path | None) -> None:
    still = read_still(folder / "photo.png")
    text = settings_json(preset, source=source, resolved={"precision": "bfloat16"}, files={})
    write_still(folder / name, still, metadata={KEY: text}, overwrite=True)


def test_every_dial_comes_back_from_a_dream(
    client: TestClient, id_of: Callable[[str], str], folder: Path
) -> None:
    preset = Preset.build(
        {"objective": "mixed4#35", "octaves": 3, "run": {"seed": 77}, "look": {"strength": 0.5}}
    )
    dreamed(folder, "old.png", preset, folder / "photo.png")
    back = client.get(f"/api/files/{id_of('old.png')}/look").json()
    assert back["source"] == id_of("photo.png")
    assert back["notes"] == []
    assert back["values"] == {
        "pipeline": "image",
        "objective": "mixed4#35",
        "octaves": {"count": 3},
        "look": {"strength": 0.5},
        "run": {"seed": 77, "precision": "bfloat16"},
    }


def test_a_source_is_found_under_another_name_or_missed(
    client: TestClient, id_of: Callable[[str], str], folder: Path
) -> None:
    dreamed(folder, "old.png", Preset(), folder / "photo.png")
    (folder / "photo.png").rename(folder / "renamed.png")
    assert client.get(f"/api/files/{id_of('old.png')}/look").json()["source"] == id_of("renamed.png")
    (folder / "renamed.png").unlink()
    back = client.get(f"/api/files/{id_of('old.png')}/look").json()
    assert back["source"] is None
    assert back["notes"] == ["'photo.png', its source, is not in this folder; add it"]


def test_a_file_without_settings_says_so(client: TestClient, id_of: Callable[[str], str]) -> None:
    answer = client.get(f"/api/files/{id_of('photo.png')}/look")
    assert answer.status_code == 400
    assert "holds no settings of dreamvid's" in answer.json()["error"]


def test_a_text_is_checked_with_its_lines(client: TestClient) -> None:
    answer = client.post("/api/look/text", json={"text": "octaves: 4\nascent:\n  steps: -2\n"})
    assert answer.json()["mistakes"] == [
        {"line": 3, "column": 3, "text": "ascent.steps: must be from 1 to 10000, not '-2'"}
    ]
    assert client.post("/api/look/text", json={"text": "octaves: 4"}).json() == {
        "values": {"octaves": {"count": 4}}
    }
    values = client.post("/api/look/text", json={"text": "extends: palace\nascent: {steps: 5}"}).json()[
        "values"
    ]
    assert values["objective"].startswith("mixed3")
    assert values["ascent"]["steps"] == 5


def test_an_upload_becomes_a_file_of_the_folder(client: TestClient, folder: Path) -> None:
    data = (folder / "photo.png").read_bytes()
    answer = client.post("/api/files?name=../../odd%20name.png", content=data)
    assert (answer.status_code, answer.json()["name"], answer.json()["kind"]) == (
        200,
        "odd name.png",
        "still",
    )
    assert (folder / "odd name.png").read_bytes() == data
    again = client.post("/api/files?name=odd%20name.png", content=data)
    assert again.json()["id"] == answer.json()["id"]
    other = client.post("/api/files?name=odd%20name.png", content=(folder / "clip.mp4").read_bytes()[:5000])
    assert other.json()["name"] == "odd name-2.png"
    assert (folder / "odd name.png").read_bytes() == data
    assert list((folder / ".dreamvid-studio").rglob("*.part")) == []


@pytest.mark.parametrize("announced", [True, False])
def test_an_upload_above_the_limit_leaves_nothing(
    client: TestClient, folder: Path, *, announced: bool
) -> None:
    sent = 0

    def body() -> Any:
        nonlocal sent
        for _ in range(1000):
            sent += 10_000
            yield b"x" * 10_000

    before = sorted(folder.iterdir())
    headers = {"content-length": "10000000000"} if announced else {}
    answer = client.post(
        "/api/files?name=large.mp4", content=body() if not announced else b"x", headers=headers
    )
    assert answer.status_code == 413
    assert "larger than 200 kB; copy it into the folder instead" in answer.json()["error"]
    assert [path for path in sorted(folder.iterdir()) if path not in before] in (
        [],
        [folder / ".dreamvid-studio"],
    )
    assert list((folder / ".dreamvid-studio").rglob("*.part")) == []


def test_jobs_are_queued_paused_moved_and_cancelled(
    client: TestClient, id_of: Callable[[str], str], studio: Studio, folder: Path
) -> None:
    studio.runner.close()
    values = {"ascent": {"steps": 3}, "run": {"seed": 5}}
    for name, suffix in (("palace", ".mp4"), ("palace", ".mp4"), ("../x", ".webm")):
        body = {
            "source": id_of("clip.mp4"),
            "values": values,
            "name": name,
            "format": suffix,
            "quality": "draft",
        }
        assert client.post("/api/jobs", json=body).status_code == 200
    jobs = client.get("/api/jobs").json()["jobs"]
    assert [job["output"] for job in jobs] == ["clip.palace.mp4", "clip.palace-2.mp4", "clip.x.webm"]
    assert [job["state"] for job in jobs] == ["waiting"] * 3
    picture = client.get(f"/api/jobs/{jobs[0]['id']}/frame").content
    assert picture == client.get(f"/api/files/{id_of('clip.mp4')}/frame?longest=480").content
    preset = Preset.load(folder / ".dreamvid-studio/jobs" / f"{jobs[0]['id']}.yaml")
    assert (preset.ascent.steps, preset.run.seed, preset.octaves.largest) == (3, 5, 400)
    act(client, jobs[0], "pause")
    act(client, jobs[2], "up")
    jobs = client.get("/api/jobs").json()["jobs"]
    assert [(job["output"], job["state"]) for job in jobs] == [
        ("clip.palace.mp4", "paused"),
        ("clip.x.webm", "waiting"),
        ("clip.palace-2.mp4", "waiting"),
    ]
    act(client, jobs[0], "go on")
    act(client, jobs[1], "cancel")
    studio.jobs.write(studio.jobs.job(jobs[2]["id"]))
    assert client.post(f"/api/jobs/{jobs[0]['id']}", json={"action": "explode"}).status_code == 400


def test_a_job_whose_work_does_not_fit_starts_over(
    client: TestClient, id_of: Callable[[str], str], studio: Studio
) -> None:
    studio.runner.close()
    answer = client.post("/api/jobs", json={"source": id_of("clip.mp4"), "values": {}})
    job = studio.jobs.job(answer.json()["id"])
    work = work_folder(studio.jobs.output(job))
    work.mkdir()
    (work / "lock").touch()
    (work / "000001.mkv").touch()
    studio.jobs.file(job, ".log").write_text(
        "dreamvid: clip.dream.mp4.work holds unfinished work that does not fit\n"
    )
    assert "does not fit" in client.get("/api/jobs").json()["jobs"][0]["error"]
    act(client, {"id": job.id}, "go on")
    assert work.exists()
    act(client, {"id": job.id}, "start over")
    assert not work.exists()
    assert client.get("/api/jobs").json()["jobs"][0]["state"] == "waiting"


def test_a_trip_is_queued_from_a_frame_of_a_clip(
    client: TestClient, id_of: Callable[[str], str], studio: Studio
) -> None:
    studio.runner.close()
    body = {"source": id_of("clip.mp4"), "time": 0.25, "values": {"pipeline": "zoom"}, "name": "spiral"}
    assert client.post("/api/jobs", json=body).json()["output"] == "clip.spiral.mp4"
    assert (
        client.post("/api/jobs", json={"values": {"pipeline": "zoom"}}).json()["output"] == "trip.dream.mp4"
    )
    first, second = studio.jobs.jobs()
    assert (first.source, first.pipeline) == (None, "zoom")
    assert Preset.load(studio.jobs.file(first, ".yaml")).trip.start == "clip.mp4@0.250s"
    assert Preset.load(studio.jobs.file(second, ".yaml")).trip.start == "noise"


def act(client: TestClient, job: dict[str, Any], action: str) -> None:
    assert client.post(f"/api/jobs/{job['id']}", json={"action": action}).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"format": ".exe"},
        {"quality": "superb"},
        {"quality": ["draft"]},
        {"format": "/../x.mp4"},
        {"source": None},
    ],
)
def test_jobs_that_make_no_sense_are_refused(
    client: TestClient, id_of: Callable[[str], str], studio: Studio, change: dict[str, Any]
) -> None:
    body = {"source": id_of("clip.mp4"), "values": {}, **change}
    assert client.post("/api/jobs", json=body).status_code == 400
    assert studio.jobs.jobs() == []


def test_of_fifty_previews_the_newest_wins_and_few_wait(worker: Any) -> None:
    first = threading.Event()
    release = threading.Event()

    def wait() -> None:
        first.set()
        release.wait(5)

    worker.wait = wait

    async def run() -> list[object]:
        previews = Previews(worker)
        begun = asyncio.create_task(previews.dream("page", request_at(0)))
        await asyncio.to_thread(first.wait, 5)
        others = [asyncio.create_task(previews.dream("page", request_at(n))) for n in range(1, 50)]
        pages = [asyncio.create_task(previews.dream(f"page {n}", request_at(100 + n))) for n in range(50)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(previews._waiting) == MOST_WAITING
        release.set()
        results: list[object] = list(await asyncio.gather(begun, *others, *pages))
        await previews.close()
        return results

    results = asyncio.run(run())
    assert results[0] is not None
    assert sum(result is not None for result in results[1:50]) <= 1
    assert all(result is None for result in results[1:49])
    answered = [n for n, result in enumerate(results[50:]) if result is not None]
    assert answered == list(range(50 - MOST_WAITING, 50))
    assert worker.closed


def request_at(number: int) -> PreviewRequest:
    return PreviewRequest(None, Preset(), Fraction(number), 64)
