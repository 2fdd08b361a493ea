"""The video stream of an output: its encoder, told everything that the file is to say of the pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av

from dreamvid.media.chroma import SITING, full_chroma

if TYPE_CHECKING:
    from collections.abc import Sequence

    from av.container import OutputContainer
    from av.packet import Packet

    from dreamvid.media.job import Job
    from dreamvid.types import Size

# ITU-T H.273 code points of matrix, transfer and primaries, and FFmpeg's of the range.
_BT709, _RGB, _SRGB = 1, 0, 13
_LIMITED, _FULL = 1, 2


def add_video(container: OutputContainer, job: Job, size: Size) -> av.VideoStream:
    """Add the video stream; the encoder opens with the container's header."""
    choice = job.choice
    options = {**choice.options, **(SITING if full_chroma(choice.pix_fmt) else {})}
    stream: Any = container.add_stream(choice.encoder, rate=job.info.rate, options=options)
    context = stream.codec_context
    context.width, context.height = size.width, size.height
    context.pix_fmt = "pal8" if choice.codec == "gif" else choice.pix_fmt
    context.time_base = stream.time_base = job.tick
    context.sample_aspect_ratio = job.info.sar
    rgb = av.VideoFormat(choice.pix_fmt).is_rgb
    context.colorspace = _RGB if rgb else _BT709
    context.color_range = _FULL if rgb else _LIMITED
    context.color_primaries = _BT709
    context.color_trc = _SRGB if rgb else _BT709
    if choice.tag is not None:
        context.codec_tag = choice.tag
    if job.info.variable_rate and choice.encoder in {"libx264", "libx265"}:
        # Without reordering, what the container says of each frame's duration is what was meant.
        context.max_b_frames = 0
    return stream  # type: ignore[no-any-return]  # PyAV types it by literal codec names only


def order_decoding(packets: Sequence[Packet[Any]]) -> None:
    """Set the decode times of a whole video that left its encoder at once.

    libx265 leaves them to chance where there are fewer frames than it reorders.
    """
    shown = sorted(packet.pts or 0 for packet in packets)
    late = max((time - (packet.pts or 0) for time, packet in zip(shown, packets, strict=True)), default=0)
    for time, packet in zip(shown, packets, strict=True):
        packet.dts = time - late
