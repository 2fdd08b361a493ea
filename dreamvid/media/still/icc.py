"""ICC profiles: colors of matrix and gray profiles to sRGB in float, so that 16-bit pictures keep their depth.

A profile of the "matrix/TRC" kind (ICC.1:2022, 8.3.3) is three tone curves and three colorants relative to D50.
Profiles made of tables (printers, CMYK) are no such thing; Pillow's LittleCMS converts those, at 8 bits.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.types import RGB

    Curve = NDArray[np.float64]

_CURVE_STEPS = 4096
_SAME = 0.5 / 255

# Linear sRGB to XYZ relative to D50, as the sRGB profile of ICC says (columns red, green, blue).
_SRGB_COLORANTS = np.array(
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
)
# Which parameters each parametric curve has (ICC.1:2022, table 68): g a b c d e f.
_PARAMETERS = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}


class UnsupportedProfileError(ValueError):
    """A profile that is damaged or is not made of curves and a matrix."""


def to_srgb(picture: RGB, profile: bytes) -> RGB:
    """Return ``[H, W, 3]`` in [0, 1] as sRGB; the picture itself where the profile is sRGB but for rounding.

    Colors outside of sRGB are clipped (relative colorimetric).

    Raises
    ------
    UnsupportedProfileError
        Where LittleCMS must do it, or nobody can.
    """
    try:
        tags = _tags(profile)
        curves, matrix = _curves_and_matrix(profile, tags)
    except UnsupportedProfileError:
        raise
    except (struct.error, LookupError, ValueError, ArithmeticError) as error:
        raise UnsupportedProfileError(str(error)) from error
    steps = np.linspace(0.0, 1.0, _CURVE_STEPS)
    if np.abs(matrix - np.eye(3)).max() < 0.005 and all(  # noqa: PLR2004  s15Fixed16 rounding, and small variants
        np.abs(_encode(curve) - steps).max() < _SAME for curve in curves
    ):
        return picture
    if not (np.isfinite(matrix).all() and all(np.isfinite(curve).all() for curve in curves)):
        raise UnsupportedProfileError("curves without end")
    linear = np.stack(
        [np.interp(picture[..., i], steps, curve).astype(np.float32) for i, curve in enumerate(curves)],
        axis=-1,
    )
    return _encode(np.clip(linear @ matrix.T.astype(np.float32), 0.0, 1.0)).astype(np.float32)


def _tags(profile: bytes) -> dict[bytes, bytes]:
    if profile[36:40] != b"acsp":
        raise UnsupportedProfileError("no ICC profile")
    (count,) = struct.unpack_from(">I", profile, 128)
    entries = (struct.unpack_from(">4sII", profile, 132 + 12 * i) for i in range(min(count, 100)))
    return {name: profile[start : start + size] for name, start, size in entries}


def _curves_and_matrix(profile: bytes, tags: dict[bytes, bytes]) -> tuple[list[Curve], NDArray[np.float64]]:
    if profile[16:20] == b"GRAY":
        return [_curve(tags[b"kTRC"])] * 3, np.eye(3)
    if profile[16:20] != b"RGB " or b"A2B0" in tags:
        raise UnsupportedProfileError("made of tables")
    curves = [_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")]
    colorants = np.stack([_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")], axis=1)
    return curves, np.linalg.inv(_SRGB_COLORANTS) @ colorants


def _xyz(tag: bytes) -> NDArray[np.float64]:
    return np.array(struct.unpack_from(">3i", tag, 8)) / 65536


def _curve(tag: bytes) -> Curve:
    """Return linear light at evenly spaced code values from 0 to 1."""
    steps = np.linspace(0.0, 1.0, _CURVE_STEPS)
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count == 0:
            return steps
        if count == 1:
            return np.asarray(steps ** (struct.unpack_from(">H", tag, 12)[0] / 256))
        table = np.frombuffer(tag, ">u2", count, 12) / 65535
        return np.asarray(np.interp(steps, np.linspace(0.0, 1.0, count), table))
    if tag[:4] == b"para":
        (kind,) = struct.unpack_from(">H", tag, 8)
        values = np.array(struct.unpack_from(f">{_PARAMETERS[kind]}i", tag, 12)) / 65536
        return _parametric(kind, values, steps)
    raise UnsupportedProfileError("unknown curve")


def _parametric(kind: int, values: NDArray[np.float64], x: Curve) -> Curve:
    gamma, a, b, c, d, e, f = np.pad(values, (0, 7 - len(values))).tolist()
    if kind == 0:
        a = 1.0
    base = np.clip(a * x + b, 0.0, None) ** gamma
    if kind in {1, 2}:  # below -b/a: constant
        return np.asarray(np.where(x >= -b / a, base + c, c))
    if kind in {3, 4}:
        return np.asarray(np.where(x >= d, base + e, c * x + f))
    return np.asarray(base)


def _encode(linear: NDArray[np.floating]) -> NDArray[np.floating]:
    """Encode linear light as sRGB (IEC 61966-2-1)."""
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 0) ** (1 / 2.4) - 0.055)  # noqa: PLR2004  the standard's constants
