"""Dream a panorama evenly: what is around the horizon as it is, around and around; the poles in views of their own.

An equirectangular picture stretches what is near its poles along the rows, without limit. Dreamed as it is, forms
there would be pinched into needles on the sphere. So each octave is dreamed in three parts: the band around the
horizon, which goes around from the right border to the left one, and the two polar caps. Their changes are
cross-faded by latitude.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from dreamvid.engine.boxes import Box
from dreamvid.engine.dreamer import DreamEngine
from dreamvid.image.panorama import (
    PolarCap,
    band_rows,
    band_weight,
    is_whole_sphere,
    resize_panorama,
)
from dreamvid.types import Size

if TYPE_CHECKING:
    from dreamvid.engine.dreamer import Shifts
    from dreamvid.engine.tiling import TilePlan
    from dreamvid.types import RGB, StepMap


class PanoramaEngine(DreamEngine):
    """Dreams equirectangular panoramas; made from the same settings as a dream.

    Pictures that are too flat for the whole sphere have no poles: all of them is the band around the horizon. So it
    is where an objective is for one place of the picture or for all of it.
    """

    def _enlarge(self, change: RGB, size: Size) -> RGB:
        return resize_panorama(change, size)

    def _ascend_octave(
        self, start: RGB, source: RGB, shifts: Shifts, step_scale: StepMap | None
    ) -> tuple[RGB, bool]:
        size = Size(*start.shape[:2])
        if not self._has_caps(size):
            return self._ascend_band(start, source, shifts, step_scale)
        rows = self._rows(size)
        band = None if step_scale is None else step_scale[rows]
        dreamed, has_gradient = self._ascend_band(start[rows], source[rows], shifts, band)
        weight = band_weight(size)[..., None]
        change = np.zeros_like(start)
        change[rows] = dreamed - start[rows]
        change *= weight
        for cap in self._caps(size):
            view = cap.project(start)
            scale = None if step_scale is None else np.maximum(cap.project(step_scale), 0.0)
            dreamed, moved = super()._ascend_octave(view, cap.project(source), shifts, scale)
            change += (1.0 - weight) * cap.unproject(dreamed - view)
            has_gradient = has_gradient or moved
        return np.clip(start + change, 0.0, 1.0), has_gradient

    def _has_caps(self, size: Size) -> bool:
        return is_whole_sphere(size) and self._objective.is_local

    def _rows(self, size: Size) -> slice:
        """Return the rows of the band around the horizon, as it is seen."""
        return band_rows(size, self._rim) if self._has_caps(size) else slice(0, size.height)

    def _plan_octave(self, size: Size) -> TilePlan:
        rows = self._rows(size)
        return self.plan_tiles(Size(rows.stop - rows.start, size.width), wraps=True)

    def _ascend_band(
        self, start: RGB, source: RGB, shifts: Shifts, step_scale: StepMap | None
    ) -> tuple[RGB, bool]:
        """Dream what goes around: whole, or in boxes where there are columns enough that do not move."""
        size = Size(*start.shape[:2])
        if step_scale is not None and self._boxes(step_scale, size) != [Box.whole(size)]:
            roll = _still_column(step_scale, 2 * self._context)
            if roll is not None:
                rolled = (np.roll(array, -roll, axis=1) for array in (start, source, step_scale))
                start, source, step_scale = rolled
                dreamed, has_gradient = super()._ascend_octave(start, source, shifts, step_scale)
                return np.roll(dreamed, roll, axis=1), has_gradient
        plan = self.plan_tiles(size, wraps=True)
        result = self._ascend(plan, start, source, shifts(plan.reach), step_scale)
        return result.picture, result.has_gradient

    def _caps(self, size: Size) -> tuple[PolarCap, PolarCap]:
        return _make_caps(size, self._rim, self._least_side)

    @property
    def _rim(self) -> int:
        """Pixels that a part is seen with beyond its own: few, as it fades out there."""
        return self._context // 2


@lru_cache(maxsize=32)
def _make_caps(size: Size, context: int, least: int) -> tuple[PolarCap, PolarCap]:
    north, south = (PolarCap(size, context=context, least=least, south=south) for south in (False, True))
    return north, south


def _still_column(step_scale: StepMap, count: int) -> int | None:
    """Return the middle of the longest run of columns that do not move; None for less than ``count``."""
    moving = np.flatnonzero((step_scale > 0.0).any(axis=0))
    width = step_scale.shape[1]
    if not moving.size:
        return 0
    gaps = np.diff(np.append(moving, moving[0] + width)) - 1
    longest = int(gaps.argmax())
    return None if gaps[longest] < count else int(moving[longest] + 1 + gaps[longest] // 2) % width
