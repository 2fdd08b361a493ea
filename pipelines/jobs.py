"""Unfinished work in a folder: how far it is, what it needs to go on, and how."""

from __future__ import annotations

import shlex
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dreamvid.atomic import is_locked
from dreamvid.checkpoint.chunk import read_records
from dreamvid.checkpoint.disk_space import room_needed
from dreamvid.checkpoint.layout import (
    COMPLETE,
    LOCK,
    MANIFEST,
    PLAN,
    RECORD,
    STATE,
    SUFFIX,
    chunk_file,
    is_ours,
)
from dreamvid.checkpoint.store import is_delivered_by, read_manifest
from dreamvid.errors import ReadError, WorkError, WriteError
from dreamvid.pipelines.plan.holder import read_holder
from dreamvid.pipelines.plan.plan import read_plan
from dreamvid.pipelines.provenance import fingerprint, fingerprints
from dreamvid.text import byte_size, printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dreamvid.checkpoint.chunk import ChunkRecord
    from dreamvid.checkpoint.manifest import InputFile, Manifest
    from dreamvid.pipelines.plan.plan import Plan


@dataclass(frozen=True, slots=True)
class UnfinishedJob:
    """One work directory.

    Attributes
    ----------
    work, output
        The directory, and the output that it is for.
    kept, frames
        Frames that are kept, and how many there will be; None where that is not known.
    kept_bytes, needed_bytes
        What the directory takes on the disk, and what is still needed there (None where that is not known).
    complete
        Every frame is dreamed; only the encoding is missing.
    running
        A run is at it, or a worker at one of its parts.
    needs
        What must be seen to before it can go on, a line each.
    command
        What to run to go on; empty where it was no command that began it.
    began
        When, as ISO 8601.
    unit
        What is kept: frames, or the pictures of an atlas.
    parts, done_parts
        Parts of a plan, and how many of them are done; 0 for a run on one device.
    workers
        What each worker is at, a line each.
    """

    work: str
    output: str
    kept: int
    frames: int | None
    kept_bytes: int
    needed_bytes: int | None
    complete: bool
    running: bool
    needs: tuple[str, ...]
    command: str
    began: str
    unit: str = "frames"
    parts: int = 0
    done_parts: int = 0
    workers: tuple[str, ...] = ()

    @property
    def progress(self) -> str:
        """How far it is, for people."""
        if self.complete:
            return f"all {self.kept} {self.unit} dreamed, to be encoded"
        if not self.frames:
            return f"{self.kept} {self.unit}"
        parts = f", {self.done_parts} of {self.parts} parts" if self.parts else ""
        return f"{self.kept} of {self.frames} {self.unit} ({100 * self.kept // self.frames} %){parts}"

    def to_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return asdict(self)


def unfinished_jobs(folder: Path) -> list[UnfinishedJob]:
    """Return the unfinished work in a folder, by name.

    Raises
    ------
    ReadError
        Where the folder cannot be read.
    """
    try:
        places = sorted(path for path in folder.iterdir() if _may_be_work(path))
    except OSError as error:
        raise ReadError(f"cannot read {printable(folder)}: {error.strerror}") from None
    return [job for path in places if (job := _job(path)) is not None]


def _may_be_work(path: Path) -> bool:
    return (path.suffix == SUFFIX and path.is_dir()) or (path / PLAN).is_file()


