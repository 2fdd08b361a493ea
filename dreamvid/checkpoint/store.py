"""Open a work folder, and store complete chunks and the states after them in it."""

from __future__ import annotations

import json
import logging
import os
import zipfile
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dreamvid.atomic import FileLock, sync
from dreamvid.checkpoint.chunk import TORN, ChunkRecord, read_record, read_records
from dreamvid.checkpoint.layout import (
    COMPLETE,
    FRAMES,
    LOCK,
    MANIFEST,
    RECORD,
    STATE,
    State,
    chunk_file,
    clear,
    file_digest,
    folder_error,
    is_ours,
    pack_arrays,
    remove,
    unlink,
    unpack_arrays,
    write_file,
)
from dreamvid.checkpoint.manifest import Manifest, OtherVersionError, changes, minor_changes
from dreamvid.errors import BusyError, DamagedError, WorkError, WriteError
from dreamvid.text import printable
from dreamvid.types import Frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from fractions import Fraction
    from pathlib import Path

    from dreamvid.checkpoint.chunk import ChunkFormat, ChunkSink, Times
    from dreamvid.checkpoint.manifest import Pictures

_log = logging.getLogger(__name__)

# States of the last chunks that are kept, to go back behind a chunk that a power failure tore.
_KEPT_STATES = 3
# The state of every 16th chunk is kept as well, to go back behind damage on the disk.
_MILESTONE = 16
# Chunks at the end whose content is checked on opening; a power failure cannot have torn earlier ones.
_CHECKED_CHUNKS = 2


def open_store(
    folder: Path, manifest: Manifest, chunks: Callable[[Pictures], ChunkFormat], *, fresh: bool = False
) -> Store:
    """Make a work folder, or open an existing one to continue.

    Parameters
    ----------
    manifest
        What is to be made.
    chunks
        Returns what writes and reads chunks of these pictures.
    fresh
        Discard the chunks that are there, whatever they are of.

    Raises
    ------
    WorkError
        If the folder holds work of other settings or another input (the message names them), another run works
        there, or it is no work folder.
    WriteError
        If it cannot be made, such as on a full disk.
    """
    is_new = False
    try:
        is_new = not folder.exists()
        folder.mkdir(exist_ok=True)
        lock = FileLock(folder / LOCK, create=True)
        sync(folder.parent)
    except BlockingIOError:
        raise BusyError(f"{printable(folder)}: another run works there; wait for that one") from None
    except (FileExistsError, NotADirectoryError):
        raise WorkError(f"{printable(folder)} is in the way; remove it, or name another output") from None
    except OSError as error:
        if is_new:
            remove(folder)
        raise folder_error(folder, error) from None
    try:
        manifest = _begin_or_continue(folder, manifest, fresh=fresh)
        store = Store(folder, manifest, chunks(manifest.pictures), lock)
    except BaseException:
        if is_new:
            remove(folder)
        lock.release()
        raise
    if store.lost:
        _log.warning("%s is damaged: it is dreamed anew from frame %d on", printable(folder), store.frames)
    return store


def open_for_reading(folder: Path, chunks: Callable[[Pictures], ChunkFormat]) -> Store:
    """Open an existing work folder for what its manifest says, whatever that is.

    Raises
    ------
    BusyError
        If another run works there.
    WorkError
        If there is none, or its manifest is lost.
    """
    try:
        lock = FileLock(folder / LOCK, create=True)
    except BlockingIOError:
        raise BusyError(f"{printable(folder)}: another run works there; wait for that one") from None
    except FileNotFoundError:
        raise WorkError(f"{printable(folder)}: there is no such work") from None
    except OSError as error:
        raise folder_error(folder, error, "read") from None
    try:
        manifest = read_manifest(folder)
        if manifest is not None:
            return Store(folder, manifest, chunks(manifest.pictures), lock)
    except BaseException:
        lock.release()
        raise
    lock.release()
    raise WorkError(f"{printable(folder)}: its manifest is lost; what was dreamed there must be made again")


