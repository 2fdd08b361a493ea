"""The pictures, videos and music of the studio's folder, which the page knows by opaque ids alone."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from dreamvid.checkpoint.layout import SUFFIX as WORK_SUFFIX
from dreamvid.errors import DreamvidError, ReadError
from dreamvid.media.containers import STILL_SUFFIXES
from dreamvid.pipelines.provenance import read_settings
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FileKind = Literal["video", "still", "folder", "music", "network", "signal"]

STATE_FOLDER = ".dreamvid-studio"
"""Where the studio keeps its jobs, in the folder that it shows."""

VIDEO_SUFFIXES = (
    *(
        ".mp4",
        ".mov",
        ".m4v",
        ".mkv",
        ".webm",
        ".avi",
        ".mpg",
        ".mpeg",
        ".ts",
        ".mts",
        ".m2ts",
        ".mxf",
        ".wmv",
    ),
    *(".flv", ".ogv", ".3gp", ".dv", ".nut", ".y4m", ".gif", ".apng"),
)
PICTURE_SUFFIXES = (*STILL_SUFFIXES, ".avif", ".jp2", ".ppm", ".tga")
MUSIC_SUFFIXES = (".wav", ".mp3", ".flac", ".m4a", ".aac", ".ogg", ".opus", ".aiff", ".aif", ".wma")
NETWORK_SUFFIXES = (".keras", ".h5", ".gan")
SIGNAL_SUFFIXES = (".csv", ".tsv", ".mid", ".midi")
WITHOUT_PICTURES: tuple[FileKind, ...] = ("music", "network", "signal")
KINDS: dict[str, FileKind] = {
    **dict.fromkeys(SIGNAL_SUFFIXES, "signal"),
    **dict.fromkeys(NETWORK_SUFFIXES, "network"),
    **dict.fromkeys(MUSIC_SUFFIXES, "music"),
    **dict.fromkeys(PICTURE_SUFFIXES, "still"),
    **dict.fromkeys(VIDEO_SUFFIXES, "video"),
}
"""By suffix. What a file really holds is found out when it is looked into."""

_MOST_FILES = 5000
_MOST_FACTS = 10_000
_SECONDS_TO_LOOK = 0.5
"""Time that one listing spends on looking into files that it does not know yet."""


@dataclass(frozen=True, slots=True)
class LibraryFile:
    """One file, or one folder of pictures; ``changed`` is its modification time in ns."""

    id: str
    path: Path
    kind: FileKind
    size: int
    changed: int

    @property
    def name(self) -> str:
        """Its base name."""
        return self.path.name


class Library:
    """The files of one folder; those that are hidden, or links to somewhere else, are not among them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.state_folder = self.folder / STATE_FOLDER
        self._facts: dict[tuple[str, int, int], dict[str, Any]] = {}
        self._lock = threading.Lock()

    def files(self) -> list[LibraryFile]:
        """Return all files, the newest first.

        Raises
        ------
        ReadError
            Where the folder cannot be read.
        """
        return sorted(self._scan(), key=lambda file: (-file.changed, file.name))

    def file(self, file_id: object) -> LibraryFile:
        """Return the file of an id.

        Raises
        ------
        ReadError
            Where there is none.
        """
        for file in self._scan():
            if file.id == file_id:
                return file
        raise ReadError("there is no such file in the folder; it may have been moved")

    def named(self, name: str) -> LibraryFile | None:
        """Return the file of a base name, None where there is none."""
        return next((file for file in self._scan() if file.name == name), None)

    def facts(self, file: LibraryFile) -> dict[str, Any]:
        """Return what a file holds: size, duration, whether it was dreamed; ``problem`` says why not."""
        key = (file.id, file.size, file.changed)
        with self._lock:
            known = self._facts.get(key)
        if known is None:
            known = _look_into(file)
            if "problem" in known:
                known["problem"] = self.shown(known["problem"])
            with self._lock:
                if len(self._facts) >= _MOST_FACTS:
                    self._facts.clear()
                self._facts[key] = known
        return known

    def shown(self, line: str) -> str:
        """Return a line of the command line with the names of the folder's files in place of their paths."""
        return line.replace(f"{printable(self.folder)}/", "")

    def listing(self) -> dict[str, Any]:
        """Return all files for the page; ``complete`` is False where some are still to be looked into."""
        entries, complete, until = [], True, time.monotonic() + _SECONDS_TO_LOOK
        for file in self.files():
            known = (file.id, file.size, file.changed) in self._facts
            facts = self.facts(file) if known or time.monotonic() < until else None
            complete = complete and facts is not None
            entries.append(
                {
                    "id": file.id,
                    "name": printable(file.name),
                    "kind": file.kind,
                    "bytes": file.size,
                    "changed": file.changed // 1_000_000,
                    **(facts or {}),
                }
            )
        return {"files": entries, "complete": complete}

    def _scan(self) -> Iterator[LibraryFile]:
        try:
            with os.scandir(self.folder) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)[:_MOST_FILES]
        except OSError as error:
            raise ReadError(f"cannot read {printable(self.folder)}: {error.strerror}") from None
        for entry in entries:
            file = self._file_of(entry)
            if file is not None:
                yield file

    def _file_of(self, entry: os.DirEntry[str]) -> LibraryFile | None:
        if entry.name.startswith("."):
            return None
        path = self.folder / entry.name
        try:
            if entry.is_symlink() and path.resolve().parent != self.folder:
                return None
            facts = entry.stat()
            kind = KINDS.get(path.suffix.lower()) if entry.is_file() else None
            if entry.is_dir() and path.suffix != WORK_SUFFIX and _holds_pictures(path):
                kind = "folder"
        except OSError:
            return None
        if kind is None:
            return None
        return LibraryFile(_id_of(entry.name), path, kind, facts.st_size, facts.st_mtime_ns)


