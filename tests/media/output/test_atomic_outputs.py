"""Outputs appear whole or not at all, and never over something that should stay."""

from __future__ import annotations

import errno
import os
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from dreamvid.atomic import AtomicOutput
from dreamvid.errors import WriteError
from dreamvid.media.input.image_sequence import holds_only_frames

if TYPE_CHECKING:
    from pathlib import Path

ALL = ["o.mp4", "o.mov", "o.mkv", "o.webm", "o.gif", "o.apng", "o.webp", "o"]


@pytest.mark.parametrize("name", ALL)
def test_an_existing_output_stays_without_leave_to_replace_it(write: Any, name: str) -> None:
    first = write(name)
    before = sorted(p.stat().st_mtime_ns for p in [first.path, *first.path.parent.iterdir()])
    with pytest.raises(WriteError, match=r"exists; use --yes to replace it"):
        write(name)
    assert sorted(p.stat().st_mtime_ns for p in [first.path, *first.path.parent.iterdir()]) == before


@pytest.mark.parametrize("name", ALL)
def test_an_existing_output_is_replaced_with_leave(write: Any, name: str, tmp_path: Path) -> None:
    write(name, frames=3)
    written = write(name, frames=7, overwrite=True)
    found = len(list(written.path.glob("*.png"))) if written.path.is_dir() else 7
    assert found == 7
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_folder_with_other_files_in_it_is_never_replaced(write: Any, tmp_path: Path) -> None:
    folder = tmp_path / "holiday"
    folder.mkdir()
    (folder / "photo.jpg").write_text("dear")
    with pytest.raises(WriteError, match="no dreamed frames"):
        write("holiday", overwrite=True)
    assert (folder / "photo.jpg").read_text() == "dear"


@pytest.mark.parametrize("kind", ["same", "symlink", "hardlink"])
def test_the_input_is_never_written_over(write: Any, make_clip: Any, kind: str, tmp_path: Path) -> None:
    source = make_clip(name="in.mp4")
    content = source.read_bytes()
    name = "in.mp4" if kind == "same" else "other.mp4"
    if kind == "symlink":
        (tmp_path / name).symlink_to(source)
    if kind == "hardlink":
        os.link(source, tmp_path / name)
    with pytest.raises(WriteError, match="the same"):
        write(name, streams_from=source, overwrite=True)
    assert source.read_bytes() == content


def test_a_symbolic_link_is_written_through(write: Any, tmp_path: Path) -> None:
    (tmp_path / "real.mp4").write_text("old")
    (tmp_path / "link.mp4").symlink_to("real.mp4")
    write("link.mp4", overwrite=True)
    assert (tmp_path / "link.mp4").is_symlink()
    assert (tmp_path / "real.mp4").stat().st_size > 100


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no/such.mp4", "does not exist"),
        ("x" * 300 + ".mp4", "too long"),
        ("folder.mp4", "is a folder"),
        ("pipe.mp4", "no ordinary file"),
        ("file/o.mp4", "is no folder"),
    ],
)
def test_an_impossible_target_is_one_line(write: Any, tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "pipe.mp4")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(WriteError, match=words) as caught:
        write(name, overwrite=True)
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before


def test_an_unwritable_folder_is_one_line(
    write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # whoever runs the tests may be root
    with pytest.raises(WriteError, match="cannot be written"):
        write()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name",
    [
        "-dash.mp4",
        "co:lon.mp4",
        "http:x.webm",
        "%d.gif",
        "sp ace ☃.mkv",
        os.fsdecode(b"\xff\xfe.mp4"),
        "n" * 249 + ".apng",
    ],
)
def test_odd_names_are_names_like_any_other(write: Any, name: str) -> None:
    assert write(name, frames=2).path.is_file()


