"""A work directory that is open: whole chunks, one after the other, and what the next frame needs."""

from __future__ import annotations

import json
import os
import stat
import zipfile
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dreamvid.atomic import sync
from dreamvid.checkpoint.chunk import ChunkRecord
from dreamvid.checkpoint.files import folder_error, unlink, write_durably
from dreamvid.checkpoint.layout import COMPLETE, FRAMES, LOCK, MANIFEST, RECORD, STATE, chunk_file, is_ours
from dreamvid.checkpoint.state import State, pack_arrays, unpack_arrays
from dreamvid.errors import DamagedError, WorkError, WriteError
from dreamvid.text import printable
from dreamvid.types import Frame

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dreamvid.atomic import FileLock
    from dreamvid.checkpoint.chunk import ChunkFormat, ChunkSink, Times
    from dreamvid.checkpoint.manifest import Manifest

_TORN = (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError)
"""What is torn or missing. All other errors of the system are none of the work's, and may pass."""

_STATES = 3
"""States that are kept, those of the last chunks: a chunk torn by a power failure is gone back behind."""

_MILESTONE = 16
"""And every so many chunks one is kept for good, for a disk that damages what it holds."""

_CHECKED = 2
"""Chunks at the end that are read whole on opening: later ones than these a power failure can have torn."""


class Store:
    """What lies in a work directory, and the lock on it; made by :func:`dreamvid.checkpoint.opening.open_store`."""

    def __init__(self, folder: Path, manifest: Manifest, chunks: ChunkFormat, lock: FileLock) -> None:
        self.folder = folder
        self.manifest = manifest
        self._chunks = chunks
        self._lock = lock
        self._damaged: int | None = None
        self._records = read_records(folder, manifest.identity)
        self._found = _last_number(folder)
        self._go_back_to_what_is_whole()
        self._complete = self._read_complete()

    @property
    def records(self) -> Sequence[ChunkRecord]:
        """The whole chunks, in order, without a gap."""
        return tuple(self._records)

    @property
    def frames(self) -> int:
        """How many frames are kept; also the index of the next."""
        return self._records[-1].end if self._records else 0

    @property
    def complete(self) -> bool:
        """Whether every frame is there."""
        return self._complete

    def state(self) -> State | None:
        """Return what the next frame needs, read from the disk; None before the first chunk.

        Raises
        ------
        WriteError
            Where the system cannot read it now.
        """
        if not self._records:
            return None
        record = self._records[-1]
        try:
            data = chunk_file(self.folder, record.number, STATE).read_bytes()
            return State(record.values, unpack_arrays(data))
        except (*_TORN, EOFError, zipfile.BadZipFile):
            return None
        except OSError as error:
            raise folder_error(self.folder, error, "read") from None

    def begin(self) -> ChunkSink:
        """Begin the next chunk.

        Raises
        ------
        WriteError
            Where its file cannot be made.
        """
        return self._chunks.create(chunk_file(self.folder, len(self._records) + 1, FRAMES))

    def add(self, times: Sequence[Times], state: State) -> ChunkRecord:
        """Record the chunk that was begun last; its sink is closed.

        Raises
        ------
        WriteError
            In one line; the chunk then does not count.
        """
        number = len(self._records) + 1
        frames = chunk_file(self.folder, number, FRAMES)
        write_durably(chunk_file(self.folder, number, STATE), pack_arrays(state.arrays))
        try:
            size = frames.stat().st_size
        except OSError as error:
            raise folder_error(self.folder, error) from None
        values = dict(state.values)
        record = ChunkRecord(number, self.frames, tuple(times), size, self.manifest.identity, values)
        write_durably(chunk_file(self.folder, number, RECORD), json.dumps(record.to_json()).encode())
        self._records.append(record)
        old = number - _STATES
        if old > 0 and old % _MILESTONE:
            with suppress(OSError):
                chunk_file(self.folder, old, STATE).unlink(missing_ok=True)
        return record

    @property
    def values(self) -> dict[str, Any]:
        """The plain part of the state after the last frame; empty before the first chunk."""
        return dict(self._records[-1].values) if self._records else {}

    def finish(self) -> None:
        """Say that every frame is there.

        Raises
        ------
        WriteError
            In one line.
        """
        write_durably(self.folder / COMPLETE, json.dumps({"frames": self.frames}).encode())
        self._complete = True

    def read(self, record: ChunkRecord) -> Iterator[Frame]:
        """Yield a chunk's frames, with their exact times; another thread may add chunks meanwhile.

        Raises
        ------
        WorkError
            Where it is damaged: :meth:`drop_damaged` then gives it and those after it up, and a new run makes them
            again.
        WriteError
            Where the system cannot read it now.
        """
        path = chunk_file(self.folder, record.number, FRAMES)
        count = 0
        try:
            for picture, times in zip(self._chunks.read(path), record.times, strict=True):
                yield Frame(record.first + count, times.pts, *picture, times.duration)
                count += 1
        except OSError as error:
            raise folder_error(self.folder, error, "read") from None
        except (DamagedError, ValueError):
            self._damaged = record.number
            raise WorkError(
                f"{printable(path)} was damaged on the disk; run the same command again to dream it anew"
            ) from None

    def drop_damaged(self) -> None:
        """Give up the chunk that reading has found damaged, if any, and those after it."""
        number, self._damaged = self._damaged, None
        if number is None:
            return
        del self._records[number - 1 :]
        self._complete = False
        with suppress(WriteError):
            while self._records and self.state() is None:  # states of earlier chunks are not all kept
                self._records.pop()
        with suppress(OSError):
            (self.folder / COMPLETE).unlink(missing_ok=True)
            chunk_file(self.folder, number, RECORD).unlink(missing_ok=True)
            sync(self.folder)

    def keep(self) -> None:
        """Let go of the directory after success: its output is in place."""
        with suppress(WriteError):
            write_durably(
                self.folder / COMPLETE, json.dumps({"frames": self.frames, "delivered": True}).encode()
            )
        self.release()

    def release(self) -> None:
        """Let go of the directory; all that is whole stays."""
        self._lock.release()

    def remove(self) -> None:
        """Remove the directory with all of ours in it, and let go; the manifest goes last."""
        remove(self.folder)
        self.release()

    @property
    def lost(self) -> int:
        """Chunks that were found on opening, and cannot be gone on from: later than damage, or without a state."""
        return self._found - len(self._records)

    def _go_back_to_what_is_whole(self) -> None:
        """Drop chunks at the end until one is whole and its state is there; remove what does not count."""
        checked = self._records[-_CHECKED:]
        for record in checked:
            try:
                whole = self._chunks.intact(chunk_file(self.folder, record.number, FRAMES), len(record.times))
            except OSError as error:
                raise folder_error(self.folder, error, "read") from None
            if not whole:
                del self._records[record.number - 1 :]
                break
        while self._records and self.state() is None:
            self._records.pop()
        self._drop_after(len(self._records))

    def _drop_after(self, number: int) -> None:
        """Remove files of chunks after a number, and parts."""
        try:
            for entry in list(os.scandir(self.folder)):
                digits, _, ending = entry.name.partition(".")
                late = digits.isdecimal() and int(digits) > number
                if is_ours(entry.name) and (late or ending.endswith("part")):
                    unlink(entry)
        except OSError as error:
            raise folder_error(self.folder, error) from None

    def _read_complete(self) -> bool:
        try:
            content = json.loads((self.folder / COMPLETE).read_bytes())
            return bool(self._records) and content["frames"] == self.frames
        except (*_TORN, OSError):
            return False


