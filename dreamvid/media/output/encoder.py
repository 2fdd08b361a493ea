"""Add an output's video stream: the encoder, its options and the color tags."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from dreamvid.media.color.filters import SITING, full_chroma
from dreamvid.media.output.hap import HAP_FORMATS, HapEncoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from av.container import OutputContainer
    from av.packet import Packet

    from dreamvid.media.streams.output_spec import OutputSpec
    from dreamvid.types import Size

# ITU-T H.273 code points of matrix, transfer and primaries, and FFmpeg's of the range.
_BT709, _RGB, _SRGB = 1, 0, 13
_LIMITED, _FULL = 1, 2

_UP_TO_AVX2 = "MMX2,SSE2Fast,SSSE3,SSE4.2,AVX,FMA3,BMI1,BMI2,AVX2,LZCNT"
"""What x264 may use of a processor that has AVX-512 as well.

With AVX-512, its macroblock tree makes other bits of the same frames from one run to the next where the height is no
multiple of 16 (measured with core 165: 3 to 5 outputs in 40 runs, also with one thread; one without AVX-512, and one
without the tree, which saves more bits than AVX-512 saves time).
"""


def add_video(container: OutputContainer, spec: OutputSpec, size: Size) -> av.VideoStream | HapEncoder:
    """Add the video stream, and return what encodes it; an encoder of FFmpeg's opens with the container's header."""
    choice = spec.choice
    if choice.codec in HAP_FORMATS:
        hap: Any = container.add_mux_stream("hap", spec.info.rate, width=size.width, height=size.height)
        hap.time_base = spec.time_base
        return HapEncoder(hap, choice.codec, spec.time_base)
    options = {**choice.options, **(SITING if full_chroma(choice.pix_fmt) else {})}
    if choice.encoder == "libx264" and _has_avx512():
        options["x264-params"] = f"asm={_UP_TO_AVX2}"
    stream: Any = container.add_stream(choice.encoder, rate=spec.info.rate, options=options)
    context = stream.codec_context
    context.width, context.height = size.width, size.height
    context.pix_fmt = "pal8" if choice.codec == "gif" else choice.pix_fmt
    context.time_base = stream.time_base = spec.time_base
    context.sample_aspect_ratio = spec.info.sar
    rgb = av.VideoFormat(choice.pix_fmt).is_rgb
    context.colorspace = _RGB if rgb else _BT709
    context.color_range = _FULL if rgb else _LIMITED
    context.color_primaries = _BT709
    context.color_trc = _SRGB if rgb else _BT709
    if choice.tag is not None:
        context.codec_tag = choice.tag
    if spec.info.variable_rate and choice.encoder in {"libx264", "libx265"}:
        # Without reordering, what the container says of each frame's duration is what was meant.
        context.max_b_frames = 0
    return stream  # type: ignore[no-any-return]  # PyAV types it by literal codec names only


@cache
def _has_avx512() -> bool:
    """Return whether NumPy has found it; NumPy 2.4 calls it x86-64-v4."""
    features: Any = np.show_config(mode="dicts").get("SIMD Extensions", {})  # typed as None or a dict
    return bool({"AVX512_SKX", "X86_V4"} & {*features.get("baseline", ()), *features.get("found", ())})


def order_decoding(packets: Sequence[Packet[Any]]) -> None:
    """Set the decode times of a whole video that left its encoder at once.

    libx265 leaves them to chance where there are fewer frames than it reorders.
    """
    pts_order = sorted(packet.pts or 0 for packet in packets)
    late = max((time - (packet.pts or 0) for time, packet in zip(pts_order, packets, strict=True)), default=0)
    for time, packet in zip(pts_order, packets, strict=True):
        packet.dts = time - late
