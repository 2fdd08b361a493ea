"""Trim and resample frames by their times.

All of it works on times alone; a picture that is not used is never converted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeAlias

from dreamvid.types import RGB, Alpha

Load: TypeAlias = Callable[[], tuple[RGB, Alpha | None]]
"""Converts or reads a picture: ``[H, W, 3]`` float32 [0, 1], and alpha ``[H, W]`` or None."""

_ROUNDING = Fraction(1, 2000)
"""Half the tick (seconds) to which Matroska and WebP round the times of frames."""

_BRIEF = Fraction(1, 20)
"""Frames that last up to this long (seconds) are used whole where a cut falls inside of them."""


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """A frame's time and duration (seconds from the first frame), and what loads its picture."""

    pts: Fraction
    duration: Fraction | None
    load: Load


def cut(
    frames: Iterable[TimedFrame], start: Fraction, duration: Fraction | None, *, to_the_tick: bool = False
) -> Iterator[TimedFrame]:
    """Yield the frames shown from ``start`` on for ``duration`` seconds, their times shifted to begin at 0.

    The first is the one whose interval covers ``start``. Where it is brief (up to 1/20 s), the stretch begins
    with it, so that an even rate stays even: at most that much out of step with sound cut at ``start``. Where it
    is long, it is shortened. The last is the last one that begins inside the stretch, or, where it is brief,
    lies more than half inside, so that an even rate gives ``round(duration * rate)`` frames; ``to_the_tick``
    leaves that rounding away.
    """
    origin: Fraction | None = None
    for frame, end in _with_ends(_from_covering(frames, start)):
        interval = end - frame.pts
        if origin is None:
            origin = frame.pts if interval <= _BRIEF else max(start, frame.pts)
        pts = max(frame.pts - origin, Fraction(0))
        left = None if duration is None else duration - pts
        if left is not None and pts > 0:
            slack = Fraction(0) if to_the_tick else min(interval, _BRIEF) / 2
            if left <= slack:
                return
        stay = frame.duration if frame.duration is None or pts == frame.pts - origin else end - origin
        if left is not None and stay is not None and interval > _BRIEF:
            stay = min(stay, left)
        yield replace(frame, pts=pts, duration=stay)


def resample(frames: Iterable[TimedFrame], rate: Fraction, duration: Fraction | None) -> Iterator[TimedFrame]:
    """Yield frames at an even rate: for each the one that is shown in the middle of its interval.

    There are ``round(seconds * rate)`` of them, at least one; ``seconds`` is ``duration``, or what ``frames``
    last where that is shorter.
    """
    index = 0
    step = 1 / rate
    frame: TimedFrame | None = None
    for frame, end in _with_ends(frames):
        until = end if duration is None else min(end, duration)
        while (index + Fraction(1, 2)) * step < until:
            yield TimedFrame(index * step, step, frame.load)
            index += 1
    if frame is not None and not index:
        yield TimedFrame(Fraction(0), step, frame.load)


def _from_covering(frames: Iterable[TimedFrame], start: Fraction) -> Iterator[TimedFrame]:
    """Leave out the frames that are over when ``start`` is reached."""
    covering: TimedFrame | None = None
    begun = False
    for frame in frames:
        if not begun and frame.pts > start + _ROUNDING:
            begun = True
            if covering is not None:
                yield covering
        if begun:
            yield frame
        else:
            covering = frame
    if not begun and covering is not None and covering.pts + (covering.duration or _BRIEF) > start:
        yield covering


def _with_ends(frames: Iterable[TimedFrame]) -> Iterator[tuple[TimedFrame, Fraction]]:
    """Pair each frame with the time at which it is over: the next one's, for the last its own duration."""
    held: TimedFrame | None = None
    interval = _BRIEF
    for frame in frames:
        if held is not None:
            interval = frame.pts - held.pts
            yield held, frame.pts
        held = frame
    if held is not None:
        yield held, held.pts + (held.duration or interval)
