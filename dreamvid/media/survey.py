"""Counting a stream's frames and looking at their times without decoding them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from av.error import FFmpegError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from av.container import InputContainer
    from av.video.stream import VideoStream

SMALL_FILE = 64 << 20
"""Bytes up to which a file without an index is read through once, to count its frames."""

_TICKS_OF_ROUNDING = 1
_SAME_RATE = Fraction(1, 10_000)  # 24 and 23.976 differ by ten times that


@dataclass(frozen=True, slots=True)
class Survey:
    """What a stream's packets say; None is unknown.

    ``frames`` and ``duration`` (seconds, to the end of the last frame) are those shown. ``rate`` is frames per
    second by the times of the frames, within a relative ``rate_error`` that their rounding to ticks causes.
    """

    frames: int | None = None
    duration: Fraction | None = None
    variable_rate: bool = False
    rate: Fraction | None = None
    rate_error: Fraction = Fraction(0)


def survey(container: InputContainer, stream: VideoStream) -> Survey:
    """Count frames by the container's index, or by its packets where the file is small.

    The container may be read to its end by this.
    """
    tick = stream.time_base or Fraction(1, 1000)
    if "mp4" in container.format.name and len(stream.index_entries) > 1:
        entries = stream.index_entries
        times = [entry.timestamp for entry in entries]
        duration = None if not stream.duration else stream.duration * tick
        shown = sum(not entry.is_discard for entry in entries)
        return _survey_of(shown, duration, times, tick)
    if 0 < container.size <= SMALL_FILE:
        return _count_packets(container, stream, tick)
    duration = None if not stream.duration else stream.duration * tick
    return Survey(stream.frames or None, duration)


def _count_packets(container: InputContainer, stream: VideoStream, tick: Fraction) -> Survey:
    times: list[int] = []
    lasts: dict[int, int] = {}
    frames = 0
    with suppress(FFmpegError):  # damage: whoever decodes the stream says where
        for packet in container.demux(stream):
            if not packet.size:
                continue
            frames += 1
            if packet.pts is not None:
                times.append(packet.pts)
                lasts[packet.pts] = packet.duration or 0
    if not times or len(times) != frames:
        return Survey(frames or None)
    times.sort()
    last = lasts[times[-1]] or (times[-1] - times[-2] if frames > 1 else 0)
    return _survey_of(frames, (times[-1] - times[0] + last) * tick or None, times, tick)


def _survey_of(frames: int, duration: Fraction | None, times: Sequence[int], tick: Fraction) -> Survey:
    span = times[-1] - times[0]
    if span <= 0:
        return Survey(frames, duration)
    rate = (len(times) - 1) / (span * tick)
    return Survey(
        frames, duration, not _evenly_spaced(times), rate, max(Fraction(_TICKS_OF_ROUNDING, span), _SAME_RATE)
    )


def _evenly_spaced(times: Sequence[int]) -> bool:
    """Return whether times follow a constant rate, but for their rounding to whole ticks."""
    steps = len(times) - 1
    if steps < 2:  # noqa: PLR2004  one step is always as long as itself
        return True
    span = times[-1] - times[0]
    return all(
        abs((time - times[0]) * steps - index * span) <= _TICKS_OF_ROUNDING * steps
        for index, time in enumerate(times)
    )
