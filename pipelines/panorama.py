"""Whether an input is a panorama, and what its output says of that."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from dreamvid.image.panorama import is_whole_sphere
from dreamvid.types import Spherical

if TYPE_CHECKING:
    from dreamvid.config.preset import Preset
    from dreamvid.types import Size, VideoInfo

_log = logging.getLogger(__name__)


def is_panorama(preset: Preset) -> bool:
    """Return whether a preset's pictures are panoramas; ``auto`` that was not resolved is none."""
    return preset.projection == "equirect"


def resolve_projection(preset: Preset, name: str, spherical: Spherical | None) -> Preset:
    """Return the preset with the projection that an input's metadata say, where that is left to them.

    ``name`` is the input's, for the notice. A preset whose input says nothing comes back as it is.
    """
    if preset.projection != "auto" or spherical is None:
        return preset
    left, _, right, _ = spherical.bounds
    if left or right or spherical.stereo != "mono":
        what = "shows a part of the sphere" if spherical.stereo == "mono" else "holds two views"
        _log.warning("%s is a panorama that %s; it is dreamed as a flat picture", name, what)
        return preset
    _log.warning("%s is a 360 degree panorama: its seam is closed (--projection flat dreams it flat)", name)
    return preset.override({"projection": "equirect"})


def described(preset: Preset, info: VideoInfo) -> VideoInfo:
    """Return what is known of a video, and that it is a panorama where the preset says so."""
    if is_panorama(preset) and info.spherical is None:
        return replace(info, spherical=Spherical(bounds=bounds_of(info.size)))
    return info


def bounds_of(size: Size) -> tuple[float, float, float, float]:
    """Return the shares of the sphere that a panorama lacks at the left, top, right and bottom."""
    if is_whole_sphere(size):
        return (0.0, 0.0, 0.0, 0.0)
    missing = (1.0 - 2.0 * size.height / size.width) / 2.0
    return (0.0, missing, 0.0, missing)
