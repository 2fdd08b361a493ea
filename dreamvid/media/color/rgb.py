"""Convert decoded frames to float RGB, and float RGB to frames for the encoder.

Frames of 8 bits go through libswscale's ``rgb24`` (within half a code value of the exact matrix). More bits
do not: its 16-bit RGB loses 0.4 % at white, so only chroma is resampled there and the matrix is applied
in float here. Matrices follow ITU-T H.273; PQ and HLG are mapped to SDR by libavfilter's ``scale``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from dreamvid.media.color.filters import Bt709Mapper
from dreamvid.media.color.pixel_formats import (
    BT470BG,
    BT709,
    BT2020_NCL,
    FCC,
    LUMA,
    RGB_CODE,
    SCALING,
    SMPTE170M,
    SMPTE240M,
    WIDE_PRIMARIES,
    code_values,
    depth,
    frame_range,
    has_alpha,
    is_hdr,
    matrix_code,
    plane_alpha,
    planes,
    quantize,
    ycbcr_matrix,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.types import RGB, Alpha

Matrix = Literal["bt709", "bt601"]
"""Which luma coefficients the encoder is told of."""

_SWS = {
    BT709: Colorspace.ITU709,
    FCC: Colorspace.FCC,
    BT470BG: Colorspace.ITU601,
    SMPTE170M: Colorspace.ITU601,
    SMPTE240M: Colorspace.SMPTE240M,
    BT2020_NCL: Colorspace.BT2020,
}


class RgbConverter:
    """Convert decoded frames to float RGB; the converters that libswscale sets up are kept between frames."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()
        self._mapper = Bt709Mapper()

    def convert(self, frame: av.VideoFrame) -> tuple[RGB, Alpha | None]:
        """Return ``[H, W, 3]`` float32 sRGB-encoded [0, 1], and ``[H, W]`` float32 alpha where the format has it.

        Matrix, range and primaries are the frame's own tags; untagged is BT.709 from 720 lines up, else
        BT.601, limited range. PQ, HLG and wide primaries are mapped to BT.709 SDR.
        """
        if is_hdr(frame.color_trc) or frame.color_primaries in WIDE_PRIMARIES:
            alpha = self._as_tagged(frame)[1] if has_alpha(frame.format.name) else None
            return self._from_yuv(self._mapper.map(frame))[0], alpha
        return self._as_tagged(frame)

    def _as_tagged(self, frame: av.VideoFrame) -> tuple[RGB, Alpha | None]:
        """Convert without a look at transfer and primaries."""
        if depth(frame.format.name) <= 8:  # noqa: PLR2004  what rgb24 holds
            return self._from_8_bit(frame)
        if frame.format.is_rgb:
            return self._from_deep_rgb(frame)
        if len(frame.format.components) <= 2:  # noqa: PLR2004  gray, gray and alpha
            return _from_deep_gray(frame)
        return self._from_yuv(frame)

    def _from_8_bit(self, frame: av.VideoFrame) -> tuple[RGB, Alpha | None]:
        out = self._reformatter.reformat(
            frame,
            format="rgba" if has_alpha(frame.format.name) else "rgb24",
            src_colorspace=None if frame.format.is_rgb else _SWS[matrix_code(frame)],
            src_color_range=frame_range(frame),
            dst_color_range=ColorRange.JPEG,
            interpolation=SCALING,
        )
        return split_alpha(np.divide(out.to_ndarray(), np.float32(255), dtype=np.float32))

    def _from_deep_rgb(self, frame: av.VideoFrame) -> tuple[RGB, Alpha | None]:
        name = frame.format.name
        as_array = (
            name.startswith(("gbrp", "gbrap", "rgb48", "bgr48", "rgba64", "bgra64")) and "f" not in name
        )
        if not as_array:  # float and packed formats, which 16 bits hold
            frame = self._reformatter.reformat(frame, format="rgba64le" if has_alpha(name) else "rgb48le")
        picture = np.divide(
            frame.to_ndarray(), np.float32(2 ** depth(frame.format.name) - 1), dtype=np.float32
        )
        if frame.format.name.startswith("bgr"):
            picture[..., :3] = picture[..., 2::-1].copy()
        return split_alpha(picture)

    def _from_yuv(self, frame: av.VideoFrame) -> tuple[RGB, Alpha | None]:
        """Resample chroma at the frame's own depth, then apply the matrix in float."""
        bits = depth(frame.format.name)
        code, full = matrix_code(frame), frame_range(frame) == ColorRange.JPEG
        full_chroma = f"{'yuva' if has_alpha(frame.format.name) else 'yuv'}444p{bits}le"
        if frame.format.name != full_chroma:
            frame = self._reformatter.reformat(frame, format=full_chroma, interpolation=SCALING)
        matrix = np.linalg.inv(ycbcr_matrix(*LUMA[code]))
        scale, offset = code_values(bits, full=full)
        weights = matrix / scale
        bias = -weights @ offset
        ycbcr = cv2.merge([plane.astype(np.float32) for plane in planes(frame)[:3]])
        rgb = cv2.transform(ycbcr, np.column_stack([weights, bias]).astype(np.float32))
        np.clip(rgb, 0.0, 1.0, out=rgb)
        return rgb, plane_alpha(frame)


