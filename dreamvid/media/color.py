"""Colors in and out: decoded frames become float RGB, float RGB becomes frames for the encoder.

Frames of 8 bits go through libswscale's ``rgb24`` (within half a code value of the exact matrix). More bits
do not: its 16-bit RGB loses 0.4 % at white, so only chroma is resampled there and the matrix is applied
in float here. Matrices follow ITU-T H.273; PQ and HLG are mapped to SDR by libavfilter's ``scale``.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import av
import cv2
import numpy as np
from av.filter import Graph
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.types import RGB, Alpha

Matrix = Literal["bt709", "bt601"]
"""Which luma coefficients the encoder is told of."""

HD_LINES = 720
"""Untagged pictures from this many lines up are BT.709, smaller ones BT.601."""

_FLAGS = int(
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
)
_FLAG_NAMES = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"

# ITU-T H.273 code points, as FFmpeg numbers them.
_RGB, _BT709, _UNSPECIFIED, _FCC, _BT470BG, _SMPTE170M, _SMPTE240M, _BT2020_NCL = 0, 1, 2, 4, 5, 6, 7, 9
_PQ, _HLG = 16, 18
_WIDE_PRIMARIES = {9, 11, 12}  # BT.2020, DCI-P3, Display P3
_FULL = 2

# Kr and Kb of each matrix code point (H.273, table 4).
_LUMA = {
    _BT709: (0.2126, 0.0722),
    _FCC: (0.30, 0.11),
    _BT470BG: (0.299, 0.114),
    _SMPTE170M: (0.299, 0.114),
    _SMPTE240M: (0.212, 0.087),
    _BT2020_NCL: (0.2627, 0.0593),
}
_SWS = {
    _BT709: Colorspace.ITU709,
    _FCC: Colorspace.FCC,
    _BT470BG: Colorspace.ITU601,
    _SMPTE170M: Colorspace.ITU601,
    _SMPTE240M: Colorspace.SMPTE240M,
    _BT2020_NCL: Colorspace.BT2020,
}


def is_hdr(transfer: int) -> bool:
    """Return whether an H.273 transfer code is PQ (16) or HLG (18)."""
    return transfer in {_PQ, _HLG}


def hdr_name(transfer: int) -> str:
    """Return how people call an HDR transfer: ``PQ`` or ``HLG``."""
    return "PQ" if transfer == _PQ else "HLG"


def matrix_code(frame: av.VideoFrame) -> int:
    """Return the H.273 matrix of a frame: its tag, or what its height suggests where it has none."""
    if frame.colorspace in _LUMA:
        return frame.colorspace
    return _BT709 if frame.height >= HD_LINES else _SMPTE170M


def depth(pix_fmt: str) -> int:
    """Return bits per channel of a pixel format, at least 8: palettes and packed formats count as that."""
    video_format = av.VideoFormat(pix_fmt)
    return 8 if video_format.has_palette else max(8, *(part.bits for part in video_format.components))


def has_alpha(pix_fmt: str) -> bool:
    """Return whether a pixel format can say how opaque a pixel is."""
    video_format = av.VideoFormat(pix_fmt)
    names = ("rgba", "bgra", "argb", "abgr", "ya8", "ya16", "gbrap", "yuva", "ayuv", "vuya")
    return video_format.has_palette or video_format.name.startswith(names)


class RgbConverter:
    """Turns decoded frames into float RGB; keeps the converters that libswscale sets up between frames."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()
        self._graph: Graph | None = None
        self._graph_key: tuple[object, ...] = ()

    def convert(self, frame: av.VideoFrame) -> tuple[RGB, Alpha | None]:
        """Return ``[H, W, 3]`` float32 sRGB-encoded [0, 1], and ``[H, W]`` float32 alpha where the format has it.

        Matrix, range and primaries are the frame's own tags; untagged is BT.709 from 720 lines up, else
        BT.601, limited range. PQ, HLG and wide primaries are mapped to BT.709 SDR.
        """
        alpha_wanted = has_alpha(frame.format.name)
        if is_hdr(frame.color_trc) or frame.color_primaries in _WIDE_PRIMARIES:
            alpha = _plane_alpha(frame)
            return self._from_yuv(self._to_bt709(frame))[0], alpha
        if depth(frame.format.name) <= 8:  # noqa: PLR2004  what rgb24 holds
            return self._from_8_bit(frame, alpha=alpha_wanted)
        if frame.format.is_rgb:
            return self._from_deep_rgb(frame, alpha=alpha_wanted)
        if len(frame.format.components) <= 2:  # noqa: PLR2004  gray, gray and alpha
            return _from_deep_gray(frame)
        return self._from_yuv(frame)

    def _from_8_bit(self, frame: av.VideoFrame, *, alpha: bool) -> tuple[RGB, Alpha | None]:
        out = self._reformatter.reformat(
            frame,
            format="rgba" if alpha else "rgb24",
            src_colorspace=None if frame.format.is_rgb else _SWS[matrix_code(frame)],
            src_color_range=_range(frame),
            dst_color_range=ColorRange.JPEG,
            interpolation=_FLAGS,
        )
        picture = np.divide(out.to_ndarray(), np.float32(255), dtype=np.float32)
        if not alpha:
            return picture, None
        return np.ascontiguousarray(picture[..., :3]), np.ascontiguousarray(picture[..., 3])

    def _from_deep_rgb(self, frame: av.VideoFrame, *, alpha: bool) -> tuple[RGB, Alpha | None]:
        name = frame.format.name
        known = name.startswith(("gbrp", "gbrap", "rgb48", "bgr48", "rgba64", "bgra64")) and "f" not in name
        if not known:  # float and packed formats: 16 bits hold them
            frame = self._reformatter.reformat(frame, format="rgba64le" if alpha else "rgb48le")
        picture = np.divide(
            frame.to_ndarray(), np.float32(2 ** depth(frame.format.name) - 1), dtype=np.float32
        )
        if frame.format.name.startswith("bgr"):
            picture[..., :3] = picture[..., 2::-1].copy()
        opacity = np.ascontiguousarray(picture[..., 3]) if alpha else None
        return np.ascontiguousarray(picture[..., :3]), opacity

    def _from_yuv(self, frame: av.VideoFrame) -> tuple[RGB, Alpha | None]:
        """Resample chroma at the frame's own depth, then apply the matrix in float."""
        bits = depth(frame.format.name)
        code, full = matrix_code(frame), _range(frame) == ColorRange.JPEG
        letters = "yuva" if has_alpha(frame.format.name) else "yuv"
        wanted = f"{letters}444p{bits}le"
        if frame.format.name != wanted:
            frame = self._reformatter.reformat(frame, format=wanted, interpolation=_FLAGS)
        planes = _planes(frame)
        matrix = np.linalg.inv(_ycbcr_matrix(*_LUMA[code]))
        scale, offset = _code_values(bits, full=full)
        weights = matrix / scale
        bias = -weights @ offset
        ycbcr = cv2.merge([plane.astype(np.float32) for plane in planes[:3]])
        rgb = cv2.transform(ycbcr, np.column_stack([weights, bias]).astype(np.float32))
        np.clip(rgb, 0.0, 1.0, out=rgb)
        return rgb, _plane_alpha(frame)

    def _to_bt709(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Map PQ, HLG or wide primaries to BT.709, as 10-bit 4:4:4 of limited range."""
        code, span = matrix_code(frame), _range(frame)
        key = (
            frame.format.name,
            frame.width,
            frame.height,
            frame.color_trc,
            frame.color_primaries,
            code,
            span,
        )
        if key != self._graph_key or self._graph is None:
            self._graph, self._graph_key = _bt709_graph(frame, code, span), key
        self._graph.vpush(frame)
        return self._graph.vpull()


def to_rgb(frame: av.VideoFrame) -> tuple[RGB, Alpha | None]:
    """Return one frame as float RGB and alpha; see :meth:`RgbConverter.convert`, which is faster for many."""
    return RgbConverter().convert(frame)


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a pixel format stores what :func:`from_rgb` is given."""

    bits: int
    alpha: bool
    rgb: bool


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
    layout = _Layout(depth(pix_fmt), has_alpha(pix_fmt), av.VideoFormat(pix_fmt).is_rgb)
    full_range = full_range or layout.rgb
    opacity = None
    if layout.alpha:
        opacity = np.ones(rgb.shape[:2], np.float32) if alpha is None else alpha
    if layout.rgb:
        frame = _rgb_frame(rgb, opacity, layout.bits)
    else:
        full_range = full_range or pix_fmt.startswith(("yuvj", "gray", "ya"))
        frame = _yuv_frame(rgb, opacity, layout.bits, matrix, full_range=full_range)
    if frame.format.name != pix_fmt:
        span = ColorRange.JPEG if full_range else ColorRange.MPEG
        frame = frame.reformat(
            format=pix_fmt, src_color_range=span, dst_color_range=span, interpolation=_FLAGS
        )
    code = _BT709 if matrix == "bt709" else _SMPTE170M
    frame.colorspace = _RGB if layout.rgb else code
    frame.color_range = _FULL if full_range else 1
    frame.color_trc = frame.color_primaries = code
    return frame


def _rgb_frame(rgb: RGB, alpha: Alpha | None, bits: int) -> av.VideoFrame:
    planes = [rgb] if alpha is None else [rgb, alpha[..., None]]
    picture = _quantize(np.concatenate(planes, axis=2) if alpha is not None else rgb, bits)
    name = "gbrap" if alpha is not None else "gbrp"
    if bits == 8:  # noqa: PLR2004  packed, as encoders and libswscale take it fastest
        return av.VideoFrame.from_ndarray(picture, format="rgb24" if alpha is None else "rgba")
    return av.VideoFrame.from_ndarray(picture, format=f"{name}{bits}le")


def _yuv_frame(
    rgb: RGB, alpha: Alpha | None, bits: int, matrix: Matrix, *, full_range: bool
) -> av.VideoFrame:
    """Apply the matrix in float and round to 4:4:4 at the target's depth."""
    code = _BT709 if matrix == "bt709" else _SMPTE170M
    scale, offset = _code_values(bits, full=full_range)
    weights = _ycbcr_matrix(*_LUMA[code]) * scale[:, None]
    clipped = np.clip(rgb, 0.0, 1.0, dtype=np.float32)
    ycbcr = cv2.transform(clipped, np.column_stack([weights, offset]).astype(np.float32))
    planes = [*np.moveaxis(_quantize(ycbcr, bits, scale=1.0), 2, 0)]
    if alpha is not None:
        planes.append(_quantize(alpha, bits))
    letters = "yuv" if alpha is None else "yuva"
    frame = av.VideoFrame(rgb.shape[1], rgb.shape[0], f"{letters}444p{'' if bits == 8 else f'{bits}le'}")  # noqa: PLR2004  8-bit formats carry no number
    for plane, values in zip(frame.planes, planes, strict=True):
        row = plane.line_size // values.itemsize
        padded = np.zeros((plane.height, row), values.dtype)
        padded[:, : plane.width] = values
        plane.update(padded.tobytes())
    return frame


def _quantize(values: NDArray[np.float32], bits: int, scale: float | None = None) -> NDArray[Any]:
    """Round to the nearest code value; ``scale`` defaults to the highest one."""
    top = 2**bits - 1
    scaled = np.multiply(values, np.float32(top if scale is None else scale))
    np.clip(np.rint(scaled, out=scaled), 0, top, out=scaled)
    return scaled.astype(np.uint8 if bits == 8 else np.uint16)  # noqa: PLR2004  bytes or words


def _ycbcr_matrix(red: float, blue: float) -> NDArray[np.float64]:
    """Return the 3x3 matrix from R'G'B' in [0, 1] to Y' in [0, 1], Cb and Cr in [-0.5, 0.5] (H.273, 8.3)."""
    green = 1.0 - red - blue
    luma = np.array([red, green, blue])
    return np.stack(
        [
            luma,
            (np.array([0, 0, 1]) - luma) / (2 * (1 - blue)),
            (np.array([1, 0, 0]) - luma) / (2 * (1 - red)),
        ]
    )


def _code_values(bits: int, *, full: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return scale and offset of Y', Cb, Cr code values (H.273, 8.3)."""
    unit = 2.0 ** (bits - 8)
    middle = 128 * unit
    if full:
        return np.full(3, 2.0**bits - 1), np.array([0, middle, middle])
    return np.array([219, 224, 224]) * unit, np.array([16 * unit, middle, middle])


def _range(frame: av.VideoFrame) -> ColorRange:
    full = frame.color_range == _FULL or frame.format.name.startswith("yuvj") or frame.format.is_rgb
    return ColorRange.JPEG if full or len(frame.format.components) <= 2 else ColorRange.MPEG  # noqa: PLR2004  gray is full


def _planes(frame: av.VideoFrame) -> list[NDArray[Any]]:
    """Return the planes of a planar little-endian frame, without their padding."""
    kind = np.dtype("u1") if depth(frame.format.name) == 8 else np.dtype("<u2")  # noqa: PLR2004  bytes or words
    rows = [np.frombuffer(memoryview(plane), kind).reshape(plane.height, -1) for plane in frame.planes]
    return [row[:, : plane.width] for row, plane in zip(rows, frame.planes, strict=True)]


def _plane_alpha(frame: av.VideoFrame) -> Alpha | None:
    """Return the alpha plane of a planar YUV frame; it is full range whatever the colors are."""
    if not frame.format.name.startswith("yuva"):
        return None
    top = np.float32(2 ** depth(frame.format.name) - 1)
    alpha: Alpha = np.divide(_planes(frame)[3], top, dtype=np.float32)
    return alpha


def _from_deep_gray(frame: av.VideoFrame) -> tuple[RGB, Alpha | None]:
    bits = depth(frame.format.name)
    if frame.format.name.startswith("ya16"):
        both = frame.reformat(format="rgba64le").to_ndarray().astype(np.float32) / np.float32(65535)
        return np.ascontiguousarray(both[..., :3]), np.ascontiguousarray(both[..., 3])
    gray = np.divide(frame.to_ndarray(), np.float32(2**bits - 1), dtype=np.float32)
    return np.repeat(gray[..., None], 3, axis=2), None


def _bt709_graph(frame: av.VideoFrame, code: int, span: ColorRange) -> Graph:
    graph = Graph()
    source = graph.add(
        "buffer",
        f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/1000"
        f":colorspace={code}:range={int(span)}",
    )
    target = "out_transfer=bt709:out_primaries=bt709:out_color_matrix=bt709:out_range=tv"
    scale = graph.add("scale", f"{target}:flags={_FLAG_NAMES}")
    nodes = [source, scale, graph.add("format", "yuv444p10le"), graph.add("buffersink")]
    for left, right in itertools.pairwise(nodes):
        left.link_to(right)
    graph.configure()
    return graph
