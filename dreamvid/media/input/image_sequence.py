"""Read folders of PNGs as video, in natural order, with exact times from ``frames.json`` where there is one."""

from __future__ import annotations

import re
import struct
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

from dreamvid.errors import ReadError
from dreamvid.media.input.frame_list import FrameEntry, FrameList, read_frame_list
from dreamvid.media.input.info import MediaInfo
from dreamvid.media.input.timing import TimedFrame
from dreamvid.media.limits import check_frames
from dreamvid.media.still.reader import read_still
from dreamvid.text import printable
from dreamvid.types import Size, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dreamvid.types import RGB, Alpha

DEFAULT_RATE = Fraction(24)

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_ALPHA_COLOR_TYPES = {4, 6}
_HEADER_BYTES = 26


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts ``frame2`` before ``frame10``."""
    parts = re.split(r"([0-9]+)", name)
    return tuple((0, int(part), part) if part.isdecimal() else (1, 0, part.lower()) for part in parts if part)


def png_files(folder: Path) -> list[str]:
    """Return the base names of a folder's PNGs in natural order, hidden ones left out.

    Raises
    ------
    ReadError
        Where there are none, or the folder cannot be read.
    """
    try:
        names = [
            p.name for p in folder.iterdir() if p.suffix.lower() == ".png" and not p.name.startswith(".")
        ]
    except OSError as error:
        raise ReadError(f"cannot read {printable(folder)}: {(error.strerror or '').lower()}") from error
    if not names:
        raise ReadError(f"{printable(folder)} is a folder without PNG files")
    return sorted(names, key=natural_key)


def list_frames(folder: Path, fps: Fraction | None) -> FrameList:
    """Return a folder's pictures and their times.

    ``fps`` sets an even rate and overrules ``frames.json``; without either it is 24.

    Raises
    ------
    ReadError
        Where there is nothing to read, or ``frames.json`` names what is not there.
    """
    names = png_files(folder)
    listed = read_frame_list(folder)
    if listed is not None:
        missing = {entry.file for entry in listed.frames} - set(names)
        if missing or not listed.frames:
            example = f"lists {min(missing)}, which is not there" if missing else "lists nothing"
            raise ReadError(
                f"{printable(folder)}: frames.json {example}; remove it to read the folder at --fps"
            )
        if fps is None:
            return listed
        names = [entry.file for entry in listed.frames]
    rate = fps or DEFAULT_RATE
    entries = tuple(FrameEntry(name, index / rate, 1 / rate) for index, name in enumerate(names))
    if listed is None:
        return FrameList(rate, entries)
    return FrameList(rate, entries, sar=listed.sar, sound=listed.sound, metadata=listed.metadata)


def probe_folder(folder: Path, *, fps: Fraction | None = None) -> MediaInfo:
    """Look at a folder of PNGs; size, depth and whether there is alpha come from the files' headers."""
    listed = list_frames(folder, fps)
    check_frames(printable(folder), len(listed.frames))
    first = read_still(folder / listed.frames[0].file)
    last = listed.frames[-1]
    video = VideoInfo(
        size=Size(*first.rgb.shape[:2]),
        rate=listed.rate,
        frames=len(listed.frames),
        duration=last.pts - listed.frames[0].pts + (last.duration or 1 / listed.rate),
        sar=listed.sar,
        depth=first.depth,
        has_alpha=first.alpha is not None or any(_has_alpha(folder / e.file) for e in listed.frames),
        variable_rate=listed.variable_rate,
    )
    return MediaInfo(
        path=folder,
        kind="folder",
        video=video,
        start=listed.frames[0].pts,
        metadata=listed.metadata,
        format_name="png folder",
    )


def read_folder(folder: Path, *, fps: Fraction | None = None) -> Iterator[TimedFrame]:
    """Yield the pictures with their times, counted from the first one's; a file is read when it is asked for."""
    listed = list_frames(folder, fps)
    origin = listed.frames[0].pts
    for entry in listed.frames:
        yield TimedFrame(entry.pts - origin, entry.duration, partial(_load, folder / entry.file))


def _load(path: Path) -> tuple[RGB, Alpha | None]:
    still = read_still(path)
    return still.rgb, still.alpha


def _has_alpha(path: Path) -> bool:
    """Return whether a PNG's header announces an alpha channel."""
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except OSError as error:
        raise ReadError(f"cannot read {printable(path)}: {error.strerror}") from error
    if len(header) < _HEADER_BYTES or not header.startswith(_SIGNATURE):
        return False
    (color_type,) = struct.unpack_from("B", header, 25)
    return color_type in _ALPHA_COLOR_TYPES
