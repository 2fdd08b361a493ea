"""Zoom by keyframes: large pictures dreamed at intervals, and a camera that moves from one into the next.

Each keyframe is the dream of what the camera sees of the previous one. The frames between two keyframes show both at
the same scale, cross-faded where both are in view. So a frame costs two resamplings and no gradient, and moves as
smoothly as a film of a still picture.
"""

from __future__ import annotations

import logging
from bisect import bisect_right
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np

from dreamvid.checkpoint.layout import State
from dreamvid.errors import NonFiniteDreamError, SettingsError
from dreamvid.image.resize import resize
from dreamvid.image.transform import Similarity, warp
from dreamvid.pipelines.zoom.feedback import REFERENCE_FPS, HoldTargets, settings_of
from dreamvid.types import RGB, Size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.pipelines.zoom.feedback import FeedbackStep
    from dreamvid.types import Frame

_log = logging.getLogger(__name__)

# Size of keyframes as a multiple of the frames', so that they stay sharp while the camera zooms into them.
KEYFRAME_SCALE = 1.5
# Width of a keyframe's soft edge in the cross-fade, as a share of its height.
_EDGE_SHARE = 0.3
# Weight of a keyframe beyond its edge, where the other may be out of view, too.
_MIN_WEIGHT = np.float32(1e-4)
# Largest zoom factor from one keyframe to the next.
_MAX_ZOOM = 1e6
# Number of intervals whose camera motion is checked before a run.
_MAX_CHECKED = 50
# Share of a loop's first keyframe in the picture that its last keyframe is dreamed from.
_FIRST_KEYFRAME_SHARE = 0.85


@dataclass(frozen=True, slots=True)
class KeyframeState:
    """Everything that one frame hands to the next.

    ``previous`` and ``following`` are the keyframes before and after the frame of ``index``, ``[H, W, 3]`` float32
    in [0, 1]; ``first`` is the first one, at which a loop ends. ``motion_since_previous`` leads from the previous
    keyframe to the frame, ``motion_between`` to the following one.
    """

    previous: RGB
    following: RGB
    first: RGB
    targets: HoldTargets
    index: int
    motion_since_previous: Similarity
    motion_between: Similarity


