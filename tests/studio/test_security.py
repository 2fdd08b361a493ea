"""Nobody but the page talks to the studio, and nothing outside its folder is ever read or written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from dreamvid.errors import ReadError
from dreamvid.studio.security import Access, is_loopback
from dreamvid.studio.uploads import safe_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from starlette.testclient import TestClient

    from dreamvid.studio.services import Studio

POSTS = (
    "/api/look",
    "/api/look/text",
    "/api/preview",
    "/api/moving",
    "/api/network",
    "/api/atlas",
    "/api/atlas/0/stop",
    "/api/jobs",
    "/api/jobs/0",
    "/api/files?name=a.png",
)
GETS = (
    *("/api/studio", "/api/files", "/api/jobs", "/api/events", "/api/presets/palace/picture"),
    *("/api/atlas/0", "/api/atlas/0/picture"),
)


@pytest.mark.parametrize("path", GETS)
def test_without_the_cookie_nothing_is_told(stranger: TestClient, path: str) -> None:
    answer = stranger.get(path)
    assert answer.status_code == 401
    assert "open the link" in answer.json()["error"]


@pytest.mark.parametrize("path", POSTS)
def test_without_the_cookie_nothing_is_done(stranger: TestClient, path: str, folder: Path) -> None:
    before = sorted(folder.iterdir())
    assert stranger.post(path, json={}, headers={"origin": "http://127.0.0.1:8480"}).status_code == 401
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("token", ["", "wrong", None, 5, ["x"], {"a": 1}])
def test_a_wrong_token_opens_nothing(stranger: TestClient, token: object) -> None:
    answer = stranger.post("/api/session", json={"token": token}, headers={"origin": "http://127.0.0.1:8480"})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


def test_the_cookie_is_for_the_page_alone(stranger: TestClient, studio: Studio) -> None:
    answer = stranger.post(
        "/api/session", json={"token": studio.access.token}, headers={"origin": "http://127.0.0.1:8480"}
    )
    cookie = answer.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=strict", "Path=/", "dreamvid_studio_8480="):
        assert part in cookie
    assert studio.access.token not in cookie
    assert studio.access.session not in stranger.get("/").text


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1:80", "localhost.evil:8480", "127.0.0.1:8480.evil", ""]
)
@pytest.mark.parametrize("path", ["/", "/api/files", "/page/studio.js"])
def test_a_forged_host_is_refused(client: TestClient, host: str, path: str) -> None:
    answer = client.get(path, headers={"host": host})
    assert answer.status_code == 403
    assert "clip.mp4" not in answer.text


@pytest.mark.parametrize("host", ["localhost:8480", "LOCALHOST:8480", "[::1]:8480"])
def test_all_names_of_this_machine_are_served(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1:8481", "https://127.0.0.1:8480", "http://127.0.0.1"],
)
@pytest.mark.parametrize("path", POSTS)
def test_another_origin_does_nothing(client: TestClient, origin: str, path: str, studio: Studio) -> None:
    answer = client.post(path, content=b"{}", headers={"origin": origin})
    assert answer.status_code == 403
    assert studio.jobs.jobs() == []


@pytest.mark.parametrize("path", POSTS)
def test_a_request_that_names_no_page_does_nothing(client: TestClient, path: str) -> None:
    del client.headers["origin"]
    assert client.post(path, content=b"{}").status_code == 403


@pytest.mark.parametrize("path", GETS)
def test_another_page_reads_nothing(client: TestClient, path: str) -> None:
    assert client.get(path, headers={"origin": "http://evil.example"}).status_code == 403
    assert client.get(path, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert client.get(path, headers={"sec-fetch-site": "same-site"}).status_code == 403


def test_every_answer_forbids_foreign_content(client: TestClient) -> None:
    for path in ("/", "/page/studio.css", "/api/files", "/nowhere", "/api/files/0/frame"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'self'; "), path
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"


OUTSIDE = (
    "../secret.png",
    "..%2fsecret.png",
    "/etc/passwd",
    "..\\secret.png",
    "....//secret.png",
    "%2e%2e/secret.png",
    "%2e",
    "%2e%2e",
    "secret.png\0",
)


@pytest.fixture
def secret(folder: Path) -> Path:
    """A file beside the folder, which the page must never reach."""
    path = folder.parent / "secret.png"
    path.write_bytes((folder / "photo.png").read_bytes())
    return path


@pytest.mark.usefixtures("secret")
@pytest.mark.parametrize("name", OUTSIDE)
def test_no_path_in_any_parameter_leaves_the_folder(client: TestClient, name: str, folder: Path) -> None:
    before = sorted(folder.parent.rglob("*"))
    for path in (
        f"/api/files/{name}/frame",
        f"/api/files/{name}/content",
        f"/api/files/{name}/look",
        f"/page/{name}",
        f"/api/presets/{name}/picture",
        f"/api/presets/palace/picture?source={name}",
        f"/api/jobs/{name}/frame",
        f"/api/moving/{name}",
        f"/api/moving/{name}/content",
        f"/api/atlas/{name}",
        f"/api/atlas/{name}/picture",
        f"/api/moving/{name}/flashes",
        f"/api/files/{name}/flashes",
        f"/api/files/{name}/source",
        f"/api/files/{name}/steadiness",
    ):
        answer = client.get(path.replace("\0", "%00"))
        assert answer.status_code in {400, 404}, path
        assert b"root:" not in answer.content
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("/api/preview", {"source": name, "values": {}}),
        ("/api/jobs", {"source": name, "values": {}}),
        ("/api/look", {"source": name, "values": {}}),
        (f"/api/jobs/{name}".replace("\0", "%00"), {"action": "cancel"}),
    ]
    for path, body in bodies:
        assert client.post(path, json=body).status_code in {400, 404, 405}, path
    assert sorted(folder.parent.rglob("*")) == before


def settings_with(name: str) -> Iterator[dict[str, Any]]:
    yield {"mask": {"source": name}}
    yield {"mask": name}
    yield {"model": {"weights": name}}
    yield {"model": {"name": name if "/" in name else f"{name}.keras"}}
    yield {"objective": f"guide:{name}@mixed3"}
    yield {"objective": {"0s": f"guide:{name}@mixed3", "end": "mixed3"}}
    yield {"pipeline": "zoom", "trip": {"start": name}}
    yield {"pipeline": "zoom", "trip": {"start": f"{name}@2s"}}
    yield {"pipeline": "zoom", "trip": {"music": name}}
    yield {"pipeline": "zoom", "trip": {"palette": name}}
    yield {"signals": {"x": name}}
    yield {"scenes": [{"start": "0s", "objective": f"guide:{name}@mixed3"}]}


@pytest.mark.usefixtures("secret")
@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "..\\secret.png", "nothing.png"])
def test_settings_name_files_of_the_folder_alone(
    client: TestClient, id_of: Callable[[str], str], studio: Studio, name: str
) -> None:
    for values in settings_with(name):
        for path in ("/api/preview", "/api/jobs", "/api/look"):
            answer = client.post(path, json={"source": id_of("clip.mp4"), "values": values})
            assert answer.status_code == 422, values
            assert "in the folder" in answer.json()["error"], values
        answer = client.post("/api/look/text", json={"text": json.dumps(values)})
        assert answer.status_code == 422, values
    assert studio.jobs.jobs() == []


@pytest.mark.parametrize("base", ["/etc/passwd", "../x.yaml", "x.yaml", "../../secret"])
def test_a_text_extends_no_file(client: TestClient, base: str) -> None:
    for text in (f"extends: {base}", f"scenes: [{{start: 0s, extends: {base}}}]"):
        mistakes = client.post("/api/look/text", json={"text": text}).json()["mistakes"]
        assert "by name, not by file" in mistakes[0]["text"]


def test_links_that_lead_out_of_the_folder_are_not_shown(
    client: TestClient, folder: Path, secret: Path
) -> None:
    (folder / "link.png").symlink_to(secret)
    (folder / "inner.png").symlink_to(folder / "photo.png")
    names = [file["name"] for file in client.get("/api/files").json()["files"]]
    assert "link.png" not in names
    assert "inner.png" in names


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("clip.mp4", "clip.mp4"),
        ("../../etc/x.png", "x.png"),
        ("C:\\films\\a.mov", "a.mov"),
        ("/abs/b.jpg", "b.jpg"),
        ("..png", "upload.png"),
        (".hidden.png", "hidden.png"),
        ("a<b>:c?.png", "a_b_c_.png"),
        ("con.mp4", "_con.mp4"),
        ("new\nline\0.mp4", "new_line_.mp4"),
        ("é" * 200 + ".png", "é" * 50 + ".png"),
        ("\u202ephoto.png", "_photo.png"),
    ],
)
def test_names_of_uploads_are_made_safe(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@pytest.mark.parametrize("name", ["", "x", "page.html", "run.sh", "image.svg", "..", "a.png/", "x.yaml"])
def test_what_nothing_dreams_is_not_taken(name: str) -> None:
    with pytest.raises(ReadError, match="no picture, video, music, network or signal"):
        safe_name(name)


def test_the_token_of_each_start_is_another() -> None:
    first, second = Access.at("127.0.0.1", 1), Access.at("127.0.0.1", 1)
    assert len({first.token, second.token, first.session, second.session}) == 4
    assert first.token not in repr(first)
    assert Access.at("192.168.1.5", 8480).hosts == {"192.168.1.5:8480"}
    assert is_loopback("127.0.0.1")
    assert not is_loopback("192.168.1.5")