def _id_of(name: str) -> str:
    return hashlib.blake2b(os.fsencode(name), digest_size=12, person=b"studio file").hexdigest()


def _holds_pictures(folder: Path) -> bool:
    with os.scandir(folder) as scan:
        return any(entry.name.lower().endswith(STILL_SUFFIXES) for entry in scan)


def _look_into(file: LibraryFile) -> dict[str, Any]:
    if file.kind in WITHOUT_PICTURES:
        return {}
    from dreamvid.media.still.reader import is_still  # noqa: PLC0415  imageio loads only when media is touched

    try:
        is_picture = file.kind != "folder" and is_still(file.path)
        facts = _still_facts(file) if is_picture else _video_facts(file)
    except DreamvidError as error:
        return {"problem": " ".join(str(error).split())}
    return {**facts, "dreamed": _is_dreamed(file.path)}


def _is_dreamed(path: Path) -> bool:
    try:
        return read_settings(path) is not None
    except DreamvidError:
        return False


def _still_facts(file: LibraryFile) -> dict[str, Any]:
    from dreamvid.media.still.reader import open_image  # noqa: PLC0415  imageio loads only when media is touched

    with open_image(file.path) as image:
        height, width = image.reader.properties(index=0).shape[:2]
    return {"kind": "still", "width": int(width), "height": int(height), "seconds": 0.0}


def _video_facts(file: LibraryFile) -> dict[str, Any]:
    from dreamvid.media.input.probe import probe  # noqa: PLC0415  PyAV loads only when media is touched

    media = probe(file.path)
    video = media.video
    seconds = video.duration
    if seconds is None and video.frames is not None:
        seconds = video.frames / video.rate
    return {
        "kind": "folder" if media.kind == "folder" else "video",
        "width": video.size.width,
        "height": video.size.height,
        "seconds": None if seconds is None else float(seconds),
        "rate": float(video.rate),
        "frames": video.frames,
        "sound": bool(media.audio),
    }