@dataclass(frozen=True, slots=True)
class KeyframedZoom:
    """Makes frames of ``size`` from keyframes, about ``interval`` seconds apart: the last one lies at the end.

    In a loop that is the first keyframe.
    """

    step: FeedbackStep
    size: Size
    interval: Fraction
    loop: bool

    @property
    def keyframe_size(self) -> Size:
        """Size of keyframes: even."""
        return Size(*(2 * round(side * KEYFRAME_SCALE / 2) for side in self.size))

    @property
    def keyframe_indices(self) -> list[int]:
        """Frame indices of the keyframes, in order; the last is the number of frames."""
        frames = self.step.clock.frames
        # A loop's last keyframe is its first; another one lies between them.
        count = min(frames, max(2 if self.loop else 1, round(frames / (self.interval * self.step.clock.fps))))
        return sorted({round(Fraction(number * frames, count)) for number in range(count + 1)})

    def begin(self, start: RGB, *, starts_from_picture: bool, palette: RGB | None = None) -> KeyframeState:
        """Return the state of the first frame; see :meth:`dreamvid.pipelines.zoom.frames.ZoomMode.begin`."""
        start = resize(start, self.keyframe_size)
        scenes = self.step.scenes(0, start)
        dreamed, targets = self.step.measure_targets(start, self.step.full_dream(start, scenes, 0), palette)
        # A loop begins with a dream also where it starts from a picture, for it returns to it.
        first = np.clip(start if starts_from_picture and not self.loop else dreamed, 0.0, 1.0)
        return self._dream_following(
            KeyframeState(first, first, first, targets, 0, Similarity(), Similarity())
        )

    def check(self, picture: RGB) -> None:
        """Raise a ``SettingsError`` where the camera moves too far in one frame, or between keyframes."""
        self.step.check_motion(picture)
        for first, last in pairwise(self.keyframe_indices[:_MAX_CHECKED]):
            self._motion_between(first, last, picture)

    def advance(self, state: KeyframeState) -> KeyframeState:
        """Return the state of the next frame."""
        index = state.index + 1
        motion = state.motion_since_previous.then(self._motion(index, state.previous))
        if index not in self.keyframe_indices:
            return replace(state, index=index, motion_since_previous=motion)
        return self._dream_following(
            replace(state, index=index, previous=state.following, motion_since_previous=Similarity())
        )

    def frame(self, state: KeyframeState) -> Frame:
        """Return the written frame of a state: both keyframes, cross-faded."""
        indices = self.keyframe_indices
        position = bisect_right(indices, state.index)
        before, after = indices[position - 1], indices[position]
        share = (state.index - before) / (after - before)
        share = share * share * (3.0 - 2.0 * share)
        motion = state.motion_since_previous
        motion_to_following = state.motion_between.inverse().then(motion)
        mirrors = self._mirrors(state)
        old = warp(state.previous, motion, self.size, mirrors=mirrors)
        new = warp(state.following, motion_to_following, self.size, mirrors=mirrors)
        # The previous keyframe, more and more magnified, fades out early.
        old_weight = (1.0 - share) ** 3 * self._visibility(motion, self.size)
        new_weight = share * self._visibility(motion_to_following, self.size)
        weight = (new_weight / np.maximum(old_weight + new_weight, 1e-6))[..., None]
        return self.step.clock.frame(state.index, np.clip(old + weight * (new - old), 0.0, 1.0))

    def to_state(self, state: KeyframeState) -> State:
        """Return the checkpoint of a state; every number comes back bit for bit."""
        return State(
            {
                "targets": state.targets.to_values(),
                "index": state.index,
                "motion_since_previous": state.motion_since_previous.to_values(),
                "motion_between": state.motion_between.to_values(),
            },
            {"previous": state.previous, "following": state.following, "first": state.first},
        )

    def from_state(self, state: State) -> KeyframeState:
        """Return the state of a checkpoint."""
        values, arrays = state.values, state.arrays
        return KeyframeState(
            arrays["previous"],
            arrays["following"],
            arrays["first"],
            HoldTargets.from_values(values["targets"]),
            values["index"],
            Similarity.from_values(values["motion_since_previous"]),
            Similarity.from_values(values["motion_between"]),
        )

    def _dream_following(self, state: KeyframeState) -> KeyframeState:
        """Return the state at a keyframe, with the following one dreamed."""
        indices = self.keyframe_indices
        end = indices[bisect_right(indices, state.index)]
        motion = self._motion_between(state.index, end, state.previous)
        state = replace(state, motion_between=motion)
        if self.loop and end == indices[-1]:
            return replace(state, following=state.first)
        view = np.clip(warp(state.previous, motion, mirrors=self._mirrors(state)), 0.0, 1.0)
        if self.loop and end == indices[-2]:
            view = self._blend_first(view, state, end)
        scenes = self.step.scenes(end, view)
        if self.step.is_static(scenes):
            return replace(state, following=view)
        try:
            dreamed = self.step.full_dream(view, scenes, end)
        except NonFiniteDreamError as error:
            _log.warning("the keyframe at frame %d is left undreamed: %s", end, error, extra={"repeats": 3})
            return replace(state, following=view)
        reference_frames = (end - state.index) * REFERENCE_FPS / float(self.step.clock.fps)
        return replace(state, following=self.step.hold(dreamed, scenes, state.targets, reference_frames))

    def _blend_first(self, view: RGB, state: KeyframeState, index: int) -> RGB:
        """Return the view of a loop's last dreamed keyframe, with the first one where the camera will see that."""
        motion = self._motion_between(index, self.step.clock.frames, view).inverse()
        weight = _FIRST_KEYFRAME_SHARE * self._visibility(motion, self.keyframe_size)[..., None]
        return np.clip(view + weight * (warp(state.first, motion) - view), 0.0, 1.0)

    def _motion_between(self, first: int, last: int, picture: RGB) -> Similarity:
        """Return the camera's motion from one frame to another."""
        motion = Similarity()
        for index in range(first + 1, last + 1):
            motion = motion.then(self._motion(index, picture))
            if not 1.0 / _MAX_ZOOM < motion.scale < _MAX_ZOOM:
                raise SettingsError(
                    "trip.keyframe: from one keyframe to the next, things become a million times as large, "
                    "or as small; zoom more slowly, or give more keyframes"
                )
        return motion

    def _motion(self, index: int, picture: RGB) -> Similarity:
        return self.step.motion(self.step.scenes(index, picture), index, self.size)

    def _mirrors(self, state: KeyframeState) -> int:
        return settings_of(self.step.scenes(state.index, state.previous)[-1]).camera.mirrors

    def _visibility(self, motion: Similarity, size: Size) -> NDArray[np.float32]:
        """Return where a keyframe is in view after a motion: ``[H, W]`` of a size, above 0 to 1, with soft edges."""
        height, width = self.keyframe_size
        edge = max(2, round(_EDGE_SHARE * height))
        y = np.minimum(np.arange(height), np.arange(height)[::-1])[:, None] / edge
        x = np.minimum(np.arange(width), np.arange(width)[::-1])[None] / edge
        mask = np.clip(np.minimum(x, y), 0.0, 1.0).astype(np.float32)
        # The motion as an affine matrix in pixels: from centered coordinates in heights to ones from the corner.
        linear, translation = motion.linear * size.height / height, motion.translation * size.height
        matrix = np.array([[linear.real, -linear.imag, 0.0], [linear.imag, linear.real, 0.0]])
        center = np.array([(size.width - 1) / 2 + translation.real, (size.height - 1) / 2 + translation.imag])
        matrix[:, 2] = center - matrix[:, :2] @ np.array([(width - 1) / 2, (height - 1) / 2])
        visible = cv2.warpAffine(mask, matrix, (size.width, size.height), flags=cv2.INTER_LINEAR)
        return np.asarray(visible + _MIN_WEIGHT, np.float32)