class Store:
    """The chunks in a work folder, and the lock on it; made by :func:`open_store`."""

    def __init__(self, folder: Path, manifest: Manifest, chunks: ChunkFormat, lock: FileLock) -> None:
        self.folder = folder
        self.manifest = manifest
        self._chunks = chunks
        self._lock = lock
        self._damaged: int | None = None
        self._records = read_records(folder, manifest.identity)
        last = _last_number(folder)
        self._drop_damaged_end()
        self.lost = last - len(self._records)
        """Chunks that were there on opening and cannot be used: damaged, later than damage, or without a state."""
        self._complete = self._read_complete()

    @property
    def records(self) -> Sequence[ChunkRecord]:
        """The complete chunks, in order, without a gap."""
        return tuple(self._records)

    @property
    def frames(self) -> int:
        """Number of frames in the chunks; also the index of the next."""
        return self._records[-1].end if self._records else 0

    @property
    def complete(self) -> bool:
        """Whether every frame is there."""
        return self._complete

    @property
    def values(self) -> dict[str, Any]:
        """The plain part of the state after the last frame; empty before the first chunk."""
        return dict(self._records[-1].values) if self._records else {}

    def state(self) -> State | None:
        """Return the state after the last frame; None before the first chunk, and if its file is torn.

        Raises
        ------
        WriteError
            If it cannot be read now.
        """
        if not self._records:
            return None
        record = self._records[-1]
        try:
            data = chunk_file(self.folder, record.number, STATE).read_bytes()
            return State(record.values, unpack_arrays(data))
        except (*TORN, EOFError, zipfile.BadZipFile):
            return None
        except OSError as error:
            raise folder_error(self.folder, error, "read") from None

    def times(self) -> list[Fraction]:
        """Return the presentation times of all frames in the chunks, in seconds."""
        return [times.pts for record in self._records for times in record.times]

    def begin(self) -> ChunkSink:
        """Begin the next chunk; raises ``WriteError``."""
        return self._chunks.create(chunk_file(self.folder, len(self._records) + 1, FRAMES))

    def add(self, times: Sequence[Times], state: State) -> ChunkRecord:
        """Record the chunk that was begun last, whose sink is closed.

        Raises
        ------
        WriteError
            In one line; the chunk then does not count.
        """
        number = len(self._records) + 1
        frames = chunk_file(self.folder, number, FRAMES)
        write_file(chunk_file(self.folder, number, STATE), pack_arrays(state.arrays))
        try:
            size, digest = frames.stat().st_size, file_digest(frames)
        except OSError as error:
            raise folder_error(self.folder, error) from None
        values = dict(state.values)
        record = ChunkRecord(number, self.frames, tuple(times), size, digest, self.manifest.identity, values)
        write_file(chunk_file(self.folder, number, RECORD), json.dumps(record.to_json()).encode())
        self._records.append(record)
        old = number - _KEPT_STATES
        if old > 0 and old % _MILESTONE:
            with suppress(OSError):
                chunk_file(self.folder, old, STATE).unlink(missing_ok=True)
        return record

    def finish(self) -> None:
        """Record that every frame is there; raises ``WriteError``."""
        write_file(self.folder / COMPLETE, json.dumps({"frames": self.frames}).encode())
        self._complete = True

    def read(self, record: ChunkRecord) -> Iterator[Frame]:
        """Yield a chunk's frames, with their exact times; another thread may add chunks meanwhile.

        Raises
        ------
        WorkError
            If it is damaged; :meth:`drop_damaged` then drops it and those after it, for a new run to make again.
        WriteError
            If it cannot be read now.
        """
        path = chunk_file(self.folder, record.number, FRAMES)
        try:
            if self._is_intact(record):
                pictures = zip(self._chunks.read(path), record.times, strict=True)
                for index, (picture, times) in enumerate(pictures, record.first):
                    yield Frame(index, times.pts, *picture, times.duration)
                return
        except OSError as error:
            raise folder_error(self.folder, error, "read") from None
        except (DamagedError, ValueError):
            pass
        self._damaged = record.number
        raise WorkError(
            f"{printable(path)} was damaged on the disk; run the same command again to dream it anew"
        )

    def drop_damaged(self) -> None:
        """Drop the chunk that :meth:`read` found damaged, if any, and those after it."""
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
        """Record that the output is in place, keep all files, and release the lock."""
        with suppress(WriteError):
            write_file(
                self.folder / COMPLETE, json.dumps({"frames": self.frames, "delivered": True}).encode()
            )
        self.release()

    def note(self, text: str) -> None:
        """Write into the file of the lock who holds it, for others to read."""
        self._lock.note(text)

    def release(self) -> None:
        """Release the lock; all complete chunks stay."""
        self._lock.release()

    def remove(self) -> None:
        """Remove the folder with all of our files, and release the lock."""
        remove(self.folder)
        self.release()

    def _drop_damaged_end(self) -> None:
        """Drop chunks at the end up to one that is intact and has its state, and remove the files of others."""
        for record in self._records[-_CHECKED_CHUNKS:]:
            try:
                is_intact = self._is_intact(record)
            except OSError as error:
                raise folder_error(self.folder, error, "read") from None
            if not is_intact:
                del self._records[record.number - 1 :]
                break
        while self._records and self.state() is None:
            self._records.pop()
        try:
            for entry in list(os.scandir(self.folder)):
                number, _, suffix = entry.name.partition(".")
                is_late = number.isdecimal() and int(number) > len(self._records)
                if is_ours(entry.name) and (is_late or suffix.endswith("part")):
                    unlink(entry)
        except OSError as error:
            raise folder_error(self.folder, error) from None

    def _is_intact(self, record: ChunkRecord) -> bool:
        return file_digest(chunk_file(self.folder, record.number, FRAMES)) == record.digest

    def _read_complete(self) -> bool:
        try:
            content = json.loads((self.folder / COMPLETE).read_bytes())
            return bool(self._records) and content["frames"] == self.frames
        except (*TORN, OSError):
            return False


