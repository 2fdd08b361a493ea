"""Convert the colors of ICC matrix and gray profiles to sRGB in float, so that 16-bit pictures keep their depth.

A profile of the "matrix/TRC" kind (ICC.1:2022, 8.3.3) is three tone curves and three colorants relative to D50.
Pillow's LittleCMS, which converts all other profiles, has 8 bits per channel.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.types import RGB

    Curve = NDArray[np.float64]

_CURVE_STEPS = np.linspace(0.0, 1.0, 4096)
_HALF_A_CODE = 0.5 / 255

# Linear sRGB to XYZ relative to D50, as the sRGB profile of ICC says (columns red, green, blue).
_SRGB_COLORANTS = np.array(
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
)
# Linear BT.2020 and Display P3 to linear sRGB, by the chromaticities in ITU-T H.273.
_WIDE_PRIMARIES = {
    9: np.array(
        [[1.66049, -0.58764, -0.07285], [-0.12455, 1.13290, -0.00835], [-0.01815, -0.10058, 1.11873]],
        np.float32,
    ),
    12: np.array(
        [[1.22494, -0.22494, 0.0], [-0.04206, 1.04206, 0.0], [-0.01964, -0.07864, 1.09827]], np.float32
    ),
}
_MATRIX_ROUNDING = 0.005
"""What s15Fixed16 rounding and small variants of sRGB change in a matrix."""


class UnsupportedProfileError(ValueError):
    """A profile that is damaged, or not made of curves and a matrix."""


def to_srgb(picture: RGB, profile: bytes) -> RGB:
    """Return ``[H, W, 3]`` in [0, 1] as sRGB; the picture itself where the profile is sRGB but for rounding.

    Colors outside of sRGB are clipped (relative colorimetric).

    Raises
    ------
    UnsupportedProfileError
        Where LittleCMS must do it, or nobody can.
    """
    try:
        curves, matrix = _curves_and_matrix(profile)
    except (struct.error, LookupError, ArithmeticError, ValueError) as error:
        raise UnsupportedProfileError(str(error)) from error
    if np.abs(matrix - np.eye(3)).max() < _MATRIX_ROUNDING and all(
        np.abs(_encode(curve) - _CURVE_STEPS).max() < _HALF_A_CODE for curve in curves
    ):
        return picture
    if not (np.isfinite(matrix).all() and np.isfinite(curves).all()):
        raise UnsupportedProfileError("infinite values")
    linear = np.stack(
        [
            np.interp(picture[..., i], _CURVE_STEPS, curve).astype(np.float32)
            for i, curve in enumerate(curves)
        ],
        axis=-1,
    )
    return _encode(np.clip(linear @ matrix.T.astype(np.float32), 0.0, 1.0)).astype(np.float32)


def primaries_to_srgb(picture: RGB, code: int) -> RGB:
    """Convert ``[H, W, 3]`` with the tone curve of sRGB and the primaries of an ITU-T H.273 code point to sRGB.

    The picture itself where these are not wider than sRGB.
    """
    matrix = _WIDE_PRIMARIES.get(code)
    if matrix is None:
        return picture
    encoded = np.clip(picture, 0.0, 1.0)
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004  the standard's constants
    return _encode(np.clip(linear @ matrix.T, 0.0, 1.0)).astype(np.float32)


def _curves_and_matrix(profile: bytes) -> tuple[list[Curve], NDArray[np.float64]]:
    """Return the tone curves of red, green and blue, and the matrix to linear sRGB."""
    if profile[36:40] != b"acsp":
        raise UnsupportedProfileError("no ICC profile")
    (count,) = struct.unpack_from(">I", profile, 128)
    entries = (struct.unpack_from(">4sII", profile, 132 + 12 * i) for i in range(min(count, 100)))
    tags = {name: profile[start : start + size] for name, start, size in entries}
    if profile[16:20] == b"GRAY":
        return [_curve(tags[b"kTRC"])] * 3, np.eye(3)
    if profile[16:20] != b"RGB " or b"A2B0" in tags:
        raise UnsupportedProfileError("made of tables")
    curves = [_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")]
    xyz = [struct.unpack_from(">3i", tags[name], 8) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
    return curves, np.linalg.inv(_SRGB_COLORANTS) @ (np.array(xyz).T / 65536)


def _curve(tag: bytes) -> Curve:
    """Return linear light at ``_CURVE_STEPS`` (ICC.1:2022, 10.6 curveType and 10.18 parametricCurveType)."""
    steps = _CURVE_STEPS
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count == 0:
            return steps
        if count == 1:
            return np.asarray(steps ** (struct.unpack_from(">H", tag, 12)[0] / 256))
        table = np.frombuffer(tag, ">u2", count, 12) / 65535
        return np.asarray(np.interp(steps, np.linspace(0.0, 1.0, count), table))
    # Of the parametric functions those of sRGB, Display P3 and pure gammas; LittleCMS knows the rare others.
    kind = struct.unpack_from(">H", tag, 8)[0] if tag[:4] == b"para" else None
    if kind == 0:
        return np.asarray(steps ** (struct.unpack_from(">i", tag, 12)[0] / 65536))
    if kind == 3:  # noqa: PLR2004  gamma, a, b, c, d
        gamma, a, b, c, d = (value / 65536 for value in struct.unpack_from(">5i", tag, 12))
        return np.asarray(np.where(steps >= d, np.clip(a * steps + b, 0.0, None) ** gamma, c * steps))
    raise UnsupportedProfileError("unknown curve")


def _encode(linear: NDArray[np.floating]) -> NDArray[np.floating]:
    """Encode linear light as sRGB (IEC 61966-2-1)."""
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 0) ** (1 / 2.4) - 0.055)  # noqa: PLR2004  the standard's constants
