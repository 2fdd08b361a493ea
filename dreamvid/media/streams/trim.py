"""The part of a source that is copied, and what all streams that are copied share."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import av

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from fractions import Fraction

    from av.packet import Packet
    from av.stream import Stream

_COPIED_TAGS = ("language", "title", "handler_name")


@dataclass(frozen=True, slots=True)
class Trim:
    """Copy from ``origin`` (seconds in the source's clock), which becomes 0, for ``duration`` (None: to the end).

    ``delays`` are the encoder delays (seconds, by stream index) that a copy of an audio stream announces in Matroska
    and WebM. ``is_generated`` says that no user made the source, so that re-encoding its audio is worth no warning.
    """

    origin: Fraction
    duration: Fraction | None
    delays: Mapping[int, Fraction] = field(default_factory=dict)
    is_generated: bool = False


class OutputTrack(Protocol):
    """Turn packets of one source stream into packets of the output.

    ``last_seen`` is the output time (seconds) that reading has reached.
    """

    name: str
    last_seen: Fraction
    stream: Any

    def feed(self, packet: Packet[Any]) -> Iterable[Packet[Any]]:
        """Return the output packets of a source packet."""
        ...

    def flush(self) -> Iterable[Packet[Any]]:
        """Return what is left at the end."""
        ...


class LeftOutError(Exception):
    """A track that the output cannot have; the text says why."""


def can_copy(stream: Stream, muxer: str) -> bool:
    """Return whether a muxer writes a header for a copy of this stream."""
    trial = av.open(io.BytesIO(), "w", format=muxer)
    try:
        trial.add_stream_from_template(stream)
        trial.start_encoding()
        trial.close()
    except (av.FFmpegError, ValueError):
        return False
    return True


def copy_tags(source: Stream, output: Any) -> None:
    """Copy language, title and disposition to the output's stream."""
    output.metadata.update({key: value for key, value in source.metadata.items() if key in _COPIED_TAGS})
    output.disposition = source.disposition
