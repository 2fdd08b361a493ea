"""Divide a video into parts that can each be dreamed alone: a pure function of its shots and settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dreamvid.pipelines.renewal import Renewal

_SHORTEST = 24
"""Frames of a part, at least: before it, as many are decoded that are not dreamed."""
_ALONE = 120
"""Frames of a part where nothing is carried from frame to frame, so that parts may begin anywhere."""


class Part(NamedTuple):
    """A part of a video: frames ``first`` to ``end`` - 1.

    ``shot_start`` is the first frame of the shot that ``first`` is in. ``warm_up`` frames before ``first`` are
    dreamed, too, as the dream that shows from there on began with them.
    """

    first: int
    end: int
    shot_start: int
    warm_up: int = 0

    @property
    def frames(self) -> int:
        """Number of frames."""
        return self.end - self.first


def divide(frames: int, shots: Sequence[int], renewal: Renewal | None, *, carries: bool) -> list[Part]:
    """Return the parts of a video, in order.

    Parameters
    ----------
    frames
        Number of its frames, at least one.
    shots
        The first frame of each shot; the first one is 0.
    renewal
        Where in a shot the dream is grown anew.
    carries
        Whether detail is carried from frame to frame. Then parts begin with shots and at renewal points, else after
        a fixed number of frames.
    """
    if carries:
        begins = list(_begins(frames, shots, renewal))
    else:
        begins = [(first, 0, 0) for first in range(0, frames, renewal.every if renewal else _ALONE)]
    chosen = begins[:1]
    for begin in begins[1:]:
        if begin[0] - chosen[-1][0] >= _SHORTEST:
            chosen.append(begin)
    ends = [begin[0] for begin in chosen[1:]] + [frames]
    return [
        Part(first, end, start, warm_up) for (first, start, warm_up), end in zip(chosen, ends, strict=True)
    ]


def _begins(frames: int, shots: Sequence[int], renewal: Renewal | None) -> Iterator[tuple[int, int, int]]:
    """Yield where parts may begin: frame, first frame of its shot, and frames of warm-up."""
    for start, end in zip(shots, [*shots[1:], frames], strict=True):
        yield start, start, 0
        if renewal is not None:
            for point in range(start + renewal.every, end - _SHORTEST + 1, renewal.every):
                yield point, start, renewal.warm_up
