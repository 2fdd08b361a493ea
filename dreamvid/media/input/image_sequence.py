"""Read folders of pictures as video: in natural order, with the exact times of ``frames.json`` where there is one."""

from __future__ import annotations

import itertools
import json
import logging
import re
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from dreamvid.errors import ReadError
from dreamvid.media.input.info import MediaInfo
from dreamvid.media.input.timing import TimedFrame
from dreamvid.media.limits import check_frames
from dreamvid.media.still.reader import announces_alpha, read_still
from dreamvid.text import printable
from dreamvid.types import Size, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from dreamvid.types import RGB, Alpha

_log = logging.getLogger(__name__)

FRAME_LIST_NAME = "frames.json"
FORMAT = "dreamvid-frames"
DEFAULT_RATE = Fraction(24)

_MAX_LIST_BYTES = 1 << 30
_NUMBER = re.compile(r"-?\d{1,30}(/[1-9]\d{0,29}|\.\d{1,30})?")  # no exponents, which may mean endless digits
_KINDS = ({".png"}, {".jpg", ".jpeg"}, {".tif", ".tiff"}, {".webp"}, {".bmp"})
"""Suffixes of the pictures that a sequence may consist of, each kind by itself."""

_LAST_NUMBER = re.compile(r"(.*?)([0-9]+)([^0-9]*)")
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class FrameEntry:
    """One picture: the file's base name, its time and its duration (seconds)."""

    file: str
    pts: Fraction
    duration: Fraction | None = None


@dataclass(frozen=True, slots=True)
class FrameList:
    """A folder of pictures, as ``frames.json`` describes it.

    ``rate`` is frames per second (the average where it varies), ``sar`` the sample aspect ratio, ``sound`` the
    base name of the file that the sound is in, ``metadata`` texts such as the settings under ``dreamvid``.
    """

    rate: Fraction
    frames: tuple[FrameEntry, ...]
    sar: Fraction = Fraction(1)
    variable_rate: bool = False
    sound: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the file's text; times are exact, written as fractions (``"1001/24000"``)."""
        frames = []
        for frame in self.frames:
            entry = {"file": frame.file, "pts": str(frame.pts)}
            if frame.duration is not None:
                entry["duration"] = str(frame.duration)
            frames.append(entry)
        content = {
            "format": FORMAT,
            "version": 1,
            "rate": str(self.rate),
            "sar": str(self.sar),
            "variable_rate": self.variable_rate,
            "sound": self.sound,
            "metadata": dict(self.metadata),
            "frames": frames,
        }
        return json.dumps(content, indent=1)


