"""Opening a work directory: making it, or finding out whether what lies there can be gone on with."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from dreamvid.atomic import FileLock, sync
from dreamvid.checkpoint.files import folder_error, write_durably
from dreamvid.checkpoint.layout import LOCK, MANIFEST, is_ours
from dreamvid.checkpoint.manifest import Manifest, OtherVersionError, brief_changes, changes
from dreamvid.checkpoint.store import Store, clear, read_record, remove
from dreamvid.errors import WorkError
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dreamvid.checkpoint.chunk import ChunkFormat
    from dreamvid.checkpoint.manifest import Pictures

_log = logging.getLogger(__name__)


def open_store(
    folder: Path,
    manifest: Manifest,
    chunks: Callable[[Pictures], ChunkFormat],
    *,
    fresh: bool = False,
) -> Store:
    """Make a work directory, or open the one that is there to go on.

    Parameters
    ----------
    manifest
        What is to be made.
    chunks
        Returns what writes and reads chunks of these pictures.
    fresh
        Discard what is there, whatever it is of.

    Raises
    ------
    WorkError
        In one line: what is there is of other settings or another input, which are named; another run works
        there; or it is no work directory.
    WriteError
        Where it cannot be made, such as on a full disk.
    """
    made = False
    try:
        made = not folder.exists()
        folder.mkdir(exist_ok=True)
        lock = FileLock(folder / LOCK, create=True)
        sync(folder.parent)
    except BlockingIOError:
        raise WorkError(f"{printable(folder)}: another run works there; wait for that one") from None
    except (FileExistsError, NotADirectoryError):
        raise WorkError(f"{printable(folder)} is in the way; remove it, or name another output") from None
    except OSError as error:
        if made:
            remove(folder)
        raise folder_error(folder, error) from None
    try:
        begun = _settle(folder, manifest, fresh=fresh)
        store = Store(folder, begun, chunks(begun.pictures), lock)
    except BaseException:
        if made:
            remove(folder)
        lock.release()
        raise
    if store.lost:
        _log.warning(f"{printable(folder)} is damaged: it is dreamed anew from frame {store.frames} on")
    return store


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of a work directory; None where there is none, or it is torn.

    Raises
    ------
    WorkError
        Where another version of dreamvid made it, which works differently.
    """
    try:
        return Manifest.from_bytes((folder / MANIFEST).read_bytes())
    except OtherVersionError as error:
        raise WorkError(
            f"{printable(folder)} was begun by another version of dreamvid (work of kind {error}); "
            "go on with that one, or discard it with --fresh"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _settle(folder: Path, manifest: Manifest, *, fresh: bool) -> Manifest:
    """Return the manifest that holds from now on, and write it where it differs from the one that is there."""
    if fresh:
        clear(folder)
        before = None
    else:
        before = read_manifest(folder)
        if before is None:
            _check_without(folder, manifest)
    if before is not None:
        different = changes(before, manifest)
        if different:
            raise WorkError(
                f"{printable(folder)} holds unfinished work that does not fit: {different}; "
                "run it as it was begun, or discard it with --fresh"
            )
        slight = brief_changes(before, manifest)
        if slight:
            _log.warning(
                f"going on, although {slight}: frames may differ in their last bits from those before"
            )
        manifest = before.goes_on_as(manifest)
    if manifest != before:
        write_durably(folder / MANIFEST, manifest.to_bytes())
    return manifest


def _check_without(folder: Path, manifest: Manifest) -> None:
    """Refuse a directory that is not ours, or whose manifest was torn and whose chunks are of something else."""
    try:
        foreign = next((entry.name for entry in folder.iterdir() if not is_ours(entry.name)), None)
    except OSError as error:
        raise folder_error(folder, error) from None
    if foreign is not None:
        raise WorkError(f"{printable(folder)} is no work directory of dreamvid; name another output")
    try:
        record = read_record(folder, 1)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError):
        return
    if record.dream != manifest.identity:
        raise WorkError(
            f"{printable(folder)} holds unfinished work of other settings or another input, and its manifest "
            "is lost; discard it with --fresh"
        )
