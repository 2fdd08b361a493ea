"""Find a stream's frame count, frame rate and duration without decoding it."""

from __future__ import annotations

import itertools
import re
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from av.error import FFmpegError

from dreamvid.media.limits import MAX_FRAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from av.container import InputContainer
    from av.video.stream import VideoStream

_MAX_COUNTED_BYTES = 64 << 20
"""Size up to which a file without an index is read through once, to count its frames."""

_ROUNDING = 1
"""Ticks by which times may be rounded."""

_MISSING_FRAMES = Fraction(1, 20)
"""Share of frames, besides one, that may be missing from an even rate for it to be one."""

_SAME_RATE = Fraction(1, 10_000)  # 24 and 23.976 differ by ten times that
_COUNTED_FROM_ZERO = {"asf", "flv"}
"""Formats whose header says when the video ends, not how long it is."""

_FALLBACK_RATE = Fraction(25)


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


def read_stream_timing(container: InputContainer, stream: VideoStream) -> StreamTiming:
    """Count frames by the container's index, or by its packets where the file is small.

    The container may be read to its end by this, or until there are more frames than are read.
    """
    time_base = stream.time_base or Fraction(1, 1000)
    duration = stream.duration * time_base if stream.duration else None
    if "mp4" in container.format.name and len(stream.index_entries) > 1:
        entries = stream.index_entries
        frames = sum(not entry.is_discard for entry in entries)
        return _timing_of(frames, duration, [entry.timestamp for entry in entries], time_base)
    if 0 < container.size <= _MAX_COUNTED_BYTES:
        return _count_packets(container, stream, time_base)
    return StreamTiming(stream.frames or None, duration)


def frame_rate(stream: VideoStream, timing: StreamTiming) -> Fraction:
    """Return the average rate: one that the container names, where the frames' times agree with it."""
    if timing.variable_rate and timing.frames and timing.duration:
        return timing.frames / timing.duration
    rates = [rate for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate) if rate]
    if timing.rate is None:
        return next(iter(rates), _FALLBACK_RATE)
    exact = [rate for rate in rates if abs(rate / timing.rate - 1) <= timing.rate_error]
    return next(iter(exact), timing.rate)


def announced_duration(container: InputContainer, stream: VideoStream, start: Fraction) -> Fraction | None:
    """Return the seconds of video by the container's header: the stream's own entry, else the whole file's."""
    origin = start if container.format.name in _COUNTED_FROM_ZERO else Fraction(0)
    if stream.duration and stream.time_base:
        return stream.duration * stream.time_base - origin
    # Matroska, as FFmpeg and mkvmerge write it: HH:MM:SS.fraction of the end, not of the length.
    tags = {key.upper(): value for key, value in stream.metadata.items()}
    clock = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", tags.get("DURATION", ""))
    if clock is not None:
        hours, minutes, seconds = clock.groups()
        return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds) - start
    if container.duration and not (container.streams.audio or container.streams.subtitles):
        begin = Fraction(container.start_time or 0, 1_000_000)
        return Fraction(container.duration, 1_000_000) - (origin or start - begin)
    return None


def _count_packets(container: InputContainer, stream: VideoStream, time_base: Fraction) -> StreamTiming:
    durations: dict[int, int] = {}
    times: list[int] = []
    frames = 0
    with suppress(FFmpegError):  # damage: whoever decodes the stream says where
        for packet in container.demux(stream):
            if not packet.size:
                continue
            frames += 1
            if frames > MAX_FRAMES:
                return StreamTiming(frames)
            if packet.pts is not None:
                times.append(packet.pts)
                durations[packet.pts] = packet.duration or 0
    if not times or len(times) != frames:
        return StreamTiming(frames or None)
    times.sort()
    last = durations[times[-1]] or (times[-1] - times[-2] if frames > 1 else 0)
    return _timing_of(frames, (times[-1] - times[0] + last) * time_base or None, times, time_base)


def _timing_of(
    frames: int, duration: Fraction | None, times: Sequence[int], time_base: Fraction
) -> StreamTiming:
    span = times[-1] - times[0]
    if span <= 0:
        return StreamTiming(frames, duration)
    even = len(times) < 3 or _lie_on_grid(times, range(len(times)))  # noqa: PLR2004  one step is always even
    gap = None if even else _first_gap(times)
    return StreamTiming(
        frames,
        duration,
        variable_rate=not even,
        rate=(len(times) - 1) / (span * time_base),
        rate_error=max(Fraction(_ROUNDING, span), _SAME_RATE),
        gap=None if gap is None else gap * time_base,
    )


def _first_gap(times: Sequence[int]) -> int | None:
    """Return the ticks to the first of few frames that are missing from an even rate; None where it is none."""
    steps = [late - early for early, late in itertools.pairwise(times)]
    usual = sorted(steps)[len(steps) // 2]
    frames_per_step = [round(step / usual) if usual > 0 else 0 for step in steps]
    missing = sum(frames_per_step) - len(steps)
    if 0 in frames_per_step or not 0 < missing <= 1 + int(len(steps) * _MISSING_FRAMES):
        return None
    if not _lie_on_grid(times, list(itertools.accumulate(frames_per_step, initial=0))):
        return None
    first = next(index for index, count in enumerate(frames_per_step) if count > 1)
    return times[first] + usual - times[0]


def _lie_on_grid(times: Sequence[int], places: Sequence[int]) -> bool:
    """Return whether times lie on the given places of an even grid, but for their rounding to whole ticks."""
    span, last_place = times[-1] - times[0], places[-1]
    return all(
        abs((time - times[0]) * last_place - place * span) <= _ROUNDING * last_place
        for time, place in zip(times, places, strict=True)
    )
