"""Stabilize panoramas: frames are padded, and what is handed on goes around again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dreamvid.image.panorama import close, pad, smooth_poles, unpad

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from dreamvid.types import RGB, Carry, InitialDetail, Motion, Stabilizer


@dataclass(frozen=True)
class PanoramaStabilizer:
    """Implements :class:`dreamvid.types.Stabilizer` for padded panoramas (:mod:`dreamvid.image.panorama`).

    Parameters
    ----------
    inner
        Stabilizes them as pictures like any other: what it sees beyond the borders is what is there.
    """

    inner: Stabilizer

    def estimate_motion(self, target: RGB, source: RGB) -> Motion | None:
        """Return the motion, the same in a margin as where that repeats."""
        motion = self.inner.estimate_motion(target, source)
        if motion is None:
            return None
        forward = motion.forward
        return replace(
            motion,
            flow=close(motion.flow),
            visible_mask=close(motion.visible_mask),
            forward=None if forward is None else (close(forward[0]), close(forward[1])),
            static_mask=_close(motion.static_mask),
        )

    def after(self, earlier: Sequence[Stabilizer]) -> PanoramaStabilizer:
        """Return this with what the frames before it changed."""
        inner = [each.inner if isinstance(each, PanoramaStabilizer) else each for each in earlier]
        return replace(self, inner=self.inner.after(inner))

    def ends_interval(self, motions: Sequence[Motion]) -> bool:
        """Return whether the frame after these motions must be dreamed itself."""
        return self.inner.ends_interval(motions)

    def prepare(self, motion: Motion | None, carry: Carry | None) -> InitialDetail:
        """Return what a frame's dream starts from."""
        initial = self.inner.prepare(motion, carry)
        return replace(initial, detail=_close(initial.detail), fading=_close(initial.fading))

    def stabilize(self, picture: RGB, dreamed: RGB, initial: InitialDetail, carry: Carry | None) -> Carry:
        """Return what the frame hands to the next, the same in a margin as where that repeats."""
        result = self.inner.stabilize(picture, dreamed, initial, carry)
        detail = pad(smooth_poles(unpad(result.dreamed - picture)))
        return replace(result, dreamed=picture + detail, reference=_close(result.reference))


def _close(padded: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
    return None if padded is None else close(padded)