def is_delivered_by(folder: Path) -> bool:
    """Return whether a work folder was kept after its output was in place."""
    try:
        return bool(json.loads((folder / COMPLETE).read_bytes()).get("delivered"))
    except (*TORN, OSError):
        return False


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of a work folder; None if there is none, or it is torn.

    Raises
    ------
    WorkError
        If another version of dreamvid wrote it in another format.
    """
    try:
        return Manifest.from_bytes((folder / MANIFEST).read_bytes())
    except OtherVersionError as error:
        raise WorkError(
            f"{printable(folder)} was begun by another version of dreamvid (work of kind {error}); "
            "go on with that one, or discard it with --fresh"
        ) from None
    except (*TORN, OSError):
        return None


def _begin_or_continue(folder: Path, manifest: Manifest, *, fresh: bool) -> Manifest:
    """Return the manifest of the run, written to the folder: the new one, or the one there with what may change."""
    if fresh:
        clear(folder)
        before = None
    else:
        before = read_manifest(folder)
        if before is None:
            _check_without_manifest(folder, manifest)
    if before is not None:
        if different := changes(before, manifest):
            raise WorkError(
                f"{printable(folder)} holds unfinished work that does not fit: {different}; "
                "run it as it was begun, or discard it with --fresh"
            )
        if minor := minor_changes(before, manifest):
            _log.warning(
                "going on, although %s: frames may differ in their last bits from those before", minor
            )
        manifest = before.continued_by(manifest)
    if manifest != before:
        write_file(folder / MANIFEST, manifest.to_bytes())
    return manifest


def _check_without_manifest(folder: Path, manifest: Manifest) -> None:
    """Raise a ``WorkError`` for a folder that is not ours, and for chunks of another dream."""
    try:
        is_foreign = any(not is_ours(entry.name) for entry in folder.iterdir())
    except OSError as error:
        raise folder_error(folder, error) from None
    if is_foreign:
        raise WorkError(f"{printable(folder)} is no work directory of dreamvid; name another output")
    with suppress(*TORN, OSError):
        if read_record(folder, 1).dream != manifest.identity:
            raise WorkError(
                f"{printable(folder)} holds unfinished work of other settings or another input, and its "
                "manifest is lost; discard it with --fresh"
            )


def _last_number(folder: Path) -> int:
    """Return the number of the last chunk that has a record, complete or not."""
    with suppress(OSError):
        names = (entry.name.partition(".") for entry in os.scandir(folder))
        return max((int(n) for n, _, suffix in names if f".{suffix}" == RECORD and n.isdecimal()), default=0)
    return 0