def _job(work: Path) -> UnfinishedJob | None:
    """Return what is known of a directory; None for one that is not ours, or was kept after success."""
    try:
        names = {path.name for path in work.iterdir()}
        manifest = read_manifest(work)
    except (OSError, WorkError) as error:
        return _unreadable(work, " ".join(str(error).split()))
    if manifest is None:
        ours = names & {LOCK, MANIFEST, chunk_file(work, 1, RECORD).name}
        lost = "the command that began it: its manifest is lost"
        return _unreadable(work, lost) if ours and all(map(is_ours, names)) else None
    if is_delivered_by(work) and (PLAN in names or work.with_name(manifest.output).exists()):
        return None
    try:
        if PLAN in names:
            return _job_in_parts(work, read_plan(work))
        records = read_records(work, manifest.identity)
    except (ReadError, WriteError) as error:
        return _unreadable(work, str(error))
    while records and chunk_file(work, records[-1].number, STATE).name not in names:
        records.pop()
    complete = COMPLETE in names
    frames = manifest.pictures.frames
    total = records[-1].end if complete and records else frames
    needed = None if total is None else room_needed(manifest.pictures, total, records)
    running = is_locked(work / LOCK)
    return UnfinishedJob(
        work=printable(work),
        output=printable(work.with_name(manifest.output)),
        kept=records[-1].end if records else 0,
        frames=frames,
        kept_bytes=sum((work / name).stat().st_size for name in names if (work / name).is_file()),
        needed_bytes=needed,
        complete=complete,
        running=running,
        needs=() if running else tuple(_needs(work, manifest, needed)),
        command=_command(manifest),
        began=manifest.began,
        unit="pictures" if manifest.dream["settings"].get("atlas") else "frames",
    )


def _job_in_parts(work: Path, plan: Plan) -> UnfinishedJob:
    """Return what is known of a plan: how far its parts are, and who works on them."""
    records: list[ChunkRecord] = []
    workers: list[str] = []
    left = plan.missing()
    for number, part in enumerate(plan.parts, 1):
        folder = plan.folder_of(number)
        kept = read_records(folder, plan.manifest_of(number, plan.manifest).identity)
        records += kept
        if number in left and is_locked(folder / LOCK):
            frames = kept[-1].end if kept else 0
            workers.append(
                f"part {number}, {frames} of {part.frames} frames: {read_holder(folder / LOCK) or 'a worker'}"
            )
    running = bool(workers) or is_locked(work / LOCK)
    needed = room_needed(plan.manifest.pictures, plan.frames, records)
    command = _command(plan.manifest)
    if plan.manifest.command[1:2] == ("plan",):
        command = f"dreamvid {'part' if left else 'join'} {shlex.quote(printable(work))}"
    return UnfinishedJob(
        work=printable(work),
        output=printable(plan.output),
        kept=sum(len(record.times) for record in records),
        frames=plan.frames,
        kept_bytes=sum(record.size for record in records),
        needed_bytes=needed,
        complete=not left,
        running=running,
        needs=() if running else tuple(_needs(work, plan.manifest, needed)),
        command=command,
        began=plan.manifest.began,
        parts=len(plan.parts),
        done_parts=len(plan.parts) - len(left),
        workers=tuple(workers),
    )


def _unreadable(work: Path, why: str) -> UnfinishedJob:
    output = printable(work.with_suffix(""))
    return UnfinishedJob(
        printable(work),
        output,
        0,
        None,
        0,
        None,
        complete=False,
        running=False,
        needs=(why,),
        command="",
        began="",
    )


def _needs(work: Path, manifest: Manifest, needed: int | None) -> Iterable[str]:
    known = set(fingerprints(manifest.dream))
    for file in manifest.inputs:
        yield from _input_needs(file, known)
    free = shutil.disk_usage(work).free
    if needed is not None and free < needed:
        yield f"about {byte_size(needed - free)} more room on the disk"


def _input_needs(file: InputFile, known: set[str]) -> Iterable[str]:
    path = Path(file.path)
    try:
        facts = path.stat()
        same = (facts.st_size, facts.st_mtime_ns) == (file.size, file.changed)
        if not same and fingerprint(path) not in known:
            yield f"{printable(path)} as it was; it has changed"
    except OSError:
        yield f"{printable(path)}, which is missing"


def _command(manifest: Manifest) -> str:
    if not manifest.command:
        return ""
    command = shlex.join(manifest.command)
    return (
        command if manifest.folder == str(Path.cwd()) else f"cd {shlex.quote(manifest.folder)} && {command}"
    )
