"""Describe and read the records of chunks; protocols of what writes and reads their frames."""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from dreamvid.checkpoint.layout import FRAMES, RECORD, chunk_file, folder_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dreamvid.types import RGB, Alpha, Frame

# What reading a torn or missing file raises; other errors of the system say nothing about the file, and may pass.
TORN = (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError)

Picture: TypeAlias = "tuple[RGB, Alpha | None]"


class ChunkSink(Protocol):
    """Writes the frames of one chunk."""

    def write(self, frame: Frame) -> Picture:
        """Append a frame's picture, and return it as reading will return it; raises ``WriteError``."""
        ...

    def close(self) -> None:
        """Finish the file and flush it to the disk; raises ``WriteError``."""
        ...

    def abandon(self) -> None:
        """Remove the file."""
        ...


class ChunkFormat(Protocol):
    """Writes and reads the files of chunks."""

    def create(self, path: Path) -> ChunkSink:
        """Begin a chunk, in place of an existing file; raises ``WriteError``."""
        ...

    def read(self, path: Path) -> Iterator[Picture]:
        """Yield a chunk's pictures.

        Raises
        ------
        DamagedError
            If the file cannot be decoded.
        OSError
            If the file cannot be read now, which says nothing about its content.
        """
        ...


class Times(NamedTuple):
    """Presentation time and duration of a frame in seconds, as in :class:`dreamvid.types.Frame`."""

    pts: Fraction
    duration: Fraction | None


@dataclass(frozen=True, slots=True)
class ChunkRecord:
    """A complete chunk.

    Attributes
    ----------
    number
        Counted from 1.
    first
        Index of its first frame.
    times
        Exact times of its frames.
    size, digest
        Bytes of the file of frames, and their SHA-256.
    dream
        Identity of the dream (:attr:`dreamvid.checkpoint.manifest.Manifest.identity`), which tells chunks of another
        dream apart even if the manifest is lost.
    values
        The plain part of the state after the last frame.
    """

    number: int
    first: int
    times: tuple[Times, ...]
    size: int
    digest: str
    dream: str
    values: dict[str, Any]

    @property
    def end(self) -> int:
        """Index of the frame after the last."""
        return self.first + len(self.times)

    def to_json(self) -> dict[str, Any]:
        """Return plain values; times are written as fractions."""
        return {
            "number": self.number,
            "first": self.first,
            "times": [[str(t.pts), None if t.duration is None else str(t.duration)] for t in self.times],
            "size": self.size,
            "digest": self.digest,
            "dream": self.dream,
            "values": self.values,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> ChunkRecord:
        """Return the record; raises ``ValueError, KeyError, TypeError, ZeroDivisionError`` for anything else."""
        times = tuple(
            Times(Fraction(pts), None if duration is None else Fraction(duration))
            for pts, duration in value["times"]
        )
        return cls(
            int(value["number"]),
            int(value["first"]),
            times,
            int(value["size"]),
            str(value["digest"]),
            str(value["dream"]),
            dict(value["values"]),
        )


def read_records(folder: Path, identity: str) -> list[ChunkRecord]:
    """Return the records of a dream's chunks, from the first up to a gap, a torn one, or one of another dream."""
    records: list[ChunkRecord] = []
    first = 0
    while True:
        number = len(records) + 1
        try:
            record = read_record(folder, number)
            status = chunk_file(folder, number, FRAMES).stat()
        except TORN:
            return records
        except OSError as error:
            raise folder_error(folder, error, "read") from None
        is_whole = stat.S_ISREG(status.st_mode) and status.st_size == record.size and record.times
        if not is_whole or (record.number, record.first, record.dream) != (number, first, identity):
            return records
        records.append(record)
        first = record.end


def read_record(folder: Path, number: int) -> ChunkRecord:
    """Return a chunk's record; raises ``OSError`` or one of those of :meth:`ChunkRecord.from_json`."""
    return ChunkRecord.from_json(json.loads(chunk_file(folder, number, RECORD).read_bytes()))
