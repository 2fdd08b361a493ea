"""A film is fetched once for each machine, whichever process comes first."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("fsspec", reason="fsspec is not installed")

import fsspec.config

from dreamvid.errors import BusyError, ReadError, WriteError
from dreamvid.pipelines.plan import cache
from dreamvid.pipelines.plan.cache import FILMS, FOLDER, cache_folder, fetch_film, film_of, held
from dreamvid.pipelines.provenance import fingerprint
from tests.ftp_server import FSSPEC, PASSWORD, USER, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.ftp_server import Server

FETCH = "import sys; from dreamvid.pipelines.plan.cache import film_of; print(film_of(sys.argv[1]))"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Serve a film, to this process and to others."""
    (tmp_path / "there").mkdir()
    (tmp_path / "there/film.mov").write_bytes(os.urandom(3_000_000))
    monkeypatch.setenv(FOLDER, str(tmp_path / "cache"))
    monkeypatch.setitem(fsspec.config.conf, "ftp", {"username": USER, "password": PASSWORD})
    for name, value in FSSPEC.items():
        monkeypatch.setenv(name, value)
    with serving(tmp_path / "there") as server:
        yield server


def test_processes_share_what_one_has_fetched(server: Server) -> None:
    url = f"{server.url}/film.mov"
    command = [sys.executable, "-c", FETCH, url]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    printed = {process.communicate()[0].strip() for process in processes}
    assert printed == {str(film_of(url))}
    assert film_of(url).read_bytes() == (server.folder / "film.mov").read_bytes()
    assert server.fetched == ["film.mov"]


def test_a_film_that_has_changed_is_fetched_anew(server: Server) -> None:
    url = f"{server.url}/film.mov"
    before = film_of(url)
    (server.folder / "film.mov").write_bytes(b"another film")
    assert film_of(url).read_bytes() == b"another film"
    assert before.exists()  # for who is still at it


def test_another_film_than_planned_is_not_kept(server: Server) -> None:
    url, path = f"{server.url}/film.mov", cache_folder(FILMS, "planned") / "film.mov"
    with pytest.raises(ReadError, match="has changed since it was planned"):
        fetch_film(url, path, fingerprint(server.folder))
    assert not path.exists()
    fetch_film(url, path, fingerprint(server.folder / "film.mov"))
    assert path.exists()


def test_what_nobody_has_used_for_long_makes_room(server: Server) -> None:
    old, used, busy = (cache_folder(FILMS, name) / "film.mov" for name in ("old", "used", "busy"))
    for path in (old, used):
        fetch_film(f"{server.url}/film.mov", path)
        os.utime(path.parent, (0, time.time() - 8 * 24 * 3600))
    fetch_film(f"{server.url}/film.mov", used)
    fetch_film(f"{server.url}/film.mov", busy)
    assert not old.exists()
    assert used.exists()
    assert busy.exists()


def test_a_folder_is_held_by_one_process(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = cache_folder(FILMS, server.url)
    with held(folder), pytest.raises(BusyError, match="another run"), held(folder, wait=False):
        pass
    waits: list[float] = []
    monkeypatch.setattr(cache, "_POLL_SECONDS", 0.0)
    first = held(folder)
    first.__enter__()

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        first.__exit__(None, None, None)

    monkeypatch.setattr("time.sleep", sleep)
    with held(folder):
        assert waits


def test_what_is_not_there_or_cannot_be_kept_is_one_line(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ReadError, match=r"^no such file: ftp://.*/nosuch\.mov$"):
        film_of(f"{server.url}/nosuch.mov")
    (server.folder / "films").mkdir()
    with pytest.raises(ReadError, match="is a folder; only a file can be fetched"):
        film_of(f"{server.url}/films")
    (tmp_path / "file").touch()
    monkeypatch.setenv(FOLDER, str(tmp_path / "file"))
    with pytest.raises(WriteError, match="cannot be written") as caught:
        film_of(f"{server.url}/film.mov")
    assert "\n" not in str(caught.value)
