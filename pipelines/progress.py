"""The progress of a run, as it is reported to whoever shows it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives the events of a run, in this order: ``start``, frames and chunks, ``encode``, encoded frames.

    What the user may want to know besides is logged, as warnings of the loggers below ``dreamvid``.
    """

    def start(self, frames: int | None, label: str, resumed_at: int = 0) -> None:
        """Begin the dreaming of ``label`` at frame ``resumed_at``; ``frames`` is None where it is not known."""
        ...

    def part(self, name: str) -> None:
        """Report that the frames from here on are of a part that has this name, such as a layer."""
        ...

    def frame(self, index: int) -> None:
        """Report that frame ``index`` (from 0) is dreamed."""
        ...

    def chunk(self, number: int, frames: int) -> None:
        """Report that chunk ``number`` (from 1) is on the disk, and ``frames`` frames in all."""
        ...

    def encode(self, frames: int, label: str) -> None:
        """Begin the encoding of what is left; all frames are dreamed."""
        ...

    def encoded(self, index: int) -> None:
        """Report that frame ``index`` is encoded."""
        ...


class NullProgress:
    """Ignores all events."""

    def start(self, frames: int | None, label: str, resumed_at: int = 0) -> None:
        """Do nothing."""

    def part(self, name: str) -> None:
        """Do nothing."""

    def frame(self, index: int) -> None:
        """Do nothing."""

    def chunk(self, number: int, frames: int) -> None:
        """Do nothing."""

    def encode(self, frames: int, label: str) -> None:
        """Do nothing."""

    def encoded(self, index: int) -> None:
        """Do nothing."""
