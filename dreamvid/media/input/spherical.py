"""Read what a file says of its panoramas: the side data of a decoded frame."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Literal, cast

from av.sidedata.sidedata import Type

from dreamvid.types import Spherical

if TYPE_CHECKING:
    import av

_EQUIRECTANGULAR, _EQUIRECTANGULAR_PART = 0, 2
"""Of FFmpeg's ``AVSphericalProjection``."""
_MAPPING = struct.Struct("=Iiii4I")
"""``AVSphericalMapping``: projection; yaw, pitch, roll (16.16); left, top, right, bottom (0.32)."""
_STEREO: dict[int, Literal["top-bottom", "left-right"]] = {1: "left-right", 2: "top-bottom"}
"""Of ``AVStereo3DType``."""


def frame_spherical(frame: av.VideoFrame) -> Spherical | None:
    """Return what a frame's file says of an equirectangular panorama; None where it is none."""
    side_data = cast("Any", frame.side_data)  # PyAV's stub knows motion vectors only
    mapping = side_data.get(Type.SPHERICAL)
    if mapping is None:
        return None
    data = bytes(mapping)
    if len(data) < _MAPPING.size:
        return None
    projection, yaw, pitch, roll, *bounds = _MAPPING.unpack(data[: _MAPPING.size])
    if projection not in {_EQUIRECTANGULAR, _EQUIRECTANGULAR_PART}:
        return None
    stereo = side_data.get(Type.STEREO3D)
    kind = 0 if stereo is None else int.from_bytes(bytes(stereo)[:4], "little")
    left, top, right, bottom = (bound / 2**32 for bound in bounds)
    return Spherical(
        yaw / 2**16, pitch / 2**16, roll / 2**16, (left, top, right, bottom), _STEREO.get(kind, "mono")
    )