def to_rgb(frame: av.VideoFrame) -> tuple[RGB, Alpha | None]:
    """Return one frame as float RGB and alpha; see :meth:`RgbConverter.convert`, which is faster for many."""
    return RgbConverter().convert(frame)


def split_alpha(picture: NDArray[np.float32]) -> tuple[RGB, Alpha | None]:
    """Split ``[H, W, 3 or 4]`` into RGB and alpha, each contiguous; without a fourth channel alpha is None."""
    if picture.shape[2] == 3:  # noqa: PLR2004  no alpha
        return np.ascontiguousarray(picture), None
    return np.ascontiguousarray(picture[..., :3]), np.ascontiguousarray(picture[..., 3])


def from_rgb(
    rgb: RGB, alpha: Alpha | None = None, *, pix_fmt: str, matrix: Matrix = "bt709", full_range: bool = False
) -> av.VideoFrame:
    """Return a frame for the encoder, tagged with its matrix, range, transfer and primaries.

    Parameters
    ----------
    rgb
        ``[H, W, 3]`` float32, sRGB-encoded, [0, 1]; values outside are clipped, each is rounded to the nearest code.
    alpha
        ``[H, W]`` float32 [0, 1], for formats that hold it; None is opaque. Others ignore it.
    pix_fmt
        Any FFmpeg YUV or RGB format of 8 to 16 bits. RGB formats are lossless at their depth.
    matrix, full_range
        For YUV formats.
    """
    bits, is_rgb = depth(pix_fmt), av.VideoFormat(pix_fmt).is_rgb
    full_range = full_range or is_rgb or pix_fmt.startswith(("yuvj", "gray", "ya"))
    if not has_alpha(pix_fmt):
        alpha = None
    elif alpha is None:
        alpha = np.ones(rgb.shape[:2], np.float32)
    frame = (
        _rgb_frame(rgb, alpha, bits)
        if is_rgb
        else _yuv_frame(rgb, alpha, bits, matrix, full_range=full_range)
    )
    if frame.format.name != pix_fmt:
        span = ColorRange.JPEG if full_range else ColorRange.MPEG
        frame = frame.reformat(
            format=pix_fmt, src_color_range=span, dst_color_range=span, interpolation=SCALING
        )
    code = BT709 if matrix == "bt709" else SMPTE170M
    frame.colorspace = RGB_CODE if is_rgb else code
    frame.color_range = 2 if full_range else 1
    frame.color_trc = frame.color_primaries = code
    return frame


def _from_deep_gray(frame: av.VideoFrame) -> tuple[RGB, Alpha | None]:
    bits = depth(frame.format.name)
    if frame.format.name.startswith("ya16"):
        return split_alpha(
            frame.reformat(format="rgba64le").to_ndarray().astype(np.float32) / np.float32(65535)
        )
    gray = np.divide(frame.to_ndarray(), np.float32(2**bits - 1), dtype=np.float32)
    return np.repeat(gray[..., None], 3, axis=2), None


def _rgb_frame(rgb: RGB, alpha: Alpha | None, bits: int) -> av.VideoFrame:
    picture = quantize(rgb if alpha is None else np.concatenate([rgb, alpha[..., None]], axis=2), bits)
    if bits == 8:  # noqa: PLR2004  packed, as encoders and libswscale take it fastest
        return av.VideoFrame.from_ndarray(picture, format="rgb24" if alpha is None else "rgba")
    name = "gbrp" if alpha is None else "gbrap"
    return av.VideoFrame.from_ndarray(picture, format=f"{name}{bits}le")


def _yuv_frame(
    rgb: RGB, alpha: Alpha | None, bits: int, matrix: Matrix, *, full_range: bool
) -> av.VideoFrame:
    """Apply the matrix in float and round to 4:4:4 at the target's depth."""
    code = BT709 if matrix == "bt709" else SMPTE170M
    scale, offset = code_values(bits, full=full_range)
    weights = ycbcr_matrix(*LUMA[code]) * scale[:, None]
    clipped = np.clip(rgb, 0.0, 1.0, dtype=np.float32)
    ycbcr = cv2.transform(clipped, np.column_stack([weights, offset]).astype(np.float32))
    planes = [*np.moveaxis(quantize(ycbcr, bits, scale=1.0), 2, 0)]
    if alpha is not None:
        planes.append(quantize(alpha, bits))
    letters = "yuv" if alpha is None else "yuva"
    frame = av.VideoFrame(rgb.shape[1], rgb.shape[0], f"{letters}444p{'' if bits == 8 else f'{bits}le'}")  # noqa: PLR2004  8-bit formats carry no number
    for plane, values in zip(frame.planes, planes, strict=True):
        row = plane.line_size // values.itemsize
        padded = np.zeros((plane.height, row), values.dtype)
        padded[:, : plane.width] = values
        plane.update(padded.tobytes())
    return frame
