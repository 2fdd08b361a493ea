"""Files are copied from and to URLs as a whole or not at all, and no password is shown."""

from __future__ import annotations

import errno
import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("fsspec", reason="fsspec is not installed")

import fsspec.config
from fsspec.implementations.local import LocalFileSystem
from fsspec.registry import known_implementations

from dreamvid.errors import BusyError, DreamvidError, ReadError, SettingsError, WriteError
from dreamvid.media import remote
from dreamvid.media.remote import (
    RemoteLock,
    check_url,
    delete,
    delete_folder,
    facts_of,
    fetch,
    is_url,
    names_in,
    send,
)
from tests.ftp_server import PASSWORD, USER, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = ["film.mov", "my film.mov", "50%20 of it.mov", "fübär 映画.mov", "a#b.mov", "...mov", "-rf.mov"]


@pytest.fixture
def there(tmp_path: Path) -> Path:
    folder = tmp_path / "there"
    folder.mkdir()
    return folder


@pytest.fixture(params=["file", "ftp"])
def folder(request: pytest.FixtureRequest, there: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the URL of a folder, on this machine and on a server that wants a password."""
    if request.param == "file":
        yield f"file://{there}"
        return
    monkeypatch.setitem(fsspec.config.conf, "ftp", {"username": USER, "password": PASSWORD})
    with serving(there) as server:
        yield server.url


def one_line(error: pytest.ExceptionInfo[DreamvidError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def test_only_urls_are_urls() -> None:
    assert is_url("s3://bucket/film.mov")
    assert is_url("FILE:///film.mov")
    for name in ["film.mov", "C:\\film.mov", "concat:a.mp4|b.mp4", "a/b://c", None]:
        assert not is_url(name), name


@pytest.mark.parametrize("name", NAMES)
def test_a_file_comes_and_goes_under_any_name(name: str, folder: str, there: Path, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_bytes(os.urandom(300_000))
    url = f"{folder}/{name}"
    assert check_url(url) == name
    assert facts_of(url) is None
    send(file, url)
    assert (there / name).read_bytes() == file.read_bytes()
    assert names_in(folder) == {name}
    fetch(url, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == file.read_bytes()
    facts = facts_of(url)
    assert facts is not None
    assert facts["size"] == 300_000
    send(tmp_path / "copy", url)  # in place of the other
    delete(url)
    delete(url)
    assert facts_of(url) is None
    assert names_in(f"{folder}/nowhere") == set()


def test_what_is_sent_in_part_has_no_name(
    folder: str, there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (there / "film.mov").write_bytes(b"the old one")
    (tmp_path / "film.mov").write_bytes(b"the new one")
    system, _ = fsspec.url_to_fs(folder)

    def put_half(self: Any, path: str, name: str) -> None:
        with self.open(name, "wb") as file:
            file.write(b"the n")
        raise OSError(errno.ECONNRESET, "Connection reset by peer", path)

    monkeypatch.setattr(type(system), "put_file", put_half)
    with pytest.raises(WriteError, match=r"film\.mov: cannot be written .*Connection reset") as caught:
        send(tmp_path / "film.mov", f"{folder}/film.mov")
    one_line(caught)
    assert (there / "film.mov").read_bytes() == b"the old one"


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_what_is_fetched_in_part_has_no_name(
    error: BaseException, there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get_half(_: Any, __: str, path: str) -> None:
        with open(path, "wb") as file:  # noqa: PTH123  as fsspec does
            file.write(b"the n")
        raise error

    (there / "film.mov").write_bytes(b"the film")
    monkeypatch.setattr(LocalFileSystem, "get_file", get_half)
    with pytest.raises((ReadError, KeyboardInterrupt)) as caught:
        fetch(f"file://{there}/film.mov", tmp_path / "film.mov")
    assert isinstance(error, KeyboardInterrupt) or "No space left" in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_what_has_no_room_is_not_fetched(
    there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (there / "film.mov").write_bytes(b"the film")
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=7))
    with pytest.raises(WriteError, match="the disk is full; free some space"):
        fetch(f"file://{there}/film.mov", tmp_path / "film.mov")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_what_came_short_or_is_another_file_is_refused(
    there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise ReadError("another one")

    (there / "film.mov").write_bytes(b"the film")
    with pytest.raises(ReadError, match="another one"):
        fetch(f"file://{there}/film.mov", tmp_path / "film.mov", check=refuse)
    monkeypatch.setattr(LocalFileSystem, "get_file", lambda *names: open(names[-1], "wb").close())  # noqa: PTH123
    with pytest.raises(ReadError, match=r"film\.mov: 0 B came of 8 B"):
        fetch(f"file://{there}/film.mov", tmp_path / "film.mov")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://me:hunter2@host/film.mov",
        "s3://key:hunter2@bucket/film.mov",
        "https://host/film.mov?X-Amz-Signature=hunter2",
        "HTTPS://host/film.mov?hunter2",
        "zip://film.mov::ftp://me:hunter2@host/films.zip",
    ],
)
def test_a_password_is_no_part_of_a_url(url: str) -> None:
    with pytest.raises(SettingsError, match=r"no part of a URL.*~/\.config/fsspec") as caught:
        check_url(url)
    assert "hunter2" not in one_line(caught)


def test_accounts_and_containers_are(there: Path) -> None:
    assert check_url("sftp://me@host/film.mov") == "film.mov"
    assert check_url("abfs://films@account.dfs.core.windows.net/film.mov") == "film.mov"
    assert check_url("s3://bucket/why?.mov") == "why?.mov"
    assert check_url(f"file://{there}/a:b@c.mov") == "a:b@c.mov"


@pytest.mark.parametrize("name", ["", ".", "..", "a\nb.mov", "a\\b.mov"])
def test_a_url_names_a_file(name: str) -> None:
    with pytest.raises(SettingsError, match="must name a file") as caught:
        check_url(f"s3://bucket/{name}")
    one_line(caught)


def test_an_error_shows_no_token(there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise ValueError("403, url=https://me:hunter2@host/film?token=hunter2 refused\nand more")

    monkeypatch.setattr(LocalFileSystem, "info", refuse)
    with pytest.raises(ReadError, match=r"cannot be read \(403, url=https://host/film") as caught:
        facts_of(f"file://{there}/film.mov")
    assert "hunter2" not in one_line(caught)


def test_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = {"class": "no_such_package.Files", "err": "Install no_such_package to access Nowhere"}
    monkeypatch.setitem(known_implementations, "nowhere", missing)
    with pytest.raises(SettingsError, match=r"nowhere://a/b: Install no_such_package to access Nowhere"):
        facts_of("nowhere://a/b")
    with pytest.raises(ReadError, match=r"nosuch://a/b: cannot be read \(Protocol not known: nosuch\)"):
        facts_of("nosuch://a/b")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SettingsError, match=r"needs fsspec: pip install 'dreamvid\[cluster\]'"):
        facts_of("s3://a/b")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_BEAT_SECONDS", 0.02)
    monkeypatch.setattr(remote, "_DEAD_SECONDS", 1.0)


@pytest.mark.usefixtures("quick")
def test_a_folder_is_held_by_one_process(folder: str, there: Path) -> None:
    url = f"{folder}/film.mp4.work/lock.txt"
    with RemoteLock(url, "one:/cache"):
        with pytest.raises(BusyError, match="another run works there, on 'one'") as caught:
            RemoteLock(url, "two:/cache").__enter__()
        one_line(caught)
    assert names_in(f"{folder}/film.mp4.work") == set()
    delete_folder(f"{folder}/film.mp4.work")
    assert not list(there.iterdir())


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("holder", ["one:/cache", "two:/cache"])
def test_what_a_killed_process_held_is_taken_over(
    holder: str, folder: str, there: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"{folder}/work/lock.txt"
    (there / "work").mkdir()
    (there / "work/lock.txt").write_text("one:/cache\n7\n")
    with RemoteLock(url, holder):
        assert (there / "work/lock.txt").read_text().startswith(holder)
    assert ("waiting" in caplog.text) == (holder == "two:/cache")  # one's own is not waited for


def test_a_store_that_cannot_tell_a_new_file_from_a_replaced_one_is_used_all_the_same(
    there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = LocalFileSystem.pipe_file

    def refuse(self: Any, name: str, data: bytes, mode: str = "overwrite") -> None:
        if mode != "overwrite":
            raise OSError("501 NotImplemented: a header you provided implies functionality that is not")
        write(self, name, data)

    monkeypatch.setattr(LocalFileSystem, "pipe_file", refuse)
    with RemoteLock(f"file://{there}/work/lock.txt", "one:/cache"):
        assert (there / "work/lock.txt").exists()


def test_where_nothing_can_be_written_is_one_line(folder: str, there: Path) -> None:
    (there / "work").write_text("no folder")
    with pytest.raises(WriteError, match=r"lock\.txt: cannot be written") as caught:
        RemoteLock(f"{folder}/work/lock.txt", "one:/cache").__enter__()
    one_line(caught)
