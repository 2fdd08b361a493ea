"""The trip frame by frame: every frame is the last one, moved by the camera, then dreamed a little further.

A loop is run from before its beginning: its last seconds are drawn, by a growing share, to the frames from before the
first, while they go on dreaming, so that the last frame is the one before the first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dreamvid.checkpoint.state import State
from dreamvid.image.transform import Similarity, visible_mask, warp
from dreamvid.pipelines.zoom.feedback import HoldTargets, settings_of
from dreamvid.types import RGB, Size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dreamvid.pipelines.look import Part
    from dreamvid.pipelines.zoom.feedback import FeedbackStep
    from dreamvid.types import Frame

_STAY = Similarity()
_SOFTEN = 0.15
_FRESH = 0.6
"""Share of a donor that is still in view, or its scale, below which the present frame becomes the donor."""
_SETTLES = 8
"""Frames' worth of dreaming in place before a trip's first frame, so that it looks like all others."""


@dataclass(frozen=True, slots=True)
class TripState:
    """All that one frame of a trip hands to the next.

    ``picture`` is the frame itself, ``held`` what it is held to, ``index`` its number (negative before a loop
    begins). ``donor`` is an earlier frame, and ``since`` how the camera has moved from it on: what comes into view is
    taken from what lay beyond its borders, mirrored. ``head`` are the frames before a loop's beginning, 16 bits a
    channel.
    """

    picture: RGB
    held: HoldTargets
    index: int
    donor: RGB
    since: Similarity = _STAY
    head: tuple[NDArray[np.uint16], ...] = ()


@dataclass(frozen=True, slots=True)
class Trip:
    """Makes the frames of a trip, each from the one before."""

    grower: FeedbackStep

    def begin(self, start: RGB, *, bare: bool, palette: RGB | None = None) -> TripState:
        """Return the state of the first frame.

        Parameters
        ----------
        start
            What the trip starts from, ``[H, W, 3]`` float32 in [0, 1].
        bare
            Whether the first frame is this picture itself, on which dreams then grow, rather than its dream.
        palette
            A picture whose colors are held; None is the start's own mean, with the spread of its dream.
        """
        first = -self.grower.course.head
        parts = self.grower.parts(first, start)
        dreamed, held = self.grower.begin(start, self.grower.whole(start, parts, 0), palette)
        if bare:
            start = _mirrored(start, parts)
            return TripState(start, held, first, start)
        for _ in range(_SETTLES):
            moved = np.clip(warp(dreamed, Similarity(), soften=self._soften(parts)), 0.0, 1.0)
            dreamed = self.grower.grown(moved, parts, held, first)
        dreamed = _mirrored(dreamed, parts)
        return TripState(dreamed, held, first, dreamed)

    def states(self, state: TripState) -> Iterator[TripState]:
        """Yield the state of each frame from the given one's on, that one included, up to the last."""
        while state.index < self.grower.course.frames:
            if state.index < 0:
                state = replace(state, head=(*state.head, _packed(state.picture)))
            yield state
            if state.index + 1 == self.grower.course.frames:
                return
            state = self.advance(state)

    def frame(self, state: TripState) -> Frame | None:
        """Return what is written of a state; None before a loop's beginning."""
        return None if state.index < 0 else self.grower.course.frame(state.index, state.picture)

    def advance(self, state: TripState) -> TripState:
        """Return the state of the next frame."""
        index = state.index + 1
        parts = self.grower.parts(index, state.picture)
        state = self._moved(state, parts, index)
        picture = _mirrored(self.grower.grown(state.picture, parts, state.held, index), parts)
        return replace(state, picture=self._drawn(picture, state, index), index=index)

    def to_state(self, state: TripState) -> State:
        """Return what is kept on the disk; every number comes back bit for bit."""
        values = {"held": state.held.to_values(), "index": state.index, "since": state.since.to_values()}
        head = {f"head.{place}": picture for place, picture in enumerate(state.head)}
        return State(values, {"picture": state.picture, "donor": state.donor, **head})

    def from_state(self, state: State) -> TripState:
        """Return the state that was kept."""
        values, arrays = state.values, state.arrays
        return TripState(
            arrays["picture"],
            HoldTargets.from_values(values["held"]),
            values["index"],
            arrays["donor"],
            Similarity.from_values(values["since"]),
            tuple(arrays[f"head.{place}"] for place in range(len(arrays) - 2)),
        )

    def _soften(self, parts: tuple[Part, ...]) -> float:
        if self.grower.rests(parts):
            return 0.0
        return float(1.0 - (1.0 - _SOFTEN) ** self.grower.pace)

    def _moved(self, state: TripState, parts: tuple[Part, ...], index: int) -> TripState:
        """Return the state with its picture as the camera sees it a frame later."""
        size = Size(*state.picture.shape[:2])
        move = self.grower.move(parts, index, size)
        picture = warp(state.picture, move, soften=self._soften(parts))
        donor, since = state.donor, state.since.then(move)
        inside = visible_mask(move, size)
        if inside is not None:
            picture = np.where(inside[..., None], picture, warp(donor, since))
        np.clip(picture, 0.0, 1.0, out=picture)
        if inside is None or since.scale < _FRESH or _share(visible_mask(since, size)) < _FRESH:
            donor, since = picture, Similarity()
        return replace(state, picture=picture, donor=donor, since=since)

    def _drawn(self, picture: RGB, state: TripState, index: int) -> RGB:
        """Return a frame of a loop's end, drawn to the one before its beginning."""
        course = self.grower.course
        place = index - (course.frames - course.head)
        if not course.head or place < 0 or index >= course.frames:
            return picture
        goal = state.head[place].astype(np.float32) / np.float32(65535.0)
        share = 1.0 - _left((place + 1) / course.head) / _left(place / course.head)
        return goal if place + 1 == course.head else picture + np.float32(share) * (goal - picture)


def _mirrored(picture: RGB, parts: tuple[Part, ...]) -> RGB:
    """Return a picture as its kaleidoscope shows it: what was dreamed into it as well."""
    mirrors = settings_of(parts[-1]).camera.mirrors
    return np.clip(warp(picture, Similarity(), mirrors=mirrors), 0.0, 1.0) if mirrors > 1 else picture


def _share(where: NDArray[np.bool_] | None) -> float:
    return 1.0 if where is None else float(np.mean(where))


def _left(way: float) -> float:
    """Return what is left of a difference after a share of the way: 1 to 0.

    It falls early on: the network dreams its own way back, so a late fall would be a sudden change.
    """
    return (1.0 - way) * (1.0 - way) * (1.0 + way)


def _packed(picture: RGB) -> NDArray[np.uint16]:
    return np.asarray(np.rint(picture * np.float32(65535.0)), np.uint16)
