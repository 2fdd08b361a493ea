"""``frames.json``: the exact times of a folder's PNGs, and where its sound came from."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from dreamvid.errors import ReadError
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE_NAME = "frames.json"
FORMAT = "dreamvid-frames"


_LARGEST = 1 << 30
_NUMBER = re.compile(r"-?\d{1,30}(/[1-9]\d{0,29}|\.\d{1,30})?")


@dataclass(frozen=True, slots=True)
class FrameEntry:
    """One picture: the file's base name, when it appears, and how long it stays (seconds)."""

    file: str
    pts: Fraction
    duration: Fraction | None = None


@dataclass(frozen=True, slots=True)
class FrameList:
    """A folder of pictures.

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
        frames = [
            {
                "file": f.file,
                "pts": str(f.pts),
                **({} if f.duration is None else {"duration": str(f.duration)}),
            }
            for f in self.frames
        ]
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
    path = folder / FILE_NAME
    try:
        if path.stat().st_size > _LARGEST:
            raise ReadError(
                f"{printable(path)} is too large to be a list of frames; remove it to read the folder at --fps"
            )
        content = json.loads(path.read_text(encoding="utf-8"))
        return _parse(content)
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
    return frame_list is not None and names <= {entry.file for entry in frame_list.frames} | {FILE_NAME}


def _parse(content: Any) -> FrameList:
    entries = []
    for entry in content["frames"]:
        name = str(entry["file"])
        stay = entry.get("duration")
        entries.append(FrameEntry(_base(name), _exact(entry["pts"]), None if stay is None else _exact(stay)))
    times = [entry.pts for entry in entries]
    if any(late <= early for early, late in itertools.pairwise(times)):
        raise ValueError("times do not grow")
    rate, sar = _exact(content["rate"]), _exact(content.get("sar", 1))
    if rate <= 0 or sar <= 0:
        raise ValueError("rate and sar must be positive")
    sound = content.get("sound")
    return FrameList(
        rate=rate,
        frames=tuple(entries),
        sar=sar,
        variable_rate=bool(content.get("variable_rate", False)),
        sound=None if sound is None else _base(str(sound)),
        metadata={str(key): str(value) for key, value in content.get("metadata", {}).items()},
    )


def _base(name: str) -> str:
    """Return a base name; nothing in a list of frames may lead out of its folder."""
    if "/" in name or "\\" in name or "\0" in name or name in {"", ".", ".."}:
        raise ValueError(f"{name[:80]!r} is no base name")
    return name


def _exact(value: object) -> Fraction:
    """Return a number as written; exponents, which may mean endless digits, are not read."""
    if _NUMBER.fullmatch(str(value)) is None:
        raise ValueError(f"{str(value)[:40]!r} is no number")
    return Fraction(str(value))
