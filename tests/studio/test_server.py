"""The server: one for a folder, at an address of this machine, and one line for whatever stands in its way."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

import pytest

from dreamvid.cli import studio as command
from dreamvid.cli.main import main
from dreamvid.errors import SettingsError, WriteError
from dreamvid.studio.library import Library
from dreamvid.studio.server import _lock, _socket, serve

if TYPE_CHECKING:
    from pathlib import Path


def line_of(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the line that a command ends with, exit code 1."""
    with pytest.raises(SystemExit) as exit_info:
        main(["studio", *arguments, "--no-open"])
    assert exit_info.value.code == 1
    return capsys.readouterr().err.strip()


def test_without_its_packages_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None if name == "uvicorn" else object())
    assert line_of([], capsys) == "dreamvid: the studio needs uvicorn: pip install 'dreamvid[studio]'"


def test_what_is_no_folder_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "clip.mp4").touch()
    assert "there is no such folder" in line_of([str(tmp_path / "none")], capsys)
    assert "is no folder" in line_of([str(tmp_path / "clip.mp4")], capsys)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", ""])  # noqa: S104  which is refused
def test_not_every_address_is_listened_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], address: str
) -> None:
    line = line_of([str(tmp_path), "--listen", address], capsys)
    assert "name the one address by which this machine is reached" in line


def test_an_address_of_another_machine_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "this machine has no such address" in line_of([str(tmp_path), "--listen", "192.0.2.1"], capsys)


def test_a_port_that_is_taken_is_said_and_the_usual_one_is_replaced() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"--port {port}: another program uses it"):
            _socket("127.0.0.1", port)
    with _socket("127.0.0.1", None) as first, _socket("127.0.0.1", None) as second:
        assert first.getsockname()[1] != second.getsockname()[1]


def test_a_folder_has_one_studio_at_a_time(tmp_path: Path) -> None:
    library = Library(tmp_path)
    lock = _lock(library)
    with pytest.raises(WriteError, match="another studio has this folder open"):
        serve(tmp_path, port=0, open_browser=False, tell=print)
    lock.release()
    _lock(library).release()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(WriteError, match=re.escape(f"the folder {tmp_path} cannot be written")):
        serve(tmp_path, tell=print)
