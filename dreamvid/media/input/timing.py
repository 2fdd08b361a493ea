"""Trim and resample frames by their times alone: a picture that is not used is never converted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeAlias

from dreamvid.types import RGB, Alpha

Load: TypeAlias = Callable[[], tuple[RGB, Alpha | None]]
"""Converts or reads a picture: ``[H, W, 3]`` float32 [0, 1], and alpha ``[H, W]`` or None."""

_ROUNDING = Fraction(1, 2000)
"""Half the time base (seconds) to which Matroska and WebP round the times of frames."""

_BRIEF = Fraction(1, 20)
"""Frames that last up to this long (seconds) are used whole where a cut falls inside of them."""


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """A frame's time and duration (seconds from the first frame), and the function that loads its picture."""

    pts: Fraction
    duration: Fraction | None
    load: Load


def cut(
    frames: Iterable[TimedFrame],
    start: Fraction,
    duration: Fraction | None,
    *,
    exact_end: bool = False,
    origin: Fraction | None = None,
) -> Iterator[TimedFrame]:
    """Yield the frames shown from ``start`` on for ``duration`` seconds, their times shifted to begin at 0.

    The first frame is the one shown at ``start``. A brief one (up to 1/20 s) keeps its length, so that an even rate
    stays even, at most that much out of sync with audio cut at ``start``; a longer one is shortened. The last frame
    is the last one that begins before the end; a brief one must lie more than half before it, so that an even rate
    gives ``round(duration * rate)`` frames. With ``exact_end`` there is no such rounding. Where ``frames`` begin
    later, ``origin`` is the :func:`cut_origin` of all of them.
    """
    covering = _from_covering(frames, start) if origin is None else frames
    for frame, end in _with_ends(covering):
        interval = end - frame.pts
        if origin is None:
            origin = _origin(frame, end, start)
        pts = max(frame.pts - origin, Fraction(0))
        remaining = None if duration is None else duration - pts
        if remaining is not None and pts > 0:
            slack = Fraction(0) if exact_end else min(interval, _BRIEF) / 2
            if remaining <= slack:
                return
        frame_duration = frame.duration
        if (
            frame_duration is not None and pts != frame.pts - origin
        ):  # the first one, of which only a part is shown
            frame_duration = end - origin
        if remaining is not None and frame_duration is not None and interval > _BRIEF:
            frame_duration = min(frame_duration, remaining)
        yield replace(frame, pts=pts, duration=frame_duration)


def cut_origin(frames: Iterable[TimedFrame], start: Fraction) -> Fraction:
    """Return the time that becomes 0 where frames are cut at ``start``; ``start`` where there are none."""
    for frame, end in _with_ends(_from_covering(frames, start)):
        return _origin(frame, end, start)
    return start


def _origin(frame: TimedFrame, end: Fraction, start: Fraction) -> Fraction:
    # Where a brief frame is cut, time begins with it, and not inside of it.
    return frame.pts if end - frame.pts <= _BRIEF else max(start, frame.pts)


def resample(
    frames: Iterable[TimedFrame], rate: Fraction, duration: Fraction | None, *, first: int = 0
) -> Iterator[TimedFrame]:
    """Yield frames at an even rate: each is the one that is shown in the middle of its interval.

    There are ``round(seconds * rate)`` of them, at least one; ``seconds`` is ``duration``, or what ``frames``
    last where that is shorter. Those before the one of index ``first`` are left out.
    """
    index, step = first, 1 / rate
    frame: TimedFrame | None = None
    for frame, end in _with_ends(frames):
        until = end if duration is None else min(end, duration)
        while (index + Fraction(1, 2)) * step < until:
            yield TimedFrame(index * step, step, frame.load)
            index += 1
    if frame is not None and not index:
        yield TimedFrame(Fraction(0), step, frame.load)


def from_shown(frames: Iterable[TimedFrame], time: Fraction) -> Iterator[TimedFrame]:
    """Leave out the frames before the last one that begins at ``time`` or earlier."""
    shown: TimedFrame | None = None
    started = False
    for frame in frames:
        if not started and frame.pts > time:
            started = True
            if shown is not None:
                yield shown
        if started:
            yield frame
        shown = frame
    if not started and shown is not None:
        yield shown


def _from_covering(frames: Iterable[TimedFrame], start: Fraction) -> Iterator[TimedFrame]:
    """Leave out the frames that are over when ``start`` is reached."""
    covering: TimedFrame | None = None
    started = False
    for frame in frames:
        if not started and frame.pts > start + _ROUNDING:
            started = True
            if covering is not None:
                yield covering
        if started:
            yield frame
        else:
            covering = frame
    if not started and covering is not None and covering.pts + (covering.duration or _BRIEF) > start:
        yield covering


def _with_ends(frames: Iterable[TimedFrame]) -> Iterator[tuple[TimedFrame, Fraction]]:
    """Pair each frame with the time at which it is over: the next one's, for the last its own duration."""
    previous: TimedFrame | None = None
    interval = _BRIEF
    for frame in frames:
        if previous is not None:
            interval = frame.pts - previous.pts
            yield previous, frame.pts
        previous = frame
    if previous is not None:
        yield previous, previous.pts + (previous.duration or interval)