def read_frame_list(folder: Path) -> FrameList | None:
    """Read a folder's ``frames.json``; None where there is none.

    Raises
    ------
    ReadError
        Where the file is not what :meth:`FrameList.to_json` writes.
    """
    path = folder / FRAME_LIST_NAME
    try:
        if path.stat().st_size > _MAX_LIST_BYTES:
            raise ReadError(
                f"{printable(path)} is too large to be a list of frames; remove it to read the folder at --fps"
            )
        return _parse_frame_list(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ReadError(f"cannot read {printable(path)}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError, RecursionError) as error:
        raise ReadError(
            f"{printable(path)} is damaged ({error}); remove it to read the folder at --fps"
        ) from error


def holds_only_frames(folder: Path) -> bool:
    """Return whether a folder is empty or holds nothing but frames that dreamvid wrote."""
    names = {entry.name for entry in folder.iterdir()}
    if not names:
        return True
    try:
        frame_list = read_frame_list(folder)
    except ReadError:
        return False
    return frame_list is not None and names <= {entry.file for entry in frame_list.frames} | {FRAME_LIST_NAME}


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts ``frame2`` before ``frame10``."""
    parts = re.split(r"([0-9]+)", name)
    return tuple((0, int(part), part) if part.isdecimal() else (1, 0, part.lower()) for part in parts if part)


def list_frames(folder: Path, fps: Fraction | None) -> FrameList:
    """Return a folder's pictures and their times.

    ``fps`` sets an even rate and overrules ``frames.json``; without either it is 24.

    Raises
    ------
    ReadError
        Where there is nothing to read, or ``frames.json`` names what is not there.
    """
    names = _picture_names(folder)
    frame_list = read_frame_list(folder)
    if frame_list is not None:
        missing = {entry.file for entry in frame_list.frames} - set(names)
        if missing or not frame_list.frames:
            problem = f"lists {min(missing)}, which is not there" if missing else "lists nothing"
            raise ReadError(
                f"{printable(folder)}: frames.json {problem}; remove it to read the folder at --fps"
            )
        if fps is None:
            return frame_list
        names = [entry.file for entry in frame_list.frames]
    rate = fps or DEFAULT_RATE
    entries = tuple(FrameEntry(name, index / rate, 1 / rate) for index, name in enumerate(names))
    if frame_list is None:
        return FrameList(rate, entries)
    return FrameList(rate, entries, sar=frame_list.sar, sound=frame_list.sound, metadata=frame_list.metadata)


def probe_folder(folder: Path, *, fps: Fraction | None = None) -> MediaInfo:
    """Probe a folder of pictures; the first one says size and depth, all headers whether there is alpha."""
    frame_list = list_frames(folder, fps)
    check_frames(printable(folder), len(frame_list.frames))
    first, last = frame_list.frames[0], frame_list.frames[-1]
    still = read_still(folder / first.file)
    video = VideoInfo(
        size=Size(*still.rgb.shape[:2]),
        rate=frame_list.rate,
        frames=len(frame_list.frames),
        duration=last.pts - first.pts + (last.duration or 1 / frame_list.rate),
        sar=frame_list.sar,
        depth=still.depth,
        has_alpha=still.alpha is not None or any(announces_alpha(folder / e.file) for e in frame_list.frames),
        variable_rate=frame_list.variable_rate,
    )
    return MediaInfo(
        path=folder,
        kind="folder",
        video=video,
        start=first.pts,
        metadata=frame_list.metadata,
        format_name="image sequence",
    )


def read_folder(folder: Path, *, fps: Fraction | None = None) -> Iterator[TimedFrame]:
    """Yield the pictures with their times, counted from the first one's; a file is read when it is asked for."""
    frame_list = list_frames(folder, fps)
    origin = frame_list.frames[0].pts
    for entry in frame_list.frames:
        yield TimedFrame(entry.pts - origin, entry.duration, partial(_load, folder / entry.file))


def _parse_frame_list(content: Any) -> FrameList:
    entries = []
    for entry in content["frames"]:
        duration = entry.get("duration")
        duration = None if duration is None else _parse_number(duration)
        entries.append(FrameEntry(_base_name(entry["file"]), _parse_number(entry["pts"]), duration))
    if any(late.pts <= early.pts for early, late in itertools.pairwise(entries)):
        raise ValueError("times do not grow")
    rate, sar = _parse_number(content["rate"]), _parse_number(content.get("sar", 1))
    if rate <= 0 or sar <= 0:
        raise ValueError("rate and sar must be positive")
    sound = content.get("sound")
    return FrameList(
        rate=rate,
        frames=tuple(entries),
        sar=sar,
        variable_rate=bool(content.get("variable_rate", False)),
        sound=None if sound is None else _base_name(sound),
        metadata={str(key): str(value) for key, value in content.get("metadata", {}).items()},
    )


def _base_name(value: object) -> str:
    """Return a base name; nothing in a list of frames may lead out of its folder."""
    name = str(value)
    if "/" in name or "\\" in name or "\0" in name or name in {"", ".", ".."}:
        raise ValueError(f"{name[:80]!r} is no base name")
    return name


def _parse_number(value: object) -> Fraction:
    if _NUMBER.fullmatch(str(value)) is None:
        raise ValueError(f"{str(value)[:40]!r} is no number")
    return Fraction(str(value))


def _picture_names(folder: Path) -> list[str]:
    """Return the base names of a folder's pictures in natural order: PNGs, or else those of its commonest kind."""
    try:
        names = [entry.name for entry in folder.iterdir() if not entry.name.startswith(".")]
    except OSError as error:
        raise ReadError(f"cannot read {printable(folder)}: {(error.strerror or '').lower()}") from error
    by_kind = [[name for name in names if PurePath(name).suffix.lower() in kind] for kind in _KINDS]
    pictures = by_kind[0] or max(by_kind, key=len)
    if not pictures:
        raise ReadError(f"{printable(folder)} is a folder without pictures (PNG, JPEG, TIFF, WebP or BMP)")
    return sorted(pictures, key=natural_key)


def warn_of_missing_pictures(folder: Path) -> None:
    """Log a warning where a folder without ``frames.json`` has gaps in its numbers, or pictures of another kind."""
    if read_frame_list(folder) is not None:
        return
    names = _picture_names(folder)
    kinds = {suffix for kind in _KINDS for suffix in kind}
    pictures = [e.name for e in folder.iterdir() if e.suffix.lower() in kinds and not e.name.startswith(".")]
    if others := len(pictures) - len(names):
        kind = PurePath(names[0]).suffix.lower()
        _log.warning("%s: only its %s files are read, not %d other pictures", printable(folder), kind, others)
    matches = [_LAST_NUMBER.fullmatch(PurePath(name).stem) for name in names]
    numbers = [int(match[2]) for match in matches if match is not None]
    frames = {(match[1], match[3]) for match in matches if match is not None}
    if len(numbers) < len(names) or len(frames) > 1 or len(set(numbers)) < len(numbers):
        return  # no sequence by its names
    step = min((late - early for early, late in itertools.pairwise(numbers)), default=1)
    gaps = [(early + step, late - step) for early, late in itertools.pairwise(numbers) if late - early > step]
    if gaps:
        named = [str(first) if first == last else f"{first}-{last}" for first, last in gaps[:_MOST_NAMED]]
        more = ["more"] if len(gaps) > _MOST_NAMED else []
        _log.warning(
            "%s: numbers %s are missing; the pictures around them follow one another",
            printable(folder),
            ", ".join(named + more),
        )


def _load(path: Path) -> tuple[RGB, Alpha | None]:
    still = read_still(path)
    return still.rgb, still.alpha
