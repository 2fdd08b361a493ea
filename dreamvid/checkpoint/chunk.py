"""A chunk's record: its frames' exact times, and what its files must look like."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dreamvid.types import RGB, Alpha, Frame

VERSION = 1
Picture: TypeAlias = "tuple[RGB, Alpha | None]"


class ChunkSink(Protocol):
    """Takes the frames of one chunk."""

    def write(self, frame: Frame) -> Picture:
        """Append a frame's picture, and return it as reading will give it back; its times are kept elsewhere.

        Raises
        ------
        WriteError
            Such as for a full disk.
        """
        ...

    def close(self) -> None:
        """Finish the file and flush it to the disk; errors as for :meth:`write`."""
        ...

    def abandon(self) -> None:
        """Give the file up; it is removed."""
        ...


class ChunkFormat(Protocol):
    """Writes and reads chunks; the work directory is handed one."""

    def create(self, path: Path) -> ChunkSink:
        """Begin a chunk; what is there is overwritten."""
        ...

    def read(self, path: Path) -> Iterator[Picture]:
        """Yield a chunk's pictures.

        Raises
        ------
        DamagedError
            At the first sign of damage.
        OSError
            Where the system cannot read it now, which says nothing about it.
        """
        ...

    def intact(self, path: Path, frames: int) -> bool:
        """Return whether a chunk has so many frames, all undamaged; nothing is decoded. An OSError as above."""
        ...


class Times(NamedTuple):
    """When a frame appears and how long it stays (seconds); see :class:`dreamvid.types.Frame`."""

    pts: Fraction
    duration: Fraction | None


@dataclass(frozen=True, slots=True)
class ChunkRecord:
    """A whole chunk.

    ``number`` counts from 1; ``first`` is the index of its first frame, and ``size`` that of the file of frames in
    bytes. ``dream`` identifies what is being dreamed, so that chunks of another dream are told apart even where the
    manifest is lost. ``values`` is the plain part of the state after the last frame.
    """

    number: int
    first: int
    times: tuple[Times, ...]
    size: int
    dream: str
    values: dict[str, Any]

    @property
    def end(self) -> int:
        """Index of the frame after the last."""
        return self.first + len(self.times)

    def to_json(self) -> dict[str, Any]:
        """Return plain values; times are exact, written as fractions."""
        return {
            "version": VERSION,
            "number": self.number,
            "first": self.first,
            "times": [[str(t.pts), None if t.duration is None else str(t.duration)] for t in self.times],
            "size": self.size,
            "dream": self.dream,
            "values": self.values,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> ChunkRecord:
        """Return the record of plain values.

        Raises
        ------
        ValueError, KeyError, TypeError, ZeroDivisionError
            Where they are none.
        """
        if value["version"] != VERSION:
            raise ValueError("a record of another version")
        times = tuple(
            Times(Fraction(pts), None if stay is None else Fraction(stay)) for pts, stay in value["times"]
        )
        return cls(
            int(value["number"]),
            int(value["first"]),
            times,
            int(value["size"]),
            str(value["dream"]),
            dict(value["values"]),
        )
