"""Count a stream's frames and read their times without decoding them."""

from __future__ import annotations

import itertools
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
_FEW = 20
"""One frame in so many, and one more, may be missing from an even rate for it to be one."""
_SAME_RATE = Fraction(1, 10_000)  # 24 and 23.976 differ by ten times that


@dataclass(frozen=True, slots=True)
class StreamTiming:
    """Frame count and times of a stream, by its index or packets; None is unknown.

    ``frames`` and ``duration`` (seconds, to the end of the last frame) are those shown. ``rate`` is frames per
    second by the times of the frames, within a relative ``rate_error`` that their rounding to ticks causes. ``gap``
    (seconds from the first frame) is where the first of a few frames is missing from an even rate.
    """

    frames: int | None = None
    duration: Fraction | None = None
    variable_rate: bool = False
    rate: Fraction | None = None
    rate_error: Fraction = Fraction(0)
    gap: Fraction | None = None


def read_stream_timing(
    container: InputContainer, stream: VideoStream, *, most: int = 5_000_000
) -> StreamTiming:
    """Count frames by the container's index, or by its packets where the file is small.

    The container may be read to its end by this, or until there are more frames than ``most``.
    """
    tick = stream.time_base or Fraction(1, 1000)
    if "mp4" in container.format.name and len(stream.index_entries) > 1:
        entries = stream.index_entries
        times = [entry.timestamp for entry in entries]
        duration = None if not stream.duration else stream.duration * tick
        shown = sum(not entry.is_discard for entry in entries)
        return _timing_of(shown, duration, times, tick)
    if 0 < container.size <= SMALL_FILE:
        return _count_packets(container, stream, tick, most)
    duration = None if not stream.duration else stream.duration * tick
    return StreamTiming(stream.frames or None, duration)


def _count_packets(container: InputContainer, stream: VideoStream, tick: Fraction, most: int) -> StreamTiming:
    times: list[int] = []
    lasts: dict[int, int] = {}
    frames = 0
    with suppress(FFmpegError):  # damage: whoever decodes the stream says where
        for packet in container.demux(stream):
            if not packet.size:
                continue
            frames += 1
            if frames > most:
                return StreamTiming(frames)
            if packet.pts is not None:
                times.append(packet.pts)
                lasts[packet.pts] = packet.duration or 0
    if not times or len(times) != frames:
        return StreamTiming(frames or None)
    times.sort()
    last = lasts[times[-1]] or (times[-1] - times[-2] if frames > 1 else 0)
    return _timing_of(frames, (times[-1] - times[0] + last) * tick or None, times, tick)


def _timing_of(frames: int, duration: Fraction | None, times: Sequence[int], tick: Fraction) -> StreamTiming:
    span = times[-1] - times[0]
    if span <= 0:
        return StreamTiming(frames, duration)
    rate = (len(times) - 1) / (span * tick)
    error = max(Fraction(_TICKS_OF_ROUNDING, span), _SAME_RATE)
    even = _evenly_spaced(times)
    gap = None if even else _first_gap(times)
    return StreamTiming(frames, duration, not even, rate, error, None if gap is None else gap * tick)


def _evenly_spaced(times: Sequence[int]) -> bool:
    """Return whether times follow a constant rate, but for their rounding to whole ticks."""
    if len(times) < 3:  # noqa: PLR2004  one step is always as long as itself
        return True
    return _evenly_spaced_at(times, range(len(times)))


def _first_gap(times: Sequence[int]) -> int | None:
    """Return the ticks to the first of few frames that are missing from an even rate; None where it is none."""
    steps = [late - early for early, late in itertools.pairwise(times)]
    usual = sorted(steps)[len(steps) // 2]
    counts = [round(step / usual) if usual > 0 else 0 for step in steps]
    total = sum(counts)
    if 0 in counts or not 0 < total - len(steps) <= 1 + len(steps) // _FEW:
        return None
    grid = list(itertools.accumulate(counts, initial=0))
    if not _evenly_spaced_at(times, grid):
        return None
    first = next(index for index, count in enumerate(counts) if count > 1)
    return times[first] + usual - times[0]


def _evenly_spaced_at(times: Sequence[int], grid: Sequence[int]) -> bool:
    """Return whether times lie on the given places of an even grid, but for their rounding to whole ticks."""
    span, places = times[-1] - times[0], grid[-1]
    return all(
        abs((time - times[0]) * places - place * span) <= _TICKS_OF_ROUNDING * places
        for time, place in zip(times, grid, strict=True)
    )
