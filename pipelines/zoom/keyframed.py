"""The trip by keyframes: large pictures dreamed now and then, and a camera that goes from one into the next.

Each keyframe is the dream of what the camera sees of the one before. Between two of them both are shown at the same
scale, faded from one to the other where both are in view. So a frame costs two resamplings and no gradient, and moves
as smoothly as a film of a still picture.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np

from dreamvid.checkpoint.state import State
from dreamvid.errors import NonFiniteDreamError, SettingsError
from dreamvid.image.resize import resize
from dreamvid.image.transform import Similarity, warp
from dreamvid.pipelines.zoom.feedback import USUAL_FPS, HoldTargets, settings_of
from dreamvid.types import RGB, Size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dreamvid.pipelines.zoom.feedback import FeedbackStep
    from dreamvid.types import Frame

_log = logging.getLogger(__name__)

_LARGER = 1.5
"""Size of keyframes as a multiple of the frames'."""
_EDGE = 0.3
"""Width of a keyframe's soft edge, as a share of its height."""
_FARTHEST = 1e6
_MOST_CHECKED = 50
_KEPT = 0.85
"""How much of a loop's first keyframe is laid into its last one, before that is dreamed."""


@dataclass(frozen=True, slots=True)
class KeyState:
    """All that one frame hands to the next.

    ``last`` and ``following`` are the keyframes before and after frame ``index``; ``way`` is the camera's move since
    the one, ``total`` that up to the other. ``first`` is the trip's first keyframe.
    """

    last: RGB
    following: RGB
    first: RGB
    held: HoldTargets
    index: int
    way: Similarity
    total: Similarity