def is_delivered_by(folder: Path) -> bool:
    """Return whether a work directory was kept after its output was in place."""
    try:
        return bool(json.loads((folder / COMPLETE).read_bytes()).get("delivered"))
    except (*_TORN, OSError):
        return False


def read_records(folder: Path, identity: str) -> list[ChunkRecord]:
    """Return the records of a dream's chunks, from the first up to a gap, a torn one, or one of another dream."""
    records: list[ChunkRecord] = []
    first = 0
    while True:
        number = len(records) + 1
        try:
            record = read_record(folder, number)
            found = chunk_file(folder, number, FRAMES).stat()
        except _TORN:
            return records
        except OSError as error:
            raise folder_error(folder, error, "read") from None
        whole = stat.S_ISREG(found.st_mode) and found.st_size == record.size and record.times
        if not whole or (record.number, record.first, record.dream) != (number, first, identity):
            return records
        records.append(record)
        first = record.end


def read_record(folder: Path, number: int) -> ChunkRecord:
    """Return a chunk's record.

    Raises
    ------
    OSError, ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError
        Where there is none, or it is torn.
    """
    return ChunkRecord.from_json(json.loads(chunk_file(folder, number, RECORD).read_bytes()))


def _last_number(folder: Path) -> int:
    """Return the number of the last chunk that has a record, whatever it is worth."""
    found = [0]
    with suppress(OSError):
        for entry in os.scandir(folder):
            digits, _, ending = entry.name.partition(".")
            if f".{ending}" == RECORD and digits.isdecimal():
                found.append(int(digits))
    return max(found)


def remove(folder: Path) -> None:
    """Remove a directory with all of ours in it; whoever calls this holds the lock.

    What tells that the output is in place goes last but for the lock.
    """
    clear(folder, besides=COMPLETE)
    for name in (MANIFEST, COMPLETE, LOCK):
        with suppress(OSError):
            (folder / name).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def clear(folder: Path, besides: str | None = None) -> None:
    """Remove all chunks; what is not ours stays."""
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            if is_ours(entry.name) and entry.name not in {LOCK, MANIFEST, besides}:
                unlink(entry)
