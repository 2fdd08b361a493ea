"""Zoom frame by frame: each frame is the previous one, moved by the camera and dreamed further.

A loop starts before its first frame, with a pre-roll. Its last frames are drawn to the pre-roll, evenly, while
they go on dreaming, so that the last frame equals the one before the first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dreamvid.checkpoint.layout import State
from dreamvid.image.sphere import SphereMotion, warp_sphere
from dreamvid.image.transform import Similarity, visible_mask, warp
from dreamvid.pipelines.zoom.feedback import HoldTargets, settings_of
from dreamvid.types import RGB, Size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.pipelines.scenes import SceneShare
    from dreamvid.pipelines.zoom.feedback import FeedbackStep
    from dreamvid.types import Frame

_NO_MOTION = Similarity()
# Softening of the finest detail in each warp, per reference frame. Resampling removes that detail except where pixels
# fall on pixels, on lines through a zoom's center; held at its strength, it would grow there into a cross of grain.
_SOFTEN = 0.15
# Smallest visible share, and scale, of a donor; below either the current frame becomes the donor.
_MIN_DONOR_SHARE = 0.6
# Frames that are dreamed in place before the first: a full dream looks different from what many small steps become.
_SETTLING_FRAMES = 8
# How the difference to the pre-roll falls at a loop's end: by this power of the time that remains. 1 would be evenly,
# with a jerk where it is over.
_SLOWING = 1.25
# Largest value of a pre-roll frame, which is kept in 16 bits to halve its memory.
_UINT16_MAX = np.float32(65535.0)


@dataclass(frozen=True, slots=True)
class ZoomState:
    """Everything that one frame hands to the next.

    ``picture`` is the frame itself, ``[H, W, 3]`` float32 in [0, 1]; ``index`` is negative in a loop's pre-roll.
    ``donor`` is an earlier frame, from which what comes into view is taken. ``preroll`` are the pre-roll frames so
    far, uint16. ``distance`` is the RMS difference to the pre-roll where a loop's end begins; 0 before that.
    """

    picture: RGB
    targets: HoldTargets
    index: int
    donor: RGB
    motion_since_donor: Similarity = _NO_MOTION
    preroll: tuple[NDArray[np.uint16], ...] = ()
    distance: float = 0.0


@dataclass(frozen=True, slots=True)
class FrameByFrameZoom:
    """Makes each frame of a zoom from the previous one."""

    step: FeedbackStep

    def check(self, picture: RGB) -> None:
        """Raise a ``SettingsError`` where the camera moves too far in one frame."""
        self.step.check_motion(picture)

    def begin(self, start: RGB, *, starts_from_picture: bool, palette: RGB | None = None) -> ZoomState:
        """Return the state of the first frame; see :meth:`dreamvid.pipelines.zoom.frames.ZoomMode.begin`."""
        first = -self.step.clock.preroll
        scenes = self.step.scenes(first, start)
        dreamed, targets = self.step.measure_targets(start, self.step.full_dream(start, scenes, 0), palette)
        if starts_from_picture:
            start = _mirror(start, scenes)
            return ZoomState(start, targets, first, start)
        for _ in range(_SETTLING_FRAMES):
            softened = np.clip(self._softened(dreamed, scenes), 0.0, 1.0)
            dreamed = self.step.dream_further(softened, scenes, targets, first)
        dreamed = _mirror(dreamed, scenes)
        return ZoomState(dreamed, targets, first, dreamed)

    def advance(self, state: ZoomState) -> ZoomState:
        """Return the state of the next frame."""
        if state.index < 0:
            packed = np.asarray(np.rint(state.picture * _UINT16_MAX), np.uint16)
            state = replace(state, preroll=(*state.preroll, packed))
        index = state.index + 1
        scenes = self.step.scenes(index, state.picture)
        state = self._move(state, scenes, index)
        picture = _mirror(self.step.dream_further(state.picture, scenes, state.targets, index), scenes)
        return self._drawn_to_preroll(replace(state, picture=picture, index=index))

    def frame(self, state: ZoomState) -> Frame | None:
        """Return the written frame of a state; None in the pre-roll."""
        return None if state.index < 0 else self.step.clock.frame(state.index, state.picture)

    def to_state(self, state: ZoomState) -> State:
        """Return the checkpoint of a state; every number comes back bit for bit."""
        return State(
            {
                "targets": state.targets.to_values(),
                "index": state.index,
                "motion_since_donor": state.motion_since_donor.to_values(),
                "distance": state.distance,
            },
            {
                "picture": state.picture,
                "donor": state.donor,
                **{f"preroll.{number}": picture for number, picture in enumerate(state.preroll)},
            },
        )

    def from_state(self, state: State) -> ZoomState:
        """Return the state of a checkpoint."""
        values, arrays = state.values, state.arrays
        return ZoomState(
            arrays["picture"],
            HoldTargets.from_values(values["targets"]),
            values["index"],
            arrays["donor"],
            Similarity.from_values(values["motion_since_donor"]),
            tuple(arrays[f"preroll.{number}"] for number in range(len(arrays) - 2)),
            values["distance"],
        )

    def _soften(self, scenes: tuple[SceneShare, ...]) -> float:
        # Without dreams nothing restores the detail.
        if self.step.is_static(scenes):
            return 0.0
        return float(1.0 - (1.0 - _SOFTEN) ** self.step.reference_frames)

    def _softened(self, picture: RGB, scenes: tuple[SceneShare, ...]) -> RGB:
        """Return a picture softened as a warp softens it."""
        if self.step.panorama:
            return warp_sphere(picture, SphereMotion(), soften=self._soften(scenes))
        return warp(picture, _NO_MOTION, soften=self._soften(scenes))

    def _move(self, state: ZoomState, scenes: tuple[SceneShare, ...], index: int) -> ZoomState:
        """Return the state with its picture as the camera sees it one frame later."""
        if self.step.panorama:
            turned = warp_sphere(
                state.picture, self.step.sphere_motion(scenes, index), soften=self._soften(scenes)
            )
            np.clip(turned, 0.0, 1.0, out=turned)
            return replace(state, picture=turned, donor=turned)
        size = Size(*state.picture.shape[:2])
        motion = self.step.motion(scenes, index, size)
        picture = warp(state.picture, motion, soften=self._soften(scenes))
        donor, since_donor = state.donor, state.motion_since_donor.then(motion)
        visible = visible_mask(motion, size)
        if visible is not None:
            # What comes into view is the donor, mirrored at its borders in one piece. Mirroring each frame by the
            # pixel or two that come into view would draw streaks.
            picture = np.where(visible[..., None], picture, warp(donor, since_donor))
        np.clip(picture, 0.0, 1.0, out=picture)
        if (
            visible is None
            or since_donor.scale < _MIN_DONOR_SHARE
            or _visible_share(since_donor, size) < _MIN_DONOR_SHARE
        ):
            donor, since_donor = picture, _NO_MOTION
        return replace(state, picture=picture, donor=donor, motion_since_donor=since_donor)

    def _drawn_to_preroll(self, state: ZoomState) -> ZoomState:
        """Return a state of a loop's end with its picture drawn to the pre-roll's; other states as they are.

        The network dreams its own way all the time, so a fixed share in each frame would leave most of the change to
        the last ones. Each picture is drawn so far that the difference that remains falls
        evenly, and more slowly at last.
        """
        clock = self.step.clock
        position = state.index - (clock.frames - clock.preroll)
        if position < 0:
            return state
        target = state.preroll[position].astype(np.float32) / _UINT16_MAX
        remaining = (1.0 - (position + 1) / clock.preroll) ** _SLOWING
        if remaining <= 0.0:
            return replace(state, picture=target)
        difference = target - state.picture
        now = float(np.sqrt(np.mean(np.square(difference), dtype=np.float64)))
        distance = state.distance or now
        if now <= remaining * distance:
            return replace(state, distance=distance)
        share = np.float32(1.0 - remaining * distance / now)
        return replace(state, picture=state.picture + share * difference, distance=distance)


def _mirror(picture: RGB, scenes: tuple[SceneShare, ...]) -> RGB:
    """Return a picture as seen in the kaleidoscope; applied after the dream, which is not symmetric."""
    mirrors = settings_of(scenes[-1]).camera.mirrors
    return np.clip(warp(picture, _NO_MOTION, mirrors=mirrors), 0.0, 1.0) if mirrors > 1 else picture


def _visible_share(motion: Similarity, size: Size) -> float:
    visible = visible_mask(motion, size)
    return 1.0 if visible is None else float(np.mean(visible))