def _fill_up(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """Let the disk be full after so many bytes."""
    left = [room]
    real = os.write

    def limited(descriptor: int, data: Any) -> int:
        if len(data) > left[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        left[0] -= len(data)
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", limited)


@pytest.mark.parametrize("name", [n for n in ALL if n != "o"])
def test_a_full_disk_is_an_error_wherever_it_shows(
    write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    size = write(f"whole_{name}").path.stat().st_size
    (tmp_path / f"whole_{name}").unlink()
    for room in (0, size // 3, size - 40):
        with monkeypatch.context() as patch:
            _fill_up(patch, room)
            with pytest.raises(WriteError, match="disk is full"):
                write(name)
        assert not list(tmp_path.iterdir())


def test_a_full_disk_ends_a_folder_too(write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        if path.name == "000003.png":
            raise OSError(errno.ENOSPC, "No space left on device")
        path.write_bytes(data)

    monkeypatch.setattr("dreamvid.media.output.image_sequence.write_new", full)
    with pytest.raises(WriteError, match="disk is full"):
        write("o")
    assert not list(tmp_path.iterdir())


def test_a_failing_flush_to_the_disk_is_an_error(
    write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(WriteError, match="Input/output error"):
        write()
    assert not list(tmp_path.iterdir())


def test_ctrl_c_inside_of_the_muxer_is_not_lost(
    write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write()
    assert not list(tmp_path.iterdir())


def test_a_part_left_by_a_killed_run_is_in_nobodys_way(write: Any, tmp_path: Path) -> None:
    (tmp_path / ".o.mp4.part").write_text("half")
    write("o.mp4")
    assert [p.name for p in tmp_path.iterdir()] == ["o.mp4"]


@pytest.mark.parametrize("name", ["o.mp4", "o.mkv", "o.gif", "o.apng"])
def test_a_file_that_does_not_verify_is_not_kept(
    write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def spoil(part: Path, *_: Any, **__: Any) -> None:
        data = part.read_bytes()
        part.write_bytes(data[: len(data) // 2])

    monkeypatch.setattr("dreamvid.media.output.container_writer.finish_animation", spoil)
    with pytest.raises(WriteError, match="did not verify"):
        write(name, frames=12, rate=Fraction(12))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["o.mp4", "o.gif", "o.webp", "o"])
def test_two_runs_never_write_the_same_output(write: Any, tmp_path: Path, name: str) -> None:
    folder = name == "o"
    check = holds_only_frames if folder else None
    target = AtomicOutput(tmp_path / name, overwrite=False, is_replaceable_folder=check)
    if folder:
        target.make_folder()
    else:
        target.open_file()
    with pytest.raises(WriteError, match="another run is writing it"):
        write(name)
    assert target.part.exists()  # the second run left the first one's work alone
    target.discard()
    write(name)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_discarding_leaves_the_part_of_a_later_run_alone(tmp_path: Path) -> None:
    first = AtomicOutput(tmp_path / "o.mp4", overwrite=True)
    part = first.open_file()
    part.close()
    first.commit()
    second = AtomicOutput(tmp_path / "o.mp4", overwrite=True)
    second.open_file()
    first.discard()
    assert second.part.exists()
    second.discard()


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_whatever_lies_where_the_part_goes_is_in_nobodys_way(write: Any, tmp_path: Path, kind: str) -> None:
    (tmp_path / "precious").write_text("stay")
    if kind == "folder":
        (tmp_path / ".o.mp4.part").mkdir()
    else:
        (tmp_path / ".o.mp4.part").symlink_to(tmp_path / "precious")
    write("o.mp4")
    assert (tmp_path / "precious").read_text() == "stay"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["o.mp4", "precious"]


def test_a_part_may_lie_in_a_folder_beside_its_target(tmp_path: Path) -> None:
    place = tmp_path / "o.mp4.work" / "output.part"
    target = AtomicOutput(tmp_path / "o.mp4", overwrite=False, part=place)
    place.parent.mkdir()  # only now
    part = target.open_file()
    part.write(b"whole")
    part.close()
    assert [p.name for p in tmp_path.iterdir()] == ["o.mp4.work"]
    target.commit()
    assert (tmp_path / "o.mp4").read_bytes() == b"whole"
    assert not list(place.parent.iterdir())


def test_a_part_lies_beside_a_target_that_a_link_leads_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "o.mp4").symlink_to(tmp_path / "far" / "o.mp4")
    place = tmp_path / "o.mp4.work" / "output.part"
    target = AtomicOutput(tmp_path / "o.mp4", overwrite=False, part=place)
    assert target.part == tmp_path / "far" / ".o.mp4.part"


def test_a_folder_that_a_killed_run_put_aside_is_removed(write: Any, tmp_path: Path) -> None:
    aside = tmp_path / ".o.part.old"
    aside.mkdir()
    (aside / "000001.png").write_bytes(b"of the output before")
    write("o")
    assert [path.name for path in tmp_path.iterdir()] == ["o"]
