"""The work directory: what is whole is kept, what is not is gone back behind, and nothing else is touched."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid.checkpoint.chunk_writer import ChunkWriter
from dreamvid.checkpoint.layout import State
from dreamvid.checkpoint.manifest import Manifest, Pictures
from dreamvid.checkpoint.store import open_store, read_manifest
from dreamvid.errors import WorkError
from dreamvid.media.lossless import Ffv1Chunks
from dreamvid.types import Frame, Size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dreamvid.checkpoint.chunk import ChunkFormat
    from dreamvid.checkpoint.store import Store

    Opened = Callable[..., Store]

SIZE = Size(20, 24)


def make_manifest(**dream: object) -> Manifest:
    facts = {"version": "1", "settings": {"ascent": {"steps": 10}}, "source": {"fingerprint": "aa"}, **dream}
    pictures = Pictures(SIZE.width, SIZE.height, 8, alpha=False, rate="24", frames=6)
    return Manifest("out.mp4", facts, {"crf": 16}, pictures)


def chunks_of(pictures: Pictures) -> ChunkFormat:
    return Ffv1Chunks(Size(pictures.height, pictures.width), pictures.bits, pictures.alpha)


def make_frame(index: int) -> Frame:
    codes = np.random.default_rng(index).integers(0, 256, (*SIZE, 3))
    return Frame(index, Fraction(index * 1001, 24000), (codes / np.float32(255)).astype(np.float32))


def make_state(index: int) -> State:
    array = np.random.default_rng(index).random((3, 4), dtype=np.float32)
    return State({"index": index, "third": index / 3}, {"picture": array})


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Store]:
    def opening(manifest: Manifest | None = None, *, fresh: bool = False) -> Store:
        folder = tmp_path / "out.mp4.work"
        return open_store(folder, manifest or make_manifest(), chunks_of, fresh=fresh)

    return opening


@pytest.fixture
def three_chunks(opened: Callable[..., Store]) -> Path:
    """Three chunks of two frames."""
    store = opened()
    chunks = ChunkWriter(store, Fraction(2 * 1001, 24000), lambda _: None, lambda _: None)
    for index in range(6):
        chunks.write(make_frame(index), lambda index=index: make_state(index))  # type: ignore[misc]
    chunks.close()
    store.release()
    return store.folder


def dreamed(store: Store) -> Iterator[Frame]:
    return chain.from_iterable(map(store.read, store.records))


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_frames_times_and_states_come_back_bit_for_bit(three_chunks: Path, opened: Opened) -> None:
    assert three_chunks.is_dir()
    store = opened()
    assert store.frames == 6
    for index, frame in enumerate(dreamed(store)):
        wanted = make_frame(index)
        assert (frame.index, frame.pts, frame.duration) == (index, wanted.pts, None)
        assert np.array_equal(frame.rgb, wanted.rgb)
    assert store.times() == [make_frame(index).pts for index in range(6)]
    state, wanted_state = store.state(), make_state(5)
    assert state is not None
    assert state.values == wanted_state.values
    assert np.array_equal(state.arrays["picture"], wanted_state.arrays["picture"])
    assert state.arrays["picture"].dtype == np.float32


@pytest.mark.parametrize("harm", [tear, damage], ids=["torn", "damaged"])
@pytest.mark.parametrize("name", ["000003.mkv", "000003.npz", "000003.json"])
def test_a_chunk_that_a_power_failure_tore_is_gone_back_behind(
    three_chunks: Path, opened: Opened, name: str, harm: Callable[[Path], None]
) -> None:
    harm(three_chunks / name)
    store = opened()
    assert store.frames == 4
    assert store.lost == 1
    state = store.state()
    assert state is not None
    assert state.values == make_state(3).values
    assert not list(three_chunks.glob("000003*"))


@pytest.mark.parametrize("folder", [False, True])
def test_an_output_that_was_begun_is_removed(three_chunks: Path, opened: Opened, *, folder: bool) -> None:
    part = three_chunks / "output.part"
    if folder:
        part.mkdir()
        (part / "000001.png").write_bytes(b"half")
    else:
        part.write_bytes(b"half")
    store = opened()
    assert store.frames == 6
    assert not part.exists()
    part.mkdir()
    (part / "000001.png").write_bytes(b"half")
    store.remove()
    assert not three_chunks.exists()


@pytest.mark.parametrize("name", ["000002.mkv", "000001.json"])
def test_a_missing_file_ends_what_counts(three_chunks: Path, opened: Opened, name: str) -> None:
    (three_chunks / name).unlink()
    assert opened().frames == 2 * (int(name[:6]) - 1)


def test_damage_found_while_reading_is_gone_back_behind_the_next_time(
    three_chunks: Path, opened: Opened
) -> None:
    damage(three_chunks / "000001.mkv")  # too early to be looked at on opening
    store = opened()
    with pytest.raises(WorkError, match="run the same command again"):
        list(dreamed(store))
    store.drop_damaged()
    store.release()
    assert opened().frames == 0


@pytest.mark.parametrize("harm", [tear, lambda path: path.write_bytes(b""), lambda path: path.unlink()])
def test_a_torn_manifest_is_made_anew_for_the_same_dream_only(
    three_chunks: Path, opened: Opened, harm: Callable[[Path], None]
) -> None:
    harm(three_chunks / "manifest.json")
    with pytest.raises(WorkError, match="its manifest is lost"):
        opened(make_manifest(settings={"ascent": {"steps": 11}}))
    store = opened()
    assert store.frames == 6
    assert read_manifest(three_chunks) == make_manifest()


def test_what_has_changed_is_named(three_chunks: Path, opened: Opened) -> None:
    assert three_chunks.is_dir()
    with pytest.raises(WorkError, match=r"ascent\.steps was 10, is 11; .*--fresh"):
        opened(make_manifest(settings={"ascent": {"steps": 11}}))
    with pytest.raises(WorkError, match="the content of the input has changed"):
        opened(make_manifest(source={"fingerprint": "bb"}))
    assert opened().frames == 6


def test_fresh_discards_what_was_kept(three_chunks: Path, opened: Opened) -> None:
    store = opened(make_manifest(settings={"ascent": {"steps": 11}}), fresh=True)
    assert store.frames == 0
    assert {path.name for path in three_chunks.iterdir()} == {"lock", "manifest.json"}


def test_another_version_or_device_is_only_told(three_chunks: Path, opened: Opened) -> None:
    assert three_chunks.is_dir()
    assert opened(make_manifest(version="2", resolved={"device": "GPU"})).frames == 6


def test_work_of_a_later_kind_is_left_alone(three_chunks: Path, opened: Opened) -> None:
    path = three_chunks / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 99}))
    with pytest.raises(WorkError, match="another version of dreamvid"):
        opened()
    assert (three_chunks / "000003.mkv").exists()


def test_one_run_at_a_time_and_a_killed_one_leaves_no_lock(three_chunks: Path, opened: Opened) -> None:
    script = (
        "import sys, time; from pathlib import Path; from dreamvid.atomic import FileLock;"
        "lock = FileLock(Path(sys.argv[1]), create=True); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(three_chunks / "lock")], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(WorkError, match="another run works there"):
            opened()
        other.kill()
    assert opened().frames == 6


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path, opened: Opened) -> None:
    folder = tmp_path / "out.mp4.work"
    folder.mkdir()
    (folder / "thesis.txt").write_text("precious")
    with pytest.raises(WorkError, match="no work directory"):
        opened()
    assert (folder / "thesis.txt").read_text() == "precious"


def test_a_file_in_the_way_is_one_line(tmp_path: Path, opened: Opened) -> None:
    (tmp_path / "out.mp4.work").write_text("precious")
    with pytest.raises(WorkError, match="in the way"):
        opened()


def test_removing_takes_what_is_ours_and_nothing_else(three_chunks: Path, opened: Opened) -> None:
    (three_chunks / "notes.txt").write_text("mine")
    opened().remove()
    assert [path.name for path in three_chunks.iterdir()] == ["notes.txt"]


def test_old_states_are_thinned_out(three_chunks: Path) -> None:
    assert len(list(three_chunks.glob("*.npz"))) == 3
