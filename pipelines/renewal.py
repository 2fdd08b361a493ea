"""When the dream of a long shot is grown anew, and which share of a frame the new dream has."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from dreamvid.schedule.times import TimeOffset

_FADE_SECONDS = Fraction(5, 4)
_GROWTH_SECONDS = Fraction(1, 4)
"""Seconds for which a new dream is grown before any of it shows."""
_SHORTEST = 8
"""Frames between two points, at least."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """The renewal points of shots: every so many frames, counted from a shot's first one.

    At a point, the dream that shows is one that began ``warm_up`` frames before, from nothing; during the last
    ``fade`` of them it was faded in over the old dream, which ends there. What shows from a point on therefore
    depends on no frame before the warm-up.
    """

    every: int
    warm_up: int
    fade: int

    @classmethod
    def of(cls, setting: TimeOffset | None, rate: Fraction) -> Self | None:
        """Return the points of ``stability.renew``; None where nothing is renewed.

        ``rate`` is the video's, in frames a second. Warm-up and cross-fade take 1.5 s, and at most half of the way
        from point to point.
        """
        if setting is None:
            return None
        every = max(_SHORTEST, round(setting.seconds(float(rate), None) * float(rate)))
        fade = max(1, min(round(_FADE_SECONDS * rate), 5 * every // 12))
        growth = max(1, min(round(_GROWTH_SECONDS * rate), every // 12))
        return cls(every, fade + growth, fade)

    def is_point(self, position: int) -> bool:
        """Return whether a frame is a renewal point, by its position in the shot (from 0)."""
        return position > 0 and position % self.every == 0

    def begins(self, position: int) -> bool:
        """Return whether a new dream begins in a frame."""
        return self._left(position) == self.warm_up

    def share(self, position: int) -> float | None:
        """Return the share of the new dream in what a frame shows, in [0, 1); None where there is none."""
        left = self._left(position)
        if left > self.warm_up:
            return None
        return max(0, self.fade + 1 - left) / (self.fade + 1)

    def _left(self, position: int) -> int:
        """Return the number of frames up to the next point."""
        return self.every - position % self.every