@dataclass(frozen=True, slots=True)
class KeyframeTrip:
    """Makes the frames of a trip by keyframes, in frames of ``size``: one every ``every`` seconds, or nearly so."""

    grower: FeedbackStep
    size: Size
    every: Fraction
    loop: bool

    @property
    def large(self) -> Size:
        """Size of keyframes."""
        return Size(*(2 * round(side * _LARGER / 2) for side in self.size))

    @property
    def keys(self) -> tuple[int, ...]:
        """The frames at which there is a keyframe, the end included."""
        frames = self.grower.course.frames
        count = max(2 if self.loop else 1, round(frames / (self.every * self.grower.course.fps)))
        return tuple(sorted({round(Fraction(i * frames, count)) for i in range(count + 1)}))

    def begin(self, start: RGB, *, bare: bool, palette: RGB | None = None) -> KeyState:
        """Return the state of the first frame; see :meth:`dreamvid.pipelines.zoom.frame_by_frame.Trip.begin`."""
        start = resize(start, self.large)
        parts = self.grower.parts(0, start)
        dreamed, held = self.grower.begin(start, self.grower.whole(start, parts, 0), palette)
        first = np.clip(start if bare and not self.loop else dreamed, 0.0, 1.0)
        return self._onward(KeyState(first, first, first, held, 0, Similarity(), Similarity()))

    def check(self, picture: RGB) -> None:
        """Refuse keyframes between which the camera goes too far; a ``SettingsError``."""
        for first, last in pairwise(self.keys[:_MOST_CHECKED]):
            self._between(first, last, picture)

    def states(self, state: KeyState) -> Iterator[KeyState]:
        """Yield the state of each frame from the given one's on, that one included, up to the last."""
        while True:
            yield state
            if state.index + 1 == self.grower.course.frames:
                return
            state = self.advance(state)

    def advance(self, state: KeyState) -> KeyState:
        """Return the state of the next frame."""
        index = state.index + 1
        state = replace(state, index=index, way=state.way.then(self._move(index, state.last)))
        if index in self.keys:
            return self._onward(replace(state, last=state.following, way=Similarity()))
        return state

    def frame(self, state: KeyState) -> Frame:
        """Return what is written of a state: both keyframes, faded from one into the other."""
        before = max(key for key in self.keys if key <= state.index)
        after = min(key for key in self.keys if key > state.index)
        share = (state.index - before) / (after - before)
        share = share * share * (3.0 - 2.0 * share)
        mirrors = self._mirrors(state)
        onward = state.total.inverse().then(state.way)
        old, new = self._view(state.last, state.way, mirrors), self._view(state.following, onward, mirrors)
        of_old, of_new = (1.0 - share) ** 3 * self._soft(state.way), share * self._soft(onward)
        weight = (of_new / np.maximum(of_old + of_new, 1e-6))[..., None]
        return self.grower.course.frame(state.index, np.clip(old + weight * (new - old), 0.0, 1.0))

    def to_state(self, state: KeyState) -> State:
        """Return what is kept on the disk; every number comes back bit for bit."""
        values = {"held": state.held.to_values(), "index": state.index}
        moves = {"way": state.way.to_values(), "total": state.total.to_values()}
        arrays = {"last": state.last, "following": state.following, "first": state.first}
        return State({**values, **moves}, arrays)

    def from_state(self, state: State) -> KeyState:
        """Return the state that was kept."""
        values, arrays = state.values, state.arrays
        return KeyState(
            arrays["last"],
            arrays["following"],
            arrays["first"],
            HoldTargets.from_values(values["held"]),
            values["index"],
            Similarity.from_values(values["way"]),
            Similarity.from_values(values["total"]),
        )

    def _onward(self, state: KeyState) -> KeyState:
        """Return the state at a keyframe, with the following one dreamed."""
        end = min((key for key in self.keys if key > state.index), default=state.index)
        total = self._between(state.index, end, state.last)
        if self.loop and end == self.grower.course.frames:
            return replace(state, following=state.first, total=total)
        mirrors = self._mirrors(state)
        seen = np.clip(warp(state.last, total, mirrors=mirrors), 0.0, 1.0)
        if self.loop and end == self.keys[-2]:
            seen = self._with_first(seen, state, end)
        parts = self.grower.parts(end, seen)
        if self.grower.rests(parts):
            return replace(state, following=seen, total=total)
        try:
            dreamed = self.grower.whole(seen, parts, end)
        except NonFiniteDreamError as error:
            _log.warning("the keyframe at frame %d is left undreamed: %s", end, error, extra={"repeats": 3})
            return replace(state, following=seen, total=total)
        pace = (end - state.index) * USUAL_FPS / float(self.grower.course.fps)
        return replace(state, following=self.grower.hold(dreamed, parts, state.held, pace), total=total)

    def _with_first(self, seen: RGB, state: KeyState, at: int) -> RGB:
        """Return what the last keyframe is dreamed from, with a loop's first one where it will be seen."""
        total = self._between(at, self.grower.course.frames, seen)
        weight = _KEPT * self._soft(total.inverse(), self.large)[..., None]
        return np.clip(seen + weight * (warp(state.first, total.inverse()) - seen), 0.0, 1.0)

    def _between(self, first: int, last: int, picture: RGB) -> Similarity:
        """Return the camera's move from one frame to another."""
        total = Similarity()
        for index in range(first + 1, last + 1):
            total = total.then(self._move(index, picture))
            if not 1.0 / _FARTHEST < total.scale < _FARTHEST:
                raise SettingsError(
                    "trip.keyframe: from one keyframe to the next, things become a million times as large, "
                    "or as small; zoom more slowly, or give more keyframes"
                )
        return total

    def _move(self, index: int, picture: RGB) -> Similarity:
        return self.grower.move(self.grower.parts(index, picture), index, self.size)

    def _mirrors(self, state: KeyState) -> int:
        return settings_of(self.grower.parts(state.index, state.last)[-1]).camera.mirrors

    def _view(self, key: RGB, move: Similarity, mirrors: int) -> RGB:
        return warp(key, move, self.size, mirrors=mirrors)

    def _soft(self, move: Similarity, size: Size | None = None) -> NDArray[np.float32]:
        """Return where a keyframe is in view after a move, ``[H, W]`` in (0, 1], with soft edges."""
        size = size or self.size
        height, width = self.large
        edge = max(2, round(_EDGE * height))
        y = np.minimum(np.arange(height), np.arange(height)[::-1])[:, None] / edge
        x = np.minimum(np.arange(width), np.arange(width)[::-1])[None] / edge
        whole = np.minimum(np.clip(np.minimum(x, y), 0.0, 1.0), 1.0).astype(np.float32)
        turn, shift = move.linear * size.height / height, move.translation * size.height
        matrix = np.array([[turn.real, -turn.imag, 0.0], [turn.imag, turn.real, 0.0]])
        middle = np.array([(width - 1) / 2, (height - 1) / 2])
        matrix[:, 2] = np.array([(size.width - 1) / 2 + shift.real, (size.height - 1) / 2 + shift.imag])
        matrix[:, 2] -= matrix[:, :2] @ middle
        seen = cv2.warpAffine(whole, matrix, (size.width, size.height), flags=cv2.INTER_LINEAR)
        return np.asarray(seen + np.float32(1e-4), np.float32)
